import type { AlertPage } from "../../model/alert.ts";
import type { Ledger } from "../../model/ledger.ts";
import type { AskingState, Cursor, Keys, Known, Memory, Unconfirmed } from "../../model/memory.ts";
import type {
  BatchId,
  Delivery,
  Division,
  Effects,
  RecordLine,
  Settlement,
  Store,
  TakeOptions,
} from "../../model/outbox.ts";
import type { OpenPost, PostEnd } from "../../model/post.ts";
import { ClockWatch, type StoreClock } from "../clock-watch.ts";
import { committedWith } from "../posts.ts";
import { Batches } from "./batches.ts";
import { setAhead, setBack } from "./clock.ts";
import { RememberedEvents } from "./events.ts";
import { MemoryLedger } from "./ledger.ts";
import { OwedParts } from "./parts.ts";
import { MemoryPosts } from "./posts.ts";
import { MemoryReading } from "./reading.ts";
import { Records } from "./record.ts";
import { Reminders } from "./reminders.ts";
import { Tables } from "./rows.ts";
import { MemorySettling } from "./settling.ts";
import { RememberedSightings } from "./sightings.ts";
import { ToldEvents } from "./told.ts";
import { WaitingMessages } from "./undecided.ts";
import { Waiting } from "./waiting.ts";

/** A store that lasts as long as the process, for tests, the demo and dry replays. */
export function openMemoryStore(options: { readonly clock?: StoreClock } = {}): Store & { readonly ledger: Ledger } {
  return new MemoryStore(options.clock);
}

/** Works by looking at everything it has: right for what a demo or a test holds. */
class MemoryStore implements Store {
  readonly #tables = new Tables();
  readonly #memory = new RememberedEvents();
  readonly #sightings = new RememberedSightings();
  readonly #parts = new OwedParts(this.#tables.owed, this.#tables.batches);
  readonly #messages = new WaitingMessages(this.#tables);
  readonly #waiting = new Waiting(this.#tables);
  readonly #record = new Records(this.#tables);
  readonly #told = new ToldEvents(this.#tables, this.#memory);
  readonly #posts = new MemoryPosts(this.#tables, (alert) => this.#memory.of(alert));
  readonly #batches = new Batches(this.#tables, this.#parts);
  readonly #reading: MemoryReading;
  readonly #settling: MemorySettling;
  readonly #clock: StoreClock | undefined;
  readonly #watch: ClockWatch;
  readonly ledger: MemoryLedger = new MemoryLedger({
    tables: this.#tables,
    posts: this.#posts,
    memoryOf: (alert) => this.#memory.of(alert),
    glimpseOf: (alert) => this.#parts.glimpse(alert),
    forget: (owed) => this.#parts.forget(owed),
    toldOf: (entries) => this.#told.of(entries),
    lookAtClock: () => this.#lookAtClock(),
  });

