import { clean } from "../alert/text.ts";
import { formatDuration } from "../base/schema.ts";
import type { OwedLine } from "../model/ledger.ts";
import type { Collects } from "../model/pacing.ts";

/** When something that is owed leaves, and with what. */
export interface DueTime {
  /** ISO 8601. */
  readonly at: string;
  readonly with: "group" | Collects;
  /** The key of the group: its route, and the facts that its deliveries share. */
  readonly group: string;
  readonly priority: "normal" | "high";
  readonly silence?: string;
}

/** When it leaves, and with what. */
export function departureOf({ delivery, dueAt, collects, group, silence }: OwedLine): DueTime {
  return {
    at: new Date(dueAt).toISOString(),
    with: collects ?? "group",
    group,
    priority: delivery.priority,
    ...(silence !== undefined && { silence }),
  };
}

/** The same in words: `leaves at once`, `leaves at 18:05:00 UTC with what else urgent tells by event`. */
export function describeDeparture({ delivery, dueAt, collects, group, silence }: OwedLine): string {
  const waits = dueAt - delivery.createdAt;
  const time = waits > 0 ? `at ${stamp(dueAt)} UTC, in ${formatDuration(Math.round(waits / 1000) * 1000)},` : "at once";
  const urgent = delivery.priority === "high" ? ", urgent" : "";
  switch (collects) {
    case "digest":
      return `leaves ${time} with the digest`;
    case "quiet":
      return `leaves ${time} when quiet hours end`;
    case "flood":
      return `leaves ${time} in a digest, since a flood is on`;
    case "silence":
      return `leaves ${time} when the silence ${clean(silence ?? "")} ends`;
    case "reminder":
      return `reminds ${time}`;
    default:
      return waits > 0 ? `leaves ${time} with ${sharing(group)}${urgent}` : `leaves at once${urgent}`;
  }
}

function stamp(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** A key is text from MISP in part: of that nothing is told. */
function sharing(key: string): string {
  const [route, by] = partsOf(key);
  if (typeof route !== "string") {
    return "its group";
  }
  const facts = Array.isArray(by) ? by.flatMap((one: unknown) => (Array.isArray(one) ? String(one[0]) : [])) : [];
  return `its group (${clean(route)}${facts.length > 0 ? `, by ${clean(facts.join(", "))}` : ""})`;
}

function partsOf(key: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(key);
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}
