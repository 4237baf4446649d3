import type { AttributeFacts, Facts } from "../model/message.ts";
import type { Delivery, Group } from "../model/outbox.ts";
import type { Route } from "../routing/route.ts";

/** What decides in which groups a delivery may leave, beside the routes. */
export interface Grouping extends Pick<Delivery, "priority" | "unheld"> {
  readonly destination: string;
  /** What the destination may see. */
  readonly facts: Facts;
  readonly attributes: readonly AttributeFacts[];
  /** Whose clocks digests go by. */
  readonly timezone: string;
}

/**
 * The groups that a delivery may leave with, one per route. What is urgent, or held by less than the rest, never shares a
 * group with that, and waits for no digest.
 */
export function groupsOf(routes: readonly Route[], grouping: Grouping): readonly Group[] {
  const waits = grouping.priority !== "high" && grouping.unheld !== "always";
  const prompt = routes.filter(({ options }) => !options.digest);
  return (waits || prompt.length === 0 ? routes : prompt).map((route) => groupOf(route, grouping, waits));
}

function groupOf(
  { name, labels, options: { group, digest, notify } }: Route,
  { destination, facts, attributes, timezone, priority, unheld }: Grouping,
  waits: boolean,
): Group {
  const show = notify.find(({ to, show }) => to === destination && show !== undefined)?.show ?? group.show;
  if (digest && waits) {
    const key = JSON.stringify(["digest", name, ...(unheld ? [unheld] : [])]);
    return { key, waitMs: 0, intervalMs: 0, show, digest: { cron: digest.cron, timezone } };
  }
  const by = group.by.map((fact) => {
    if (fact === "watch") {
      return [fact, [...labels(attributes)].sort()];
    }
    const values = fact === "event" ? (facts.event_uuid ?? facts.event_id)?.values : facts[fact]?.values;
    return [fact, [...(values ?? [])].sort()];
  });
  const apart = priority === "high" ? ["high"] : unheld ? [unheld] : [];
  return { key: JSON.stringify([name, by, ...apart]), waitMs: group.wait, intervalMs: group.interval, show };
}

/** In which what takes back parts of an event waits for more of the same; an event that is taken back waits for nothing. */
const INTERVALS_MS = { withdrawal: 0, "withdrawn parts": 300_000 };

/** The group of what is taken back of an event. */
export function withdrawalGroup(eventUuid: string | undefined, of: keyof typeof INTERVALS_MS): Group {
  return { key: JSON.stringify([of, eventUuid ?? ""]), waitMs: 0, intervalMs: INTERVALS_MS[of], show: 20 };
}
