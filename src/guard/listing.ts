import { createHash } from "node:crypto";
import type { Listing } from "../model/listing.ts";
import type { PartName } from "../model/memory.ts";
import type { Attribute, MispObject, Reach } from "../model/misp.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NAME_BYTES = 5;
/** Of an event with more names than this nobody can tell what is gone. */
const MAX_NAMES = 20_000;
/** MISP announces a part before it has stored it, and may take that long to store all of a transaction. */
const STORING_MS = 30_000;

/** A part as an alert names it. */
export interface NamedPart {
  readonly part: PartName["part"];
  /** Ids, UUIDs or keys: all that it is called. */
  readonly names: readonly (string | undefined)[];
  readonly changedAt?: number | undefined;
  /** Its own and its object's. */
  readonly reach: readonly Reach[];
}

/** Short names of all parts of an event, sorted; undefined: there are too many. */
export function packNames(
  attributes: readonly Pick<Attribute, "id" | "uuid">[],
  objects: readonly Pick<MispObject, "key">[],
): string | undefined {
  if (attributes.length + objects.length > MAX_NAMES / 2) {
    return undefined;
  }
  const names = [
    ...attributes.flatMap(({ id, uuid }) => [id, uuid].flatMap((name) => (name ? shortOf("attribute", name) : []))),
    ...objects.map(({ key }) => shortOf("object", key)),
  ];
  return Buffer.concat(names.sort(Buffer.compare)).toString("base64");
}

/**
 * Finds out whether a part is missing in a list that is newer than an alert about it, received at `receivedAt`. What was
 * changed in the second of the list may have come after it, and what the key of the API may not be allowed to see says nothing
 * by its absence.
 */
export function missingFrom(listing: Listing | undefined, receivedAt: number): (part: NamedPart) => boolean {
  if (!listing || listing.at - (listing.asked ? STORING_MS : 0) <= receivedAt) {
    return () => false;
  }
  const names = Buffer.from(listing.names, "base64");
  return ({ part, names: called, changedAt = 0, reach }) => {
    // An object without a UUID has a key that is not the same everywhere.
    const known = called.flatMap((name) =>
      name !== undefined && (part === "attribute" || UUID.test(name)) ? name : [],
    );
    const isCertain = known.length > 0 && changedAt < listing.changedAt && !(listing.asked && mayBeHidden(reach));
    return isCertain && known.every((name) => !has(names, shortOf(part, name)));
  };
}

function mayBeHidden(reach: readonly Reach[]): boolean {
  return reach.some(
    ({ distribution }) =>
      distribution === undefined || distribution === "organisation" || distribution === "sharing_group",
  );
}

function shortOf(part: PartName["part"], name: string): Buffer {
  return createHash("sha256").update(`${part} ${name}`).digest().subarray(0, NAME_BYTES);
}

function has(names: Buffer, name: Buffer): boolean {
  let low = 0;
  let high = names.length / NAME_BYTES;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = name.compare(names, middle * NAME_BYTES, (middle + 1) * NAME_BYTES);
    if (order === 0) {
      return true;
    }
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return false;
}
