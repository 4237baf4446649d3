import { isForDetection, packParts, shortName, stateOf, unpackParts } from "../guard/fingerprint.ts";
import { withLabels } from "../guard/merge.ts";
import { add, cell, cellOf, uncount } from "../guard/tighten.ts";
import { tellsTakingBack } from "../guard/withdrawn.ts";
import type { Alert, Count, Item } from "../model/alert.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Delivery } from "../model/outbox.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { Comparison, ToldParts } from "../model/told.ts";

/** One delivery on its way out, with the alert as it was stored. */
export interface Leaving {
  readonly delivery: Delivery;
  readonly alert: Alert;
  readonly guarded: GuardedAlert;
  /** What these readers would have been told, had MISP not taken it back while it waited. */
  readonly gone?: readonly Item[];
}

/** What is compared: everything of one event that leaves together, folded into one alert. */
export interface Folded {
  readonly guarded: GuardedAlert;
  readonly members: readonly Leaving[];
  readonly told: ToldParts | undefined;
  /** The alert with these attributes alone, as far as the readers may still see them. */
  readonly visible: (items: readonly Item[]) => GuardedAlert | undefined;
}

interface Current {
  readonly parts: Map<string, number>;
  readonly isWhole: boolean;
  /** Short names of what is in the event, but not for these readers. */
  readonly hidden: ReadonlySet<string>;
}

/** The alert with all that is taken back since the readers were told last, and how much is new, where both are known. */
export function compare(folded: Folded): { readonly guarded: GuardedAlert; readonly compared?: Comparison } {
  const { guarded, told } = folded;
  if (!told || guarded.form !== "full") {
    return { guarded };
  }
  const before = unpackParts(told.parts);
  const lost = withdrawDetection(guarded, before);
  const current = currentOf(folded);
  if (guarded.alert.kind !== "event.published" || !current) {
    return { guarded: lost };
  }
  const { parts, hidden } = current;
  const gone = new Set(guarded.alert.items.flatMap((item) => (item.withdrawn ? (shortName(item) ?? []) : [])));
  const missing = [...before.keys()].filter((name) => !parts.has(name) && !hidden.has(name));
  const isExact = current.isWhole && !told.parts.partial;
  if (!isExact) {
    return { guarded: lost };
  }
  const removed = missing.filter((name) => !gone.has(name));
  const added = [...parts.keys()].filter((name) => !before.has(name));
  const lostNames = new Set(lost.alert.items.flatMap((item) => (item.withdrawn ? (shortName(item) ?? []) : [])));
  const taken = [...parts.keys()].filter((name) => lostNames.has(name));
  const changed = [...parts].filter(
    ([name, state]) => before.has(name) && before.get(name) !== state && !lostNames.has(name),
  );
  return {
    guarded: withRemoved(marked(lost, new Set(added), new Set(changed.map(([name]) => name))), removed, folded),
    compared: {
      toldAt: told.at,
      added: added.length,
      changed: changed.length,
      removed: missing.length + taken.length,
      unchanged: parts.size - added.length - changed.length - taken.length,
      ...(told.withdrawn && { again: true as const }),
    },
  };
}

const MAX_NAMED = 100;
const MAX_MENTIONS = 50;
const MAX_VALUE = 512;
/** Of what programs were told everything is named, unless that is more than can be written at once beside all else. */
const MAX_NAMED_BYTES = 8 * 2 ** 20;

