import { createHmac } from "node:crypto";
import { type Listed, listItems } from "../../alert/indicators.ts";
import { type Cuttable, cutEntry, formatEntry, formatMinimalEntry, type Values } from "../../alert/json.ts";
import type { Payload } from "../../model.ts";

/** Stages of shrinking, what people miss least first; each starts from what the one before left. */
const STAGES: readonly Cuttable[] = ["indicators", "objects", "lines", "tags", "clusters"];

const NOTHING: Listed = { items: [], more: 0 };

function serialise(payload: Payload, entries: readonly unknown[]): string {
  const left = payload.entries.length - entries.length;
  return JSON.stringify({
    type: "misp-herald.alerts",
    version: "1",
    id: payload.batch,
    timestamp: new Date(payload.createdAt).toISOString(),
    destination: payload.destination,
    priority: payload.priority,
    mentions: payload.mentions.length > 0 && !payload.minimal ? payload.mentions : undefined,
    marking: { tlp: payload.tlp },
    entries,
    truncated: left > 0 ? { entries: left } : undefined,
  });
}

/** The largest number up to `max` whose text is within `maxBytes`; undefined when not even that of 0 is. */
function largest(max: number, maxBytes: number, format: (n: number) => string): string | undefined {
  let low = 0;
  let high = max;
  let best: string | undefined;
  while (low <= high) {
    const middle = Math.ceil((low + high) / 2);
    const text = format(middle);
    if (Buffer.byteLength(text) <= maxBytes) {
      best = text;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return best;
}

/**
 * The body of a request, within `maxBytes`. Over it, indicators go first (from the bottom), then objects, lines and tags,
 * then all but marking, title and link, then whole entries; what went is counted under `truncated`.
 */
export function formatBody(payload: Payload, values: Values, maxBytes: number): string {
  if (!payload.minimal) {
    const listed = listItems(payload);
    let entries = payload.entries.map((entry, index) => formatEntry(entry, listed[index] ?? NOTHING, values));
    const whole = serialise(payload, entries);
    if (Buffer.byteLength(whole) <= maxBytes) {
      return whole;
    }
    for (const list of STAGES) {
      const cutTo = (n: number) => entries.map((entry) => cutEntry(entry, { [list]: n }));
      const longest = Math.max(0, ...entries.map((entry) => entry[list]?.length ?? 0));
      const text = largest(longest, maxBytes, (n) => serialise(payload, cutTo(n)));
      if (text !== undefined) {
        return text;
      }
      entries = cutTo(0);
    }
  }
  const minimal = payload.entries.map(formatMinimalEntry);
  const text = largest(minimal.length, maxBytes, (n) => serialise(payload, minimal.slice(0, n)));
  return text ?? serialise(payload, []);
}

/** Signs as Standard Webhooks 1.0.0 has it: HMAC-SHA256 over `id.timestamp.body`, `timestamp` in Unix seconds. */
export function sign(key: Uint8Array, id: string, timestamp: number, body: string): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
