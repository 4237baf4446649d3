import { DecodeError } from "../base/errors.ts";
import type { Kind } from "../model/vocabulary.ts";
import { eventSubject, needEvent, readEventTags, readVersion } from "./nouns.ts";
import { actionOf, defineTopic, kindOf, type TopicContent } from "./topic.ts";
import { id, known, list, need, type Raw, seconds, uuid } from "./values.ts";

const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "event.created"],
  ["edit", "event.edited"],
  ["delete", "event.deleted"],
]);

/** `misp_json_event`: the row of an event was stored or deleted. An unpublished event is an edit here. */
export const event = defineTopic({
  name: "misp_json_event",
  read(body) {
    const { action } = body;
    if (action === "add_from_connected_server" || action === "edit_from_connected_server") {
      return readPulled(body);
    }
    const raw = need(body.Event, "event");
    const kind = kindOf(KINDS, actionOf(body, raw));
    const told = needEvent(raw, body.Orgc);
    // Where no action is told, it may be.
    const isAdded = kind === "event.created" || action === undefined;
    return {
      kind,
      subject: eventSubject(told),
      event: known({
        ...told,
        // An added event is announced before its tags and attributes are stored: the empty list and the zero mean nothing.
        attributeCount: isAdded ? undefined : told.attributeCount,
        tags:
          kind === "event.edited" && !(isAdded && isEmpty(body.EventTag)) ? readEventTags(body.EventTag) : undefined,
      }),
      version: kind === "event.edited" ? seconds(raw.timestamp)?.toString() : readVersion(raw, action),
    };
  },
});

function isEmpty(rows: unknown): boolean {
  return list(rows)?.length === 0;
}

/**
 * Says in addition to the frames of the event itself that it came from another MISP; `Event` is its UUID. Where one event was
 * pulled by its number it is that number, by which the other MISP knows it: here it may be any event's.
 */
function readPulled(body: Raw): TopicContent {
  const pulled = uuid(body.Event);
  if (pulled !== undefined) {
    return { subject: { type: "event", uuid: pulled }, event: { uuid: pulled, origin: "pulled" } };
  }
  if (id(body.Event) === undefined) {
    throw new DecodeError("pulled event is named by neither UUID nor number");
  }
  return { subject: { type: "event" } };
}
