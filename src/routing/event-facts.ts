import type { FactName } from "../model/vocabulary.ts";
import type { Match } from "./schema.ts";

/** What all messages about a part of one event share, as long as the event stays as it is. */
const OF_EVENT: ReadonlySet<string> = new Set<FactName>([
  ...(["kind", "instance", "change", "late", "origin", "org", "event_org", "org_uuid", "owner_org"] as const),
  ...(["threat_level", "analysis", "distribution", "sharing_group", "info", "event_id", "event_uuid"] as const),
  ...(["event_tag", "galaxy", "cluster"] as const),
]);
const NESTED: ReadonlySet<string> = new Set<keyof Match>(["all", "any", "not"]);

/** Whether a rule asks only about the event that a part is in, so that it holds for all of its parts, or for none. */
export function asksOnlyOfEvent(match: readonly Match[] | undefined): boolean {
  return (match ?? []).every((map) =>
    Object.entries(map).every(([name, value]) =>
      NESTED.has(name)
        ? asksOnlyOfEvent(value as readonly Match[])
        : OF_EVENT.has(name) || name === "min_threat_level" || value === undefined,
    ),
  );
}
