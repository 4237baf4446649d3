import { largest } from "../alert/fit.ts";
import { listItems, NOTHING_LISTED } from "../alert/indicators.ts";
import { type Cuttable, cutEntry, cutTexts, type EntryJson, formatEntry, formatMinimalEntry } from "../alert/json.ts";
import { formatCount } from "../alert/text.ts";
import type { Payload, Weight } from "../model/payload.ts";
import { type Body, type Format, type ProgramStyle, sizeInList } from "./format.ts";

/** Stages of shrinking, what is missed least first; each starts from what the one before left. */
const AROUND: readonly Cuttable[] = ["tags", "clusters", "objects", "lines"];
const STAGES: readonly Cuttable[] = [...AROUND, "indicators", "removed"];

function serialise(payload: Payload, entries: readonly unknown[]): string {
  const left = payload.entries.length - entries.length;
  return JSON.stringify({
    type: "misp-herald.alerts",
    version: "1",
    id: payload.batch,
    part: payload.part?.n ?? 1,
    parts: payload.part?.of ?? 1,
    timestamp: new Date(payload.createdAt).toISOString(),
    destination: payload.destination,
    priority: payload.priority,
    mentions: payload.mentions.length > 0 && !payload.minimal ? payload.mentions : undefined,
    marking: { tlp: payload.tlp },
    entries,
    truncated: left > 0 ? { entries: left } : undefined,
  });
}

/** Texts are not made shorter than this for the sake of the lists. */
const SHORTEST_TEXT = 200;
const LONGEST_TEXT = 65_536;

function formatEntries(payload: Payload, style: ProgramStyle): readonly EntryJson[] {
  const listed = listItems(payload);
  return payload.entries.map((entry, index) =>
    formatEntry(entry, listed[index] ?? NOTHING_LISTED, style.values, style),
  );
}

/** The body with all that is in a payload. */
function formatWhole(payload: Payload, style: ProgramStyle): string {
  return serialise(payload, formatEntries(payload, style));
}

/** How long the body of a whole payload is, and what is in it. */
function weighBody(payload: Payload, style: ProgramStyle): Weight {
  const formatted = formatEntries(payload, style);
  return {
    total: Buffer.byteLength(serialise(payload, formatted)),
    entries: payload.entries.map(({ guarded: { alert } }, index) => {
      const { indicators = [], removed = [], objects = [], removed_objects: gone, ...base } = formatted[index] ?? {};
      // As they stand in the lists, each in its own order.
      const rows = (list: unknown) => (Array.isArray(list) ? list.map(sizeInList) : []).values();
      const [live, withdrawn] = [rows(indicators), rows(removed)];
      const [objectsLive, objectsGone] = [rows(objects), rows(gone)];
      const next = (iterator: Iterator<number>) => iterator.next().value ?? 0;
      return {
        base: sizeInList(base),
        items: alert.items.map((item) => next(item.withdrawn ? withdrawn : live)),
        objects: new Map(
          alert.objects.map(({ key, deleted }) => [key, next(deleted ? objectsGone : objectsLive)] as const),
        ),
      };
    }),
  };
}

/**
 * The body of a request, within `maxBytes`. Over it, long texts are cut, as far as that helps; then tags go, clusters, objects
 * and lines; what is for people loses indicators (from the bottom) too, then all but marking, title and link, then whole
 * entries. What went is counted under `truncated`. What is in several parts fits, unless the configuration was changed after
 * it was cut.
 */
export function formatBody(payload: Payload, maxBytes: number, style: ProgramStyle): Body {
  const fits = (text: string) => Buffer.byteLength(text) <= maxBytes;
  const trimmed: string[] = [];
  if (!payload.minimal) {
    let entries = formatEntries(payload, style);
    const whole = serialise(payload, entries);
    if (fits(whole)) {
      return { text: whole, trimmed };
    }
    const shortened = (limit: number) => entries.map((entry) => cutTexts(entry, SHORTEST_TEXT + limit));
    const longest = largest(LONGEST_TEXT, (limit) => fits(serialise(payload, shortened(limit))));
    if (longest !== undefined) {
      return { text: serialise(payload, shortened(longest)), trimmed: ["long texts cut"] };
    }
    for (const list of payload.whole ? AROUND : STAGES) {
      const sizes = entries.map((entry) => entry[list]?.length ?? 0);
      const cutTo = (n: number) =>
        serialise(
          payload,
          entries.map((entry) => cutEntry(entry, { [list]: n })),
        );
      const n = largest(Math.max(0, ...sizes), (limit) => fits(cutTo(limit)));
      const gone = sizes.reduce((sum, size) => sum + Math.max(0, size - (n ?? 0)), 0);
      if (gone > 0) {
        trimmed.push(`${formatCount(gone, list.replace(/s$/, ""), list)} left out`);
      }
      if (n !== undefined) {
        return { text: cutTo(n), trimmed };
      }
      entries = entries.map((entry) => cutEntry(entry, { [list]: 0 }));
    }
    if (payload.whole) {
      return { text: serialise(payload, entries), trimmed };
    }
    trimmed.splice(0, trimmed.length, "all but marking, title and link left out");
  }
  const minimal = payload.entries.map((entry) => formatMinimalEntry(entry, style));
  const n = largest(minimal.length, (limit) => fits(serialise(payload, minimal.slice(0, limit)))) ?? 0;
  if (n < minimal.length) {
    trimmed.push(`${formatCount(minimal.length - n, "alert")} left out`);
  }
  return { text: serialise(payload, minimal.slice(0, n)), trimmed };
}

/** Alerts as misp-herald words them, in JSON of its own. */
export const json: Format = {
  mediaType: "application/json; charset=utf-8",
  needsValues: false,
  whole: formatWhole,
  weigh: weighBody,
  fit: formatBody,
};
