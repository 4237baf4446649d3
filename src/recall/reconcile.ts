import { absorb, type Desk } from "../absorb.ts";
import type { Bell } from "../delivery/bell.ts";
import { REPORT_IT } from "../errors.ts";
import type { Log } from "../log.ts";
import type { EventView } from "../misp.ts";
import type { Message } from "../model.ts";
import { lateKey } from "../planning/plan.ts";
import { type Beat, unheard } from "../pulse.ts";
import { type Answer, ASK_MS } from "./recall.ts";

/** One page of what MISP published, oldest first; instants by MISP's clock. */
export type Published =
  | {
      readonly kind: "page";
      readonly events: readonly { readonly event: EventView; readonly publishedAt: number }[];
      readonly more: boolean;
      /** MISP's clock when it answered. */
      readonly servedAt?: number;
    }
  | { readonly kind: "retry" | "forbidden" | "not-found"; readonly reason: string; readonly hint?: string };

/** What one reconcile loop works with. */
export interface ReconcileLane {
  readonly instance: string;
  /** Learns what is worth knowing before the first question, once; does nothing when that is known. */
  learn?(signal: AbortSignal): Promise<void>;
  /** Asks what was published since then, metadata only; pages count from 1. */
  published(since: number, page: number, signal: AbortSignal): Promise<Published>;
  ask(event: string, signal: AbortSignal): Promise<Answer>;
  readonly everyMs: number;
  /** What was published before that is told no more. */
  readonly maxAgeMs: number;
  /** Rings after a reconnect and after dropped frames. */
  readonly bell: Bell;
  readonly log: Log;
  /** Told at the end of each round that MISP has answered how many publications the feed had not told since then. */
  readonly done?: (late: number, since: number) => void;
}

/** MISP stores when it published before it has published, and clocks drift. */
const OVERLAP_MS = 600_000;
/** What is younger the feed may still tell. */
const FEED_FIRST_MS = 60_000;
/** A feed that drops without end must not make us ask without end. */
const APART_MS = 10_000;
/** More late publications than this are told together. */
const SINGLE_AT_MOST = 5;
const MAX_PAGES = 1_000;

/** Finds publications that the feed did not tell, at start, when the bell rings, and regularly; ends when `stop` aborts. */
export async function reconcile(
  lane: ReconcileLane,
  desk: Desk,
  stop: AbortSignal,
  beat: Beat = unheard,
): Promise<void> {
  stop.addEventListener("abort", () => lane.bell.ring(), { once: true });
  // What a gap has swallowed is left to the feed at first: it is looked for once more when that time is over.
  let againAt = Number.POSITIVE_INFINITY;
  while (!stop.aborted) {
    const rung = lane.bell.next();
    try {
      beat(ASK_MS);
      await lane.learn?.(stop);
      await round(lane, desk, stop, beat);
      if (!stop.aborted) await complete(lane, desk);
    } catch (error) {
      if (stop.aborted) return;
      lane.log.error(
        { err: error, instance: lane.instance, hint: REPORT_IT },
        "Asking MISP what it published failed by a bug",
      );
    }
    const { clock } = desk;
    const until = Math.min(clock.now() + lane.everyMs, againAt);
    beat(lane.everyMs + APART_MS);
    await clock.sleep(APART_MS, stop);
    await clock.sleep(Math.min(Math.max(0, until - clock.now()), lane.everyMs), rung);
    if (clock.now() >= againAt) againAt = Number.POSITIVE_INFINITY;
    if (!rung.aborted) continue;
    lane.bell.next(); // it has been heard
    againAt = clock.now() + FEED_FIRST_MS + APART_MS;
  }
}

/** What was fetched leaves now, also when MISP has stopped answering in the middle of it. */
async function complete({ instance }: ReconcileLane, { store, clock, rules, bells }: Desk): Promise<void> {
  await store.commit(
    {
      events: [],
      attributes: [],
      forget: [],
      alerts: [],
      deliveries: [],
      records: [],
      undecided: [],
      decided: [],
      cursors: [],
      complete: [lateKey(instance)],
    },
    clock.now(),
  );
  for (const destination of rules.destinations.keys()) bells.get(destination)?.ring();
}

