import { formatTitle, formatTlp } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, clean, join, truncate } from "../../alert/text.ts";
import type { Brand } from "../../model/brand.ts";
import type { Payload } from "../../model/payload.ts";
import { formatLevels, formatTotal } from "./text.ts";
import type { MailView } from "./view.ts";

/** One line for a header, of at most MAX_SUBJECT UTF-16 units. */
export type Subject = Brand<string, "Subject">;

export const MAX_SUBJECT = 150;
const MAX_TITLE = 80;

/** What is outside of an encrypted mail: it tells nothing. */
export const ENCRYPTED_SUBJECT = "[MISP] Encrypted alert" as Subject;

/** Cuts the title, and nothing else, until the whole fits. */
function frameTitle(before: CleanText, title: CleanText, after: CleanText): Subject {
  const frame = before.length + after.length + 2;
  let graphemes = MAX_TITLE;
  let shown = truncate(title, graphemes);
  while (frame + shown.length > MAX_SUBJECT && graphemes > 1) {
    graphemes -= 1;
    shown = truncate(title, graphemes);
  }
  return join(
    [before, shown, after].filter((part) => part !== ""),
    " ",
  ).slice(0, MAX_SUBJECT) as Subject;
}

/**
 * `[MISP] [TLP:AMBER] High - title (#4711)`: the same for every mail about one event, so that mailboxes keep them together.
 */
export function formatSubject(payload: Payload, view: MailView, style: Style): Subject {
  const label = payload.tlp === "untagged" ? [] : [clean(`[${formatTlp(payload.tlp)}]`)];
  const mark = [clean("[MISP]"), ...label];
  const [entry] = payload.entries;
  if (!entry || payload.entries.length > 1) {
    const levels = formatLevels(view);
    return frameTitle(join(mark, " "), join([formatTotal(view), ...(levels === "" ? [] : [levels])], ": "), clean(""));
  }
  const { form, alert } = entry.guarded;
  const level = form === "pointer" ? undefined : alert.event?.threatLevel;
  const id = form === "pointer" ? "" : (alert.event?.id ?? "");
  return frameTitle(
    join([...mark, ...(level === undefined ? [] : [clean(`${LEVELS[level].word} -`)])], " "),
    formatTitle(entry, style),
    clean(/^\d{1,12}$/.test(id) ? `(#${id})` : ""),
  );
}
