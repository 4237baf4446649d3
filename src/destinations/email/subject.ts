import { gravest } from "../../alert/digest.ts";
import { formatTitle, labelOfAll } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, clean, formatCount, formatNumber, join, truncate } from "../../alert/text.ts";
import type { Brand } from "../../model/brand.ts";
import type { Payload } from "../../model/payload.ts";
import { formatLevels } from "./text.ts";
import type { MailView } from "./view.ts";

/** One line for a header, of at most MAX_SUBJECT UTF-16 units. */
export type Subject = Brand<string, "Subject">;

export const MAX_SUBJECT = 150;

/** What is outside of an encrypted mail: it tells nothing. */
export const ENCRYPTED_SUBJECT = "[MISP] Encrypted alert" as Subject;

/** Cuts the title, and nothing else, until the whole fits. */
function frameTitle(before: CleanText, title: CleanText, after: CleanText, gap: "" | " "): Subject {
  const frame = before.length + after.length + 2;
  let graphemes = MAX_SUBJECT - frame;
  let shown = truncate(title, Math.max(1, graphemes));
  while (frame + shown.length > MAX_SUBJECT && graphemes > 1) {
    graphemes -= 1;
    shown = truncate(title, graphemes);
  }
  const tail = after === "" ? shown : join([shown, after], gap);
  return join(
    [before, tail].filter((part) => part !== ""),
    " ",
  ).slice(0, MAX_SUBJECT) as Subject;
}

/**
 * `[MISP] [TLP:AMBER] High - title (#4711)`: the same for every mail about one event, so that mailboxes keep them together.
 * Of several `[MISP] [TLP:AMBER] 2 high, 9 medium: title; +30 more`, which names the gravest. `hasLevel` false: no levels.
 */
export function formatSubject(payload: Payload, view: MailView, style: Style, hasLevel: boolean): Subject {
  const label = payload.tlp === "untagged" ? undefined : labelOfAll(payload);
  const mark = [clean("[MISP]"), ...(label === undefined ? [] : [clean(`[${label}]`)])];
  const [entry] = payload.entries;
  if (!entry || payload.entries.length > 1) {
    const levels = hasLevel ? formatLevels(view) : clean("");
    const head = clean(`${levels === "" ? formatCount(view.alerts, "alert") : levels}:`);
    // What heads a flood's digest has their number in its title.
    const more = entry?.guarded.alert.kind === "herald.flood" ? 0 : payload.entries.length - 1;
    const parts = [...(more > 0 ? [clean(`+${formatNumber(more)} more`)] : []), ...view.part];
    const rest = parts.length > 0 ? clean(`; ${join(parts, ", ")}`) : clean("");
    return frameTitle(join([...mark, head], " "), gravest(payload, style), rest, "");
  }
  const { form, alert } = entry.guarded;
  const told = form === "pointer" || !hasLevel ? undefined : alert.event?.threatLevel;
  const level = told === "undefined" ? undefined : told;
  const id = form === "pointer" ? "" : (alert.event?.id ?? "");
  return frameTitle(
    join([...mark, ...(level === undefined ? [] : [clean(`${LEVELS[level].word} -`)])], " "),
    formatTitle(entry, style),
    clean(/^\d{1,12}$/.test(id) ? `(#${id})` : ""),
    " ",
  );
}
