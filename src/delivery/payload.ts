import type { Style } from "../alert/style.ts";
import { guard, type Refusal } from "../guard/guard.ts";
import { merge } from "../guard/merge.ts";
import type { Guard } from "../guard/policy.ts";
import { shareSecrecy } from "../guard/source.ts";
import type { Batch, Delivery, RecordLine } from "../model/outbox.ts";
import type { Entry, GuardedAlert, Payload } from "../model/payload.ts";
import { recordOf } from "../model/record.ts";
import { THREAT_LEVELS, TLP } from "../model/vocabulary.ts";
import type { Routes } from "../routing/route.ts";
import { renderTemplate, type Template, type TemplateFailure } from "../template/compile.ts";
import { stillOwed, withOwnMarks } from "./evidence.ts";

/** What the second look at a batch needs to know. */
export interface SendContext {
  readonly guard: Guard;
  /** As they are now, for their templates: what they tell was decided when it was planned. */
  readonly routes: Routes;
  /** The base URL of each instance's web pages. */
  readonly links: ReadonlyMap<string, URL>;
  /** How the destination words its alerts; absent: as they are built in, unless a route says otherwise. */
  readonly wording?: Wording;
}

/** The template of a destination, what its filters need to know, and whom to tell when one fails. */
export interface Wording {
  readonly template?: Template | undefined;
  readonly style: Style;
  readonly failed: (reason: TemplateFailure) => void;
}

/** What may still leave of a batch, and what the guard refuses now that it knows more. */
export interface OpenedBatch {
  readonly payload?: Payload;
  readonly leaving: readonly { readonly delivery: Delivery; readonly guarded: GuardedAlert }[];
  readonly refused: readonly RecordLine[];
}

/** Guards a batch with the memory of this moment and folds what is about one event into one entry. */
export function openBatch(
  batch: Batch,
  { guard: policy, routes, links, wording }: SendContext,
  now: number,
): OpenedBatch {
  const leaving: { delivery: Delivery; guarded: GuardedAlert }[] = [];
  const refused: RecordLine[] = [];
  for (const { delivery, alert, memory } of batch.entries) {
    const refuse = (reason: Refusal) => refused.push(recordOf(delivery, now, { outcome: "refused", reason }));
    const verdict = guard(withOwnMarks(alert, delivery.evidence), policy, memory, delivery.cleared);
    if ("refused" in verdict) {
      refuse(verdict.refused);
      continue;
    }
    const owed = stillOwed(delivery, alert, verdict.guarded, policy, memory);
    if (owed) {
      leaving.push({ delivery: owed, guarded: verdict.guarded });
    } else {
      refuse("match-not-visible");
    }
  }
  if (leaving.length === 0) {
    return { leaving, refused };
  }
  const folded = fold(leaving, links);
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
    minimal: false,
  };
  return { payload, leaving, refused };
}

function fold(leaving: OpenedBatch["leaving"], links: ReadonlyMap<string, URL>): readonly Entry[] {
  const events = groupBy(leaving, ({ guarded: { alert } }) => {
    const about = alert.event?.uuid ?? alert.event?.id;
    return JSON.stringify(about === undefined ? [alert.id] : [alert.instance, about]);
  });
  const secret = events.flatMap((members) => {
    const alerts = shareSecrecy(members.map(({ guarded }) => guarded));
    return groupBy(
      alerts.flatMap((guarded, index) => (members[index] ? [{ ...members[index], guarded }] : [])),
      ({ guarded }) => guarded.form,
    );
  });
  const entries = secret.map((members): Entry => {
    const [first, ...rest] = members.map(({ guarded }) => guarded);
    if (!first) {
      throw new Error("A group of deliveries is never empty");
    }
    const guarded = merge([first, ...rest]);
    const newest = members.reduce((a, b) => (b.guarded.alert.receivedAt >= a.guarded.alert.receivedAt ? b : a));
    // The page of an event that was deleted is gone.
    const link = newest.delivery.kind === "event.deleted" ? undefined : linkOf(guarded, links);
    return {
      guarded,
      kinds: countKinds(members.map(({ delivery }) => delivery.kind)),
      routes: [...new Set(members.flatMap(({ delivery }) => delivery.routes))],
      ...sinceOf(members.map(({ delivery }) => delivery)),
      ...(link && { link }),
      deliveries: members.map(({ delivery }) => delivery.id),
    };
  });
  const gravity = ({ guarded }: Entry) => THREAT_LEVELS.indexOf(guarded.alert.event?.threatLevel ?? "undefined");
  return entries.sort((a, b) => gravity(a) - gravity(b));
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
