import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { absorb } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import type { Parts } from "../../src/app.ts";
import type { Clock } from "../../src/base/clock.ts";
import { Config } from "../../src/config/schema.ts";
import { deliver } from "../../src/delivery/deliver.ts";
import { Holds } from "../../src/delivery/holds.ts";
import type { Message } from "../../src/model/message.ts";
import type { Effects, RecordLine } from "../../src/model/outbox.ts";
import type { Outcome, Payload } from "../../src/model/payload.ts";
import type { Plan } from "../../src/planning/plan.ts";
import { openParts } from "../../src/service/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { captureLog } from "../support/captured-log.ts";
import { T0 } from "../support/messages.ts";
import { messageOf, sample } from "../topics/frames.ts";

const BATCH = 512;

/** Messages that come at one moment. */
export interface Arrival {
  readonly at: number;
  readonly messages: readonly Message[];
}

const FEED = { type: "zeromq", endpoints: ["tcp://127.0.0.1:50000"] };

/** The UUID of the event that was pulled as number `n`. */
export function uuidOf(n: number): string {
  return `64860350-278f-4466-87ba-${String(n).padStart(12, "0")}`;
}

/** What MISP publishes of one event that it pulls from a partner: where it comes from, the event, and `told` attributes more. */
export function pulledEvent(
  n: number,
  at: number,
  { level = "3", attributes = 10, told = 0, org = "NORTH-CERT", origin = "pulled" } = {},
): readonly Message[] {
  const uuid = uuidOf(n);
  const { payload: connected } = sample("misp_json_event--add_from_connected_server");
  const { payload: published } = sample("misp_json--sync-pull-from-remote-instance");
  const { payload: added } = sample("misp_json_attribute--add");
  const event = published.Event as Record<string, unknown>;
  const [attribute] = event.Attribute as readonly Record<string, unknown>[];
  const id = String(1000 + n);
  const of = (k: number) => ({
    ...{
      id: String(n * 100 + k),
      event_id: id,
      uuid: `9ceb2980-d7fe-4e94-${String(k).padStart(4, "0")}-${uuid.slice(-12)}`,
    },
    value: `host-${n}-${k}.north.example`,
  });
  const items = Array.from({ length: attributes }, (_, k) => k);
  const whole = {
    ...event,
    ...{
      id,
      uuid,
      timestamp: String(T0 / 1000 - 100),
      info: `Partner report ${n}`,
      threat_level_id: level,
      attribute_count: String(attributes),
    },
    Orgc: { ...(event.Orgc as object), name: org },
    Attribute: items.map((k) => ({ ...attribute, ...of(k) })),
  };
  const { Attribute: _, ...row } = whole;
  return [
    ...(origin === "pulled" ? [messageOf("misp_json_event", { ...connected, Event: uuid }, at)] : []),
    messageOf("misp_json", { Event: whole }, at),
    ...Array.from({ length: told }, (_, k) => attributes + k).map((k) =>
      messageOf(
        "misp_json_attribute",
        {
          ...added,
          Attribute: { ...(added.Attribute as object), ...of(k), timestamp: String(T0 / 1000 - 50), Tag: event.Tag },
          Event: row,
        },
        at,
      ),
    ),
  ];
}

/** A thousand events at `perSecond`, as numbers 0 to 999; the one called `urgent` is of a high threat level. */
export function pull(
  perSecond: number,
  options: {
    readonly events?: number;
    readonly attributes?: number;
    readonly told?: number;
    readonly urgent?: number;
  } = {},
): readonly Arrival[] {
  const { events = 1000, attributes = 10, told = 0, urgent } = options;
  return Array.from({ length: events }, (_, n) => {
    const at = T0 + Math.floor((n * 1000) / perSecond);
    return { at, messages: pulledEvent(n, at, { attributes, told, level: n === urgent ? "1" : "3" }) };
  });
}

export interface Told {
  readonly at: number;
  readonly payload: Payload;
}

/** Time that passes only in sleeps, in which what comes is planned. */
class PlayedClock implements Clock {
  at = T0;
  readonly #arrivals: Arrival[];
  readonly #until: number;
  readonly stop = new AbortController();
  parts: Parts | undefined;

