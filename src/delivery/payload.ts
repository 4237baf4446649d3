import type { Style } from "../alert/style.ts";
import { guard, type Refusal } from "../guard/guard.ts";
import { merge } from "../guard/merge.ts";
import type { Guard } from "../guard/policy.ts";
import { shareSecrecy } from "../guard/source.ts";
import { remainder } from "../guard/withdrawn.ts";
import type { Alert, Item } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Batch, Delivery, DeliveryId, Group, RecordLine, Settlement } from "../model/outbox.ts";
import type { Entry, GuardedAlert, Payload } from "../model/payload.ts";
import { recordOf } from "../model/record.ts";
import { mutedBy, silenceGroup } from "../model/silence.ts";
import type { ToldParts } from "../model/told.ts";
import { THREAT_LEVELS, TLP } from "../model/vocabulary.ts";
import { describeReason } from "../routing/because.ts";
import { matchableOfGuarded, matchableOfStored } from "../routing/facts.ts";
import type { Routes } from "../routing/route.ts";
import { type CompiledSilence, type Muted, mute, silencesOn } from "../routing/silence.ts";
import { renderTemplate, type Template, type TemplateFailure } from "../template/compile.ts";
import { fillLinks, type LinkTemplate } from "../template/links.ts";
import { stillOwed, tellOnly, withOwnMarks } from "./evidence.ts";
import { withoutNeverTold } from "./never-told.ts";
import { missingOf, withSlice } from "./slice.ts";
import { compare, type Folded, type Leaving, toldBy } from "./told.ts";

/** What the second look at a batch needs to know. */
export interface SendContext {
  readonly guard: Guard;
  /** As they are now, for their templates: what they tell was decided when it was planned. */
  readonly routes: Routes;
  /** The base URL of each instance's web pages. */
  readonly links: ReadonlyMap<string, URL>;
  /** What readers want to have at hand, whatever the route. */
  readonly actions?: readonly LinkTemplate[];
  /** How the destination words its alerts; absent: as they are built in, unless a route says otherwise. */
  readonly wording?: Wording;
  /** What operators do not want to be told at that instant; absent: nothing. */
  readonly silences?: (now: number) => readonly CompiledSilence[];
  /** Its readers are programs. */
  readonly program?: boolean;
}

/** The template of a destination, what its filters need to know, and whom to tell when one fails. */
export interface Wording {
  readonly template?: Template | undefined;
  readonly style: Style;
  readonly failed: (reason: TemplateFailure) => void;
}

/** What may still leave of a batch; what the guard refuses now that it knows more, and what MISP has taken back. */
export interface OpenedBatch {
  readonly payload?: Payload;
  readonly leaving: readonly { readonly delivery: Delivery; readonly guarded: GuardedAlert }[];
  readonly refused: readonly RecordLine[];
  /** What waits until a silence has ended. */
  readonly held: NonNullable<Settlement["regrouped"]>;
  /** What the destination knows of events once the payload has left. */
  readonly told: readonly ToldParts[];
  /** Of a slice: short names of what is not in the payload. */
  readonly missing?: readonly string[];
}

/** Guards a batch with the memory of this moment and folds what is about one event into one entry. */
export function openBatch(batch: Batch, context: SendContext, now: number): OpenedBatch {
  const { guard: policy, routes, links, actions = [], wording, silences, program = false } = context;
  const leaving: Guarded[] = [];
  const refused: RecordLine[] = [];
  const held: { delivery: DeliveryId; group: Group }[] = [];
  // What has left in part is not silenced any more.
  const inForce = batch.slice ? [] : (silences?.(now) ?? []);
  for (const entry of batch.entries) {
    const { delivery, alert } = entry;
    const found = look(batch.slice ? withSlice(entry, batch.slice) : withMarks(entry), policy, now);
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
    return { leaving, refused, held, told: [], ...(missing && { missing }) };
  }
  const all = fold(leaving, links, batch, policy);
  const folded = all.map(({ entry }) => explained(entry, routes, actions));
  // What is told in parts is known with the last of them.
  const isKnown = !batch.slice || (batch.slice.last && !batch.slice.last.told);
  // A reminder tells nothing that was not known.
  const news = all.filter(({ entry }) => !entry.reminder);
  const told = isKnown ? news.flatMap((one) => toldBy(one.folded, batch.destination, now, program) ?? []) : [];
  const entries = wording ? folded.map((entry) => worded(entry, wording, routes, batch.show)) : folded;
  const labels = new Set(entries.map(({ guarded }) => guarded.tlp));
  // Beside one that has a label, an alert without one takes part as what it counts as.
  if (labels.has("untagged") && labels.size > 1 && policy.untagged !== "deny") {
    labels.add(policy.untagged);
  }
  const payload: Payload = {
    batch: batch.id,
    destination: batch.destination,
    // The same at every attempt: whoever gets it twice can tell that it is one.
    createdAt: Math.min(...leaving.map(({ delivery }) => delivery.createdAt)),
    tlp: [...TLP].reverse().find((label) => labels.has(label)) ?? "untagged",
    priority: leaving.some(({ delivery }) => delivery.priority === "high") ? "high" : "normal",
    mentions: [...new Set(leaving.flatMap(({ delivery }) => delivery.mentions))],
    entries,
    show: batch.show,
    ...(program && { whole: true as const }),
    ...(batch.part && { part: batch.part }),
    minimal: false,
  };
  return { payload, leaving, refused, held, told, ...(missing && { missing }) };
}

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
): Guarded | { readonly refused: RecordLine } {
  const refuse = (reason: Refusal) => ({ refused: recordOf(delivery, now, { outcome: "refused", reason }) });
  const left = remainder(alert, memory);
  if ("takenBack" in left) {
    return { refused: recordOf(delivery, now, { outcome: "withdrawn", reason: left.takenBack }) };
  }
  const verdict = guard(left, policy, memory, delivery.cleared);
  if ("refused" in verdict) {
    return refuse(verdict.refused);
  }
  const owed = stillOwed(delivery, alert, verdict.guarded, policy, memory);
  return owed ? { delivery: owed, alert: left, memory, guarded: verdict.guarded } : refuse("match-not-visible");
}

