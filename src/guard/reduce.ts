import type { Alert } from "../model/alert.ts";
import type { EventView } from "../model/misp.ts";
import type { Form, GuardedAlert } from "../model/payload.ts";
import type { Pap, Tlp } from "../model/vocabulary.ts";
import { rank } from "./marking.ts";
import { withoutMembers, withoutMembersOf } from "./reach.ts";
import { withoutSource } from "./source.ts";

/** What a guarded alert says of itself; `chr`: where it comes from may not be told. */
export interface Labels extends Pick<GuardedAlert, "withheld" | "keptBack"> {
  readonly tlp: Tlp | "untagged";
  readonly pap: Pap | "untagged";
  readonly chr: boolean;
}

/** Makes the only thing that formatters get: what may not be seen is not in it. */
export function reduce(alert: Alert, form: Form, labels: Labels): GuardedAlert {
  const { marking: _marking, everPublished: _, thread: _thread, event, sighting, ...rest } = alert;
  const { chr, tlp, pap, withheld, keptBack } = labels;
  const visible: GuardedAlert["alert"] =
    form === "pointer"
      ? {
          id: rest.id,
          kind: rest.kind,
          instance: rest.instance,
          receivedAt: rest.receivedAt,
          subject: rest.subject,
          version: rest.version,
          ...(event && { event: pointTo(event) }),
          items: [],
          counts: [],
          objects: [],
          lines: [],
        }
      : {
          ...rest,
          ...(event && { event: withoutMembers(event) }),
          items: rest.items.map(withoutMembersOf),
          counts: rest.counts.map(withoutMembersOf),
          objects: rest.objects.map((object) => withoutMembersOf(withoutMembers(object))),
          ...(rest.objectCounts && { objectCounts: rest.objectCounts.map(withoutMembersOf) }),
          ...(sighting && { sighting: form === "full" ? sighting : withoutReporter(sighting) }),
          ...(form === "metadata" && { lines: [] }),
        };
  const shown = chr ? withoutSource(visible) : visible;
  const sightings: GuardedAlert["sightings"] = shown.sighting ? [shown.sighting] : [];
  // The brand is given here and nowhere else.
  const guarded = { form, alert: shown, sightings, tlp, pap, withheld };
  return { ...guarded, ...(chr && { chr }), ...(keptBack && { keptBack }) } as GuardedAlert;
}

function pointTo({ id, uuid }: EventView): EventView {
  return { ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) };
}

function withoutReporter({ source: _, ...rest }: NonNullable<Alert["sighting"]>): NonNullable<Alert["sighting"]> {
  return rest;
}

/** The strictest label among them; where one level has none and counts as `untagged`, it takes part as that. */
export function shownLabel<T extends string>(
  ladder: readonly T[],
  labels: readonly (T | "none" | "unknown")[],
  untagged: T | undefined,
  isBare: boolean,
): T | "untagged" {
  const given = labels.filter((label): label is T => label !== "none" && label !== "unknown");
  if (given.length === 0) {
    return "untagged";
  }
  // The event is the first: its label, or what it counts as without one, holds for all parts.
  const floor = isBare || labels[0] === "none" || labels[0] === "unknown" ? untagged : undefined;
  return [...given, ...(floor ? [floor] : [])].reduce((a, b) => (rank(ladder, b) > rank(ladder, a) ? b : a));
}
