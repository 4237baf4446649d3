import { isMarking, liftedBy } from "../guard/marking.ts";
import { narrows } from "../guard/narrow.ts";
import type { Confirmation, Message } from "../model/message.ts";
import type { Attribute, EventView, Organisation, SharingGroup, Tag } from "../model/misp.ts";
import { arrival } from "./time.ts";

/** What MISP's REST API says of an event of which a publication waits. */
export interface Confirmed {
  /** As it is now, with all its tags; without its parts. */
  readonly event: EventView;
  /** When MISP published it last, by its clock; absent: never. */
  readonly publishedAt?: number;
  /** When it was asked, by ours. */
  readonly askedAt?: number;
  /** The tags that mark attributes, also those that publications leave out, by the attribute's UUID. */
  readonly markings: ReadonlyMap<string, readonly Tag[]>;
}

/** Whether MISP has published what this publication tells. An event that was edited since is not published any more. */
export function confirmationOf(
  { event }: Message,
  answer: Confirmed | undefined,
): Exclude<Confirmation, "unconfirmed"> {
  // Under another number it is an event that was made anew since.
  if (!answer || (event?.id !== undefined && answer.event.id !== undefined && event.id !== answer.event.id)) {
    return "not-found";
  }
  const { event: now, publishedAt } = answer;
  if (now.published) {
    return "confirmed";
  }
  const changedAt = event?.changedAt ?? Number.POSITIVE_INFINITY;
  const isEdited = (now.changedAt ?? 0) > changedAt;
  return isEdited && publishedAt !== undefined && publishedAt >= changedAt ? "confirmed" : "unpublished";
}

/** The publication with what MISP says of it: the tags that the feed leaves out, and whether it is one. */
export function withConfirmation(message: Message, confirmation: Confirmation, answer?: Confirmed): Message {
  if (!answer || confirmation === "not-found") {
    return { ...message, confirmation };
  }
  const { event = {} } = message;
  const { wasPublished } = answer.event;
  const { askedAt } = answer;
  // What somebody has tagged since is not published: of that only what marks counts.
  const isEdited = (answer.event.changedAt ?? 0) > (event.changedAt ?? Number.POSITIVE_INFINITY);
  const tags = answer.event.tags?.filter(({ name }) => !isEdited || isMarking(name));
  // It is as strict as it is told, and as MISP says now. In one second nobody can tell which of them came first.
  const isLater = askedAt !== undefined && arrival(askedAt) > arrival(message.receivedAt);
  const isLifted = liftedBy(tags ?? []);
  const told = event.tags?.filter((tag) => !(isLater && isLifted(tag))) ?? [];
  const isDraft = confirmation === "unpublished";
  const { changedAt } = event;
  const isTakenSince = isDraft && changedAt !== undefined && (answer.publishedAt ?? 0) >= changedAt;
  return {
    ...message,
    confirmation,
    ...(isTakenSince && { announcedAt: changedAt }),
    // Its list of tags is complete; of the attributes only those that carry labels were asked for.
    ...(askedAt !== undefined && answer.event.tags && { askedAt }),
    event: {
      ...withNarrower(event, answer.event),
      ...(tags && { tags: unite(told, tags) }),
      published: !isDraft,
      ...(isDraft && wasPublished && { wasPublished }),
    },
    ...(message.giant && { giant: { ...message.giant, markings: answer.markings } }),
    attributes: withMarkings(message, answer.markings).attributes,
  };
}

/**
 * What was made narrower since it was published counts, also by who is not in the same group any more. Of two groups each
 * may be the narrower one: then memory, which learns what MISP says now, keeps the other in mind.
 */
function withNarrower(event: EventView, now: EventView): EventView {
  const isNarrower = narrows(now, event);
  if (narrows(event, now) || !(isNarrower || now.sharingGroup?.members)) {
    return event;
  }
  const { distribution: _distribution, sharingGroup: told, ...rest } = event;
  const { distribution } = now;
  const sharingGroup = isNarrower ? now.sharingGroup : withFewer(now.sharingGroup, told);
  return { ...rest, ...(distribution && { distribution }), ...(sharingGroup && { sharingGroup }) };
}

/** Who has joined the group since was not meant by what was published before. */
function withFewer(now: SharingGroup | undefined, told: SharingGroup | undefined): SharingGroup | undefined {
  const { members } = told ?? {};
  if (!now?.members || !members) {
    return now;
  }
  const uuids = new Set(members.map(({ uuid }) => uuid));
  const names = new Set(members.map(({ name }) => name));
  const nameless = new Set(members.flatMap(({ uuid, name }) => (uuid === undefined ? [name] : [])));
  // By its name only where one of both has no UUID.
  const stays = ({ uuid, name }: Organisation) =>
    uuid === undefined ? names.has(name) : uuids.has(uuid) || nameless.has(name);
  return { ...now, members: now.members.filter(stays) };
}

/** The message with the tags that MISP says its attributes have. */
export function withMarkings(message: Message, markings: Confirmed["markings"] = new Map()): Message {
  if (markings.size === 0) {
    return message;
  }
  return { ...message, attributes: message.attributes.map((attribute) => marked(attribute, markings)) };
}

function marked(attribute: Attribute, markings: Confirmed["markings"]): Attribute {
  const more = attribute.uuid === undefined ? undefined : markings.get(attribute.uuid);
  return more ? { ...attribute, tags: unite(attribute.tags ?? [], more) } : attribute;
}

function unite(tags: readonly Tag[], more: readonly Tag[]): readonly Tag[] {
  return [...new Map([...tags, ...more].map((tag) => [tag.name, tag])).values()];
}

/** The same without a word that the event was published: something to remember, and not to tell. */
export function unpublished({ kind: _, ...message }: Message): Message {
  const { published: _now, wasPublished: _ever, ...event }: EventView = message.event ?? {};
  return { ...message, event };
}

/**
 * What memory learns of a publication. Of one that MISP does not confirm it learns no publication; of one that MISP does not
 * show it learns no list either: the feed leaves out tags.
 */
export function lessonFrom(message: Message): Message {
  switch (message.confirmation) {
    case "unpublished":
      return unpublished(message);
    case "not-found": {
      const { tags: _, ...event } = unpublished(message).event ?? {};
      return { ...unpublished(message), event, attributes: [], objects: [] };
    }
    default:
      return message;
  }
}