  constructor(clock?: StoreClock) {
    this.#clock = clock;
    this.#watch = new ClockWatch(Number.NEGATIVE_INFINITY, clock);
    const rows = { parts: this.#parts, posts: this.#posts, told: this.#told, waiting: this.#waiting };
    this.#reading = new MemoryReading(this.#tables, { ...rows, memory: this.#memory });
    const reminders = new Reminders(this.#tables, rows);
    this.#settling = new MemorySettling(this.#tables, { ...rows, record: this.#record, reminders });
  }

  async load(keys: Keys): Promise<Known> {
    const { owed, undecided } = this.#tables;
    const known = this.#memory.load(keys, {
      told: this.#told.newest(),
      undecided: [...undecided.values()],
      owed: [...owed.values()].flatMap(({ alert: { instance, event } }) =>
        event?.uuid === undefined ? [] : { instance, eventKey: event.uuid },
      ),
      shown: this.#told.shown(),
    });
    const reached = this.#posts.reached(
      keys.events,
      ({ instance, id, uuid }) =>
        uuid ?? known.aliases.find((alias) => alias.instance === instance && alias.id === id)?.key,
    );
    return {
      ...known,
      ...(reached.length > 0 && { reached }),
      ...this.#messages.load(keys),
      ...this.#sightings.load(keys),
    };
  }

  async commit(effects: Effects, now: number): ReturnType<Store["commit"]> {
    this.#keepTime(now);
    if (!this.#memory.isUnmoved(effects)) {
      return "conflict";
    }
    // All that can throw comes first: a commit is all or nothing.
    const accepted = this.#waiting.accept(effects);
    this.#parts.keep(effects.pages ?? []);
    this.#waiting.apply(accepted, effects, now);
    this.#record.addAll(effects.records);
    this.#messages.apply(effects);
    this.#memory.apply(effects, now);
    this.#sightings.apply(effects, now);
    this.#told.forget(effects.reborn ?? []);
    return committedWith(this.#posts.recheck(effects.recheck ?? [], now));
  }

  async take(destination: string, now: number, options: TakeOptions = {}): ReturnType<Store["take"]> {
    this.#keepTime(now);
    const { taken, dueAt } = this.#batches.take(destination, now, options);
    for (const { id } of taken) {
      this.#posts.rechecks.began(id);
    }
    if (taken.length > 0) {
      return { batches: taken.map((batch) => this.#reading.batch(batch, now, options)) };
    }
    return dueAt === undefined ? undefined : { dueAt };
  }

  async settle(settlements: readonly Settlement[], now: number): Promise<readonly (readonly RecordLine[])[]> {
    return settlements.map((settlement) => this.#settling.settle(settlement, now));
  }

  async takePost(
    destination: string,
    now: number,
    isUrgent: boolean,
  ): Promise<OpenPost | { readonly dueAt: number } | undefined> {
    this.#keepTime(now);
    return this.#posts.take(destination, now, isUrgent);
  }

  async post(id: BatchId): Promise<OpenPost | undefined> {
    return this.#posts.get(id);
  }

  async settlePost(end: PostEnd, now: number): Promise<void> {
    this.#posts.settle(end, now);
  }

  async divide(division: Division, now: number): Promise<void> {
    this.#parts.divide(division, now);
    this.#posts.rechecks.ended(division.batch);
  }

  async page(delivery: Delivery, from: number): Promise<{ page: AlertPage; memory: Memory } | undefined> {
    return this.#reading.page(delivery, from);
  }

  async undecided(instance: string, quietSince: number, except: readonly string[]) {
    this.#lookAtClock();
    return this.#messages.next(instance, quietSince, except);
  }

  async cursor(instance: string): Promise<Cursor | undefined> {
    return this.#messages.cursor(instance);
  }

  async unconfirmed(instance: string, limit: number, except: readonly string[]): Promise<readonly Unconfirmed[]> {
    return this.#messages.unconfirmed(instance, limit, except);
  }

  async asking(instance: string): Promise<AskingState | undefined> {
    return this.#messages.asking(instance);
  }

  async owed(): Promise<readonly { destination: string; owed: number; oldestAt: number }[]> {
    const byDestination = new Map<string, { destination: string; owed: number; oldestAt: number }>();
    for (const { delivery, owedSince } of this.#tables.owed.values()) {
      const { destination } = delivery;
      if (delivery.reminder) {
        continue;
      }
      const found = byDestination.get(destination) ?? { destination, owed: 0, oldestAt: owedSince };
      byDestination.set(destination, {
        destination,
        owed: found.owed + 1,
        oldestAt: Math.min(found.oldestAt, owedSince),
      });
    }
    return [...byDestination.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1));
  }

  async prune(before: number, now: number): Promise<boolean> {
    const alerts = [...this.#tables.owed.values()].map(({ alert }) => alert);
    const isOwed = (instance: string, uuid: string) =>
      alerts.some((alert) => alert.instance === instance && alert.event?.uuid === uuid);
    this.#tables.records = this.#tables.records.filter((record) => record.at >= before);
    this.#told.prune(before, now, isOwed);
    this.#memory.prune(before, alerts);
    this.#sightings.prune(before);
    this.#posts.prune(before, now);
    for (const [id, { until }] of this.#tables.silences) {
      if (until < before) {
        this.#tables.silences.delete(id);
      }
    }
    for (const [name, { at }] of this.#tables.acknowledged) {
      if (at < before) {
        this.#tables.acknowledged.delete(name);
      }
    }
    for (const [name, { dueAt, lastLeftAt }] of this.#tables.groups) {
      if (typeof dueAt !== "number" && typeof lastLeftAt === "number" && lastLeftAt < before) {
        this.#tables.groups.delete(name);
      }
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #lookAtClock(): void {
    if (this.#clock) {
      this.#keepTime(this.#clock.now());
    }
  }

  /** What is owed leaves, and grows old, as by a clock that is never set. */
  #keepTime(told: number): void {
    const { now, back, ahead } = this.#watch.look(told);
    if (back > 0) {
      setBack(this.#tables, back);
      this.#posts.setBack(back);
      this.ledger.setBack(back);
    }
    if (ahead > 0) {
      const later = (at: number) => Math.min(at + ahead, now);
      setAhead(this.#tables, later);
      this.ledger.setAhead(later);
    }
  }
}
