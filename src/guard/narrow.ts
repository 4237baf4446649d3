import type { Reach } from "../model/misp.ts";

/** What widens step by step; a sharing group stands beside it. */
const WIDTHS = ["organisation", "community", "connected", "all"] as const;

/** Whether something that travels as far as `reach` may be kept from somebody whom `other` lets in. */
export function narrows(reach: Reach, other: Reach): boolean {
  const { distribution } = reach;
  if (distribution === undefined || distribution === "inherit") {
    return false;
  }
  if (other.distribution === undefined || other.distribution === "inherit") {
    return true;
  }
  if (distribution !== "sharing_group") {
    // Everybody in a group is reached by what is for a whole community, but not by what is for its owner alone.
    return other.distribution === "sharing_group"
      ? distribution === "organisation"
      : WIDTHS.indexOf(distribution) < WIDTHS.indexOf(other.distribution);
  }
  // The owner may not be in the group.
  return other.distribution !== "sharing_group" || !isSameGroup(reach, other);
}

/** What of these levels is narrower than `than` or not certain to be wider, without what others in it imply. */
export function narrowest(levels: readonly Reach[], than: Reach): readonly Reach[] {
  return levels.reduce<readonly Reach[]>(
    (kept, level) =>
      narrows(level, than) && kept.every((other) => narrows(level, other))
        ? [...kept.filter((other) => narrows(other, level)), level]
        : kept,
    [],
  );
}

/** The level without what is not about how far it travels, and without who is in its sharing group. */
export function reachIn({ distribution, sharingGroup }: Reach): Reach {
  if (distribution !== "sharing_group" || !sharingGroup) {
    return distribution === undefined ? {} : { distribution };
  }
  const { members: _, ...group } = sharingGroup;
  return { distribution, sharingGroup: group };
}

function isSameGroup({ sharingGroup: a }: Reach, { sharingGroup: b }: Reach): boolean {
  if (!a || !b) {
    return false;
  }
  return a.uuid !== undefined && b.uuid !== undefined ? a.uuid === b.uuid : a.id !== undefined && a.id === b.id;
}
