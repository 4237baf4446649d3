import type { Count, Item } from "../model/alert.ts";
import type { GuardedAlert } from "../model/payload.ts";
import { PAP, TLP } from "../model/vocabulary.ts";
import { shortName, unpackParts } from "./fingerprint.ts";
import { add, cell, cellOf, OTHER_CELL, uncount } from "./tighten.ts";

/** Readers were told none of the alerts that are merged: the greatest change is what is new to them. */
const CHANGES = ["new", "updated", "unchanged"] as const;

/**
 * One guarded alert for several about one event, all of one form: the newest publication, or else the newest alert, with
 * the parts of the others that it lacks, each as the newest of them has it. Merging shows nothing that one of them did not
 * show.
 */
export function merge(alerts: readonly [GuardedAlert, ...GuardedAlert[]]): GuardedAlert {
  const base = alerts.reduce((a, b) => (precedence(b) >= precedence(a) ? b : a));
  const isPublication = base.alert.kind === "event.published";
  const items = new Map(base.alert.items.map((item) => [identify(item), item]));
  const objects = new Map(base.alert.objects.map((object) => [object.key, object]));
  const counts = new Map(base.alert.counts.map((count) => [cell(count), count]));
  // What came before a publication is in it already, or was removed since.
  const others = alerts.filter((other) => other !== base && !(isPublication && isBefore(other, base)));
  const objectCounts = new Map(base.alert.objectCounts?.map((count) => [objectCell(count), count]));
  const isCut = isPublication && total(base.alert.counts) > base.alert.items.length;
  const tellers = new Map(partsOf(base).map(({ name }) => [name, base]));
  const isAmong = isCut && others.length > 0 ? amongCounted(base, others) : () => false;
  // Of what came within one millisecond the last is the newest.
  for (const other of others.reverse().sort((a, b) => b.alert.receivedAt - a.alert.receivedAt)) {
    for (const { name, item, counted } of partsOf(other)) {
      const teller = tellers.get(name);
      if (teller && !outranks(other, teller)) {
        continue;
      }
      const before = items.get(name);
      if (before) {
        uncount(counts, cellOf(before));
      } else if (isCut && isAmong(name)) {
        uncountLike(counts, counted); // it is among those that are only counted
      }
      tellers.set(name, other);
      if (item) {
        items.set(name, item);
      }
      add(counts, { ...counted, n: 1 });
    }
    for (const object of other.alert.objects) {
      countObject(objectCounts, object, objects.get(object.key));
      if (!objects.has(object.key) || object.deleted) {
        objects.set(object.key, object);
      }
    }
  }
  const changes = alerts.map(({ alert }) => alert.change);
  const change = CHANGES.find((candidate) => changes.includes(candidate));
  const merged = {
    ...base,
    sightings: alerts.flatMap(({ sightings }) => sightings).sort((a, b) => (b.seenAt ?? 0) - (a.seenAt ?? 0)),
    alert: {
      ...base.alert,
      ...(change && { change }),
      items: [...items.values()],
      objects: [...objects.values()],
      ...(base.alert.objectCounts && { objectCounts: [...objectCounts.values()].filter(({ n }) => n > 0) }),
      counts: [...counts.values()].filter(({ n }) => n > 0),
    },
    withheld: isPublication ? base.withheld : alerts.reduce((sum, { withheld }) => sum + withheld, 0),
  };
  return withLabels(merged as GuardedAlert, ...alerts);
}

interface Part {
  readonly name: string;
  /** Absent: readers see no more of it than that it is counted. */
  readonly item?: Item;
  readonly counted: Omit<Count, "n">;
}

/** The attributes of an alert; without its content the one that it is about. */
function partsOf({ form, alert: { kind, subject, items, counts } }: GuardedAlert): readonly Part[] {
  if (form === "full") {
    return items.map((item) => ({ name: identify(item), item, counted: cellOf(item) }));
  }
  const name = subject.uuid ?? subject.id;
  return name === undefined || !kind.startsWith("attribute.")
    ? []
    : counts.slice(0, 1).map(({ n: _, ...counted }) => ({ name, counted }));
}

