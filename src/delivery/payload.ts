import { guardWithdrawal, withPartsTakenBack } from "../guard/again.ts";
import { shortName, unpackParts } from "../guard/fingerprint.ts";
import { guard, type Refusal } from "../guard/guard.ts";
import { merge } from "../guard/merge.ts";
import type { Guard } from "../guard/policy.ts";
import { shareSecrecy } from "../guard/source.ts";
import { remainder, tellsTakingBack } from "../guard/withdrawn.ts";
import type { Alert, Item } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Batch, Delivery, DeliveryId, Group, RecordLine, Settlement } from "../model/outbox.ts";
import type { Entry, GuardedAlert, Payload } from "../model/payload.ts";
import type { EventName, KeptEntry, WithdrawalReason } from "../model/post.ts";
import { recordOf } from "../model/record.ts";
import { mutedBy, silenceGroup } from "../model/silence.ts";
import type { ToldParts } from "../model/told.ts";
import { type Kind, THREAT_LEVELS, TLP } from "../model/vocabulary.ts";
import { matchableOfStored } from "../routing/facts.ts";
import { type CompiledSilence, type Muted, mute, silencesOn } from "../routing/silence.ts";
import { stillOwed, tellOnly, withOwnMarks } from "./evidence.ts";
import { keptEntry } from "./keep.ts";
import { withoutNeverTold } from "./never-told.ts";
import { linkOf, type SendContext, show } from "./show.ts";
import { missingOf, withSlice } from "./slice.ts";
import { compare, type Folded, type Leaving, toldBy } from "./told.ts";

/** What may still leave of a batch; what the guard refuses now that it knows more, and what MISP has taken back. */
export interface OpenedBatch {
  readonly payload?: Payload;
  readonly leaving: readonly { readonly delivery: Delivery; readonly guarded: GuardedAlert }[];
  readonly refused: readonly RecordLine[];
  /** What waits until a silence has ended. */
  readonly held: NonNullable<Settlement["regrouped"]>;
  /** What the destination knows of events once the payload has left. */
  readonly told: readonly ToldParts[];
  /** What the payload shows, to be guarded and shown again, in the order of its entries. */
  readonly kept: readonly KeptEntry[];
  /** Of a slice: short names of what is not in the payload. */
  readonly missing?: readonly string[];
}

/** Guards a batch with the memory of this moment and folds what is about one event into one entry. */
export function openBatch(batch: Batch, context: SendContext, now: number): OpenedBatch {
  const { guard: policy, links, silences, program = false } = context;
  const leaving: Guarded[] = [];
  const refused: RecordLine[] = [];
  const held: { delivery: DeliveryId; group: Group }[] = [];
  // What has left in part is not silenced any more.
  const inForce = batch.slice ? [] : (silences?.(now) ?? []);
  for (const entry of batch.entries) {
    const { delivery, alert } = entry;
    const found = look(batch.slice ? withSlice(entry, batch.slice) : withMarks(entry), policy, now, batch, program);
    if ("refused" in found) {
      refused.push(found.refused);
      continue;
    }
    const { silence, routes: audible } = silenced(found.delivery, alert, inForce, now);
    if (silence?.afterwards === "nothing") {
      refused.push(recordOf(delivery, now, mutedBy(silence)));
    } else if (silence) {
      held.push({ delivery: delivery.id, group: silenceGroup(silence, now) });
    } else {
      leaving.push({ ...found, delivery: tellOnly(found.delivery, audible) });
    }
  }
  const missing = batch.slice && missingOf(batch, leaving);
  if (leaving.length === 0) {
    return { leaving, refused, held, told: [], kept: [], ...(missing && { missing }) };
  }
  const found = fold(leaving, links, batch, policy);
  const all = found.filter(({ isNeedless }) => !isNeedless);
  const needless = new Set(found.filter(({ isNeedless }) => isNeedless).flatMap(({ entry }) => entry.deliveries));
  if (needless.size > 0) {
    // Whoever was not told of it hears nothing.
    const quiet = leaving.filter(({ delivery }) => needless.has(delivery.id)).map(({ delivery }) => delivery);
    refused.push(...quiet.map((delivery) => recordOf(delivery, now, { outcome: "withdrawn", reason: NOT_TOLD })));
    leaving.splice(0, leaving.length, ...leaving.filter(({ delivery }) => !needless.has(delivery.id)));
    if (leaving.length === 0) {
      return { leaving, refused, held, told: [], kept: [], ...(missing && { missing }) };
    }
  }
  // What is told in parts is known with the last of them.
  const isKnown = !batch.slice || (batch.slice.last && !batch.slice.last.told);
  // A reminder tells nothing that was not known.
  const news = all.filter(({ entry }) => !entry.reminder);
  const told = isKnown ? news.flatMap((one) => toldBy(one.folded, batch.destination, now, program) ?? []) : [];
  const kept = all.map(({ entry, folded: { members } }) => keptEntry(entry, members, policy));
  const payload = show(
    all.map(({ entry }) => entry),
    {
      batch: batch.id,
      destination: batch.destination,
      // The same at every attempt: whoever gets it twice can tell that it is one.
      createdAt: Math.min(...leaving.map(({ delivery }) => delivery.createdAt)),
      priority: leaving.some(({ delivery }) => delivery.priority === "high") ? "high" : "normal",
      mentions: [...new Set(leaving.flatMap(({ delivery }) => delivery.mentions))],
      show: batch.show,
      ...(batch.part && { part: batch.part }),
    },
    context,
  );
  return { payload, leaving, refused, held, told, kept, ...(missing && { missing }) };
}

