import type { SightedAttribute } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import { isAboutAttribute } from "../model/vocabulary.ts";
import type { WorkingCopy } from "./working-copy.ts";

/** The attribute of which rules may ask how often it was sighted; undefined: the message is not about one, or does not name it. */
export function countedIn({ kind, instance, attributes }: Message): SightedAttribute | undefined {
  const [only, ...others] = attributes;
  const attribute = only?.uuid ?? only?.id;
  if (kind === undefined || !isAboutAttribute(kind) || others.length > 0 || attribute === undefined) {
    return undefined;
  }
  return { instance, attribute };
}

/** Counts a sighting, however often it is told, once, and takes one that MISP has deleted off. */
export function count(message: Message, copy: WorkingCopy): void {
  const { kind, instance, subject, version, sighting, receivedAt } = message;
  const name = subject.uuid ?? subject.id ?? version;
  if (kind === "sighting.deleted") {
    copy.dropSighting({ instance, name });
    return;
  }
  const counted = countedIn(message);
  if (kind === "sighting.added" && counted && sighting?.type) {
    // That of an expiration is still to come; by another clock, so may any be.
    const at = Math.min(sighting.seenAt ?? receivedAt, receivedAt);
    copy.addSighting({ ...counted, name, type: sighting.type, at });
  }
}
