import { isMarking } from "../guard/marking.ts";
import type { Item } from "../model/alert.ts";
import type { Evidence, Reason } from "../model/evidence.ts";
import type { Matchable } from "../model/message.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { Why } from "../routing/match.ts";
import type { Route } from "../routing/route.ts";

/** One delivery by more routes than these is as well explained by the first. */
const MAX_ROUTES = 100;

/** Why a destination is owed an alert, by the routes that match on what it may see. */
export function evidenceOf(
  routes: readonly Route[],
  { alert }: GuardedAlert,
  subject: Matchable,
  destination: string,
): Evidence {
  const items = new Map<number, Item>();
  const objects = new Map<string, Evidence["objects"][number]>();
  const place = <K>(of: ReadonlyMap<K, unknown>, key: K) => [...of.keys()].indexOf(key);
  const keep = (reason: Why): Reason<number> => {
    if ("attributes" in reason) {
      return {
        attributes: reason.attributes.flatMap((index) => {
          const item = alert.items[index];
          if (!item) {
            return [];
          }
          items.set(index, witnessOf(item));
          return [place(items, index)];
        }),
      };
    }
    if ("objects" in reason) {
      const found = alert.objects.filter(({ name }) => name !== undefined && reason.objects.includes(name));
      return {
        objects: found.slice(0, reason.objects.length).map(({ key, reach }) => {
          objects.set(key, { key, reach });
          return place(objects, key);
        }),
      };
    }
    if ("all" in reason) {
      return { all: reason.all.map(keep) };
    }
    return "any" in reason ? { any: reason.any.map(keep) } : reason;
  };
  const kept = routes.map((route) => {
    const reason = route.why(subject);
    const { priority } = route.options;
    const mentions = mentionsOf(route, destination);
    return {
      name: route.name,
      ...(!asksNothing(reason) && { reason }),
      ...(mentions.length > 0 && { mentions }),
      ...(priority === "high" && { urgent: true as const }),
    };
  });
  // A route that asks for nothing stays visible, whatever is marked since.
  const first = [...kept.filter(({ reason }) => !reason), ...kept.filter(({ reason }) => reason)].slice(0, MAX_ROUTES);
  const names = new Set(first.map(({ name }) => name));
  const reasons = kept.flatMap(({ reason, ...route }) =>
    names.has(route.name) ? [{ ...route, ...(reason && { reason: keep(reason) }) }] : [],
  );
  return { routes: reasons, items: [...items.values()], objects: [...objects.values()] };
}

/** Whom a route mentions to a destination. */
export function mentionsOf(route: Route, destination: string): readonly string[] {
  return route.options.notify.filter(({ to }) => to === destination).flatMap(({ mention }) => mention);
}

function asksNothing(reason: Why): boolean {
  return "all" in reason && reason.all.every(asksNothing);
}

/** Of an attribute what a guard looks at. */
function witnessOf({ id, uuid, type, changedAt, objectKey, tags, tagsKnown, marking, reach }: Item): Item {
  return {
    ...(id !== undefined && { id }),
    ...(uuid !== undefined && { uuid }),
    ...(type !== undefined && { type }),
    ...(changedAt !== undefined && { changedAt }),
    ...(objectKey !== undefined && { objectKey }),
    tags: tags.filter(isMarking),
    tagsKnown,
    marking,
    reach,
  };
}

/** Marks what is in `places` of so many items. */
export function formatMarks(count: number, isMarked: (place: number) => boolean): string {
  const digits = Array.from({ length: Math.ceil(count / 4) }, (_, digit) =>
    [0, 1, 2, 3].reduce((bits, bit) => bits * 2 + (digit * 4 + bit < count && isMarked(digit * 4 + bit) ? 1 : 0), 0),
  );
  return digits.map((digit) => digit.toString(16)).join("");
}
