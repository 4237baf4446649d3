import type { Alert, AlertPage } from "../../model/alert.ts";
import type { Ledger } from "../../model/ledger.ts";
import type {
  AskingState,
  Cursor,
  Keys,
  Known,
  Memory,
  Shown,
  Told,
  Unconfirmed,
  Undecided,
} from "../../model/memory.ts";
import type {
  Batch,
  BatchBounds,
  BatchId,
  Delivery,
  DeliveryId,
  Division,
  Effects,
  RecordLine,
  Settlement,
  Store,
  TakeOptions,
} from "../../model/outbox.ts";
import type { BatchNote, Floods, Pacing } from "../../model/pacing.ts";
import type { OpenPost, PostEnd } from "../../model/post.ts";
import type { Acknowledgement } from "../../model/remind.ts";
import type { Silence } from "../../model/silence.ts";
import type { ToldParts } from "../../model/told.ts";
import { leave, NO_FLOODS, setBack } from "../../pacing/flood.ts";
import { floodOfKey, goesFirst, type PlacedDelivery, place } from "../../pacing/place.ts";
import { reminderOfNewer, remindersAfter } from "../../pacing/remind.ts";
import { batchIdOf } from "../batch-id.ts";
import { ClockWatch, type StoreClock } from "../clock-watch.ts";
import { judgedOf, nameOf } from "../names.ts";
import { wasTold } from "../part-ends.ts";
import { addUp, countRefusals, isSameRefusal } from "../refusals.ts";
import { countFitting } from "../schedule.ts";
import { shownByOwed, shownByTold } from "../shown.ts";
import { without } from "../sqlite/undecided.ts";
import { isToldAs, passOn } from "../within.ts";
import { RememberedEvents } from "./events.ts";
import { MemoryLedger } from "./ledger.ts";
import { OwedParts } from "./parts.ts";
import { MemoryPosts } from "./posts.ts";
import type { FormedBatch, OwedDelivery, Touched, WaitingGroup } from "./rows.ts";

/** A store that lasts as long as the process, for tests, the demo and dry replays. */
export function openMemoryStore(options: { readonly clock?: StoreClock } = {}): Store & { readonly ledger: Ledger } {
  return new MemoryStore(options.clock);
}

