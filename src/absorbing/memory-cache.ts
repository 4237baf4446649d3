import type { Alias, EventMemory, Keys, Known, PartMemory, PartName } from "../model/memory.ts";
import type { Effects } from "../model/outbox.ts";
import type { PlanningStore } from "./planning-store.ts";

const MAX_BYTES = 32 * 2 ** 20;

type EventKey = Keys["events"][number];
type PartKey = Keys["parts"][number];

/** What was found of a row: nothing is an answer, too. */
type Entry =
  | { readonly of: "event"; readonly row: EventMemory | undefined }
  | { readonly of: "alias"; readonly row: Alias }
  | { readonly of: "part"; readonly rows: readonly PartMemory[] };

/**
 * A store with the memory of the events that were looked at last kept beside it, so that the hundredth frame about an event
 * reads nothing. Whatever is written goes to the store first, and what it touches is forgotten until it is there: a plan is
 * never made upon what has been overwritten. Publications, which need to know whom they were told, always ask the store; so does
 * what waits for MISP's word. What the store itself removes, since it is old, may be remembered here a little longer: when it is
 * to be changed the store says that it has moved, and it is read again.
 */
export function withMemoryCache(store: PlanningStore, maxBytes = MAX_BYTES): PlanningStore {
  const cache = new MemoryCache(maxBytes);
  let commits = 0;
  return {
    async load(keys) {
      const { known, missing } = cache.find(keys);
      if (missing.events.length + missing.parts.length === 0 && !missing.sighted && known.tagged) {
        return known;
      }
      const before = commits;
      const read = await store.load(missing);
      if (before === commits) {
        cache.keep(missing, read);
      }
      return unite(known, read);
    },
    async commit(effects, now) {
      if (isNothing(effects)) {
        return "committed";
      }
      const held = cache.forget(effects);
      const mine = ++commits;
      let isAlone = false;
      try {
        const result = await store.commit(effects, now);
        isAlone = result !== "conflict" && mine === commits;
        return result;
      } finally {
        // A long commit takes several turns: what was read in one of them is old.
        cache.forget(effects);
        commits += 1;
        if (isAlone) {
          cache.learn(effects, held);
        }
      }
    },
    undecided: (...args) => store.undecided(...args),
    cursor: (instance) => store.cursor(instance),
    unconfirmed: (...args) => store.unconfirmed(...args),
    asking: (instance) => store.asking(instance),
  };
}

/** Rows of memory, by what they are looked up by; those that were looked at last, within so many bytes. */
class MemoryCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, { readonly entry: Entry; readonly bytes: number }>();
  #bytes = 0;
  #tagged: readonly string[] | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What is known here, and what the store must be asked for. */
  find({ events, parts, sighted }: Keys): { readonly known: Known; readonly missing: Keys } {
    const missing = { events: new Map<string, EventKey>(), parts: new Map<string, PartKey>() };
    const found = { events: new Set<EventMemory>(), aliases: new Set<Alias>(), parts: new Set<PartMemory>() };
    for (const key of events) {
      const hit = key.whole || key.shownSince !== undefined || key.reached ? undefined : this.#findEvent(key);
      if (!hit) {
        const name = `${key.instance}\n${key.id}\n${key.uuid}`;
        missing.events.set(name, together(key, missing.events.get(name)));
        continue;
      }
      if (hit.event) {
        found.events.add(hit.event);
      }
      if (hit.alias) {
        found.aliases.add(hit.alias);
      }
    }
    for (const key of parts) {
      const name = partName(key);
      const entry = this.#get(name);
      if (entry?.of === "part") {
        for (const row of entry.rows) {
          found.parts.add(row);
        }
      } else {
        missing.parts.set(name, key);
      }
    }
    const known = {
      ...{ events: [...found.events], aliases: [...found.aliases], parts: [...found.parts] },
      ...{ told: [], undecided: [], ...(this.#tagged && { tagged: this.#tagged }) },
    };
    return {
      known,
      missing: {
        events: [...missing.events.values()],
        parts: [...missing.parts.values()],
        ...(sighted && { sighted }),
      },
    };
  }

  /** Remembers what the store had of these. */
  keep({ events, parts }: Keys, known: Known): void {
    this.#tagged = known.tagged ?? [];
    const rows = new Map(known.events.map((event) => [eventName(event.instance, event.key), event]));
    const aliases = new Map(known.aliases.map((alias) => [aliasName(alias.instance, alias.id), alias]));
    for (const { instance, id, uuid } of events) {
      const alias = id === undefined ? undefined : aliases.get(aliasName(instance, id));
      const key = uuid ?? alias?.key;
      const waits = known.unconfirmed?.some(
        (one) => one.instance === instance && (one.eventKey === key || one.eventKey === id || one.eventId === id),
      );
      if (waits || key === undefined) {
        continue;
      }
      const row = rows.get(eventName(instance, key));
      this.#set(eventName(instance, key), { of: "event", row });
      if (alias) {
        this.#set(aliasName(instance, alias.id), { of: "alias", row: alias });
      }
    }
    const named = new Map<string, PartMemory[]>(parts.map((key) => [partName(key), []]));
    for (const row of known.parts) {
      named.get(partName(row))?.push(row);
    }
    for (const [name, own] of named) {
      this.#set(name, { of: "part", rows: own });
    }
  }

  /** Forgets all that these change; gives what of it was held. */
  forget({ events, aliases, adopted, reborn = [], parts, forget, unconfirmed = [] }: Effects): ReadonlySet<string> {
    if (reborn.length > 0) {
      this.#dropParts();
    }
    const names = [
      ...events.map(({ instance, key }) => eventName(instance, key)),
      ...aliases.map(({ instance, id }) => aliasName(instance, id)),
      ...adopted.flatMap(({ instance, id, key }) => [
        eventName(instance, id),
        eventName(instance, key),
        aliasName(instance, id),
      ]),
      ...[...parts, ...forget].map(partName),
      ...unconfirmed.flatMap(({ instance, eventKey, eventId = eventKey }) => [
        eventName(instance, eventKey),
        aliasName(instance, eventId),
      ]),
    ];
    return new Set(names.filter((name) => this.#drop(name)));
  }

  /** Remembers what the store has stored of what was held. What was not may wait for MISP's word: it is read when it is needed. */
  learn({ events, aliases, adopted, unconfirmed = [], tagged = [] }: Effects, held: ReadonlySet<string>): void {
    this.#tagged = this.#tagged && [...new Set([...this.#tagged, ...tagged])];
    if (adopted.length + unconfirmed.length > 0) {
      return;
    }
    for (const event of events) {
      const name = eventName(event.instance, event.key);
      if (held.has(name)) {
        this.#set(name, { of: "event", row: { ...event, revision: event.revision + 1 } });
      }
    }
    for (const alias of aliases) {
      const name = aliasName(alias.instance, alias.id);
      if (held.has(name)) {
        this.#set(name, { of: "alias", row: alias });
      }
    }
  }

  #findEvent({ instance, id, uuid }: EventKey): { readonly event?: EventMemory; readonly alias?: Alias } | undefined {
    const alias = id === undefined ? undefined : this.#get(aliasName(instance, id));
    if (id !== undefined && alias?.of !== "alias") {
      return undefined;
    }
    const row = alias?.of === "alias" ? alias.row : undefined;
    const key = uuid ?? row?.key;
    const entry = key === undefined ? undefined : this.#get(eventName(instance, key));
    if (entry?.of !== "event") {
      return undefined;
    }
    return { ...(entry.row && { event: entry.row }), ...(row && { alias: row }) };
  }

  #get(name: string): Entry | undefined {
    const held = this.#entries.get(name);
    if (held) {
      // The newest stands last.
      this.#entries.delete(name);
      this.#entries.set(name, held);
    }
    return held?.entry;
  }

  #set(name: string, entry: Entry): void {
    this.#drop(name);
    const bytes = 200 + name.length + weigh(entry);
    if (bytes > this.#maxBytes / 4) {
      return;
    }
    this.#entries.set(name, { entry, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) {
        break;
      }
      this.#drop(oldest);
    }
  }

  /** All parts of some event are gone, which are not known here by their event. */
  #dropParts(): void {
    for (const [name, { entry }] of this.#entries) {
      if (entry.of === "part") {
        this.#drop(name);
      }
    }
  }

  #drop(name: string): boolean {
    const held = this.#entries.get(name);
    this.#bytes -= held?.bytes ?? 0;
    return this.#entries.delete(name);
  }
}