function withMarks({ delivery, alert, memory }: BatchEntry): BatchEntry {
  return { delivery, alert: withOwnMarks(alert, delivery.evidence), memory };
}

interface Guarded extends Leaving {
  readonly memory: Memory;
}

function fold(
  leaving: readonly Guarded[],
  links: ReadonlyMap<string, URL>,
  batch: Batch,
  policy: Guard,
): readonly { readonly entry: Entry; readonly folded: Folded }[] {
  const events = groupBy(leaving, ({ guarded: { alert } }) => {
    const about = alert.event?.uuid ?? alert.event?.id;
    return JSON.stringify(about === undefined ? [alert.id] : [alert.instance, about]);
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
): { readonly entry: Entry; readonly folded: Folded } {
  const newest = members.reduce((a, b) => (b.guarded.alert.receivedAt >= a.guarded.alert.receivedAt ? b : a));
  // The page of an event that was deleted is gone.
  const link = newest.delivery.kind === "event.deleted" ? undefined : linkOf(guarded, links);
  const reminder = remindOf(members);
  const entry: Entry = {
    guarded,
    kinds: countKinds(members.map(({ delivery }) => delivery.kind)),
    routes: [...new Set(members.flatMap(({ delivery }) => delivery.routes))],
    ...sinceOf(members.map(({ delivery }) => delivery)),
    ...(compared && { compared }),
    ...(neverTold > 0 && { neverTold }),
    ...(reminder && { reminder }),
    ...(link && { link }),
    deliveries: members.map(({ delivery }) => delivery.id),
  };
  return { entry, folded: { ...folded, guarded } };
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

/** An entry with why its readers are told, and what its routes and the destination want to have at hand beside it. */
function explained(entry: Entry, routes: Routes, actions: readonly LinkTemplate[]): Entry {
  if (entry.guarded.form === "pointer") {
    return entry;
  }
  const found = entry.routes.flatMap((name) => {
    const kind = entry.kinds.find((count) => routes.get(count.kind)?.named(name));
    return (kind && routes.get(kind.kind)?.named(name)?.options) ?? [];
  });
  const subject = matchableOfGuarded(entry.guarded, entry.guarded.alert.receivedAt);
  const watch = routes.get(entry.guarded.alert.kind)?.watch;
  const because = [...new Set(found.flatMap((options) => describeReason(options, subject, watch)))];
  const links = fillLinks([...found.flatMap((options) => options.links), ...actions], entry.guarded, subject);
  return { ...entry, ...(because.length > 0 && { because }), ...(links.length > 0 && { links }) };
}

/** An entry in the words of the first of its routes that has a template, or else of the destination. */
function worded(entry: Entry, { template: own, style, failed }: Wording, routes: Routes, show: Payload["show"]): Entry {
  const tables = entry.kinds.map(({ kind }) => routes.get(kind));
  const of = entry.routes.flatMap((name) => tables.map((table) => table?.named(name)?.options.template));
  const template = { ...own, ...of.find((candidate) => candidate !== undefined) };
  if (Object.keys(template).length === 0) {
    return entry;
  }
  const rendered = renderTemplate(template, entry, style, show);
  if (!("failed" in rendered)) {
    return { ...entry, custom: rendered };
  }
  failed(rendered.failed);
  return { ...entry, templateFailed: true };
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

/** MISP shows an event under its UUID as well as under its id (`/events/view/…`). */
function linkOf({ alert }: GuardedAlert, links: ReadonlyMap<string, URL>): URL | undefined {
  const base = links.get(alert.instance);
  const about = alert.event?.uuid ?? alert.event?.id;
  if (!base || about === undefined) {
    return undefined;
  }
  const path = base.pathname.endsWith("/") ? base.pathname : `${base.pathname}/`;
  return new URL(`${path}events/view/${encodeURIComponent(about)}`, base);
}
