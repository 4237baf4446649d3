import { type CleanText, clean, cuttableAt, graphemes, isolate, isRightToLeft } from "../../alert/text.ts";
import type { Brand } from "../../model/brand.ts";

/** Text for the places that Slack never parses: `plain_text` objects without emoji, and text elements of `rich_text`. */
export type SlackText = Brand<string, "SlackText">;
/** Text that Slack parses, with everything escaped that is not meant to act. */
export type Mrkdwn = Brand<string, "Mrkdwn">;
/** An http or https address of the operator's MISP, short enough for a button. */
export type SlackUrl = Brand<string, "SlackUrl">;

const ELLIPSIS = "…";
const MAX_URL = 3000;

// The three characters that have a meaning in Slack's markup; nothing else may be encoded
// (docs.slack.dev/messaging/formatting-message-text).
const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escapeEntities(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character] ?? "");
}

/** How long Slack may find a text: it does not say whether it counts `&` or `&amp;`, so the longer one. */
export function lengthOf(text: string): number {
  return escapeEntities(text).length;
}

/** At most `maxLength` of `text` as `lengthOf` counts, the last character `…` where something was cut. */
export function shorten(text: CleanText, maxLength: number): CleanText {
  if (lengthOf(text) <= maxLength) {
    return text;
  }
  let used = ELLIPSIS.length;
  let end = 0;
  for (const part of graphemes(text)) {
    used += lengthOf(part);
    if (used > maxLength) {
      break;
    }
    end += part.length;
  }
  return clean(`${text.slice(0, cuttableAt(text, end)).trimEnd()}${ELLIPSIS}`);
}

/** Text as it is, for a place where nothing is parsed; letters from right to left keep their direction to themselves. */
export function literal(
  text: CleanText,
  maxLength: number = Number.POSITIVE_INFINITY,
  direction: "auto" | "ltr" = "auto",
): SlackText {
  const room = isRightToLeft(text) ? maxLength - ISOLATES : maxLength;
  return isolate(shorten(text, room), direction) as string as SlackText;
}

/** The two characters of an isolate. */
const ISOLATES = 2;

/** Template tag: literals are ours, and a hole takes no plain string. */
export function slack(literals: TemplateStringsArray, ...holes: readonly SlackText[]): SlackText {
  return String.raw({ raw: literals }, ...holes) as SlackText;
}

/** Lines of a text that is never parsed. */
export function lines(parts: readonly SlackText[]): SlackText {
  return parts.join("\n") as SlackText;
}

/** Escapes text for a place that is parsed; the escaped text is at most `maxLength` long. */
export function escapeParsed(text: CleanText, maxLength: number): Mrkdwn {
  return escapeEntities(shorten(text, maxLength)) as Mrkdwn;
}

/** Template tag like `slack`, for what is parsed. */
export function mrkdwn(literals: TemplateStringsArray, ...holes: readonly Mrkdwn[]): Mrkdwn {
  return String.raw({ raw: literals }, ...holes) as Mrkdwn;
}

/** An instant that Slack tells every reader in their own zone; `text` is for clients that cannot. */
export function dateToken(at: number, text: CleanText): Mrkdwn {
  return `<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time}|${escapeEntities(text)}>` as Mrkdwn;
}

/** The address for a button or link; undefined for what is not of the web, or too long for one. */
export function slackUrl(url: URL | undefined): SlackUrl | undefined {
  const isUsable = url !== undefined && /^https?:$/.test(url.protocol) && url.href.length <= MAX_URL;
  return isUsable ? (url.href as SlackUrl) : undefined;
}

const GROUP = /^S[A-Z0-9]{5,30}$/;
const PERSON = /^[UW][A-Z0-9]{5,30}$/;

/** What mentions `entry` of the configuration: a user group's or person's id, `channel` or `here`; undefined: none of these. */
export function parseMention(entry: string): Mrkdwn | undefined {
  if (GROUP.test(entry)) {
    return `<!subteam^${entry}>` as Mrkdwn;
  }
  if (PERSON.test(entry)) {
    return `<@${entry}>` as Mrkdwn;
  }
  return entry === "channel" || entry === "here" ? (`<!${entry}>` as Mrkdwn) : undefined;
}

/** Mentions beside each other. */
export function joinMentions(mentions: readonly Mrkdwn[]): Mrkdwn {
  return mentions.join(" ") as Mrkdwn;
}