async function round(lane: ReconcileLane, desk: Desk, stop: AbortSignal, beat: Beat): Promise<void> {
  beat(ASK_MS);
  const { instance, log } = lane;
  const { store, clock } = desk;
  const now = clock.now();
  const cursor = await store.cursor(instance);
  if (cursor === undefined) {
    // The first start tells nothing of the past; the cursor goes by MISP's clock.
    const answer = await lane.published(now, 1, stop);
    if (answer.kind !== "page") return warn(lane, answer, "MISP does not say what it published");
    await absorb([], desk, undefined, [{ instance, publishedAt: answer.servedAt ?? now }]);
    lane.done?.(0, now);
    return;
  }
  const missed = await findMissed(lane, desk, cursor, now, stop, beat);
  if (!missed) return;
  if (missed.events.length > 0)
    log.info({ instance, late: missed.events.length }, "The feed did not tell of publications; fetching them");
  const style = missed.events.length > SINGLE_AT_MOST ? "digest" : "single";
  for (const [index, { event, publishedAt }] of missed.events.entries()) {
    if (stop.aborted) return;
    const about = event.uuid ?? event.id;
    if (about === undefined) continue;
    beat(ASK_MS);
    const answer = await lane.ask(about, stop);
    if (answer.kind === "retry" || (answer.kind === "refused" && answer.reason === "event-forbidden")) {
      // A refusal is about the key, never about one event: what is left must not be passed over.
      const left = missed.events.length - index;
      return warn(lane, answer, "MISP stopped answering; late publications are asked for again", { left });
    }
    // Neither deleted nor hidden events can be told; the next round does not ask for them again.
    const messages = answer.kind === "event" ? [lateMessage(instance, event, answer, style, clock.now())] : [];
    await absorb(messages, desk, undefined, [{ instance, publishedAt: Math.max(cursor, publishedAt) }]);
    if ((index + 1) % 50 === 0)
      log.info({ instance, done: index + 1, of: missed.events.length }, "Fetching late publications");
  }
  await absorb([], desk, undefined, [{ instance, publishedAt: Math.max(cursor, missed.until) }]);
  if (!stop.aborted) lane.done?.(missed.events.length, cursor);
}

/** What memory has not seen published at that timestamp, oldest first, and how far MISP was asked; undefined: it did not answer. */
async function findMissed(lane: ReconcileLane, desk: Desk, cursor: number, now: number, stop: AbortSignal, beat: Beat) {
  const missed = new Map<string, { event: EventView; publishedAt: number }>();
  let until = 0;
  let since = Math.max(cursor - OVERLAP_MS, now - lane.maxAgeMs);
  let misp: number | undefined;
  let page = 1;
  for (let asked = 0; asked < MAX_PAGES && !stop.aborted; asked += 1) {
    beat(ASK_MS);
    const answer = await lane.published(since, page, stop);
    if (answer.kind !== "page") {
      warn(lane, answer, "MISP does not say what it published");
      return undefined;
    }
    if (misp === undefined) {
      misp = answer.servedAt ?? now;
      // Our clock may be days ahead of MISP's, by which it was published.
      const floor = Math.max(cursor - OVERLAP_MS, misp - lane.maxAgeMs);
      if (floor < since - OVERLAP_MS) {
        since = floor;
        continue;
      }
    }
    const youngest = misp - FEED_FIRST_MS;
    const old = answer.events.filter(({ publishedAt }) => publishedAt <= youngest);
    until = Math.max(until, ...old.map(({ publishedAt }) => publishedAt));
    for (const one of await unseen(lane.instance, old, desk)) missed.set(one.event.uuid ?? one.event.id ?? "", one);
    if (!answer.more) break;
    // Pages shift when something is published meanwhile: go on from the last instant, and turn pages only within it.
    const last = Math.max(since, ...answer.events.map(({ publishedAt }) => publishedAt));
    page = last > since ? 1 : page + 1;
    since = last;
  }
  return { events: [...missed.values()].sort((a, b) => a.publishedAt - b.publishedAt), until };
}

function warn(
  { instance, log }: ReconcileLane,
  { reason, hint }: { readonly reason: string; readonly hint?: string },
  text: string,
  fields: { readonly left?: number } = {},
): void {
  log.warn({ instance, ...fields, reason, hint }, text);
}

async function unseen<T extends { readonly event: EventView }>(
  instance: string,
  events: readonly T[],
  { store }: Desk,
) {
  const known = await store.recall({
    events: events.flatMap(({ event: { id, uuid } }) => [
      { instance, ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) },
    ]),
    attributes: [],
  });
  return events.filter(({ event }) => {
    const rows = known.events.filter((row) => row.event.uuid === event.uuid);
    const seenAt = Math.max(...rows.map(({ publishedAt }) => publishedAt ?? Number.NEGATIVE_INFINITY));
    return seenAt < (event.changedAt ?? Number.POSITIVE_INFINITY);
  });
}

/** The publication as the feed would have told it; an event that was edited since is told as title and link. */
function lateMessage(
  instance: string,
  listed: EventView,
  answer: Extract<Answer, { kind: "event" }>,
  late: NonNullable<Message["late"]>,
  now: number,
): Message {
  const isSame = answer.event.changedAt === listed.changedAt;
  const { uuid, id, changedAt } = listed;
  return {
    kind: "event.published",
    instance,
    topic: "rest",
    receivedAt: now,
    subject: { type: "event", ...(uuid !== undefined && { uuid }), ...(id !== undefined && { id }) },
    version: String(Math.floor((changedAt ?? 0) / 1000)),
    event: isSame ? answer.event : { ...answer.event, ...(changedAt !== undefined && { changedAt }) },
    attributes: isSame ? answer.attributes : [],
    objects: isSame ? answer.objects : [],
    late,
    lines: [],
  };
}
