import { formatSpan, OURSELVES } from "../absorbing/herald.ts";
import { formatCount, formatNumber } from "../alert/text.ts";
import { guard } from "../guard/guard.ts";
import type { Alert } from "../model/alert.ts";
import type { Line } from "../model/message.ts";
import type { Batch } from "../model/outbox.ts";
import type { FloodNote } from "../model/pacing.ts";
import type { Entry, Payload } from "../model/payload.ts";
import { BRAKE_ADVICE } from "../routing/brakes.ts";
import { keptEntry } from "./keep.ts";
import { type OpenedBatch, openBatch } from "./payload.ts";
import type { SendContext } from "./show.ts";

/** How many of one sort are named; the others are counted. */
const NAMED = 5;

/** A batch as it leaves now; before a flood's digest stands what it is one of, also where nothing else is left in it. */
export function openNoted(batch: Batch, context: SendContext, now: number): OpenedBatch {
  const opened = openBatch(batch, context, now);
  const note = batch.note?.collects === "flood" ? batch.note.flood : undefined;
  const { payload } = opened;
  // What nobody was told has begun is not told to be over.
  if (!note || (!payload && (note.begins || !note.ends))) {
    return opened;
  }
  const entry = noteOf(note, payload?.entries ?? [], batch, context);
  if (!entry) {
    return opened;
  }
  return {
    ...opened,
    kept: [keptEntry(entry, [], context.guard), ...opened.kept],
    payload: payload
      ? { ...payload, entries: [entry, ...payload.entries] }
      : {
          ...{ batch: batch.id, destination: batch.destination, createdAt: now, tlp: "untagged" },
          ...{ priority: "normal", mentions: [], entries: [entry], show: batch.show, minimal: false },
        },
  };
}

function noteOf(
  note: FloodNote,
  entries: Payload["entries"],
  { id, destination }: Batch,
  { guard: policy, links }: SendContext,
): Entry | undefined {
  const instances = new Set(entries.map(({ guarded }) => guarded.alert.instance));
  const [instance] = instances;
  const base = instances.size === 1 && instance !== undefined ? links.get(instance) : undefined;
  const alert: Alert = {
    id: id as string as Alert["id"],
    kind: "herald.flood",
    instance: OURSELVES,
    receivedAt: note.since,
    subject: { type: "herald", id: destination },
    version: id,
    marking: { tlp: "none", pap: "none", chr: false },
    everPublished: true,
    ...{ items: [], counts: [], objects: [] },
    lines: [...whyLines(note), ...countLines(entries), ...nextLines(note), ...helpLines(note)],
  };
  const verdict = guard(alert, policy, { parts: [] });
  if ("refused" in verdict) {
    return undefined;
  }
  return {
    guarded: verdict.guarded,
    kinds: [{ kind: "herald.flood", n: 1 }],
    routes: [],
    custom: { title: titleOf(note, entries) },
    ...(base && { link: indexOf(base) }),
    deliveries: [],
  };
}

/** Names the gravest, which is the first. */
function titleOf({ ends }: FloodNote, entries: Payload["entries"]): string {
  const [gravest] = entries;
  if (!gravest) {
    return "The flood is over";
  }
  const n = formatCount(entries.length, "alert");
  const { event } = gravest.guarded.alert;
  const name = event?.info ?? (event?.id === undefined ? undefined : `event ${event.id}`);
  const head = ends ? `The flood is over: ${n}` : `Flood: ${n}`;
  return name === undefined || gravest.guarded.form === "pointer" ? head : `${head}, the gravest is ${name}`;
}

function whyLines({ reason, over, withinMs, everyMs, begins, ends, class: of }: FloodNote): readonly Line[] {
  const span = reason === "burst" ? formatSpan(withinMs) : "an hour";
  const limit = formatCount(reason === "burst" ? over : 3 * over, "alert");
  const cause = of.startsWith("cause:") ? of.slice("cause:".length) : undefined;
  const whose = cause === undefined ? "" : ` about events of ${cause} that are pulled or come from a feed`;
  const others =
    cause === undefined ? "all but what is urgent" : "these; alerts about others come one by one as before";
  const folded = of === "high" ? "these urgent ones" : others;
  if (!begins) {
    return [{ label: ends ? "It was" : "Still on", text: `more than ${limit} within ${span}${whose}` }];
  }
  return [
    { label: "Why", text: `more than ${limit} came within ${span}${whose}` },
    {
      label: "What happens",
      text: `one message every ${formatSpan(everyMs)} has ${folded}; nothing is left out of the count`,
    },
  ];
}

/** The advice of `misp-herald check`. */
function helpLines({ begins }: FloodNote): readonly Line[] {
  const text = `${BRAKE_ADVICE}; digest: { cron: … } on a route tells all of it at fixed times`;
  return begins ? [{ label: "What helps", text }] : [];
}

function nextLines({ ends, begins, nextAt, over, everyMs }: FloodNote): readonly Line[] {
  if (ends) {
    return [{ label: "Over", text: `fewer than ${over} came in ${formatSpan(everyMs)}: alerts come one by one again` }];
  }
  const end = begins ? "" : `, and it is over when one has fewer than ${over}`;
  return nextAt === undefined
    ? []
    : [{ label: "Next", text: `in ${formatSpan(everyMs)}, with what comes until then${end}` }];
}

/** From whom, how they came, and what is in them; of what these readers may see. */
function countLines(entries: Payload["entries"]): readonly Line[] {
  const alerts = entries.map(({ guarded }) => guarded.alert);
  const events = alerts.flatMap(({ event }) => event ?? []);
  const types = new Map<string, number>();
  for (const { type, withdrawn, n } of alerts.flatMap(({ counts }) => counts)) {
    if (!withdrawn && type !== "") {
      types.set(type, (types.get(type) ?? 0) + n);
    }
  }
  const lines: readonly (readonly [label: string, text: string | undefined])[] = [
    ["Organisations", named(countOf(events.flatMap(({ org }) => org?.name ?? [])))],
    ["Origins", named(countOf(events.flatMap(({ origin }) => origin ?? [])))],
    ["Attributes", named(types)],
    ["Tags", named(countOf(events.flatMap(({ tags }) => (tags ?? []).map(({ name }) => name))))],
  ];
  return lines.flatMap(([label, text]): readonly Line[] => (text === undefined ? [] : [{ label, text }]));
}

function countOf(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function named(counts: ReadonlyMap<string, number>): string | undefined {
  const all = [...counts].sort(([, a], [, b]) => b - a);
  const shown = all.slice(0, NAMED).map(([name, n]) => `${name} ${formatNumber(n)}`);
  const rest = all.length > NAMED ? [`+${formatNumber(all.length - NAMED)} more`] : [];
  return shown.length > 0 ? [...shown, ...rest].join(" · ") : undefined;
}

/** The list of events in MISP. */
function indexOf(base: URL): URL {
  const path = base.pathname.endsWith("/") ? base.pathname : `${base.pathname}/`;
  return new URL(`${path}events/index`, base);
}
