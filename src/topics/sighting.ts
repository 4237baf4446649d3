import { type Kind, SIGHTING_TYPES } from "../model/vocabulary.ts";
import { readAttribute, readEvent, readEventId, readSubject } from "./nouns.ts";
import { defineTopic, kindOf } from "./topic.ts";
import { choice, id, instant, isRaw, known, need, text } from "./values.ts";

const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "sighting.added"],
  ["delete", "sighting.deleted"],
]);

/** `misp_json_sighting`: an attribute was seen. The organisation in it made the event; who saw it is only a number. */
export const sighting = defineTopic({
  name: "misp_json_sighting",
  read(body) {
    // MISP before 2.4.82 (2017) tells no action, and no deletions.
    const action = body.action ?? "add";
    const kind = kindOf(KINDS, action);
    const raw = need(body.Sighting, "sighting");
    const subject = readSubject("sighting", raw);
    const identity = subject.uuid ?? subject.id;
    return {
      kind,
      subject,
      event: known({ ...readEventId(raw), ...(isRaw(raw.Event) && readEvent(raw.Event, raw.Event.Orgc)) }),
      attributes: [
        known({
          id: id(raw.attribute_id),
          ...(isRaw(raw.Attribute) && readAttribute(raw.Attribute, undefined, undefined)),
        }),
      ],
      sighting: known({
        type: choice(SIGHTING_TYPES, raw.type),
        source: text(raw.source),
        seenAt: instant(raw.date_sighting),
      }),
      version: identity === undefined ? undefined : `${identity}:${action}`,
    };
  },
});
