import { z } from "zod";
import { CA_FILE, SecretText } from "../../base/schema.ts";

const LOOPBACK = /^(localhost|.*\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;
/** Slack's own, and the name that stands in for a secret where nothing is sent (`.invalid` is never resolved, RFC 2606). */
const WEBHOOK_HOSTS: ReadonlySet<string> = new Set(["hooks.slack.com", "hooks.slack-gov.com", "placeholder.invalid"]);

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined; // the error has the URL in it
  }
}

function isProtected(url: URL | undefined): boolean {
  return url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname));
}

const Token = SecretText.refine((secret) => !/^xapp-/.test(secret.reveal()), {
  error: "is an app-level token; give the Bot User OAuth Token (xoxb-…) of OAuth & Permissions",
  abort: true,
})
  .refine((secret) => !/^https?:/i.test(secret.reveal()), {
    error: "is a URL: an incoming webhook goes into webhook_url, without token and channel",
    abort: true,
  })
  .refine((secret) => /^[\x21-\x7e]+$/.test(secret.reveal()), "must be one word, such as xoxb-…");

const Channel = z
  .string()
  .refine((text) => !text.startsWith("#"), {
    error:
      "must be the channel's ID (C0123456789), which stays when it is renamed: in Slack, open the channel's details; the ID is at the bottom",
    abort: true,
  })
  .refine((text) => /^[CGD][A-Z0-9]{6,30}$/.test(text), {
    error: "must be a channel's ID such as C0123456789: in Slack, open the channel's details; the ID is at the bottom",
  });

const WebhookUrl = SecretText.refine((secret) => parseUrl(secret.reveal()) !== undefined, {
  error: "must be a complete URL such as https://hooks.slack.com/services/…",
  abort: true,
})
  .refine((secret) => isProtected(parseUrl(secret.reveal())), { error: "must start with https://", abort: true })
  .refine(
    (secret) => {
      const url = parseUrl(secret.reveal());
      return url !== undefined && (WEBHOOK_HOSTS.has(url.hostname) || LOOPBACK.test(url.hostname));
    },
    { error: "must be at hooks.slack.com or hooks.slack-gov.com; other receivers are of type webhook", abort: true },
  )
  .refine((secret) => !/^\/(workflows|triggers)\//.test(parseUrl(secret.reveal())?.pathname ?? ""), {
    error: "starts a workflow, which takes no alerts; make an incoming webhook (https://hooks.slack.com/services/…)",
  });

const ApiUrl = z
  .string()
  .refine((text) => parseUrl(text) !== undefined, {
    error: "must be a complete URL such as https://slack-gov.com/api/",
    abort: true,
  })
  .refine((text) => isProtected(parseUrl(text)), {
    error: "must start with https:// (http:// only towards this machine)",
    abort: true,
  })
  .refine((text) => {
    const url = parseUrl(text);
    return url?.username === "" && url.password === "" && url.search === "" && url.hash === "";
  }, "must end with its path: no user, query or fragment");

/** Options of `type: slack`. */
export const SLACK_OPTIONS = {
  token: Token.optional().describe("The bot's token, xoxb-…; with channel. A secret."),
  channel: Channel.optional().describe("The channel's ID such as C0123456789, not its name; with token."),
  webhook_url: WebhookUrl.optional().describe("Of an incoming webhook, instead of token and channel. A secret."),
  api_url: ApiUrl.optional().describe("Another Web API, e.g. https://slack-gov.com/api/"),
  ca_file: z.string().min(1).optional().describe(CA_FILE),
} as const;

type Access = { readonly [K in keyof typeof SLACK_OPTIONS]?: unknown };

/** Where an option stands that does not go with the others, and what to do; a message without a place is about them all. */
export function findConflicts(
  options: Access,
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const { token, channel, webhook_url, api_url } = options;
  if (webhook_url === undefined) {
    if (token === undefined) {
      return [{ path: [], message: "needs a token and a channel, or a webhook_url" }];
    }
    return channel === undefined ? [{ path: [], message: "needs a channel to post to with its token" }] : [];
  }
  const beside = Object.entries({ token, channel, api_url }).filter(([, value]) => value !== undefined);
  return beside.map(([name]) => ({
    path: [name],
    message:
      "does not go with webhook_url, which posts to the one channel it was made for: give either a token and a channel, or a webhook_url",
  }));
}
