import { type CleanText, clean, isolate } from "../../alert/text.ts";
import type { Brand } from "../../model/brand.ts";

/** Text of a TextRun, which is no Markdown to anybody; what Teams looks for in every text is broken in it. */
export type CardText = Brand<string, "CardText">;

/** Text that means nothing else to a reader of Markdown or HTML, for fields of which clients differ in what they parse. */
export type InertText = Brand<string, "InertText">;

/** `<at>…</at>` of people whom the operator has configured, and nothing else. */
export type MentionLine = Brand<string, "MentionLine">;

/** What stands between two runs; an ordinary space at the end of one may get lost, an en space does not. */
type Gap = "" | " · " | "\u2002";

/**
 * Teams replaces `<at>` by the mentions of a card in the order in which it finds them, whatever stands between the tags, and
 * every renderer replaces `{{DATE(…)}}` and `{{TIME(…)}}` (Adaptive Cards, text features), both also in a TextRun.
 */
export function cardText(
  text: CleanText,
  before: Gap = "",
  after: Gap = "",
  direction: "auto" | "ltr" = "auto",
): CardText {
  const inert = clean(text.replace(/<(?=\/?at\b)/gi, "‹").replace(/\{(?=\{+(?:DATE|TIME)\()/gi, "{ "), NO_LIMIT);
  return `${before}${isolate(inert, direction)}${after}` as CardText;
}

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Full-width forms look alike and are not parsed; a backslash would be seen wherever Markdown is not parsed. */
export function inertText(text: CleanText): InertText {
  return text.replace(/[[\]()*_~`<>#&\\|{}]/g, (character) =>
    String.fromCharCode(character.charCodeAt(0) + 0xfee0),
  ) as InertText;
}