/** One question for two about the same event. */
function together(key: EventKey, other: EventKey | undefined): EventKey {
  const since = Math.min(key.shownSince ?? Number.POSITIVE_INFINITY, other?.shownSince ?? Number.POSITIVE_INFINITY);
  const all = [key.reached, other?.reached];
  const reached = all.includes("parts") ? "parts" : all.includes("event") ? "event" : undefined;
  return {
    ...key,
    ...(reached && { reached }),
    ...((key.whole || other?.whole) && { whole: true }),
    ...(since < Number.POSITIVE_INFINITY && { shownSince: since }),
  };
}

/** About how much memory a row takes: what there may be any number of counts. */
function weigh(entry: Entry): number {
  switch (entry.of) {
    case "alias":
      return 100;
    case "part":
      return entry.rows.reduce((sum, { tags, reach = [] }) => sum + 200 + lengthOf(tags) + 200 * reach.length, 0);
    case "event": {
      const { event, attached = [], published, circles = {}, narrowed = [] } = entry.row ?? { event: {} };
      const tags = [...(event.tags ?? []), ...attached].map(({ name }) => name);
      const clusters = (event.clusters ?? []).map(({ galaxy, value }) => galaxy + value);
      const texts = [...tags, ...clusters, ...(published?.tags ?? []), ...Object.values(circles)];
      return 1000 + 2 * (event.info?.length ?? 0) + lengthOf(texts) + 200 * narrowed.length;
    }
  }
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + 2 * text.length + 60, 0);
}

/** Nothing would be written: most frames say what is known. */
function isNothing({ unmoved: _, pacing: __, ...lists }: Effects): boolean {
  return Object.values(lists).every((list) => list.length === 0);
}

function unite(one: Known, other: Known): Known {
  return {
    ...other,
    events: distinct(one.events, other.events, ({ instance, key }) => eventName(instance, key)),
    aliases: distinct(one.aliases, other.aliases, ({ instance, id }) => aliasName(instance, id)),
    parts: distinct(one.parts, other.parts, (row) => `${partName(row)}\n${row.eventKey}`),
  };
}

/** Of what both have, the other's: it was read later. */
function distinct<T>(one: readonly T[], other: readonly T[], nameOf: (row: T) => string): readonly T[] {
  if (one.length === 0 || other.length === 0) {
    return one.length === 0 ? other : one;
  }
  return [...new Map([...one, ...other].map((row) => [nameOf(row), row])).values()];
}

function eventName(instance: string, key: string): string {
  return `event\n${instance}\n${key}`;
}

function aliasName(instance: string, id: string): string {
  return `alias\n${instance}\n${id}`;
}

function partName({ instance, part, id }: { readonly instance: string } & PartName): string {
  return `${part}\n${instance}\n${id}`;
}
