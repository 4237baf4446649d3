import type { Organisation, Reach, SharingGroup } from "../model/misp.ts";
import type { Guard } from "./policy.ts";

/** Whether one level of the data may travel to these readers; `cleared` names the sharing group that lets it. */
export type Passage = { readonly passes: boolean; readonly known: boolean; readonly cleared?: string };

/** What names a sharing group on one instance. */
export function sharingGroupKey(group: SharingGroup): string | undefined {
  return group.uuid ?? group.id;
}

/**
 * Judges one level by its distribution (misp-feed: 0 owner only, 1 to 3 widening communities, 4 a sharing group). All
 * levels of an attribute are judged alone, and all must pass. `cleared` are groups that passed when it was planned, by
 * members that are not stored.
 */
export function passage(
  reach: Reach,
  owner: Organisation | undefined,
  policy: Guard,
  cleared: ReadonlySet<string>,
): Passage {
  const { distribution, sharingGroup } = reach;
  switch (distribution) {
    case undefined:
      return { passes: false, known: false };
    case "organisation":
      return { passes: isIn(policy.audience, owner?.name, owner?.uuid), known: owner !== undefined };
    case "sharing_group": {
      if (!sharingGroup) {
        return { passes: false, known: false };
      }
      const key = sharingGroupKey(sharingGroup);
      if (isIn(policy.sharing_groups, sharingGroup.id, sharingGroup.uuid, sharingGroup.name)) {
        return { passes: true, known: true };
      }
      if (key !== undefined && (cleared.has(key) || areMembers(policy.audience, sharingGroup.members))) {
        return { passes: true, known: true, cleared: key };
      }
      return { passes: false, known: true };
    }
    case "inherit":
      return { passes: true, known: true };
    default:
      return { passes: policy.distribution.includes(distribution), known: true };
  }
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

function isIn(names: readonly string[], ...candidates: readonly (string | undefined)[]): boolean {
  return candidates.some((candidate) => candidate !== undefined && names.some((name) => same(name, candidate)));
}

/** Every organisation that reads must be a member; members come with name and UUID, the audience may use either. */
function areMembers(audience: readonly string[], members: SharingGroup["members"]): boolean {
  if (!members || audience.length === 0) {
    return false;
  }
  return audience.every((reader) => members.some(({ name, uuid }) => isIn([reader], name, uuid)));
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