/** Why a withdrawal is told to nobody: nothing of it was told before. */
const NOT_TOLD = "not-told";

/** A silence counts also for what was owed before it began. */
function silenced(
  { kind, destination, routes }: Delivery,
  alert: Alert,
  inForce: readonly CompiledSilence[],
  now: number,
): Muted {
  if (inForce.length === 0) {
    return { routes };
  }
  return mute(silencesOn(inForce, matchableOfStored(alert, now)), { kind, destination, routes });
}

type BatchEntry = Batch["entries"][number];

/** What of one delivery may leave now, or why nothing may. */
function look(
  { delivery, alert, memory }: BatchEntry,
  policy: Guard,
  now: number,
  { follows, told = [], slice }: Pick<Batch, "follows" | "told" | "slice">,
  isProgram: boolean,
): Guarded | { readonly refused: RecordLine } {
  const refuse = (reason: Refusal) => ({ refused: recordOf(delivery, now, { outcome: "refused", reason }) });
  const { withdraws, routes } = delivery;
  if (withdraws !== undefined && withdraws !== "parts") {
    const isTold = follows?.some((event) => isAbout(event, delivery));
    if (!isTold && routes.length === 0) {
      return { refused: recordOf(delivery, now, { outcome: "withdrawn", reason: NOT_TOLD }) };
    }
    const known = told.find(({ parts }) => isAbout(parts, delivery));
    // Cut, the parts are in the slices.
    const taken = slice ? alert.items : isProgram ? (known?.parts.named ?? []) : [];
    const around = { ...memory, parts: [...memory.parts, ...(known?.rows ?? [])] };
    const guarded =
      taken.length > 0 ? withPartsTakenBack(alert, taken, policy, around) : guardWithdrawal(alert, policy, memory);
    return { delivery, alert, memory, guarded, withdrawn: withdraws };
  }
  const left = remainder(alert, memory);
  if ("takenBack" in left) {
    return { refused: recordOf(delivery, now, { outcome: "withdrawn", reason: left.takenBack }) };
  }
  const verdict = guard(left, policy, memory, delivery.cleared);
  if ("refused" in verdict) {
    return refuse(verdict.refused);
  }
  const owed = stillOwed(delivery, alert, verdict.guarded, policy, memory);
  const gone = goneOf(alert, left, policy, memory, delivery.cleared);
  if (!owed) {
    return refuse("match-not-visible");
  }
  const { guarded, eventMarking } = verdict;
  return { delivery: owed, alert: left, memory, guarded, gone, ...(eventMarking && { eventMarking }) };
}

/** What is gone of what the readers would have been told as it was planned: what tells of a deletion may leave out labels. */
function goneOf(
  alert: Alert,
  left: Alert,
  policy: Guard,
  memory: Memory,
  cleared: Delivery["cleared"],
): readonly Item[] {
  if (left === alert) {
    return [];
  }
  const planned = guard(alert, policy, { ...memory, parts: [] }, cleared);
  const there = new Set(left.items);
  return "guarded" in planned ? planned.kept.items.filter((item) => !there.has(item)) : [];
}

function isAbout(event: EventName, { instance, eventUuid }: Delivery): boolean {
  return event.instance === instance && event.eventUuid === eventUuid;
}

