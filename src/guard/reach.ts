import type { EventMemory } from "../model/memory.ts";
import type { Organisation, Reach, SharingGroup } from "../model/misp.ts";
import type { Guard } from "./policy.ts";
import { areMembers, areOf, areRemembered, circleKey } from "./readers.ts";

/** Whether one level of the data may travel to these readers. */
export interface ReachDecision {
  readonly passes: boolean;
  readonly known: boolean;
}

/** What is known beside a level itself. */
export interface Surroundings {
  readonly instance: string;
  /** The organisation that owns the event on this instance. */
  readonly owner: Organisation | undefined;
  /** Who is in its sharing groups, as far as is remembered. */
  readonly circles: EventMemory["circles"];
  /** Groups that passed when it was planned, before memory knew who is in them. */
  readonly cleared: readonly string[];
}

/**
 * Judges one level by its distribution (misp-feed: 0 owner only, 1 to 3 widening communities, 4 a sharing group), for
 * those who read it now. All levels of an attribute are judged alone, and all must pass.
 */
export function passage(reach: Reach, policy: Guard, surroundings: Surroundings): ReachDecision {
  const { distribution, sharingGroup } = reach;
  switch (distribution) {
    case undefined:
      return UNKNOWN;
    case "organisation": {
      const { owner } = surroundings;
      const truth = owner ? areOf(policy.audience, owner) : "unknown";
      return truth === "unknown" ? UNKNOWN : { passes: truth, known: true };
    }
    case "sharing_group":
      return sharingGroup ? passGroup(sharingGroup, policy, surroundings) : UNKNOWN;
    case "inherit":
      return { passes: true, known: true };
    default:
      return { passes: policy.distribution.includes(distribution), known: true };
  }
}

const UNKNOWN: ReachDecision = { passes: false, known: false };

/** All that tells who is in the group has to agree: what a frame says, and what is remembered since. */
function passGroup(group: SharingGroup, { audience, sharing_groups }: Guard, around: Surroundings): ReachDecision {
  if (sharing_groups.some((entry) => names(entry, group, around.instance))) {
    return { passes: true, known: true };
  }
  const key = circleKey(group);
  const truths = [
    ...(group.members ? [areMembers(audience, group.members)] : []),
    ...(key !== undefined && around.circles?.[key] !== undefined ? [areRemembered(audience, around.circles, key)] : []),
  ];
  if (truths.length === 0) {
    const wasCleared = [group.uuid, group.id].some((name) => name !== undefined && around.cleared.includes(name));
    return wasCleared ? { passes: true, known: true } : audience.length > 0 ? UNKNOWN : { passes: false, known: true };
  }
  return { passes: truths.every(Boolean), known: true };
}

/** A number means a group of one instance only; a name is the whole name. */
function names(entry: string, { id, uuid, name }: SharingGroup, instance: string): boolean {
  return (
    (uuid !== undefined && entry.toLowerCase() === uuid) ||
    (id !== undefined && entry === `${instance}:${id}`) ||
    (name !== undefined && entry === name)
  );
}

/** The level without who is in its sharing group, which is for planning only. */
export function withoutMembers<T extends Reach>(level: T): T {
  if (!level.sharingGroup?.members) {
    return level;
  }
  const { members: _, ...sharingGroup } = level.sharingGroup;
  return { ...level, sharingGroup };
}

/** The same for the levels of a part; gives back what has no members, of which there may be a hundred thousand. */
export function withoutMembersOf<T extends { readonly reach: readonly Reach[] }>(part: T): T {
  if (!part.reach.some(({ sharingGroup }) => sharingGroup?.members)) {
    return part;
  }
  return { ...part, reach: part.reach.map(withoutMembers) };
}