/** Works by looking at everything it has: right for what a demo or a test holds. */
class MemoryStore implements Store {
  readonly #memory = new RememberedEvents();
  readonly #told = new Map<string, Touched<Versioned>>();
  readonly #toldParts = new Map<string, Touched<{ parts: ToldParts }>>();
  readonly #owed = new Map<string, OwedDelivery>();
  readonly #groups = new Map<string, WaitingGroup>();
  readonly #batches = new Map<string, FormedBatch>();
  readonly #parts = new OwedParts(this.#owed, this.#batches);
  readonly #posts = new MemoryPosts({
    memoryOf: (alert) => this.#memory.of(alert),
    told: this.#told,
    toldParts: this.#toldParts,
  });
  readonly #undecided = new Map<string, Undecided>();
  readonly #cursors = new Map<string, Cursor>();
  readonly #asking = new Map<string, AskingState>();
  readonly #unconfirmed = new Map<string, Unconfirmed>();
  readonly #tagged = new Set<string>();
  readonly #floods = new Map<string, Floods>();
  readonly #silences = new Map<string, Silence & { muted: number }>();
  readonly #acknowledged = new Map<string, Acknowledgement>();
  #records: RecordLine[] = [];
  #seq = 0;
  readonly #clock: StoreClock | undefined;
  readonly #watch: ClockWatch;
  readonly ledger: MemoryLedger = new MemoryLedger({
    owed: this.#owed,
    groups: this.#groups,
    batches: this.#batches,
    records: () => this.#records,
    undecided: () => [...this.#undecided.values()],
    unconfirmed: () => [...this.#unconfirmed.values()],
    memoryOf: (alert) => this.#memory.of(alert),
    glimpseOf: (alert) => this.#parts.glimpse(alert),
    forget: (owed) => this.#parts.forget(owed),
    toldOf: (entries) => this.#toldOf(entries),
    lookAtClock: () => this.#lookAtClock(),
    silences: this.#silences,
    acknowledged: this.#acknowledged,
  });

  constructor(clock?: StoreClock) {
    this.#clock = clock;
    this.#watch = new ClockWatch(Number.NEGATIVE_INFINITY, clock);
  }

  async load(keys: Keys): Promise<Known> {
    const unconfirmed = [...this.#unconfirmed.values()]
      .filter(({ instance, eventKey, eventId }) =>
        keys.events.some(
          (key) => key.instance === instance && (key.uuid === eventKey || (key.id !== undefined && key.id === eventId)),
        ),
      )
      .map(({ instance, eventKey, eventId }) => ({ instance, eventKey, ...(eventId !== undefined && { eventId }) }));
    const known = this.#memory.load(keys, {
      told: [...this.#toldAndOwed().values()],
      undecided: [...this.#undecided.values()],
      owed: [...this.#owed.values()].flatMap(({ alert: { instance, event } }) =>
        event?.uuid === undefined ? [] : { instance, eventKey: event.uuid },
      ),
      shown: this.#shown(),
    });
    const reached = this.#posts.reached(
      keys.events,
      ({ instance, id, uuid }) =>
        uuid ?? known.aliases.find((alias) => alias.instance === instance && alias.id === id)?.key,
    );
    return {
      ...known,
      ...(reached.length > 0 && { reached }),
      ...(unconfirmed.length > 0 && { unconfirmed }),
      ...(this.#tagged.size > 0 && { tagged: [...this.#tagged] }),
    };
  }

  async commit(effects: Effects, now: number): Promise<"committed" | "conflict"> {
    this.#keepTime(now);
    if (!this.#memory.isUnmoved(effects)) {
      return "conflict";
    }
    // All that can throw comes first: a commit is all or nothing.
    const owed = this.#accept(effects);
    const around = new Map(effects.within?.map(({ delivery, publication }) => [delivery, publication]));
    this.#parts.keep(effects.pages ?? []);
    for (const { delivery, alert } of owed) {
      if (this.#leavesWith(around.get(delivery.id), delivery, effects.pacing?.get(delivery.destination), now)) {
        continue;
      }
      this.#owe(delivery, alert, this.#place(delivery, effects.pacing?.get(delivery.destination), now));
    }
    for (const record of countRefusals(effects.records)) {
      if (!this.#isKnown(record)) {
        this.#addRecord(record);
      }
    }
    for (const one of effects.undecided) {
      if (!this.#undecided.has(one.id)) {
        this.#undecided.set(one.id, one);
      }
    }
    for (const { id, destinations } of effects.decided) {
      const found = this.#undecided.get(id);
      const left = found && without(found, destinations);
      if (left) {
        this.#undecided.set(id, left);
      } else {
        this.#undecided.delete(id);
      }
    }
    this.#memory.apply(effects, now);
    for (const { instance, id: from, key: eventKey } of effects.adopted) {
      for (const [id, one] of this.#undecided) {
        if (one.instance === instance && one.eventKey === from) {
          this.#undecided.set(id, { ...one, eventKey });
        }
      }
    }
    for (const [name, state] of this.#groups) {
      const isComplete = effects.complete?.includes(state.group.key) && typeof state.dueAt === "number";
      if (isComplete) {
        this.#groups.set(name, { ...state, dueAt: Math.min(state.dueAt, now) });
      }
    }
    for (const { instance, publishedAt } of effects.cursors) {
      this.#cursors.set(instance, { firstAt: publishedAt, ...this.#cursors.get(instance), publishedAt });
    }
    for (const id of effects.confirmed ?? []) {
      this.#unconfirmed.delete(id);
    }
    for (const one of effects.unconfirmed ?? []) {
      if (!this.#unconfirmed.has(one.id)) {
        this.#unconfirmed.set(one.id, one);
      }
    }
    for (const instance of effects.tagged ?? []) {
      this.#tagged.add(instance);
    }
    for (const state of effects.asking ?? []) {
      this.#asking.set(state.instance, state);
    }
    this.#posts.recheck(effects.recheck ?? [], now);
    return "committed";
  }

  async undecided(instance: string, quietSince: number, except: readonly string[]) {
    this.#lookAtClock();
    const lastAt = new Map<string, number>();
    for (const { eventKey, since } of this.#undecidedOf(instance)) {
      if (!except.includes(eventKey)) {
        lastAt.set(eventKey, Math.max(since, lastAt.get(eventKey) ?? 0));
      }
    }
    const [quietest] = [...lastAt].sort(([, a], [, b]) => a - b);
    if (!quietest) {
      return undefined;
    }
    const [eventKey, at] = quietest;
    if (at > quietSince) {
      return { lastAt: at };
    }
    return { eventKey, undecided: this.#undecidedOf(instance).filter((one) => one.eventKey === eventKey) };
  }

  async cursor(instance: string): Promise<Cursor | undefined> {
    return this.#cursors.get(instance);
  }

  async unconfirmed(instance: string, limit: number, except: readonly string[]): Promise<readonly Unconfirmed[]> {
    const all = [...this.#unconfirmed.values()].filter((one) => one.instance === instance);
    const events = [...new Set(all.map(({ eventKey }) => eventKey))].filter((key) => !except.includes(key));
    return events.slice(0, limit).flatMap((key) => all.filter(({ eventKey }) => eventKey === key));
  }

  async asking(instance: string): Promise<AskingState | undefined> {
    return this.#asking.get(instance);
  }

  #undecidedOf(instance: string): readonly Undecided[] {
    return [...this.#undecided.values()].filter((one) => one.instance === instance);
  }

  async take(
    destination: string,
    now: number,
    { newFirst = false, bounds, ordered = false, follows = false, urgentOnly = false }: TakeOptions = {},
  ): Promise<{ batch: Batch } | { dueAt: number } | undefined> {
    this.#keepTime(now);
    const free = () => this.#parts.free(destination, ordered);
    const due = (high: boolean) =>
      free()
        .filter((one) => one.nextAt <= now && one.high === high)
        .sort((a, b) => a.nextAt - b.nextAt || (a.part?.n ?? 0) - (b.part?.n ?? 0))[0];
    const form = (high: boolean) => this.#formFree(destination, now, { high, free, ordered, bounds });
    const urgent = due(true) ?? form(true);
    const fresh = newFirst && !urgent && !urgentOnly ? form(false) : undefined;
    const batch = urgent ?? fresh ?? (urgentOnly ? undefined : (due(false) ?? form(false)));
    if (batch) {
      this.#batches.set(batch.id, { ...batch, takenAt: now });
      return { batch: this.#readBatch(batch, now, follows) };
    }
    const busy = this.#parts.busyGroups(destination, ordered);
    const dueAt = [
      ...free().flatMap((one) => (one.high || !urgentOnly ? one.nextAt : [])),
      ...[...this.#groups.values()].flatMap((one) =>
        one.destination === destination &&
        typeof one.dueAt === "number" &&
        !busy.has(one.group.key) &&
        (!urgentOnly || this.#waiting(destination, one.group.key).some(isHigh))
          ? [one.dueAt]
          : [],
      ),
    ].reduce((earliest, at) => Math.min(earliest, at), Number.POSITIVE_INFINITY);
    return dueAt === Number.POSITIVE_INFINITY ? undefined : { dueAt };
  }

  async takeAll(
    destination: string,
    now: number,
    most: number,
    options?: TakeOptions,
  ): Promise<{ batches: readonly Batch[] } | { dueAt: number } | undefined> {
    const batches: Batch[] = [];
    while (batches.length < most) {
      const taken = await this.take(destination, now, options);
      if (!taken || "dueAt" in taken) {
        return batches.length > 0 ? { batches } : taken;
      }
      batches.push(taken.batch);
    }
    return { batches };
  }

  async settleAll(settlements: readonly Settlement[], now: number): Promise<readonly (readonly RecordLine[])[]> {
    const lines: (readonly RecordLine[])[] = [];
    for (const settlement of settlements) {
      lines.push(await this.settle(settlement, now));
    }
    return lines;
  }

  async settle(settlement: Settlement, now: number): Promise<readonly RecordLine[]> {
    const batch = this.#batches.get(settlement.batch);
    if (!batch) {
      return [];
    }
    const lines = this.#settleRecords(batch, settlement, now);
    for (const { delivery, group } of settlement.regrouped ?? []) {
      const owed = this.#owed.get(delivery);
      if (owed?.batch === batch.id) {
        const { batch: _, ...rest } = owed;
        const groupKey = this.#place({ ...rest.delivery, groups: [group] }, undefined, now);
        this.#owed.set(delivery, { ...rest, groupKey });
      }
    }
    for (const parts of settlement.told ?? []) {
      this.#toldParts.set(toldName(parts), { parts, touchedAt: now });
    }
    this.#posts.apply(settlement.followUp, batch.destination, now);
    // One without any delivery says that a flood is over.
    const isSaid = settlement.retryAt === undefined || batch.note === undefined;
    if (isSaid && ![...this.#owed.values()].some((owed) => owed.batch === batch.id)) {
      this.#batches.delete(batch.id);
      return lines;
    }
    const { takenAt, ...rest } = batch;
    this.#batches.set(batch.id, {
      ...rest,
      nextAt: settlement.retryAt ?? batch.nextAt,
      ...(settlement.attempted && {
        attempts: batch.attempts + 1,
        firstAttemptAt: batch.firstAttemptAt ?? takenAt ?? now,
      }),
      ...(settlement.reason !== undefined && { reason: settlement.reason }),
    });
    return lines;
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
  }

  async page(delivery: Delivery, from: number): Promise<{ page: AlertPage; memory: Memory } | undefined> {
    const alert = this.#owed.get(delivery.id)?.alert;
    const page = alert && this.#parts.page(alert, from);
    if (!alert || !page) {
      return undefined;
    }
    const around = { ...alert, items: page.items, objects: [...page.objects, ...page.loose] };
    return { page, memory: this.#memory.of(judgedOf(around, delivery)) };
  }

  #settleRecords(batch: FormedBatch, settlement: Settlement, now: number): readonly RecordLine[] {
    if (batch.delivery === undefined) {
      return settlement.records.filter((record) => this.#settleOne(record, batch.id, wasTold(record), now));
    }
    const end = this.#parts.settle(batch, batch.delivery, settlement);
    return end && this.#settleOne(end.line, batch.id, end.isTold, now) ? [end.line] : [];
  }

  #owe(delivery: Delivery, alert: Alert, groupKey: string): void {
    this.#seq += 1;
    this.#owed.set(delivery.id, { seq: this.#seq, delivery, alert, groupKey, owedSince: delivery.createdAt });
  }

  /** Owes what follows a delivery that is over. */
  #follow({ delivery, alert, owedSince }: OwedDelivery, line: RecordLine, now: number): void {
    const { instance, eventUuid, destination } = delivery;
    const acknowledged = this.#acknowledged.get(nameOf(instance, eventUuid));
    if (acknowledged && acknowledged.at >= owedSince) {
      return;
    }
    const waiting = delivery.reminder
      ? undefined
      : this.#reminders(instance, eventUuid).find((one) => one.delivery.destination === destination);
    for (const next of remindersAfter(delivery, line, now)) {
      if (
        !waiting &&
        !this.#owed.has(next.id) &&
        !this.#records.some((one) => one.delivery === next.id && wasTold(one))
      ) {
        this.#owe(next, alert, this.#place(next, undefined, now));
      } else if (waiting && waiting.batch === undefined) {
        const newer = reminderOfNewer(delivery, waiting.delivery, now);
        this.#owed.delete(waiting.delivery.id);
        this.#parts.forget(waiting);
        this.#owe(newer, alert, waiting.groupKey);
      }
    }
  }

  #reminders(instance: string, eventUuid: string | undefined): readonly OwedDelivery[] {
    return [...this.#owed.values()].filter(
      ({ delivery: one }) => one.reminder && one.instance === instance && one.eventUuid === eventUuid,
    );
  }

  /** False: it was settled before. A settlement may be repeated when its answer was lost. */
  #settleOne(record: RecordLine, batch: BatchId, isTold: boolean, now: number): boolean {
    const owed = this.#owed.get(record.delivery);
    if (owed?.batch !== batch) {
      return false;
    }
    this.#owed.delete(record.delivery);
    this.#parts.forget(owed);
    this.#addRecord(record);
    this.#follow(owed, record, now);
    const told = isTold ? toldOf(owed.delivery) : undefined;
    // A reminder tells nothing new, but to readers who were not told before.
    if (told && !(owed.delivery.reminder && this.#told.has(toldName(told)))) {
      this.#putTold({ told, seq: owed.seq }, now);
    }
    return true;
  }

  async owed(): Promise<readonly { destination: string; owed: number; oldestAt: number }[]> {
    const byDestination = new Map<string, { destination: string; owed: number; oldestAt: number }>();
    for (const { delivery, owedSince } of this.#owed.values()) {
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

  async prune(before: number): Promise<boolean> {
    const alerts = [...this.#owed.values()].map(({ alert }) => alert);
    const isOwed = (instance: string, uuid: string) =>
      alerts.some((alert) => alert.instance === instance && alert.event?.uuid === uuid);
    this.#records = this.#records.filter((record) => record.at >= before);
    for (const [name, { touchedAt }] of this.#toldParts) {
      if (touchedAt < before) {
        this.#toldParts.delete(name);
      }
    }
    for (const [name, { told, touchedAt }] of this.#told) {
      if (touchedAt < before && !isOwed(told.instance, told.eventUuid)) {
        this.#told.delete(name);
      }
    }
    this.#memory.prune(before, alerts);
    this.#posts.prune(before);
    for (const [id, { until }] of this.#silences) {
      if (until < before) {
        this.#silences.delete(id);
      }
    }
    for (const [name, { at }] of this.#acknowledged) {
      if (at < before) {
        this.#acknowledged.delete(name);
      }
    }
    for (const [name, { dueAt, lastLeftAt }] of this.#groups) {
      if (typeof dueAt !== "number" && typeof lastLeftAt === "number" && lastLeftAt < before) {
        this.#groups.delete(name);
      }
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The deliveries that are neither owed nor told yet, with their alerts; the first alert under an id counts. */
  #accept(effects: Effects): readonly { readonly delivery: Delivery; readonly alert: Alert }[] {
    const alerts = new Map(effects.alerts.map((alert) => [alert.id, alert]));
    for (const { alert } of this.#owed.values()) {
      alerts.set(alert.id, alert);
    }
    const told = new Set(this.#records.filter(wasTold).map((record) => record.delivery));
    const accepted = new Map<string, { delivery: Delivery; alert: Alert }>();
    for (const delivery of effects.deliveries) {
      if (accepted.has(delivery.id) || this.#owed.has(delivery.id) || told.has(delivery.id)) {
        continue;
      }
      const alert = alerts.get(delivery.alert);
      if (!alert) {
        throw new Error("A delivery refers to an alert that is not there");
      }
      if (delivery.groups.length === 0) {
        throw new Error("A delivery names no group to leave in");
      }
      accepted.set(delivery.id, { delivery, alert });
    }
    return [...accepted.values()];
  }

  #lookAtClock(): void {
    if (this.#clock) {
      this.#keepTime(this.#clock.now());
    }
  }

  /** What is owed leaves, and grows old, as by a clock that is never set. */
  #keepTime(told: number): void {
    const { now, back, ahead } = this.#watch.look(told);
    if (back > 0) {
      this.#setBack(back);
    }
    if (ahead > 0) {
      this.#setAhead((at) => Math.min(at + ahead, now));
    }
  }

  #setAhead(later: (at: number) => number): void {
    for (const [id, batch] of this.#batches) {
      const { firstAttemptAt, takenAt } = batch;
      this.#batches.set(id, {
        ...batch,
        ...(firstAttemptAt !== undefined && { firstAttemptAt: later(firstAttemptAt) }),
        ...(takenAt !== undefined && { takenAt: later(takenAt) }),
      });
    }
    for (const [id, one] of this.#undecided) {
      this.#undecided.set(id, { ...one, since: later(one.since) });
    }
    this.ledger.setAhead(later);
  }

  #setBack(back: number): void {
    const earlier = <K extends string>(key: K, at: number | null | undefined) =>
      typeof at === "number" ? { [key]: at - back } : {};
    for (const [name, group] of this.#groups) {
      const times = { ...earlier("dueAt", group.dueAt), ...earlier("lastLeftAt", group.lastLeftAt) };
      this.#groups.set(name, { ...group, ...times });
    }
    for (const [id, batch] of this.#batches) {
      const times = { ...earlier("firstAttemptAt", batch.firstAttemptAt), ...earlier("takenAt", batch.takenAt) };
      this.#batches.set(id, { ...batch, nextAt: batch.nextAt - back, ...times });
    }
    for (const [id, one] of this.#undecided) {
      this.#undecided.set(id, { ...one, since: one.since - back });
    }
    for (const [id, one] of this.#unconfirmed) {
      this.#unconfirmed.set(id, { ...one, since: one.since - back });
    }
    for (const [destination, floods] of this.#floods) {
      this.#floods.set(destination, setBack(floods, back));
    }
    for (const [id, owed] of this.#owed) {
      this.#owed.set(id, { ...owed, owedSince: owed.owedSince - back });
    }
    for (const [id, silence] of this.#silences) {
      this.#silences.set(id, { ...silence, until: silence.until - back });
    }
    for (const [name, one] of this.#acknowledged) {
      this.#acknowledged.set(name, { ...one, at: one.at - back });
    }
    this.#posts.setBack(back);
    this.ledger.setBack(back);
  }

  /** Lets a delivery wait where it leaves first; gives the key of the group. */
  #place(delivery: PlacedDelivery & Pick<Delivery, "destination">, pacing: Pacing | undefined, now: number): string {
    const { destination } = delivery;
    const placed = place(delivery, {
      pacing,
      stateOf: (key) => this.#groups.get(nameOf(destination, key)),
      floods: this.#floodsOf(destination),
      now,
    });
    const { key, show, dueAt, collects, floods } = placed;
    if (floods) {
      this.#floods.set(destination, floods);
    }
    const name = nameOf(destination, key);
    this.#groups.set(name, { ...this.#groups.get(name), destination, group: { key, show }, dueAt, collects });
    return key;
  }

  /** What comes again while it is muted is muted once, and what is owed has an end of its own. */
  #isKnown({ delivery, outcome }: RecordLine): boolean {
    if (outcome !== "muted") {
      return false;
    }
    const isEnded = (line: RecordLine) => line.delivery === delivery && (wasTold(line) || line.outcome === "muted");
    return this.#owed.has(delivery) || this.#records.some(isEnded);
  }

  #addRecord(record: RecordLine): void {
    const silence = record.silence === undefined ? undefined : this.#silences.get(record.silence);
    if (silence) {
      silence.muted += 1;
    }
    const at = this.#records.findLastIndex((line) => isSameRefusal(line, record));
    const [before] = at < 0 ? [] : this.#records.splice(at, 1);
    this.#records.push(before ? addUp(before, record) : record);
  }

  /** The batch of a group that is due, and that need not wait for what became owed before. */
  #formFree(destination: string, now: number, how: Forming): FormedBatch | undefined {
    for (let batch = this.#formBatch(destination, now, how); batch; batch = this.#formBatch(destination, now, how)) {
      this.#batches.set(batch.id, batch);
      if (how.free().includes(batch)) {
        return batch;
      }
    }
    return undefined;
  }

  #formBatch(destination: string, now: number, { high, ordered, bounds }: Forming): FormedBatch | undefined {
    const busy = this.#parts.busyGroups(destination, ordered);
    const due = [...this.#groups.values()]
      .filter((one) => one.destination === destination && typeof one.dueAt === "number" && one.dueAt <= now)
      .filter(({ group }) => !busy.has(group.key))
      .map((state) => {
        const waiting = this.#waiting(destination, state.group.key);
        return { state, waiting, high: waiting.some(isHigh) };
      })
      .filter((one) => one.high === high)
      .sort((a, b) => (a.state.dueAt ?? 0) - (b.state.dueAt ?? 0))[0];
    if (!due) {
      return undefined;
    }
    const { group } = due.state;
    const sizes = due.waiting.map(({ alert }) => ({ bytes: JSON.stringify(alert).length, more: alert.pages ?? 0 }));
    const leaving = due.waiting.slice(0, countFitting(sizes, bounds));
    const ids = leaving.map((owed) => owed.delivery.id);
    const id = ids.length > 0 ? batchIdOf(ids) : batchIdOf([destination, group.key, `${now}`] as DeliveryId[]);
    for (const owed of leaving) {
      owed.batch = id;
    }
    const subjects = new Set(due.waiting.map(({ delivery }) => delivery.eventUuid ?? delivery.id)).size;
    const isWhole = due.waiting.length === leaving.length;
    const { note, dueAt } = this.#leave(due.state, { subjects, isWhole, now });
    this.#groups.set(nameOf(destination, group.key), { ...due.state, dueAt, lastLeftAt: now });
    return {
      id,
      destination,
      attempts: 0,
      show: group.show,
      ...(note && { note }),
      high: due.high,
      nextAt: now,
      groupKey: group.key,
    };
  }

  /** What a batch of the group tells of why it leaves as one, and when the group is due next. */
  #leave(
    { destination, group, collects }: WaitingGroup,
    left: Parameters<typeof leave>[2],
  ): { readonly note?: BatchNote; readonly dueAt: number | null } {
    const flooded = floodOfKey(group.key);
    if (flooded === undefined) {
      const note: BatchNote | undefined = collects === undefined || collects === "flood" ? undefined : { collects };
      return { ...(note && { note }), dueAt: left.isWhole ? null : left.now };
    }
    const { floods, note, dueAt } = leave(this.#floodsOf(destination), flooded, left);
    this.#floods.set(destination, floods);
    return { ...(note && { note: { collects: "flood", flood: note } }), dueAt };
  }

  #floodsOf(destination: string): Floods {
    return this.#floods.get(destination) ?? NO_FLOODS;
  }

  /** Whether what is in a publication is told with it, and needs not be owed by itself. */
  #leavesWith(publication: DeliveryId | undefined, part: Delivery, pacing: Pacing | undefined, now: number): boolean {
    const owed = publication === undefined ? undefined : this.#owed.get(publication);
    if (!owed) {
      return false;
    }
    if (owed.batch !== undefined) {
      return isToldAs(owed.delivery, part);
    }
    const { destination } = part;
    const stateOf = (key: string) => this.#groups.get(nameOf(destination, key));
    const { dueAt } = place(part, { pacing, stateOf, floods: this.#floodsOf(destination), now });
    if ((stateOf(owed.groupKey)?.dueAt ?? Number.POSITIVE_INFINITY) > dueAt) {
      return false;
    }
    const both = isToldAs(owed.delivery, part) ? owed.delivery : passOn(owed.delivery, part);
    if (both) {
      this.#owed.set(both.id, { ...owed, delivery: both });
    }
    return both !== undefined;
  }

  /** What parts of events ask of the publications that were told, or are owed. */
  #shown(): readonly Shown[] {
    const owed = [...this.#owed.values()].filter(({ delivery }) => !delivery.reminder).sort((a, b) => b.seq - a.seq);
    return [
      ...owed.flatMap(({ delivery, alert, batch }) => shownByOwed(delivery, alert, batch !== undefined) ?? []),
      ...[...this.#told.values()].map(({ told }) => shownByTold(told, this.#toldParts.get(toldName(told))?.parts)),
    ];
  }

  #waiting(destination: string, groupKey: string): readonly OwedDelivery[] {
    return [...this.#owed.values()].filter(
      (owed) => owed.batch === undefined && owed.groupKey === groupKey && owed.delivery.destination === destination,
    );
  }

  #readBatch(batch: FormedBatch, now: number, isFollowed: boolean): Batch {
    const { id, destination, attempts, show, note, part } = batch;
    const cut = this.#parts.slice(batch);
    const owed = [...this.#owed.values()].filter((one) =>
      cut ? one.delivery.id === batch.delivery : one.batch === id,
    );
    const entries = owed.map(({ delivery, alert: head }) => {
      const alert = cut ? this.#parts.within(head, cut.from, cut.to) : head;
      const judged = judgedOf(alert, delivery);
      const items = [...judged.items, ...(cut?.removed ?? [])];
      return { delivery, alert, memory: this.#memory.of({ ...judged, items }) };
    });
    // What is different was found out when the delivery was cut.
    const told = cut && !cut.last ? [] : this.#toldOf(entries);
    const followed = entries.filter(({ delivery }) => isFollowed || delivery.withdraws);
    const follows = this.#posts.follows(destination, followed);
    return {
      id,
      destination,
      attempts,
      show,
      ...(part && { part }),
      ...(cut && { slice: cut }),
      firstAttemptAt: batch.firstAttemptAt ?? now,
      ...(note && { note }),
      entries,
      ...(told.length > 0 && { told }),
      ...(follows.length > 0 && { follows }),
    };
  }

  /** What the destination was told of the events of these deliveries. */
  #toldOf(entries: Batch["entries"]): NonNullable<Batch["told"]> {
    // A reminder is not compared with what it reminds of.
    const news = entries.filter(({ delivery }) => !delivery.reminder);
    const names = new Set(news.flatMap(({ delivery }) => nameOfEvent(delivery) ?? []));
    return [...names].flatMap((name) => {
      const parts = this.#toldParts.get(name)?.parts;
      if (!parts) {
        return [];
      }
      return [{ parts, rows: this.#memory.named(parts.instance, parts.eventUuid, parts.named) }];
    });
  }

  /** What was planned last counts, also where a clock that was wrong then makes it seem newer or older than it is. */
  #toldAndOwed(): ReadonlyMap<string, Told> {
    const owed = [...this.#owed.values()].flatMap(({ delivery, seq }) => {
      const told = delivery.reminder ? undefined : toldOf(delivery);
      return told ? [{ told, seq }] : [];
    });
    const newest = new Map<string, Versioned>();
    for (const one of [...this.#told.values(), ...owed]) {
      const name = toldName(one.told);
      if ((newest.get(name)?.seq ?? 0) < one.seq) {
        newest.set(name, one);
      }
    }
    return new Map([...newest].map(([name, { told }]) => [name, told]));
  }

  #putTold(one: Versioned, now: number): void {
    const name = toldName(one.told);
    const before = this.#told.get(name);
    this.#told.set(name, { ...(before && before.seq > one.seq ? before : one), touchedAt: now });
  }
}

/** How a batch is made of a group. */
interface Forming {
  /** Among those that go first, or the others. */
  readonly high: boolean;
  /** The batches that may leave. */
  readonly free: () => readonly FormedBatch[];
  readonly ordered: boolean;
  readonly bounds: BatchBounds | undefined;
}

/** What was told, and when it was planned, by the order of planning. */
interface Versioned {
  readonly told: Told;
  readonly seq: number;
}

const isHigh = (owed: OwedDelivery) => goesFirst(owed.delivery);
const nameOfEvent = ({ instance, eventUuid, destination }: Delivery) =>
  eventUuid === undefined ? undefined : toldName({ instance, eventUuid, destination });
const toldName = (told: Pick<Told, "instance" | "eventUuid" | "destination">) =>
  nameOf(told.instance, told.eventUuid, told.destination);

/** Only publications are versions of an event. */
function toldOf({ kind, instance, eventUuid, destination, changedAt, version }: Delivery): Told | undefined {
  if (kind !== "event.published" || eventUuid === undefined || changedAt === undefined) {
    return undefined;
  }
  return { instance, eventUuid, destination, changedAt, ...(version !== undefined && { version }) };
}
