import type { MispObject } from "../model/misp.ts";
import type { Kind } from "../model/vocabulary.ts";
import { readAttribute, readEvent, readEventId, readObject, readSubject, readTags, readVersion } from "./nouns.ts";
import { actionOf, defineTopic, kindOf } from "./topic.ts";
import { id, isRaw, known, need, type Raw } from "./values.ts";

const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "attribute.added"],
  ["edit", "attribute.edited"],
  ["soft-delete", "attribute.deleted"],
  ["delete", "attribute.deleted"],
]);

/** `misp_json_attribute`: one attribute was stored or deleted. Never tells the tags of its event. */
export const attribute = defineTopic({
  name: "misp_json_attribute",
  read(body) {
    const raw = need(body.Attribute, "attribute");
    const action = actionOf(body, raw);
    const kind = kindOf(KINDS, action);
    const object = readOwner(body.Object, raw);
    return {
      kind,
      subject: readSubject("attribute", raw),
      event: known({ ...readEventId(raw), ...(isRaw(body.Event) && readEvent(body.Event, body.Event.Orgc)) }),
      // Without `Tag` nothing is known: a new attribute is announced before its tags are stored.
      attributes: [
        {
          ...readAttribute(raw, readTags(raw.Tag), object?.key),
          ...(kind === "attribute.deleted" && { deleted: true }),
        },
      ],
      objects: object ? [object] : [],
      version: readVersion(raw, action),
    };
  },
});

/** The object that the attribute is in. A deletion tells only its number: its reach is then unknown, but it has one. */
function readOwner(value: unknown, attribute: Raw): MispObject | undefined {
  const number = id(attribute.object_id);
  if (isRaw(value)) {
    return readObject(value, number ?? "object");
  }
  return number === undefined ? undefined : { key: number };
}
