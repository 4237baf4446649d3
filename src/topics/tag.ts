import { DecodeError } from "../base/errors.ts";
import type { Kind } from "../model/vocabulary.ts";
import { readEventId, readTag } from "./nouns.ts";
import { defineTopic, kindOf } from "./topic.ts";
import { id, known, need } from "./values.ts";

const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "tag.created"],
  ["edit", "tag.edited"],
  ["delete", "tag.deleted"],
  ["attached to event", "tag.attached"],
  ["attached to attribute", "tag.attached"],
  ["detached from event", "tag.detached"],
  ["detached from attribute", "tag.detached"],
]);

/** `misp_json_tag`: a tag or galaxy cluster was defined, or put on or taken off something. */
export const tag = defineTopic({
  name: "misp_json_tag",
  read(body) {
    const kind = kindOf(KINDS, body.action);
    const raw = need(body.Tag, "tag");
    const told = readTag(raw);
    if (told === undefined) {
      throw new DecodeError("tag has no name");
    }
    const number = id(raw.id);
    if (kind !== "tag.attached" && kind !== "tag.detached") {
      return { kind, subject: known({ type: "tag" as const, id: number }), tag: told };
    }
    const on = String(body.action).endsWith("attribute") ? "attribute" : "event";
    const attributeId = on === "attribute" ? id(raw.attribute_id) : undefined;
    const carrier = on === "attribute" ? attributeId : id(raw.event_id);
    return {
      kind,
      // The same tag on two carriers is two subjects.
      subject: known({ type: "tag" as const, id: number && carrier ? `${number}@${on}:${carrier}` : undefined }),
      event: readEventId(raw),
      tag: known({ ...told, on, attributeId } as const),
    };
  },
});
