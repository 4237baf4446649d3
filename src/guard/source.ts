import type { Alert } from "../model/alert.ts";
import type { Sighting } from "../model/misp.ts";
import type { GuardedAlert } from "../model/payload.ts";

/** What `tlp:ex:chr` (Chatham House Rule) leaves of an alert: not which organisations it comes from. */
export function withoutSource<T extends Pick<Alert, "event" | "lines" | "sighting">>(alert: T): T {
  const { org: _org, owner: _owner, ...event } = alert.event ?? {};
  return {
    ...alert,
    ...(alert.event && { event }),
    ...(alert.sighting && { sighting: withoutSighter(alert.sighting) }),
    lines: alert.lines.filter(({ label }) => label !== "organisation"),
  };
}

/** A sighting without who reported it. */
function withoutSighter({ org: _, ...sighting }: Sighting): Sighting {
  return sighting;
}

/** Guarded alerts of which one hides its source: what is shown of any would tell it. */
function hideSource(guarded: GuardedAlert): GuardedAlert {
  const { alert, sightings } = guarded;
  // It stays a guarded alert: nothing is added to it.
  return {
    ...guarded,
    alert: withoutSource(alert),
    sightings: sightings.map(withoutSighter),
    chr: true,
  } as GuardedAlert;
}

/**
 * What leaves of one event at once, with its source hidden in all of it where one part asks for that: beside the others
 * it would be told after all.
 */
export function shareSecrecy(alerts: readonly GuardedAlert[]): readonly GuardedAlert[] {
  if (!alerts.some(({ chr }) => chr)) {
    return alerts;
  }
  return alerts.map(hideSource);
}
