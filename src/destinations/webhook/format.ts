import { createHmac } from "node:crypto";
import { largest } from "../../alert/fit.ts";
import { listItems, NOTHING_LISTED } from "../../alert/indicators.ts";
import { type Cuttable, cutEntry, formatEntry, formatMinimalEntry, type Values } from "../../alert/json.ts";
import type { Style } from "../../alert/style.ts";
import { formatCount } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";

/** Stages of shrinking, what people miss least first; each starts from what the one before left. */
const STAGES: readonly Cuttable[] = ["indicators", "objects", "lines", "tags", "clusters", "removed"];

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

/** A body, and what was left out so that it is no longer, in words. */
export interface Body {
  readonly text: string;
  readonly trimmed: readonly string[];
}

/**
 * The body of a request, within `maxBytes`. Over it, indicators go first (from the bottom), then objects, lines and tags,
 * then all but marking, title and link, then whole entries; what went is counted under `truncated`.
 */
export function formatBody(payload: Payload, values: Values, maxBytes: number, style: Style): Body {
  const fits = (text: string) => Buffer.byteLength(text) <= maxBytes;
  const trimmed: string[] = [];
  if (!payload.minimal) {
    const listed = listItems(payload);
    let entries = payload.entries.map((entry, index) =>
      formatEntry(entry, listed[index] ?? NOTHING_LISTED, values, style),
    );
    const whole = serialise(payload, entries);
    if (fits(whole)) {
      return { text: whole, trimmed };
    }
    for (const list of STAGES) {
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
    trimmed.splice(0, trimmed.length, "all but marking, title and link left out");
  }
  const minimal = payload.entries.map((entry) => formatMinimalEntry(entry, style));
  const n = largest(minimal.length, (limit) => fits(serialise(payload, minimal.slice(0, limit)))) ?? 0;
  if (n < minimal.length) {
    trimmed.push(`${formatCount(minimal.length - n, "alert")} left out`);
  }
  return { text: serialise(payload, minimal.slice(0, n)), trimmed };
}

/** Signs as Standard Webhooks 1.0.0 has it: HMAC-SHA256 over `id.timestamp.body`, `timestamp` in Unix seconds. */
export function sign(key: Uint8Array, id: string, timestamp: number, body: string): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
