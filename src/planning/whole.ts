import { packParts, partsOf } from "../guard/fingerprint.ts";
import { withoutMembers, withoutMembersOf } from "../guard/reach.ts";
import type { Alert, Item, WrittenPage } from "../model/alert.ts";
import { wholeId } from "./identity.ts";
import { gravest, MAX_BYTES, shrunk, type Trimmed, trimmed, type Visible } from "./trim.ts";

/** An alert as it is stored for programs. */
export interface Whole extends Trimmed {
  readonly pages: readonly WrittenPage[];
}

type MispObjects = Alert["objects"];

/**
 * The alert as it is stored for programs: every item that one of them may see, in pages where one row is too short for that;
 * `short` is what is stored for people, which will do where nothing is missing from it.
 */
export function whole(alert: Alert, visible: Visible, short: Trimmed): Whole {
  if (!short.isCut) {
    return { ...short, alert: { ...short.alert, pages: 0 }, pages: [] };
  }
  const ranked = gravest(alert.items, visible.items, visible.matched ?? new Set());
  const given = ranked.map(({ item }) => item);
  const items = ranked.map(
    ({ item, isMatched }): Item => ({ ...withoutMembersOf(item), ...(isMatched && { matched: true }) }),
  );
  const objects = alert.objects
    .filter((object) => visible.objects.has(object))
    .map((object) => withoutMembersOf(withoutMembers(object)));
  const id = wholeId(alert.id);
  const { alert: head } = trimmed({ ...alert, items: [], objects: [], lines: [] }, visible);
  // Whether a part of the event is in it is asked of fingerprints of the whole event, where they are short.
  const { parts, objectParts } = short.alert;
  const prints = { ...(parts && { parts }), ...(objectParts && { objectParts }) };
  const base: Alert = { ...head, ...prints, id, lines: alert.lines };
  const one: Alert = { ...base, ...printOf(alert, items), pages: 0, items, objects };
  if (isShort(one)) {
    return { alert: one, items: given, isCut: false, pages: [] };
  }
  const pages = paginate(id, items, objects);
  return { alert: { ...shrunk(base), pages: pages.length }, items: given, isCut: false, pages };
}

/** Which of the event's attributes some program may see: those that each may not are in its delivery. */
function printOf({ kind }: Alert, items: readonly Item[]): Pick<Alert, "parts"> {
  if (kind !== "event.published") {
    return {};
  }
  const { parts, isWhole } = partsOf(items);
  return { parts: packParts(parts, isWhole) };
}

function isShort(alert: Alert): boolean {
  let bytes = 0;
  // Not at once: it may be a hundred megabytes.
  for (const part of [...alert.items, ...alert.objects]) {
    bytes += sizeOf(part);
    if (bytes > MAX_BYTES) {
      return false;
    }
  }
  return sizeOf(alert) <= MAX_BYTES;
}

/** Fills one page after the other; an item that is longer than a page has one for itself. */
function paginate(alert: Alert["id"], items: readonly Item[], objects: MispObjects): readonly WrittenPage[] {
  const byKey = new Map(objects.map((object) => [object.key, object]));
  const loose = new Map(byKey);
  const pages: WrittenPage[] = [];
  let page = new Page();
  let bytes = 0;
  let first = 0;
  const turn = () => {
    const { items: inIt, loose: alone, objects: around } = page;
    const count = inIt.length + alone.length;
    if (count > 0) {
      const body = JSON.stringify({ items: inIt, loose: alone, objects: [...around.values()] });
      pages.push({ alert, first, count, body });
      first += count;
      page = new Page();
      bytes = 0;
    }
  };
  for (const item of items) {
    const object = item.objectKey === undefined ? undefined : byKey.get(item.objectKey);
    const size = sizeOf(item) + (object && !page.objects.has(object.key) ? sizeOf(object) : 0);
    if (bytes + size > MAX_BYTES) {
      turn();
    }
    page.items.push(item);
    bytes += size;
    if (object) {
      page.objects.set(object.key, object);
      loose.delete(object.key);
    }
  }
  for (const object of loose.values()) {
    const size = sizeOf(object);
    if (bytes + size > MAX_BYTES) {
      turn();
    }
    page.loose.push(object);
    bytes += size;
  }
  turn();
  return pages;
}

class Page {
  readonly items: Item[] = [];
  readonly loose: Alert["objects"][number][] = [];
  readonly objects = new Map<string, Alert["objects"][number]>();
}

function sizeOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}
