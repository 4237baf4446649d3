import { guard } from "../guard/guard.ts";
import type { Guard } from "../guard/policy.ts";
import { isItemThere, isThereFor, ofObject } from "../guard/withdrawn.ts";
import type { Alert } from "../model/alert.ts";
import type { Reason } from "../model/evidence.ts";
import type { Memory } from "../model/memory.ts";
import type { Delivery } from "../model/outbox.ts";
import type { GuardedAlert } from "../model/payload.ts";
import { matchableOfGuarded } from "../routing/facts.ts";

/**
 * The delivery with those of its routes whose reason these readers may still see, and their mentions; undefined where there
 * is none: to tell it would tell of what is hidden by now. What the rules are by now does not matter.
 */
export function stillOwed(
  delivery: Delivery,
  alert: Alert,
  guarded: GuardedAlert,
  policy: Guard,
  memory: Memory,
): Delivery | undefined {
  const { evidence } = delivery;
  if (!evidence) {
    return delivery; // it was planned when no reason was kept
  }
  const seen = visibleParts(evidence, alert, policy, memory, delivery.cleared);
  // When it is asked does not matter: nothing is compared.
  const { facts, measures } = matchableOfGuarded(guarded, 0);
  const holds = (reason: Reason<number>): boolean => {
    if ("fact" in reason) {
      return facts[reason.fact] !== undefined;
    }
    if ("measure" in reason) {
      return measures[reason.measure] !== undefined;
    }
    if ("attributes" in reason) {
      return reason.attributes.some((place) => seen.items.has(place));
    }
    if ("objects" in reason) {
      return reason.objects.some((place) => seen.objects.has(place));
    }
    return "all" in reason ? reason.all.every(holds) : reason.any.some(holds);
  };
  const routes = evidence.routes.filter(({ reason }) => !reason || holds(reason));
  return routes.length === 0 ? undefined : toldBy(delivery, routes);
}

/** The delivery as only these of its routes tell it. */
export function tellOnly(delivery: Delivery, names: readonly string[]): Delivery {
  const { evidence, routes } = delivery;
  if (names.length === routes.length) {
    return delivery;
  }
  return evidence
    ? toldBy(
        delivery,
        evidence.routes.filter(({ name }) => names.includes(name)),
      )
    : { ...delivery, routes: names };
}

function toldBy(delivery: Delivery, routes: NonNullable<Delivery["evidence"]>["routes"]): Delivery {
  return {
    ...delivery,
    routes: routes.map(({ name }) => name),
    mentions: [...new Set(routes.flatMap(({ mentions = [] }) => mentions))],
    priority: routes.some(({ urgent }) => urgent) ? "high" : "normal",
  };
}

function visibleParts(
  { items, objects }: NonNullable<Delivery["evidence"]>,
  alert: Alert,
  policy: Guard,
  memory: Memory,
  cleared: Delivery["cleared"],
) {
  const nothing = { items: new Set<number>(), objects: new Set<number>() };
  if (items.length + objects.length === 0) {
    return nothing;
  }
  const isThere = isThereFor(alert, memory);
  const there = {
    items: items.filter((item) => item.withdrawn || isItemThere(item, isThere)),
    objects: objects.filter((object) => isThere(ofObject(object))),
  };
  const verdict = guard({ ...alert, ...there, counts: [] }, policy, memory, cleared);
  if ("refused" in verdict) {
    return nothing;
  }
  const { kept } = verdict;
  return {
    items: new Set(kept.items.map((item) => items.indexOf(item))),
    objects: new Set(kept.objects.map((object) => objects.indexOf(object))),
  };
}

/** The alert in which only what this destination's own routes ask for is marked; `first` is the place of its first item. */
export function withOwnMarks(alert: Alert, evidence: Delivery["evidence"], first = 0): Alert {
  if (!evidence) {
    return alert;
  }
  const digits = evidence.matched ?? "";
  const items = alert.items.map((item, index) => {
    const place = first + index;
    const bits = Number.parseInt(digits[place >> 2] ?? "0", 16);
    const { matched: _, ...rest } = item;
    return (bits & (8 >> (place & 3))) === 0 ? rest : { ...rest, matched: true };
  });
  return { ...alert, items };
}
