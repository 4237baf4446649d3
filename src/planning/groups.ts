import type { Facts } from "../model/message.ts";
import type { Group } from "../model/outbox.ts";
import type { Route } from "../routing/route.ts";

/** The groups that a delivery may leave with, one per route; `facts` are those that the destination may see. */
export function groupsOf(routes: readonly Route[], destination: string, facts: Facts): readonly Group[] {
  return routes.map(({ name, options: { group, notify } }) => {
    const by = group.by.map((fact) => {
      const values = fact === "event" ? (facts.event_uuid ?? facts.event_id)?.values : facts[fact]?.values;
      return [fact, [...(values ?? [])].sort()];
    });
    return {
      key: JSON.stringify([name, by]),
      waitMs: group.wait,
      intervalMs: group.interval,
      show: notify.find(({ to, show }) => to === destination && show !== undefined)?.show ?? group.show,
    };
  });
}
