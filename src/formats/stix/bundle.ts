import { formatCount } from "../../alert/text.ts";
import type { Item } from "../../model/alert.ts";
import type { Entry, Payload, Weight } from "../../model/payload.ts";
import { TLP } from "../../model/vocabulary.ts";
import type { Body, Format } from "../format.ts";
import { sizeInList } from "../format.ts";
import { named } from "./ids.ts";
import { identityOf, objectsOf, type StixObject } from "./indicator.ts";
import { markingDefinition } from "./markings.ts";

/** What STIX says of an entry: who made it, and of each of its items in their order. */
interface Told {
  readonly identity: StixObject | undefined;
  readonly items: readonly (readonly StixObject[])[];
}

/** A message about something else names an attribute, and does not tell it. */
const TELLING = /^(event|attribute)\./;

function tell(entry: Entry): Told {
  const { items } = entry.guarded.alert;
  if (!entry.kinds.some(({ kind }) => TELLING.test(kind))) {
    return { identity: undefined, items: items.map(() => []) };
  }
  const objects = new Map<string, Item[]>();
  for (const item of items) {
    if (item.objectKey !== undefined) {
      const known = objects.get(item.objectKey);
      if (known) {
        known.push(item);
      } else {
        objects.set(item.objectKey, [item]);
      }
    }
  }
  const told = items.map((item) =>
    objectsOf(item, { entry, siblings: item.objectKey === undefined ? [] : siblingsOf(item, objects) }),
  );
  return { identity: told.some((one) => one.length > 0) ? identityOf(entry) : undefined, items: told };
}

/** What holds of its object; of what is taken back what was in it. */
function siblingsOf(item: Item, objects: ReadonlyMap<string, readonly Item[]>): readonly Item[] {
  const all = objects.get(item.objectKey ?? "") ?? [];
  return all.filter((one) => one !== item && (item.withdrawn !== undefined || one.withdrawn === undefined));
}

function serialise(payload: Payload, told: readonly Told[]): string {
  const objects = new Map<string, StixObject>();
  for (const object of told.flatMap(({ identity, items }) => [...(identity ? [identity] : []), ...items.flat()])) {
    const before = objects.get(object.id);
    if (!before || object.modified >= before.modified) {
      objects.set(object.id, object);
    }
  }
  const used = new Set([...objects.values()].map(({ tlp }) => tlp));
  const markings = TLP.filter((tlp) => used.has(tlp)).map(markingDefinition);
  const [identities, others] = [true, false].map((isIdentity) =>
    [...objects.values()]
      .filter(({ fields }) => (fields.type === "identity") === isIdentity)
      .map(({ fields }) => fields),
  );
  const all = [...markings, ...(identities ?? []), ...(others ?? [])];
  return JSON.stringify({
    type: "bundle",
    id: `bundle--${named(`batch ${payload.batch}`)}`,
    ...(all.length > 0 && { objects: all }),
  });
}

function tellAll(payload: Payload): readonly Told[] {
  return payload.minimal ? [] : payload.entries.map(tell);
}

function whole(payload: Payload): string {
  return serialise(payload, tellAll(payload));
}

function weigh(payload: Payload): Weight {
  const told = tellAll(payload);
  return {
    total: Buffer.byteLength(serialise(payload, told)),
    entries: payload.entries.map((_, index) => {
      const { identity, items = [] } = told[index] ?? {};
      return {
        base: identity ? sizeInList(identity.fields) : 0,
        items: items.map((objects) => objects.reduce((sum, { fields }) => sum + sizeInList(fields), 0)),
        objects: new Map(),
      };
    }),
  };
}

/** Over `maxBytes` it loses whole indicators, the longest first: a pattern that is cut detects something else. */
function fit(payload: Payload, maxBytes: number): Body {
  const told = tellAll(payload);
  const text = serialise(payload, told);
  let over = Buffer.byteLength(text) - maxBytes;
  if (over <= 0) {
    return { text, trimmed: [] };
  }
  const sizes = told
    .flatMap(({ items }) => items.filter((objects) => objects.length > 0))
    .map((objects) => ({ objects, bytes: objects.reduce((sum, { fields }) => sum + sizeInList(fields), 0) }))
    .sort((a, b) => b.bytes - a.bytes);
  const gone = new Set<readonly StixObject[]>();
  for (const { objects, bytes } of sizes) {
    if (over <= 0) {
      break;
    }
    gone.add(objects);
    over -= bytes;
  }
  const left = told.map(({ identity, items }) => ({
    identity,
    items: items.map((objects) => (gone.has(objects) ? [] : objects)),
  }));
  return { text: serialise(payload, left), trimmed: [`${formatCount(gone.size, "indicator")} left out`] };
}

/** STIX 2.1: a bundle of the indicators in what is told, and of those that are taken back. */
export const stix: Format = { mediaType: "application/stix+json;version=2.1", needsValues: true, whole, weigh, fit };
