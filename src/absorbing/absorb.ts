import type { Clock } from "../base/clock.ts";
import { Wakeup } from "../base/wakeup.ts";
import type { WrittenPage } from "../model/alert.ts";
import { NO_EFFECTS } from "../model/effects.ts";
import type { Keys, Known, Undecided } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects } from "../model/outbox.ts";
import { type Asked, keysOf, type Plan, plan, type Rules } from "../planning/plan.ts";
import { sift } from "../planning/sift.ts";
import type { Observer } from "./observer.ts";
import type { PlanningStore } from "./planning-store.ts";

/** Wakes loops that sleep: those that deliver, by destination, and those that ask MISP, by instance. */
export interface Wakeups {
  readonly destinations: ReadonlyMap<string, Wakeup>;
  readonly instances: ReadonlyMap<string, { readonly [Loop in "confirm" | "recall" | "reconcile"]: Wakeup }>;
}

/** A wakeup for each destination, and three for each instance that can be asked. */
export function openWakeups(destinations: Iterable<string> = [], instances: Iterable<string> = []): Wakeups {
  return {
    destinations: new Map([...destinations].map((name) => [name, new Wakeup()])),
    instances: new Map(
      [...instances].map((name) => [name, { confirm: new Wakeup(), recall: new Wakeup(), reconcile: new Wakeup() }]),
    ),
  };
}

/** What it takes to plan messages and commit what follows. */
export interface Planner {
  readonly store: PlanningStore;
  readonly rules: Rules;
  /** What operators do not want to be told at that instant; absent: nothing. */
  readonly silences?: (now: number) => NonNullable<Rules["silences"]>;
  readonly clock: Clock;
  readonly wakeups: Wakeups;
  readonly observer: Pick<Observer, "planned">;
  /** Plans messages that stand for giants; absent: they are told without their parts. */
  readonly giants?: GiantPlans;
}

/** Plans, away from the main loop, messages whose parts are kept there. */
export interface GiantPlans {
  /** Undefined: the parts are not there any more. */
  plan(
    message: Message,
    known: Known,
    now: number,
    rules: Rules,
    asked: Asked | undefined,
  ): Promise<GiantPlan | undefined>;
}

/** A plan of which the rows of parts are committed before all else, some at a time: they only say what is stricter or over. */
export interface GiantPlan {
  readonly plan: Plan;
  /** The next of them; undefined: there are no more. `lost`: they are not there any more. */
  next(): Promise<Pick<Effects, "parts" | "forget" | "reborn" | "pages"> | "lost" | undefined>;
  /** All of it is committed. */
  done(): void;
}

/** What is committed with a plan: that something waits no longer, or where the next question begins. */
export type Beside = Partial<Pick<Effects, "cursors" | "confirmed">>;

/**
 * Plans messages upon what is known and commits what follows; again, if memory has moved in between. What MISP is to confirm
 * first waits, unless it is what has waited (`confirmed`), or was asked about. Gives what became of each that does not wait.
 */
export async function absorb(
  messages: readonly Message[],
  planner: Planner,
  asked?: readonly Undecided[],
  beside: Beside = {},
): Promise<Plan["traces"]> {
  const giant = messages.findIndex((message) => message.giant !== undefined);
  if (giant < 0 || messages.length === 1) {
    return await absorbTogether(messages, planner, asked, beside);
  }
  // One that stands for a giant is planned alone. That it waits no longer is committed with the last.
  const early = beside.confirmed ? { confirmed: [] } : {};
  const parts = [messages.slice(0, giant), messages.slice(giant, giant + 1), messages.slice(giant + 1)];
  const [before = [], one = [], after = []] = parts;
  const traces = before.length > 0 ? [...(await absorbTogether(before, planner, undefined, early))] : [];
  traces.push(...(await absorbTogether(one, planner, undefined, after.length > 0 ? early : beside)));
  return after.length > 0 ? [...traces, ...(await absorb(after, planner, undefined, beside))] : traces;
}

async function absorbTogether(
  messages: readonly Message[],
  planner: Planner,
  asked: readonly Undecided[] | undefined,
  beside: Beside,
): Promise<Plan["traces"]> {
  const { store, clock, wakeups, observer } = planner;
  let more: Keys["events"] = [];
  for (;;) {
    const now = clock.now();
    const silences = planner.silences?.(now) ?? [];
    const rules = silences.length > 0 ? { ...planner.rules, silences } : planner.rules;
    const keys = keysOf(messages, rules);
    const known = await store.load({ ...keys, events: [...keys.events, ...more] });
    const sifted = asked || beside.confirmed ? undefined : sift(messages, known, now, rules);
    const planned = sifted?.messages ?? messages;
    const only = asked ?? sifted?.only;
    const [first] = planned;
    const away = first?.giant && (await planner.giants?.plan(first, known, now, rules, only?.[0]));
    if (away) {
      // What is said of the event itself is one row, which may be long: to take it over, to write it, and to read it for those
      // who tell it, have a turn each.
      await nextTurn();
    }
    const decided = away?.plan ?? plan(planned, known, now, rules, only);
    const lacks = decided.lacks?.filter((key) => !more.some((other) => isSameEvent(key, other))) ?? [];
    if (lacks.length > 0) {
      more = [...more, ...lacks];
      continue;
    }
    const rows = away && (await commitRows(away, known, now, planner));
    const effects = { ...decided.effects, ...sifted?.effects, ...beside, ...(rows && rows !== "conflict" && rows) };
    const committed = rows === "conflict" ? rows : await store.commit(effects, now);
    if (committed === "conflict") {
      continue;
    }
    if (away) {
      away.done();
      await nextTurn();
    }
    for (const { destination } of effects.deliveries) {
      wakeups.destinations.get(destination)?.wake();
    }
    // A message that was sent may show what its readers may not see any more.
    for (const destination of committed === "committed" ? [] : committed.recheck) {
      wakeups.destinations.get(destination)?.wake();
    }
    for (const { instance } of effects.undecided) {
      wakeups.instances.get(instance)?.recall.wake();
    }
    for (const { instance } of effects.unconfirmed ?? []) {
      wakeups.instances.get(instance)?.confirm.wake();
    }
    // What only teaches memory is counted when it is told.
    const traces = decided.traces.filter((_, index) => sifted?.only[index] === undefined);
    observer.planned({ ...decided, traces }, asked !== undefined);
    return traces;
  }
}

function isSameEvent(one: Keys["events"][number], other: Keys["events"][number]): boolean {
  return one.instance === other.instance && one.id === other.id && one.uuid === other.uuid;
}

/**
 * Commits the rows of a giant, some in each turn, and gives the pages that are committed with their alert. What a crash leaves
 * of the rows is as strict as before, or as the giant says.
 */
async function commitRows(
  giant: GiantPlan,
  { events: unmoved }: Known,
  now: number,
  { store }: Planner,
): Promise<Pick<Effects, "pages"> | "conflict"> {
  const all: WrittenPage[] = [];
  for (let rows = await giant.next(); rows; rows = await giant.next()) {
    if (rows === "lost") {
      return "conflict";
    }
    const { pages = [], ...parts } = rows;
    all.push(...pages);
    if ((await store.commit({ ...NO_EFFECTS, ...parts, unmoved }, now)) === "conflict") {
      return "conflict";
    }
    await nextTurn();
  }
  return all.length > 0 ? { pages: all } : {};
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