/** What the readers of a destination know of an event once this has left; `undefined`: no more than before. */
export function toldBy(folded: Folded, destination: string, now: number, isProgram = false): ToldParts | undefined {
  const { guarded, told, members } = folded;
  const { alert, form } = guarded;
  const eventUuid = alert.event?.uuid;
  if (eventUuid !== undefined && told && tellsTakingBack(alert.kind) && alert.subject.type === "event") {
    // Nothing holds any more of what was told.
    const nothing = { parts: packParts(new Map(), true), named: [] };
    return { instance: alert.instance, eventUuid, destination, at: now, ...nothing, withdrawn: true };
  }
  const isPublication = alert.kind === "event.published";
  if (form !== "full" || eventUuid === undefined || (!isPublication && !alert.kind.startsWith("attribute."))) {
    return undefined;
  }
  const current = currentOf(folded);
  const before = told && unpackParts(told.parts);
  const parts = current?.parts ?? before ?? new Map<string, number>();
  const isWhole = current?.isWhole ?? (told !== undefined && !told.parts.partial);
  if (!current) {
    for (const item of alert.items) {
      const name = shortName(item);
      if (name !== undefined && item.withdrawn) {
        parts.delete(name);
      } else if (name !== undefined) {
        parts.set(name, stateOf(item));
      }
    }
  }
  const known = [...alert.items, ...(told?.named ?? [])].filter((item) => {
    const name = shortName(item);
    return !item.withdrawn && name !== undefined && parts.has(name);
  });
  const named = [...new Map(known.reverse().map((item) => [shortName(item), item])).values()]
    .reverse()
    .sort((a, b) => Number(b.toIds ?? false) - Number(a.toIds ?? false));
  const publications = members.filter(({ delivery }) => delivery.kind === "event.published").map((one) => one.delivery);
  const base = members.find(({ guarded: one }) => one.alert.id === alert.id);
  const shown = shownBy(publications, base, told);
  const about = { instance: alert.instance, eventUuid, destination, at: now, ...shown };
  if (isProgram) {
    const names = new Names();
    for (const item of named) {
      names.add(item);
    }
    const all = packParts(parts, isWhole, Number.POSITIVE_INFINITY);
    return { ...about, whole: true, parts: all, named: names.items };
  }
  const short = named.slice(0, MAX_NAMED).map((item) => shortened(item, MAX_VALUE));
  return { ...about, parts: packParts(parts, isWhole), named: short };
}

/** What a program was told, by name, as far as there is room. */
export class Names {
  readonly items: Item[] = [];
  #bytes = 0;

  add(item: Item): void {
    if (this.#bytes < MAX_NAMED_BYTES) {
      const named = shortened(item);
      this.#bytes += JSON.stringify(named).length;
      this.items.push(named);
    }
  }
}

const isUrgent = ({ priority }: Delivery) => priority === "high";

/** What else is kept of what is told of an event: how urgent, who was mentioned, and its objects as these readers see them. */
export function shownBy(
  publications: readonly Delivery[],
  base: Pick<Leaving, "alert" | "delivery"> | undefined,
  told: ToldParts | undefined,
): Pick<ToldParts, "objects" | "urgent" | "mentions"> {
  const mentions = [...new Set(publications.flatMap((delivery) => delivery.mentions))].slice(0, MAX_MENTIONS);
  const how = publications.length > 0 ? { urgent: publications.some(isUrgent), mentions } : told;
  const objects = (base && objectsOf(base)) ?? told?.objects;
  return {
    ...(objects && { objects }),
    ...(how?.urgent && { urgent: true as const }),
    ...(how?.mentions && how.mentions.length > 0 && { mentions: how.mentions }),
  };
}

function objectsOf({ alert, delivery }: Pick<Leaving, "alert" | "delivery">): Fingerprint | undefined {
  if (!alert.objectParts) {
    return undefined;
  }
  const objects = unpackParts(alert.objectParts);
  for (const name of delivery.hidden ?? []) {
    objects.delete(name);
  }
  return packParts(objects, true);
}

/** What is known of the whole event as these readers see it; undefined without a publication that tells it. */
function currentOf({ guarded, members }: Folded): Current | undefined {
  const base = members.find(({ guarded: one }) => one.alert.id === guarded.alert.id);
  const print = base?.alert.parts;
  if (!base || !print) {
    return undefined;
  }
  const parts = unpackParts(print);
  const hidden = new Set(base.delivery.hidden);
  const visible = new Set(base.guarded.alert.items.map((item) => shortName(item)));
  for (const item of base.alert.items) {
    const name = shortName(item);
    if (name !== undefined && !visible.has(name)) {
      hidden.add(name);
    }
  }
  for (const name of hidden) {
    parts.delete(name);
  }
  for (const item of guarded.alert.items) {
    const name = shortName(item);
    if (name === undefined) {
      continue;
    }
    if (item.withdrawn === "deleted") {
      parts.delete(name);
    } else if (item.withdrawn === undefined || item.withdrawn === "not-for-detection") {
      parts.set(name, stateOf(item));
    }
  }
  return { parts, isWhole: !print.partial, hidden };
}

