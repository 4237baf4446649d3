import type { Evidence, Reason } from "../model/evidence.ts";
import type { Delivery } from "../model/outbox.ts";

/** More routes than this do not fit into one delivery. */
const MAX_ROUTES = 100;

/** Whether a publication is told, and its readers are reminded of it, as a part in it asks for. */
export function isToldAs(publication: Delivery, { priority, mentions, remind }: Delivery): boolean {
  return (
    (remind === undefined || publication.remind !== undefined) &&
    (priority !== "high" || publication.priority === "high") &&
    mentions.every((one) => publication.mentions.includes(one))
  );
}

/**
 * The publication with the priority and the mentions of a part that is told with it, and with the reasons for them, which must
 * still be visible when it leaves; undefined: they do not fit.
 */
export function passOn(publication: Delivery, part: Delivery): Delivery | undefined {
  const routes = [...new Set([...publication.routes, ...part.routes])];
  if (routes.length > MAX_ROUTES) {
    return undefined;
  }
  const evidence = uniteEvidence(publication.evidence, part.evidence);
  return {
    ...publication,
    priority: part.priority === "high" ? "high" : publication.priority,
    routes,
    mentions: [...new Set([...publication.mentions, ...part.mentions])],
    ...(publication.remind === undefined && part.remind && { remind: part.remind }),
    ...(evidence && { evidence }),
  };
}

/** Places in the lists of what comes behind move by what stands before it. */
function uniteEvidence(first: Evidence | undefined, second: Evidence | undefined): Evidence | undefined {
  if (!first || !second) {
    return first;
  }
  const names = new Set(first.routes.map(({ name }) => name));
  const moved = second.routes
    .filter(({ name }) => !names.has(name))
    .map((route) => ({
      ...route,
      ...(route.reason && { reason: move(route.reason, first.items.length, first.objects.length) }),
    }));
  return {
    ...first,
    routes: [...first.routes, ...moved],
    items: [...first.items, ...second.items],
    objects: [...first.objects, ...second.objects],
  };
}

function move(reason: Reason<number>, items: number, objects: number): Reason<number> {
  if ("attributes" in reason) {
    return { attributes: reason.attributes.map((place) => place + items) };
  }
  if ("objects" in reason) {
    return { objects: reason.objects.map((place) => place + objects) };
  }
  if ("all" in reason) {
    return { all: reason.all.map((one) => move(one, items, objects)) };
  }
  return "any" in reason ? { any: reason.any.map((one) => move(one, items, objects)) } : reason;
}