  constructor(arrivals: readonly Arrival[], until: number) {
    this.#arrivals = [...arrivals];
    this.#until = until;
  }

  now = (): number => this.at;
  monotonic = (): number => this.at - T0;
  random = (): number => 0.5;

  /** What comes at one moment is planned in batches, as frames are. */
  #take(at: number): readonly Message[] {
    const messages: Message[] = [];
    while (this.#arrivals[0]?.at === at && messages.length < BATCH) {
      messages.push(...(this.#arrivals.shift()?.messages ?? []));
    }
    return messages;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) {
      return;
    }
    const [next] = this.#arrivals;
    if (next && this.parts && next.at <= Math.min(this.at + ms, this.#until)) {
      this.at = Math.max(this.at, next.at);
      await absorb(this.#take(next.at), this.parts);
      return;
    }
    this.at = Math.min(this.at + ms, this.#until);
    if (this.at === this.#until) {
      this.stop.abort();
    }
  }
}

/** What came of it. */
export interface Played {
  readonly told: readonly Told[];
  /** How many ended so. */
  readonly records: ReadonlyMap<string, number>;
  /** What ended at the destination, one line for each time. */
  readonly ended: readonly RecordLine[];
  readonly planned: readonly Effects[];
  /** How much is owed in the end. */
  readonly owed: number;
}

/**
 * Plays arrivals into a service with one destination, `soc`, and a state file, and tells what was sent there, when. `restarts`:
 * when the process ends and begins again.
 */
export async function play(
  arrivals: readonly Arrival[],
  settings: {
    readonly destination: object;
    readonly routes: readonly object[];
    readonly until: number;
    readonly restarts?: readonly number[];
    /** Called before each attempt. */
    readonly before?: (now: number) => void;
    /** What becomes of an attempt without asking the other side; absent, or undefined: that is asked. */
    readonly answer?: (now: number) => Outcome | undefined;
  },
): Promise<Played> {
  const directory = await mkdtemp(join(tmpdir(), "herald-pull-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const config = Config.parse({
    misp: { cert: { url: "https://misp.example.org", feed: FEED } },
    destinations: { soc: settings.destination },
    routes: settings.routes,
  });
  const told: Told[] = [];
  const records = new Map<string, number>();
  const ended: RecordLine[] = [];
  const planned: Effects[] = [];
  let owed = 0;
  let left = [...arrivals];
  let from = T0;
  for (const until of [...(settings.restarts ?? []), settings.until]) {
    const clock = new PlayedClock(left, until);
    clock.at = from;
    await using store = await openSqliteStore({ path: join(directory, "state.db"), clock });
    const { log } = captureLog();
    const observer = { ...UNOBSERVED, planned: ({ effects }: Plan) => void planned.push(effects) };
    const context = { log, clock, stdout: process.stdout, observer };
    await using parts = openParts(config, context, { store, sources: [], holds: new Holds(store.ledger) });
    clock.parts = parts;
    const [worker] = parts.workers;
    if (!worker) {
      throw new Error("no worker");
    }
    const { destination } = worker;
    const watched = {
      ...worker,
      observer: {
        attempted: () => {},
        settled: (line: RecordLine) => {
          ended.push(line);
          records.set(line.outcome, (records.get(line.outcome) ?? 0) + 1);
        },
      },
      destination: {
        ...destination,
        send: async (payload: Payload, signal: AbortSignal) => {
          settings.before?.(clock.now());
          const outcome = settings.answer?.(clock.now()) ?? (await destination.send(payload, signal));
          if (outcome.kind === "done" || outcome.kind === "unproven") {
            told.push({ at: clock.now(), payload });
          }
          return outcome;
        },
        [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
      },
    };
    await deliver(watched, clock.stop.signal, new AbortController().signal);
    left = left.filter(({ at }) => at > clock.at);
    from = until;
    owed = (await store.owed()).reduce((sum, one) => sum + one.owed, 0);
  }
  return { told, records, ended, planned, owed };
}