function withMarks({ delivery, alert, memory }: BatchEntry): BatchEntry {
  return { delivery, alert: withOwnMarks(alert, delivery.evidence), memory };
}

interface Guarded extends Leaving {
  readonly memory: Memory;
  readonly withdrawn?: WithdrawalReason;
  readonly eventMarking?: NonNullable<Entry["eventMarking"]>;
}

function fold(
  leaving: readonly Guarded[],
  links: ReadonlyMap<string, URL>,
  batch: Batch,
  policy: Guard,
): readonly FoldedEntry[] {
  const events = groupBy(leaving, ({ guarded: { alert }, withdrawn }) => {
    const about = alert.event?.uuid ?? alert.event?.id;
    return JSON.stringify(about === undefined ? [alert.id] : [alert.instance, about, withdrawn]);
  });
  const entries = events.flatMap((about) => {
    const forms = groupBy(about, ({ guarded }) => guarded.form).map((members) => {
      const [first, ...rest] = members.map(({ guarded }) => guarded);
      if (!first) {
        throw new Error("A group of deliveries is never empty");
      }
      const merged = withTold(merge([first, ...rest]), members, batch, policy);
      // How a part compares was found out when it was cut.
      if (batch.slice) {
        return { members, folded: merged, neverTold: 0, guarded: merged.guarded, ...comparedOf(batch.slice) };
      }
      if (remindOf(members)) {
        return { members, folded: merged, neverTold: 0, guarded: merged.guarded };
      }
      const { neverTold, ...left } = withoutNeverTold(merged);
      const folded = { ...merged, ...left };
      return { members, folded, neverTold, ...compare(folded) };
    });
    // What is named as taken back may be what asks for secrecy.
    const secret = shareSecrecy(forms.map(({ guarded }) => guarded));
    return forms.map((form, index) => entryOf({ ...form, guarded: secret[index] ?? form.guarded }, links));
  });
  const gravity = ({ entry: { guarded } }: (typeof entries)[number]) =>
    THREAT_LEVELS.indexOf(guarded.alert.event?.threatLevel ?? "undefined");
  return entries.sort((a, b) => gravity(a) - gravity(b));
}

interface FoldedEntry {
  readonly entry: Entry;
  readonly folded: Folded;
  /** It takes back parts of which its readers were not told. */
  readonly isNeedless: boolean;
}

/** Whether all that it tells is that parts are taken back, none of which its readers were told. */
function isNeedless({ members, told }: Folded, { alert }: GuardedAlert): boolean {
  if (!members.every(({ delivery }) => delivery.withdraws === "parts")) {
    return false;
  }
  const before = told ? unpackParts(told.parts) : new Map<string, number>();
  return !alert.items.some((item) => item.withdrawn && before.has(shortName(item) ?? ""));
}

function entryOf(
  {
    members,
    folded,
    guarded,
    compared,
    neverTold,
  }: { readonly members: readonly Guarded[]; readonly folded: Folded; readonly neverTold: number } & ReturnType<
    typeof compare
  >,
  links: ReadonlyMap<string, URL>,
): FoldedEntry {
  const newest = members.reduce((a, b) => (b.guarded.alert.receivedAt >= a.guarded.alert.receivedAt ? b : a));
  // The page of an event that was deleted is gone.
  const { withdrawn } = newest;
  const isGone = newest.delivery.kind === "event.deleted" || (withdrawn !== undefined && guarded.form === "pointer");
  const link = isGone ? undefined : linkOf(guarded, links);
  const reminder = remindOf(members);
  const entry: Entry = {
    guarded,
    ...eventMarkingOf(members),
    kinds: countKinds(members.map(({ delivery }) => delivery.kind)),
    ...restoredOf(members),
    routes: [...new Set(members.flatMap(({ delivery }) => delivery.routes))],
    ...sinceOf(members.map(({ delivery }) => delivery)),
    ...(compared && { compared }),
    ...(neverTold > 0 && { neverTold }),
    ...(reminder && { reminder }),
    ...(withdrawn && { withdrawn }),
    ...(link && { link }),
    deliveries: members.map(({ delivery }) => delivery.id),
  };
  return { entry, folded: { ...folded, guarded }, isNeedless: isNeedless(folded, guarded) };
}

