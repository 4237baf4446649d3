import { hash } from "node:crypto";
import type { Alert, Item } from "../model/alert.ts";
import type { Fingerprint } from "../model/fingerprint.ts";

const ID_BYTES = 5;
const PART_BYTES = 8;
/** More attributes than this are counted, not told apart, by what people are told. */
const MAX_PARTS = 2000;
/** Objects of an event beyond this are not told apart. */
const MAX_OBJECTS = 500;
const FOR_DETECTION = 1;

/** States by the short names of attributes. */
export type PartStates = ReadonlyMap<string, number>;

/** The short name of an attribute; undefined: it has none. */
export function shortName({ uuid, id }: Pick<Item, "uuid" | "id">): string | undefined {
  const name = uuid ?? id;
  return name === undefined ? undefined : short(name);
}

/** The state of an attribute in three bytes, the last bit of which says that it is for detection. */
export function stateOf({ changedAt, type, value, toIds }: Item): number {
  const state = stateIn(JSON.stringify([changedAt, type, value]));
  return toIds ? state | FOR_DETECTION : state & ~FOR_DETECTION;
}

type NamedObject = Pick<Alert["objects"][number], "key" | "name" | "changedAt" | "deleted">;

/** The short name of an object, which is that of no attribute. */
export function shortNameOfObject({ key }: Pick<NamedObject, "key">): string {
  return short(`object ${key}`);
}

/** The state of an object in three bytes. */
export function stateOfObject({ changedAt, name }: NamedObject): number {
  return stateIn(JSON.stringify([changedAt, name]));
}

/** Which objects there are, and how each is; nothing where there are too many. */
export function packObjects(objects: readonly NamedObject[]): Fingerprint {
  if (objects.length > MAX_OBJECTS) {
    return { parts: "", partial: true };
  }
  const there = objects.filter(({ deleted }) => !deleted);
  return packParts(new Map(there.map((object) => [shortNameOfObject(object), stateOfObject(object)])), true);
}

/** Whether an attribute of this state is for detection. */
export function isForDetection(state: number): boolean {
  return (state & FOR_DETECTION) !== 0;
}

/** What of these attributes holds, as parts. */
export function partsOf(
  items: readonly Item[],
  max = MAX_PARTS,
): { readonly parts: PartStates; readonly isWhole: boolean } {
  const parts = new Map<string, number>();
  let isWhole = true;
  for (const item of items) {
    if (item.withdrawn) {
      continue;
    }
    const name = parts.size < max ? shortName(item) : undefined;
    if (name === undefined) {
      isWhole = false;
    } else {
      parts.set(name, stateOf(item));
    }
  }
  return { parts, isWhole };
}

/** Parts in the form in which they are stored. */
export function packParts(parts: PartStates, isWhole: boolean, max = MAX_PARTS): Fingerprint {
  const bytes = Buffer.alloc(Math.min(parts.size, max) * PART_BYTES);
  let at = 0;
  for (const [name, state] of parts) {
    if (at >= bytes.length) {
      break;
    }
    bytes.write(name, at, ID_BYTES, "hex");
    bytes.writeUIntBE(state, at + ID_BYTES, PART_BYTES - ID_BYTES);
    at += PART_BYTES;
  }
  const partial = !isWhole || parts.size > max;
  return { parts: bytes.toString("base64"), ...(partial && { partial: true as const }) };
}

/** The way back of `packParts`. */
export function unpackParts({ parts }: Fingerprint): Map<string, number> {
  const bytes = Buffer.from(parts, "base64");
  const unpacked = new Map<string, number>();
  for (let at = 0; at + PART_BYTES <= bytes.length; at += PART_BYTES) {
    const name = bytes.toString("hex", at, at + ID_BYTES);
    unpacked.set(name, bytes.readUIntBE(at + ID_BYTES, PART_BYTES - ID_BYTES));
  }
  return unpacked;
}

function short(name: string): string {
  return digest(name).slice(0, 2 * ID_BYTES);
}

function stateIn(text: string): number {
  return Number.parseInt(digest(text).slice(0, 2 * (PART_BYTES - ID_BYTES)), 16);
}

/** In hexadecimal. In one call: an event may have hundreds of thousands of parts. */
function digest(text: string): string {
  return hash("sha256", text);
}
