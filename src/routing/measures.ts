import type { Alert } from "../model/alert.ts";
import type { Matchable, Measure, Tally, Truth } from "../model/message.ts";
import type { EventView } from "../model/misp.ts";
import { isAboutAttribute } from "../model/vocabulary.ts";
import { dateOf } from "./date.ts";
import type { SightingMatch } from "./schema.ts";

/** What is about no event is known to have none of it. */
export const NOTHING_MEASURED: Matchable["measures"] = { changed_at: "none", date: "none", attribute_count: "none" };

type Measured = Pick<Alert, "kind" | "items" | "objects" | "counts"> & { readonly skipped?: number | undefined };

/** What rules measure of the event that an alert is about, as far as it is in the alert; each is worked out when it is asked for. */
export function measuresOf(alert: Measured, event: EventView): Matchable["measures"] {
  return {
    get changed_at() {
      return lastChange(alert, event);
    },
    get date() {
      const at = event.date === undefined ? undefined : dateOf(event.date);
      return at === undefined ? undefined : exactly(at);
    },
    get attribute_count() {
      return countOf(alert, event);
    },
  };
}

/** How many attributes an event has of each kind; only a publication has all of them with it. */
export function tallyOf({ kind, counts, skipped }: Measured): Tally | undefined {
  if (kind !== "event.published") {
    return undefined;
  }
  return { cells: counts.filter(({ withdrawn }) => !withdrawn), complete: skipped === undefined };
}

/** How often the attribute was sighted that an alert is about; of one that readers may not see it is unknown. */
export function sightingsOf({
  kind,
  items,
  sighted,
}: Pick<Alert, "kind" | "items"> & { readonly sighted?: Alert["sighted"] | undefined }): Matchable["sightings"] {
  if (!isAboutAttribute(kind)) {
    return "none";
  }
  return items.length === 0 ? undefined : sighted;
}

/** How many sightings of these types came in a time, as far as they are counted. */
export function countSightings(
  sightings: Matchable["sightings"],
  { within, type }: SightingMatch,
  at: number,
): Measure | undefined {
  if (sightings === undefined || sightings === "none") {
    return sightings;
  }
  const from = at - within;
  const times = type.flatMap((one) => sightings.times[one] ?? []);
  return { atLeast: times.filter((time) => time >= from).length, complete: sightings.since <= from };
}

/** Whether a measure is at least as high as `lowest`. */
export function reaches(measure: Measure | undefined, lowest: number): Truth {
  if (measure === undefined) {
    return "unknown";
  }
  if (measure === "none") {
    return false;
  }
  if (measure.atLeast >= lowest) {
    return true;
  }
  return measure.complete ? false : "unknown";
}

/** Whether a measure is below `limit`. */
export function isBelow(measure: Measure | undefined, limit: number): Truth {
  if (measure === undefined) {
    return "unknown";
  }
  if (measure === "none" || measure.atLeast >= limit) {
    return false;
  }
  return measure.complete ? true : "unknown";
}

/** A frame about a part often leaves out when its event was changed: not before the part was. */
function lastChange({ kind, items, objects }: Measured, { changedAt }: EventView): Measure | undefined {
  if (kind === "event.published") {
    return changedAt === undefined ? undefined : exactly(changedAt);
  }
  const known = [changedAt, ...[...items, ...objects].map((part) => part.changedAt)].filter((at) => at !== undefined);
  return known.length === 0 ? undefined : { atLeast: Math.max(...known), complete: changedAt !== undefined };
}

/** A publication has all of them with it; of what readers may not see none counts. */
function countOf({ kind, counts, skipped }: Measured, { attributeCount }: EventView): Measure | undefined {
  if (kind !== "event.published") {
    return attributeCount === undefined ? undefined : exactly(attributeCount);
  }
  const n = counts.reduce((sum, count) => sum + (count.withdrawn ? 0 : count.n), 0);
  return { atLeast: n, complete: skipped === undefined };
}

function exactly(value: number): Measure {
  return { atLeast: value, complete: true };
}