/** What was told for detection, and is not any more, is taken back. */
function withdrawDetection(guarded: GuardedAlert, before: ReadonlyMap<string, number>): GuardedAlert {
  const isLost = (item: Item) => {
    const state = before.get(shortName(item) ?? "");
    return item.toIds === false && !item.withdrawn && state !== undefined && isForDetection(state);
  };
  const lost = guarded.alert.items.filter(isLost);
  if (lost.length === 0) {
    return guarded;
  }
  const counts = new Map(guarded.alert.counts.map((count) => [cell(count), count]));
  const items = guarded.alert.items.map((item): Item => {
    if (!lost.includes(item)) {
      return item;
    }
    const gone: Item = { ...item, withdrawn: "not-for-detection" };
    uncount(counts, cellOf(item));
    add(counts, { ...cellOf(gone), n: 1 });
    return gone;
  });
  return withParts(guarded, items, counts);
}

function marked(guarded: GuardedAlert, added: ReadonlySet<string>, changed: ReadonlySet<string>): GuardedAlert {
  const items = guarded.alert.items.map((item): Item => {
    const name = shortName(item) ?? "";
    const news = added.has(name) ? "added" : changed.has(name) ? "changed" : "unchanged";
    return item.withdrawn ? item : { ...item, news };
  });
  return { ...guarded, alert: { ...guarded.alert, items } } as GuardedAlert;
}

/** Names what the readers were told and is not in the event any more, as far as it is known and they may see it; all is counted. */
function withRemoved(guarded: GuardedAlert, removed: readonly string[], { told, visible }: Folded): GuardedAlert {
  if (removed.length === 0) {
    return guarded;
  }
  const names = new Set(removed);
  const known = visible((told?.named ?? []).filter((item) => names.has(shortName(item) ?? "")));
  const gone = (known?.alert.items ?? []).map((item): Item => ({ ...item, withdrawn: "removed" }));
  const counts = new Map(guarded.alert.counts.map((count) => [cell(count), count]));
  for (const item of gone) {
    add(counts, { ...cellOf(item), n: 1 });
  }
  if (removed.length > gone.length) {
    add(counts, { ...UNNAMED, n: removed.length - gone.length });
  }
  const named = withParts(guarded, [...guarded.alert.items, ...gone], counts);
  return known && gone.length > 0 ? withLabels(named, known) : named;
}

/** Taken back, and which is not known. */
export const UNNAMED: Omit<Count, "n"> = {
  type: "",
  toIds: false,
  marking: { tlp: "none", pap: "none", chr: false },
  reach: [],
  withdrawn: "removed",
};

function withParts(guarded: GuardedAlert, items: readonly Item[], counts: ReadonlyMap<string, Count>): GuardedAlert {
  // Marks what the guard has let through, and adds nothing that it has not.
  return {
    ...guarded,
    alert: { ...guarded.alert, items, counts: [...counts.values()].filter(({ n }) => n > 0) },
  } as GuardedAlert;
}

function shortened(item: Item, max?: number): Item {
  const { uuid, id, type, value, toIds, objectKey, relation, tags, tagsKnown, marking, reach } = item;
  return {
    ...(uuid !== undefined && { uuid }),
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type }),
    ...(value !== undefined && { value: value.slice(0, max).toWellFormed() }),
    ...(toIds !== undefined && { toIds }),
    // Programs detect some attributes by what else is in their object.
    ...(max === undefined && objectKey !== undefined && { objectKey }),
    ...(max === undefined && relation !== undefined && { relation }),
    tags: tags.slice(0, 20),
    tagsKnown,
    marking,
    reach,
  };
}
