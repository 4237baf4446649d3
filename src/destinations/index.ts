import { z } from "zod";
import { console } from "./console/index.ts";
import { email } from "./email/index.ts";
import { slack } from "./slack/index.ts";
import { parseMention as parseSlackMention } from "./slack/text.ts";
import { teams } from "./teams/index.ts";
import { parseMention as parseTeamsMention } from "./teams/mentions.ts";
import { webhook } from "./webhook/index.ts";

/** Every destination type, by the name that `type:` has in the configuration. */
export const REGISTRY = { console, email, slack, teams, webhook } as const;

/** Names that `type:` of a destination may have. */
export const DESTINATION_TYPES = Object.keys(REGISTRY);

/** What is wrong with a mention, by type; undefined: the channel can make it. A type that is not here passes mentions on. */
export const MENTIONS: Readonly<Record<string, (mention: string) => string | undefined>> = {
  console: () => "a terminal mentions nobody: remove it",
  email: () => "a mail mentions nobody: add the address to `to` of the destination",
  slack: (mention) =>
    parseSlackMention(mention) === undefined
      ? "Slack needs an ID: of a user group (S0123456789), a person (U0123456789), or channel or here"
      : undefined,
  teams: (mention) =>
    parseTeamsMention(mention) === undefined
      ? "Teams mentions people only, by user principal name (alice@example.org) or Entra object id"
      : undefined,
};

/** One entry of `destinations:`; parses to a ConfiguredDestination. */
export const DestinationEntry = z.discriminatedUnion("type", [
  REGISTRY.console,
  REGISTRY.email,
  REGISTRY.slack,
  REGISTRY.teams,
  REGISTRY.webhook,
]);
