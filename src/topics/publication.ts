import { createHash } from "node:crypto";
import type { Attribute, EventView, MispObject } from "../model/misp.ts";
import { eventSubject, needEvent, readAttribute, readClusters, readObject, readTags } from "./nouns.ts";
import { defineTopic } from "./topic.ts";
import { boolean, id, isRaw, known, list, need, type Raw, seconds, text, uuid } from "./values.ts";

/** An event with everything in it: `Event` of `misp_json`, and of MISP's REST API without `metadata`. */
export interface Publication {
  readonly event: EventView;
  readonly attributes: readonly Attribute[];
  readonly objects: readonly MispObject[];
  /** So many attributes and objects, or lists of them, cannot be read; absent: all can. */
  readonly skipped?: number;
  /** `Event.timestamp`, and a digest of what else makes two publications two; undefined: not told. */
  readonly version: string | undefined;
}

/** `misp_json`: an event was published. */
export const publication = defineTopic({
  name: "misp_json",
  read(body) {
    const told = readPublication(body.Event);
    return { kind: "event.published", subject: eventSubject(told.event), ...told };
  },
});

/**
 * Reads a whole event in MISP's core format. `published` stays unknown: `misp_json` holds the state before the
 * publication. What is deleted is no part of it, unless it is asked for. Throws DecodeError.
 */
export function readPublication(value: unknown, withDeleted = false): Publication {
  const raw = need(value, "event");
  const event = needEvent(raw, raw.Orgc);
  const { attributes, objects, skipped } = readParts(raw, withDeleted);
  return {
    event: known({
      ...event,
      published: undefined,
      origin: event.origin ?? originOf(raw),
      tags: readAllTags(raw),
      clusters: readClusters(raw.Galaxy),
    }),
    attributes,
    objects,
    ...(skipped > 0 && { skipped }),
    version: versionOf(raw),
  };
}

/**
 * An event may be published, changed and published again within one second: what is told besides the time is its title, and
 * of each attribute its UUID, time, and whether it is deleted.
 */
function versionOf(raw: Raw): string | undefined {
  const changed = seconds(raw.timestamp);
  if (changed === undefined) {
    return undefined;
  }
  const hash = createHash("sha256").update(JSON.stringify(text(raw.info) ?? ""));
  const add = (value: unknown) => {
    for (const row of elements(value)) {
      if (isRaw(row)) {
        hash.update(`\n${uuid(row.uuid)} ${seconds(row.timestamp)} ${boolean(row.deleted) ?? false}`);
      }
    }
  };
  add(raw.Attribute);
  for (const object of elements(raw.Object)) {
    if (isRaw(object)) {
      add([object]);
      add(object.Attribute);
    }
  }
  return `${changed}.${hash.digest("base64url").slice(0, 12)}`;
}

interface Parts {
  readonly attributes: Attribute[];
  readonly objects: MispObject[];
  skipped: number;
}

/** What an event is made of. A part that cannot be read is left out and counted, so that it does not cost the others. */
function readParts(raw: Raw, withDeleted: boolean): Parts {
  const parts: Parts = { attributes: [], objects: [], skipped: 0 };
  addAttributes(raw.Attribute, undefined, parts, withDeleted);
  for (const [index, row] of elements(raw.Object).entries()) {
    if (!isRaw(row)) {
      parts.skipped++;
    } else if (withDeleted || !boolean(row.deleted)) {
      const object = readObject(row, `object ${index}`);
      parts.objects.push(withDeletion(object, row));
      addAttributes(row.Attribute, object.key, parts, withDeleted);
    }
  }
  return parts;
}

function addAttributes(value: unknown, objectKey: string | undefined, parts: Parts, withDeleted: boolean): void {
  for (const row of elements(value)) {
    if (!isRaw(row)) {
      parts.skipped++;
    } else if (withDeleted || !boolean(row.deleted)) {
      parts.attributes.push(withDeletion(readAttribute(row, readAllTags(row), objectKey), row));
    }
  }
}

function withDeletion<T extends object>(part: T, row: Raw): T & { readonly deleted?: true } {
  return boolean(row.deleted) ? { ...part, deleted: true } : part;
}

/** MISP leaves `Tag` out where there is no tag that may be exported; a `Tag` that cannot be read is unknown. */
function readAllTags(raw: Raw) {
  return raw.Tag === undefined ? [] : readTags(raw.Tag);
}

/** Not synced: made here by the owner, or taken from a feed, whose events have another creator. */
function originOf(raw: Raw): EventView["origin"] {
  const [creator, owner] = [id(raw.orgc_id), id(raw.org_id)];
  if (boolean(raw.locked) !== false || creator === undefined || owner === undefined) {
    return undefined;
  }
  return creator === owner ? "local" : "feed";
}

/** What is in a list; what is no list counts as one element that cannot be read. PHP writes an empty list as `{}`, too. */
function elements(value: unknown): readonly unknown[] {
  if (value === undefined || value === null || (isRaw(value) && Object.keys(value).length === 0)) {
    return [];
  }
  return list(value) ?? [undefined];
}
