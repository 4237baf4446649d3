import type { Kind } from "../model/vocabulary.ts";
import { readEventId, readObject, readSubject, readVersion } from "./nouns.ts";
import { actionOf, defineTopic, kindOf, readLines } from "./topic.ts";
import { integer, need } from "./values.ts";

const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "object.added"],
  ["edit", "object.edited"],
  ["soft-delete", "object.deleted"],
  ["delete", "object.deleted"],
]);

const REFERENCE_KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "reference.added"],
  ["edit", "reference.edited"],
  ["soft-delete", "reference.deleted"],
  ["delete", "reference.deleted"],
]);

/** `misp_json_object`: the row of an object was stored or deleted; its attributes have frames of their own. */
export const object = defineTopic({
  name: "misp_json_object",
  read(body) {
    const raw = need(body.Object, "object");
    const action = actionOf(body, raw);
    const kind = kindOf(KINDS, action);
    return {
      kind,
      subject: readSubject("object", raw),
      event: readEventId(raw),
      objects: [{ ...readObject(raw, "object"), ...(kind === "object.deleted" && { deleted: true as const }) }],
      version: readVersion(raw, action),
    };
  },
});

/** `misp_json_object_reference`: an object was linked to an attribute or to another object. */
export const reference = defineTopic({
  name: "misp_json_object_reference",
  read(body) {
    const raw = need(body.ObjectReference, "object reference");
    const action = actionOf(body, raw);
    const kind = kindOf(REFERENCE_KINDS, action);
    const type = integer(raw.referenced_type);
    return {
      kind,
      subject: readSubject("reference", raw),
      event: readEventId(raw),
      lines: readLines({
        relationship: raw.relationship_type,
        to: type === 0 ? "attribute" : type === 1 ? "object" : undefined,
      }),
      version: readVersion(raw, action),
    };
  },
});
