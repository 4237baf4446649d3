import { DecodeError } from "../base/errors.ts";
import type { Attribute, EventView, MispObject } from "../model/misp.ts";
import { eventSubject, needEvent, readAttribute, readClusters, readObject, readTags } from "./nouns.ts";
import { defineTopic } from "./topic.ts";
import { boolean, id, known, list, need, type Raw, seconds } from "./values.ts";

/** An event with everything in it: `Event` of `misp_json`, and of MISP's REST API without `metadata`. */
export interface Publication {
  readonly event: EventView;
  readonly attributes: readonly Attribute[];
  readonly objects: readonly MispObject[];
  /** `Event.timestamp`; undefined: not told. */
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
 * publication. Throws DecodeError.
 */
export function readPublication(value: unknown): Publication {
  const raw = need(value, "event");
  const event = needEvent(raw, raw.Orgc);
  const attributes: Attribute[] = [];
  const objects: MispObject[] = [];
  addAttributes(raw.Attribute, undefined, attributes);
  for (const [index, element] of elements(raw.Object, "objects").entries()) {
    const row = need(element, "object");
    if (boolean(row.deleted)) {
      continue;
    }
    const object = readObject(row, `object ${index}`);
    objects.push(object);
    addAttributes(row.Attribute, object.key, attributes);
  }
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
    version: seconds(raw.timestamp)?.toString(),
  };
}

function addAttributes(value: unknown, objectKey: string | undefined, attributes: Attribute[]): void {
  for (const element of elements(value, "attributes")) {
    const row = need(element, "attribute");
    if (!boolean(row.deleted)) {
      attributes.push(readAttribute(row, readAllTags(row), objectKey));
    }
  }
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

function elements(value: unknown, what: string): readonly unknown[] {
  const found = list(value ?? []);
  if (found === undefined) {
    throw new DecodeError(`${what} are not a list`);
  }
  return found;
}