/** What brings parts back that are there in the end, and the deletions before it. */
function restoredOf(members: readonly Guarded[]): Pick<Entry, "restored"> {
  if (!members.some(({ alert }) => alert.restored)) {
    return {};
  }
  const parts = new Map<string, { readonly deletions: Kind[]; readonly restores: Kind[] }>();
  // Much comes within one millisecond: then it is as it was planned.
  for (const { alert, delivery } of [...members].sort((a, b) => a.alert.receivedAt - b.alert.receivedAt)) {
    const { type, uuid, id = "" } = alert.subject;
    const name = `${type} ${uuid ?? id}`;
    const part = parts.get(name) ?? { deletions: [], restores: [] };
    parts.set(name, part);
    if (tellsTakingBack(delivery.kind)) {
      part.deletions.push(delivery.kind);
      part.restores.length = 0;
    } else if (alert.restored) {
      part.restores.push(delivery.kind);
    }
  }
  const back = [...parts.values()].filter(({ restores }) => restores.length > 0);
  const restored = countKinds(back.flatMap(({ deletions, restores }) => [...restores, ...deletions]));
  return restored.length > 0 ? { restored } : {};
}

/** The strictest of how its members mark their event; nothing where one of them does not say. */
function eventMarkingOf(members: readonly Guarded[]): Pick<Entry, "eventMarking"> {
  const all = members.map(({ eventMarking }) => eventMarking);
  const known = all.filter((one) => one !== undefined);
  if (known.length === 0 || known.length < all.length) {
    return {};
  }
  const tlp = TLP.findLast((label) => known.some((one) => one.tlp === label)) ?? "untagged";
  const floor = TLP.findLast((label) => known.some((one) => one.floor === label));
  return { eventMarking: { tlp, ...(floor !== undefined && { floor }) } };
}

/** What an entry reminds of; undefined: something in it is news. */
function remindOf(members: readonly Guarded[]): Entry["reminder"] {
  const reminders = members.flatMap(({ delivery: { reminder } }) => reminder ?? []);
  return reminders.length < members.length ? undefined : reminders.reduce((a, b) => (b.n > a.n ? b : a));
}

function comparedOf({ compared }: NonNullable<Batch["slice"]>): Pick<Entry, "compared"> {
  return compared ? { compared } : {};
}

/** What the readers were told of the event, and what they may still see of it. */
function withTold(guarded: GuardedAlert, members: readonly Guarded[], batch: Batch, policy: Guard): Folded {
  const { instance, event } = guarded.alert;
  const known = batch.told?.find(({ parts }) => parts.instance === instance && parts.eventUuid === event?.uuid);
  const [first] = members;
  const visible = (items: readonly Item[]) => {
    if (!first || items.length === 0) {
      return undefined;
    }
    const { alert, delivery, memory } = first;
    const subject = { ...alert.subject, type: "event" as const };
    const parts = [...memory.parts, ...(known?.rows ?? [])];
    const asked = { ...alert, subject, items, counts: [], objects: [] };
    const verdict = guard(asked, policy, { ...memory, parts }, delivery.cleared);
    return "guarded" in verdict && verdict.guarded.form === "full" ? verdict.guarded : undefined;
  };
  return { guarded, members, told: known?.parts, visible };
}

function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group) {
      group.push(one);
    } else {
      groups.set(keyOf(one), [one]);
    }
  }
  return [...groups.values()];
}

/** Several versions in one payload: what is newer than the oldest of the versions that were told. */
function sinceOf(deliveries: readonly Delivery[]): Pick<Entry, "since" | "changes"> {
  const publications = deliveries.filter(({ kind }) => kind === "event.published");
  const told = publications.map(({ since }) => since);
  const known = told.filter((since) => since !== undefined);
  if (told.length === 0 || known.length < told.length) {
    return {};
  }
  const changes = publications.map((delivery) => delivery.changes).filter((change) => change !== undefined);
  return {
    since: Math.min(...known),
    ...(changes.length === told.length && {
      changes: {
        title: changes.some(({ title }) => title),
        threatLevel: changes.some(({ threatLevel }) => threatLevel),
        tagsAdded: [...new Set(changes.flatMap(({ tagsAdded }) => tagsAdded))],
        tagsRemoved: changes.reduce((sum, { tagsRemoved }) => sum + tagsRemoved, 0),
      },
    }),
  };
}

function countKinds<T>(values: readonly T[]): readonly { readonly kind: T; readonly n: number }[] {
  const counts = new Map<T, number>();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].map(([kind, n]) => ({ kind, n }));
}
