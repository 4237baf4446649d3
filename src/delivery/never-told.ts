import { shortName, unpackParts } from "../guard/fingerprint.ts";
import { add, cell, cellOf, uncount } from "../guard/tighten.ts";
import { tellsTakingBack } from "../guard/withdrawn.ts";
import type { Count, Item } from "../model/alert.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { Folded, Leaving } from "./told.ts";

/**
 * The alert without attributes that MISP deleted before these readers were told of them, and how many these are. They stay
 * where a route asks for deletions, and where it is not known what the readers were told.
 */
export function withoutNeverTold({ guarded, members, told }: Pick<Folded, "guarded" | "members" | "told">): {
  readonly guarded: GuardedAlert;
  readonly neverTold: number;
} {
  const isAsked = members.some(({ delivery }) => tellsTakingBack(delivery.kind));
  // What came while the first publication waited was planned as an update of it, but leaves with it.
  const isNews = ({ delivery: { kind, since } }: Leaving) => kind === "event.published" && since === undefined;
  const isFirst = !told && (members.some(isNews) || members.every(({ delivery }) => delivery.since === undefined));
  if (guarded.form !== "full" || isAsked || !(isFirst || (told && !told.parts.partial))) {
    return { guarded, neverTold: 0 };
  }
  const before = told ? unpackParts(told.parts) : new Map<string, number>();
  const isNew = (item: Item) => item.withdrawn === "deleted" && !before.has(shortName(item) ?? "");
  const { items, counts } = guarded.alert;
  const gone = items.filter(isNew);
  const left = new Map<string, Count>(counts.map((count) => [cell(count), count]));
  for (const item of gone) {
    uncount(left, cellOf(item));
  }
  // Those that are not in the list are known only by their number; of readers who were told nothing all are new.
  const unlisted = isFirst ? [...left.values()].filter(({ withdrawn }) => withdrawn === "deleted") : [];
  for (const count of unlisted) {
    add(left, { ...count, n: -count.n });
  }
  const listed = new Set(items.flatMap((item) => shortName(item) ?? []));
  const waited = members.flatMap((member) => member.gone ?? []).flatMap((item) => shortName(item) ?? []);
  const lost = new Set(waited.filter((name) => !listed.has(name) && !before.has(name)));
  const neverTold = gone.length + lost.size + unlisted.reduce((sum, { n }) => sum + n, 0);
  if (neverTold === 0) {
    return { guarded, neverTold };
  }
  const alert = {
    ...guarded.alert,
    items: items.filter((item) => !isNew(item)),
    counts: [...left.values()].filter(({ n }) => n > 0),
  };
  // Takes away from what the guard has let through, and adds nothing.
  // What was told, and taken back with its event, is not what nobody was told of.
  return { guarded: { ...guarded, alert } as GuardedAlert, neverTold: told?.withdrawn ? 0 : neverTold };
}
