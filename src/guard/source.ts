import type { Alert } from "../model/alert.ts";
import type { GuardedAlert } from "../model/payload.ts";

/** What `tlp:ex:chr` (Chatham House Rule) leaves of an alert: not which organisations it comes from. */
export function withoutSource<T extends Pick<Alert, "event" | "lines">>(alert: T): T {
  const { org: _org, owner: _owner, ...event } = alert.event ?? {};
  return {
    ...alert,
    ...(alert.event && { event }),
    lines: alert.lines.filter(({ label }) => label !== "organisation"),
  };
}

/**
 * What leaves of one event at once, with its source hidden in all of it where one part asks for that: beside the others
 * it would be told after all.
 */
export function shareSecrecy(alerts: readonly GuardedAlert[]): readonly GuardedAlert[] {
  if (!alerts.some(({ chr }) => chr)) {
    return alerts;
  }
  // It stays a guarded alert: nothing is added to it.
  return alerts.map((guarded) => ({ ...guarded, alert: withoutSource(guarded.alert), chr: true }) as GuardedAlert);
}
