import type { z } from "zod";
import { EMAIL_OPTIONS } from "../../destinations/email/options.ts";
import { SLACK_OPTIONS } from "../../destinations/slack/options.ts";
import { TEAMS_OPTIONS } from "../../destinations/teams/options.ts";
import { WEBHOOK_OPTIONS } from "../../destinations/webhook/options.ts";
import type { Check, Prompter } from "./ask.ts";
import type { Confidential, Option } from "./document.ts";
import { probeSlack } from "./probe.ts";

/** What a new operator can choose from. */
export const CHANNELS = [
  { value: "console", text: "this terminal, or whatever reads the standard output" },
  { value: "slack", text: "a Slack channel, by a bot or an incoming webhook" },
  { value: "teams", text: "a channel or chat of Microsoft Teams, by a Workflows webhook" },
  { value: "email", text: "people and lists, through your mail server" },
  { value: "webhook", text: "a program of yours, by HTTP" },
] as const;
export type Channel = (typeof CHANNELS)[number]["value"];

/** What the command line says already; Enter takes it. */
export interface Standard {
  readonly channel?: string | undefined;
  readonly apiUrl?: string | undefined;
  readonly smtpHost?: string | undefined;
  readonly smtpPort?: number | undefined;
  readonly smtpUsername?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: readonly string[] | undefined;
}

type Options = Readonly<Record<string, Option>>;

/** What a schema has against an answer, as a sentence. */
export function fits(schema: z.ZodType): (answer: string | readonly string[]) => string | undefined {
  return (text) => {
    const problem = schema.safeParse(text).error?.issues[0]?.message;
    return problem === undefined ? undefined : `It ${problem}.`;
  };
}

/** Lets Enter stand for nothing. */
export function optionally(check: Check): Check {
  return (text) => (text === "" ? undefined : check(text));
}

/** The parts of an answer that may be several. */
export function listOf(text: string): readonly string[] {
  return text.split(/[,\s]+/).filter((part) => part !== "");
}

/** Asks for what one channel needs. */
export async function askChannel(type: Channel, asker: Prompter, standard: Standard): Promise<Options> {
  const secret = async (name: string, question: string, check: Check): Promise<Confidential> => ({
    name,
    value: await asker.ask(question, { secret: true, check }),
  });
  switch (type) {
    case "console":
      return {};
    case "slack":
      return askSlack(asker, standard);
    case "teams":
      asker.say("Make a Workflows webhook for the channel (docs/teams.md says how), and copy its URL.");
      return { webhook_url: await secret("teams_webhook_url", "Its URL", fits(TEAMS_OPTIONS.webhook_url)) };
    case "webhook": {
      const url = await secret("webhook_url", "URL that alerts are posted to", fits(WEBHOOK_OPTIONS.url));
      const question = "Secret that signs every request, at least 16 characters (Enter: none)";
      const signing = await secret("webhook_secret", question, optionally(fits(WEBHOOK_OPTIONS.secret)));
      return { url, ...(signing.value !== "" && { secret: signing }) };
    }
    case "email":
      return askEmail(asker, standard);
  }
}

async function askSlack(asker: Prompter, standard: Standard): Promise<Options> {
  const isUrl = (text: string) => /^https?:/i.test(text);
  asker.say(
    "docs/slack.md says how to make the app. Give the bot's token (xoxb-…), or the URL of an incoming webhook.",
  );
  for (;;) {
    const access = await asker.ask("Token or URL", {
      secret: true,
      check: (text) => (isUrl(text) ? fits(SLACK_OPTIONS.webhook_url)(text) : tokenProblem(text)),
    });
    if (isUrl(access)) {
      return { webhook_url: { name: "slack_webhook_url", value: access } };
    }
    asker.say("Asking Slack …");
    const { good, text } = await probeSlack(access, standard.apiUrl, asker.signal);
    asker.say(text);
    if (!good && (await asker.confirm("Another token?", true))) {
      continue;
    }
    asker.say("The channel's ID is at the bottom of its details in Slack. Invite the bot: /invite @name-of-the-app");
    const channel = await asker.ask("ID of the channel, such as C0123456789", {
      standard: standard.channel,
      check: fits(SLACK_OPTIONS.channel),
    });
    return {
      token: { name: "slack_token", value: access },
      channel,
      ...(standard.apiUrl !== undefined && { api_url: standard.apiUrl }),
    };
  }
}

/** Slack itself would only say that it does not know what somebody else's service gave out. */
function tokenProblem(text: string): string | undefined {
  const problem = fits(SLACK_OPTIONS.token)(text);
  if (problem !== undefined || text.startsWith("xoxb-")) {
    return problem;
  }
  return "It is no bot token: that begins with xoxb- (Bot User OAuth Token, under OAuth & Permissions of the app).";
}

async function askEmail(asker: Prompter, standard: Standard): Promise<Options> {
  const smtp = (key: string, value: unknown) => EMAIL_OPTIONS.smtp.safeParse({ host: "localhost", [key]: value });
  const host = await asker.ask("Mail server", {
    standard: standard.smtpHost,
    check: fitsSmtp((text) => smtp("host", text)),
  });
  const port = await asker.ask("Its port: 587, or 465 for TLS from the first byte", {
    standard: String(standard.smtpPort ?? 587),
    check: fitsSmtp((text) => smtp("port", Number(text))),
  });
  const username = await asker.ask("User name there (Enter: none)", { standard: standard.smtpUsername });
  const value = username === "" ? "" : await asker.ask("Its password", { secret: true, check: needed });
  const from = await asker.ask("Sender, e.g. MISP Herald <herald@example.org>", {
    standard: standard.from,
    check: fits(EMAIL_OPTIONS.from),
  });
  const to = await asker.ask("Recipients, separated by commas", {
    standard: standard.to?.join(", "),
    check: (text) => fits(EMAIL_OPTIONS.to)(split(text)),
  });
  return {
    smtp: {
      host,
      port: Number(port),
      ...(username !== "" && { username, password: { name: "smtp_password", value } }),
    },
    from,
    to: split(to),
  };
}

function fitsSmtp(parse: (text: string) => z.ZodSafeParseResult<unknown>): Check {
  return (text) => {
    const problem = parse(text).error?.issues[0]?.message;
    return problem === undefined ? undefined : `It ${problem}.`;
  };
}

/** Mailboxes have blanks in them. */
function split(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function needed(text: string): string | undefined {
  return text === "" ? "It must not be empty." : undefined;
}
