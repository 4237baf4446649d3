import type { Entry } from "../model/payload.ts";
import type { EventProgress, WithdrawalReason } from "../model/post.ts";
import { countChanges } from "./change.ts";
import { formatInstant, type Style } from "./style.ts";
import { type CleanText, clean, formatNumber, join } from "./text.ts";

const WITHDRAWN: Readonly<Record<WithdrawalReason, string>> = {
  deleted: "Withdrawn: the event was deleted in MISP. Do not rely on what was told before.",
  unpublished: "Withdrawn: the event was unpublished in MISP. Do not rely on what was told before.",
  restricted: "Withdrawn: what was told of this event is not meant for this place any more. Do not pass it on.",
};

/** Why nobody should rely on it any more; undefined: it is not taken back. */
export function formatWithdrawn({ withdrawn }: Entry): CleanText | undefined {
  return withdrawn && clean(WITHDRAWN[withdrawn]);
}

/**
 * `Updated 2026-11-20 14:32 UTC: 12 new · Sighted 3× · Acknowledged by jane`, or that it is an update; undefined where it is
 * the first word.
 */
export function formatProgress(entry: Entry, style: Style): CleanText | undefined {
  const { progress, firstToldAt } = entry;
  const first = firstToldAt === undefined ? undefined : formatInstant(firstToldAt, style);
  // The change that is told says since when, where that is the same.
  const toldAt = countChanges(entry)?.compared?.toldAt;
  const isSaid = toldAt !== undefined && formatInstant(toldAt, style) === first;
  const acknowledged = formatAcknowledged(entry, style);
  const parts = [
    ...(first === undefined || isSaid ? [] : [clean(`An update of the alert of ${first}`)]),
    ...(progress ? partsOf(progress, style) : []),
    ...(acknowledged ? [acknowledged] : []),
  ];
  return parts.length > 0 ? join(parts, " · ") : undefined;
}

/** `Acknowledged by jane, 2026-11-20 14:40 UTC`. */
export function formatAcknowledged({ progress }: Entry, style: Style): CleanText | undefined {
  if (!progress?.acknowledged) {
    return undefined;
  }
  const { by, at } = progress.acknowledged;
  const time = formatInstant(at, style);
  return clean(`Acknowledged by ${clean(by, 100)}${time === undefined ? "" : `, ${time}`}`);
}

function partsOf({ updates, updatedAt, added = 0, changed = 0, removed = 0, sightings }: EventProgress, style: Style) {
  const at = updatedAt === undefined ? undefined : formatInstant(updatedAt, style);
  const numbers = [
    ...(added > 0 ? [`${formatNumber(added)} new`] : []),
    ...(changed > 0 ? [`${formatNumber(changed)} changed`] : []),
    ...(removed > 0 ? [`${formatNumber(removed)} withdrawn`] : []),
  ].join(", ");
  const times = updates > 1 ? ` (${formatNumber(updates)} times)` : "";
  return [
    ...(at === undefined ? [] : [clean(`Updated ${at}${times}${numbers === "" ? "" : `: ${numbers}`}`)]),
    ...(sightings > 0 ? [clean(`Sighted ${formatNumber(sightings)}×`)] : []),
  ];
}
