import { liftedBy } from "../guard/marking.ts";
import { narrowest, reachIn } from "../guard/narrow.ts";
import { isAskedLater } from "../model/asked.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventView, Tag } from "../model/misp.ts";
import { sameTag } from "../model/unite.ts";
import { arrival, believed, heardAt } from "./time.ts";

/** Whether what a frame does not say any more is over: it is newer than all that was held, or MISP was asked since. */
export function loosens(memory: EventMemory, message: Message, changedAt: number, heldAt: number): boolean {
  const { strictAt = 0, event } = memory;
  if (isAskedLater(memory, message)) {
    return true;
  }
  if (event.changedAt === undefined && memory.strictAt === undefined && message.askedAt === undefined) {
    return true;
  }
  return believed(changedAt, heardAt(message)) > Math.max(heldAt, strictAt);
}

/** The event with what a frame says of it; how far it may travel widens only by a frame that is newer. */
export function withReach(
  memory: EventMemory,
  view: EventView,
  { kind, whole }: Message,
  isLoosened: boolean,
  tags: readonly Tag[] | undefined,
): Pick<EventMemory, "event" | "narrowed" | "partsNarrowed"> {
  const said = { ...overlay(memory.event, view), ...(tags && { tags }) };
  const held = reachIn(memory.event);
  const lists = kind === "event.published" || whole === true;
  if (isLoosened && view.distribution !== undefined) {
    const parts = [...(memory.partsNarrowed ? [memory.partsNarrowed] : []), held];
    const [partsNarrowed] = lists ? [] : narrowest(parts, said);
    return { event: said, ...(partsNarrowed && { partsNarrowed }) };
  }
  const narrower = narrowest([held, reachIn(view)], {});
  const [first = held, ...others] = narrower;
  const narrowed = narrowest([...(memory.narrowed ?? []), ...others], first);
  const { distribution: _d, sharingGroup: _s, ...words } = said;
  const group = said.sharingGroup?.id === first.sharingGroup?.id ? said.sharingGroup : first.sharingGroup;
  return {
    event: { ...words, ...first, ...(first.sharingGroup && group && { sharingGroup: group }) },
    ...(narrowed.length > 0 && { narrowed }),
    ...(memory.partsNarrowed && { partsNarrowed: memory.partsNarrowed }),
  };
}

/** A complete list replaces what is older than it, and is united with what is not. */
export function withList(
  memory: EventMemory,
  list: readonly Tag[],
  { kind, askedAt, receivedAt }: Message,
  changedAt: number,
  isLoosened: boolean,
) {
  // A tag that came in the second in which MISP was asked may have been attached after that.
  const since = askedAt === undefined ? believed(changedAt, receivedAt) : arrival(askedAt);
  // What is held beside a newer list, or beside what MISP says, may not make more of it than that says.
  const isNewest = changedAt > (memory.event.changedAt ?? Number.POSITIVE_INFINITY);
  const isLifted = liftedBy(list);
  const attached = memory.attached.filter((tag) =>
    isLoosened
      ? tag.seenAt >= since && !(askedAt !== undefined && isLifted(tag))
      : tag.seenAt >= since || !(isNewest && isLifted(tag)),
  );
  const known = (memory.event.tags ?? []).filter((tag) => !(isNewest && isLifted(tag)));
  // A publication leaves out tags that are not exportable (MISP fetches the event as a sync partner would).
  const isCut = kind === "event.published" && askedAt === undefined;
  const kept = isLoosened ? known.filter((tag) => isCut && tag.exportable === false) : known;
  const hidden = isCut
    ? memory.attached.filter((tag) => tag.exportable === false).map(({ seenAt: _, ...tag }) => tag)
    : [];
  return { tags: unite(list, kept, hidden), attached };
}

/** What is newly said over what was known; a distribution replaces the sharing group that went with the old one. */
export function overlay(known: EventView, said: EventView): EventView {
  const { sharingGroup, ...rest } = known;
  // Only publications tell a group's UUID and name, other frames its id alone.
  const isSame = sharingGroup?.id !== undefined && sharingGroup.id === said.sharingGroup?.id;
  if (isSame) {
    return { ...rest, ...said, sharingGroup: { ...sharingGroup, ...said.sharingGroup } };
  }
  return said.distribution === undefined ? { ...known, ...said } : { ...rest, ...said };
}

/** These tags, each once, as the last list has it. */
export function unite(...lists: readonly (readonly Tag[])[]): readonly Tag[] {
  const byName = new Map<string, Tag>();
  for (const tag of lists.flat()) {
    byName.set(tag.name, sameTag(tag, byName.get(tag.name)));
  }
  return [...byName.values()];
}
