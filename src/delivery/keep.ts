import { createHash } from "node:crypto";
import { guardAgain, guardWithdrawal } from "../guard/again.ts";
import { strictest } from "../guard/marking.ts";
import type { Guard } from "../guard/policy.ts";
import { tighten } from "../guard/tighten.ts";
import type { Alert, Marking } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Entry, Payload } from "../model/payload.ts";
import type { EventName, KeptEntry, OpenPost, PostContent } from "../model/post.ts";
import { linkOf, type SendContext, show } from "./show.ts";
import type { Leaving } from "./told.ts";

const NONE: Marking = { tlp: "none", pap: "none", chr: false };

/** What is kept of an entry so that it can be guarded and shown again: what its readers see, marked as strictly as all of it. */
export function keptEntry(
  entry: Entry,
  members: readonly (Leaving & { readonly memory?: Memory })[],
  policy: Guard,
): KeptEntry {
  const { guarded, kinds, restored, routes, since, changes, compared, neverTold, reminder, withdrawn, custom } = entry;
  const tight = members.map(({ alert, memory }) => (memory ? tighten(alert, memory, policy.drafts) : alert));
  const cleared = members.flatMap(({ delivery }) => delivery.cleared ?? []);
  const alert: Alert = {
    ...guarded.alert,
    marking: tight.length > 0 ? strictest(...tight.map(({ marking }) => marking)) : NONE,
    everPublished: tight.some(({ everPublished }) => everPublished === true) || (tight[0]?.everPublished ?? true),
  };
  return {
    ...{ alert, form: guarded.form, withheld: guarded.withheld, sightings: guarded.sightings, kinds, routes },
    ...(restored && { restored }),
    ...(guarded.chr && { chr: guarded.chr }),
    ...(since !== undefined && { since }),
    ...(changes && { changes }),
    ...(compared && { compared }),
    ...(neverTold !== undefined && { neverTold }),
    ...(reminder && { reminder }),
    ...(cleared.length > 0 && { cleared }),
    ...(alert.event === undefined && custom && { custom }),
    ...(withdrawn && { withdrawn }),
  };
}

/** What a payload shows, to be kept. */
export function contentOf(
  { createdAt, priority, mentions, show: listed, part }: Payload,
  entries: readonly KeptEntry[],
): PostContent {
  return { createdAt, priority, mentions, show: listed, entries, ...(part && { part }) };
}

/** A message as it would be shown now. */
export interface ShownPost {
  readonly payload: Payload;
  readonly content: PostContent;
  readonly shown: string;
  /** All that it told is taken back. */
  readonly isWithdrawn: boolean;
}

/** What one entry of a message shows now. */
export interface ShownEntry {
  readonly entry: Entry;
  readonly kept: KeptEntry;
}

/**
 * What is in a message, guarded with the memory of this moment; undefined: it cannot be told whether its readers may still see
 * that, so that it is not touched.
 */
export function entriesNow(open: OpenPost, context: SendContext): readonly ShownEntry[] | undefined {
  const all = (open.post.content?.entries ?? []).map((kept, index) => entryNow(kept, open, index, context));
  const known = all.filter((one) => one !== undefined);
  return known.length === all.length ? known : undefined;
}

function entryNow(kept: KeptEntry, open: OpenPost, index: number, context: SendContext): ShownEntry | undefined {
  const { guard: policy, links } = context;
  const memory = open.memories[index] ?? { parts: [] };
  const progress = open.progresses[index];
  const { alert, form: _, withheld: __, sightings: ___, chr: ____, cleared: _____, reminder, ...about } = kept;
  const verdict = kept.withdrawn
    ? { guarded: guardWithdrawal(alert, policy, memory) }
    : guardAgain(kept, policy, memory);
  if ("refused" in verdict) {
    const isAbove = verdict.refused === "tlp-above-ceiling" || verdict.refused === "distribution";
    return isAbove ? entryNow(takenBack(kept), open, index, context) : undefined;
  }
  const { guarded } = verdict;
  const isGone = kept.withdrawn !== undefined && (kept.withdrawn === "deleted" || guarded.form === "pointer");
  const link = isGone || alert.event === undefined ? undefined : linkOf(guarded, links);
  const { marking, everPublished } = alert;
  return {
    entry: {
      ...about,
      guarded,
      deliveries: [],
      ...(link && { link }),
      // Once somebody looks after it, it does not say any more that nobody does.
      ...(reminder && !(progress?.acknowledged && progress.acknowledged.at >= reminder.since) && { reminder }),
      // What has become of an event stands in the message that others are below.
      ...(progress && !kept.withdrawn && !open.post.isReply && { progress }),
    },
    kept: {
      ...kept,
      alert: { ...guarded.alert, marking, everPublished },
      ...{ form: guarded.form, withheld: guarded.withheld, sightings: guarded.sightings },
      ...(guarded.chr && { chr: guarded.chr }),
    },
  };
}

/** What stands in the place of what may not be seen any more. */
function takenBack({ alert, kinds, routes }: KeptEntry): KeptEntry {
  const { id, kind, instance, receivedAt, subject, version, event, marking, everPublished } = alert;
  return {
    alert: {
      ...{ id, kind, instance, receivedAt, subject, version, marking, everPublished },
      ...(event && { event }),
      ...{ items: [], counts: [], objects: [], lines: [] },
    },
    ...{ form: "full", withheld: 0, sightings: [], kinds, routes, withdrawn: "restricted" },
  };
}

/** A message as these entries make it. */
export function showEntries(
  entries: readonly ShownEntry[],
  { post }: Pick<OpenPost, "post">,
  context: SendContext,
): ShownPost | undefined {
  const { content } = post;
  if (!content) {
    return undefined;
  }
  const { entries: _, ...around } = content;
  const shownEntries = entries.map(({ entry }) => entry);
  const payload = show(shownEntries, { ...around, batch: post.id, destination: post.destination }, context);
  return {
    payload,
    content: { ...around, entries: entries.map(({ kept }) => kept) },
    shown: digestOf(shownEntries),
    isWithdrawn: entries.every(({ kept }) => kept.withdrawn !== undefined),
  };
}

/** A digest of what readers see of entries, whatever the words are in which it is told. */
export function digestOf(entries: readonly Entry[]): string {
  const seen = entries.map(({ guarded, progress, withdrawn, reminder }) => {
    const { updates = 0, sightings = 0, updatedAt, acknowledged } = progress ?? {};
    const become = [
      ...(updates + sightings > 0 ? [updates, sightings, updatedAt] : []),
      ...(acknowledged ? [acknowledged] : []),
    ];
    return [guarded, become, withdrawn ?? "", ...(reminder ? [reminder.n] : [])];
  });
  return createHash("sha256").update(JSON.stringify(seen)).digest("base64url").slice(0, 22);
}

/** The events that are told by these entries, each once. */
export function eventsOf(entries: readonly Pick<Entry, "guarded">[]): readonly EventName[] {
  const all = entries.flatMap(({ guarded: { alert } }) =>
    alert.event?.uuid === undefined ? [] : [{ instance: alert.instance, eventUuid: alert.event.uuid }],
  );
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}
