import type { Alert, Count, Item } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { KeptEntry } from "../model/post.ts";
import { guard, type Refusal } from "./guard.ts";
import type { Guard } from "./policy.ts";
import { reduce } from "./reduce.ts";
import { add, cell, cellOf } from "./tighten.ts";
import { remainder, type TakenBack } from "./withdrawn.ts";

const FORMS: readonly GuardedAlert["form"][] = ["full", "metadata", "pointer"];

/**
 * What readers may still see of what they were shown: no more than that, and what MISP has deleted since is struck. A message
 * is never changed before this has passed.
 */
export function guardAgain(
  kept: KeptEntry,
  policy: Guard,
  memory: Memory,
): { readonly guarded: GuardedAlert } | { readonly refused: Refusal | TakenBack } {
  const left = remainder(kept.alert, memory);
  if ("takenBack" in left) {
    return { refused: left.takenBack };
  }
  const verdict = guard(withDeleted(kept.alert, left), policy, memory, kept.cleared);
  if ("refused" in verdict) {
    return verdict;
  }
  const { guarded } = verdict;
  const form = FORMS.indexOf(kept.form) > FORMS.indexOf(guarded.form) ? kept.form : guarded.form;
  const isSecret = guarded.chr && !kept.chr;
  const sightings = guarded.form === kept.form && !isSecret ? kept.sightings : guarded.sightings;
  // Says less than both, and adds nothing.
  return { guarded: { ...guarded, form, sightings, withheld: kept.withheld + guarded.withheld } as GuardedAlert };
}

/** What may be said of an event that is taken back; where not even its title may be seen any more, which one it is. */
export function guardWithdrawal(alert: Alert, policy: Guard, memory: Memory): GuardedAlert {
  const verdict = guard(alert, policy, memory);
  if ("guarded" in verdict) {
    return verdict.guarded;
  }
  // Marked as strictly as anything that its readers see: the label that it has now is not theirs to know.
  const tlp = policy.pointer_up_to ?? policy.metadata_up_to ?? policy.max_tlp;
  return reduce(alert, "pointer", { tlp, pap: "untagged", chr: false, withheld: 0 });
}

/**
 * What is taken back with an event, for readers who act on each of its parts: of what they were told all that they may still
 * see, and of the rest which it was, by the name that they know it by.
 */
export function withPartsTakenBack(alert: Alert, told: readonly Item[], policy: Guard, memory: Memory): GuardedAlert {
  const items = told.map((item): Item => ({ ...item, withdrawn: "removed" }));
  const guarded = guardWithdrawal({ ...alert, items }, policy, memory);
  const seen = new Map(guarded.alert.items.map((item) => [nameOf(item), item]));
  const all = items.flatMap((item): Item[] => {
    const { uuid, toIds } = item;
    const visible = seen.get(nameOf(item));
    const hidden = uuid === undefined ? [] : [{ uuid, ...(toIds !== undefined && { toIds }), ...NAME_ONLY }];
    return visible ? [visible] : hidden;
  });
  // Adds nothing but names that they have been told.
  return { ...guarded, alert: { ...guarded.alert, items: all } } as GuardedAlert;
}

function nameOf({ uuid, id, type, value }: Item): string {
  return uuid ?? id ?? JSON.stringify([type, value]);
}

const NAME_ONLY = {
  tags: [],
  tagsKnown: false,
  marking: { tlp: "none", pap: "none", chr: false },
  reach: [],
  withdrawn: "removed",
} as const satisfies Partial<Item>;

function withDeleted(alert: Alert, left: Alert): Alert {
  if (left === alert) {
    return alert;
  }
  const there = new Set(left.items);
  const counts = new Map<string, Count>(left.counts.map((count) => [cell(count), count]));
  const items = alert.items.map((item) => {
    if (there.has(item)) {
      return item;
    }
    const gone = { ...item, withdrawn: "deleted" as const };
    add(counts, { ...cellOf(gone), n: 1 });
    return gone;
  });
  return { ...left, items, counts: [...counts.values()] };
}