/** Tells which attributes a publication had; where it cannot say, all but those that are added, or back, since. */
function amongCounted({ alert: { parts } }: GuardedAlert, others: readonly GuardedAlert[]): (name: string) => boolean {
  const had = parts ? unpackParts(parts) : new Map<string, number>();
  const gone = new Set(others.filter(({ alert }) => alert.kind === "attribute.deleted").flatMap(namesOf));
  const added = others.filter(({ alert }) => alert.kind === "attribute.added").flatMap(namesOf);
  const back = others.filter(({ alert }) => alert.restored).flatMap(namesOf);
  const since = new Set([...added, ...back.filter((name) => !gone.has(name))]);
  const isWhole = parts !== undefined && !parts.partial;
  return (name) => had.has(shortName({ uuid: name }) ?? "") || !(isWhole || since.has(name));
}

function namesOf(guarded: GuardedAlert): readonly string[] {
  return partsOf(guarded).map(({ name }) => name);
}

/** One of those that are only counted is another one now; a frame about it may say less of its markings than the publication. */
function uncountLike(counts: Map<string, Count>, { withdrawn: _, ...live }: Omit<Count, "n">): void {
  const holds = [...counts.values()].filter(({ withdrawn, n }) => !withdrawn && n > 0);
  const ofType = holds.filter(({ type }) => type === live.type);
  const like =
    holds.find((count) => cell(count) === cell(live)) ??
    ofType.find(({ toIds }) => toIds === live.toIds) ??
    ofType[0] ??
    holds.find(({ type }) => type === OTHER_CELL.type);
  if (like) {
    add(counts, { ...like, n: -1 });
  }
}

/** The alert marked as strictly as all from which something is in it. */
export function withLabels(guarded: GuardedAlert, ...others: readonly GuardedAlert[]): GuardedAlert {
  const all = [guarded, ...others];
  const keptBack = (["tlp", "pap"] as const).filter((label) => all.some((one) => one.keptBack?.includes(label)));
  return {
    ...guarded,
    tlp: strictestOf(
      TLP,
      all.map(({ tlp }) => tlp),
    ),
    pap: strictestOf(
      PAP,
      all.map(({ pap }) => pap),
    ),
    ...(all.some(({ chr }) => chr) && { chr: true as const }),
    ...(all.some((one) => one.keptBack) && { keptBack }),
  } as GuardedAlert;
}

/** Whether `other` knows better how an attribute is: a sighting or a tag only names it, of the others the newest counts. */
function outranks(other: GuardedAlert, teller: GuardedAlert): boolean {
  return tellsState(other) === tellsState(teller)
    ? other.alert.receivedAt > teller.alert.receivedAt
    : tellsState(other);
}

function tellsState({ alert: { kind } }: GuardedAlert): boolean {
  return kind === "event.published" || kind.startsWith("attribute.");
}

type ObjectCount = NonNullable<GuardedAlert["alert"]["objectCounts"]>[number];

function objectCell({ name, reach }: Omit<ObjectCount, "n">): string {
  return JSON.stringify([name, reach]);
}

/** One more, or one less where it was taken back; one that is known is counted. */
function countObject(
  counts: Map<string, ObjectCount>,
  { name = "object", reach, deleted }: GuardedAlert["alert"]["objects"][number],
  known: object | undefined,
): void {
  const n = deleted ? -1 : known ? 0 : 1;
  const key = objectCell({ name, reach });
  counts.set(key, { name, reach, n: Math.max(0, (counts.get(key)?.n ?? 0) + n) });
}

function total(counts: readonly Count[]): number {
  return counts.reduce((sum, { n }) => sum + n, 0);
}

/** Publications first, newest last. */
function precedence({ alert }: GuardedAlert): number {
  return alert.kind === "event.published"
    ? Number.MAX_SAFE_INTEGER / 2 + (alert.event?.changedAt ?? 0)
    : alert.receivedAt;
}

function isBefore(other: GuardedAlert, publication: GuardedAlert): boolean {
  return other.alert.kind === "event.published" || other.alert.receivedAt <= publication.alert.receivedAt;
}

function identify(item: Item): string {
  return item.uuid ?? item.id ?? JSON.stringify([item.type, item.value]);
}

function strictestOf<T extends string>(ladder: readonly T[], labels: readonly (T | "untagged")[]): T | "untagged" {
  const given = labels.filter((label): label is T => label !== "untagged");
  return given.reduce<T | "untagged">(
    (a, b) => (a === "untagged" || ladder.indexOf(b) > ladder.indexOf(a) ? b : a),
    "untagged",
  );
}
