import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Alert, AlertPage, WrittenPage } from "../../model/alert.ts";
import type { Ledger } from "../../model/ledger.ts";
import type { AskingState, Cursor, Keys, Known, Memory, PartMemory, Unconfirmed } from "../../model/memory.ts";
import type {
  Batch,
  BatchBounds,
  BatchId,
  Delivery,
  DeliveryId,
  Division,
  Effects,
  Group,
  RecordLine,
  Settlement,
  Store,
  TakeOptions,
} from "../../model/outbox.ts";
import type { BatchNote, Collects, Pacing } from "../../model/pacing.ts";
import type { OpenPost, PostEnd } from "../../model/post.ts";
import type { ToldParts } from "../../model/told.ts";
import { leave, NO_FLOODS } from "../../pacing/flood.ts";
import { floodOfKey, goesFirst, place } from "../../pacing/place.ts";
import { batchIdOf } from "../batch-id.ts";
import { ClockWatch, type StoreClock } from "../clock-watch.ts";
import type { Damage } from "../damage.ts";
import { judgedOf, nameOf } from "../names.ts";
import { wasTold } from "../part-ends.ts";
import { addUp, countRefusals, isRepeatable } from "../refusals.ts";
import { countFitting, rowsWithin } from "../schedule.ts";
import type { Size } from "../size.ts";
import { isToldAs, passOn } from "../within.ts";
import { FloodRows, setBackFloods } from "./floods.ts";
import { SqliteLedger } from "./ledger.ts";
import { prepareLedger } from "./ledger-statements.ts";
import { MemoryRows } from "./memory.ts";
import { PartRows, textOfTold } from "./parts.ts";
import { PostRows } from "./posts.ts";
import { ReminderRows } from "./reminders.ts";
import {
  type BatchRow,
  formatAlert,
  formatDelivery,
  formatRecord,
  parseAlert,
  parseDelivery,
  parseNote,
  parseRecord,
  parseShow,
  parseToldParts,
  reminderNumber,
  UnreadableRow,
} from "./rows.ts";
import { SilenceRows } from "./silences.ts";
import { SqliteSize } from "./size.ts";
import { inWordsAtOpening } from "./state-errors.ts";
import { openStateFile, type StateFile } from "./state-file.ts";
import { PRUNE_ROWS, prepareStatements, type Statements } from "./statements.ts";
import { UnconfirmedRows } from "./unconfirmed.ts";
import { UndecidedRows } from "./undecided.ts";

/** Content that was told is forgotten after so long. */
const TOLD_PARTS_MS = 30 * 86_400_000;
/** What a batch brings of it into memory. */
const TOLD_PARTS_BYTES = 16 * 2 ** 20;

/** Opens or creates the state file at `path` for this process alone; what makes it unusable is a StoreError. */
export async function openSqliteStore(options: {
  readonly path: string;
  /** Where it sees that the clock was set ahead; absent: it cannot. */
  readonly clock?: StoreClock | undefined;
  /** Larger files are checked beside the service. */
  readonly checkedBytes?: number;
}): Promise<Store & { readonly ledger: Ledger; readonly size: Size; readonly damage: Damage }> {
  const { clock, checkedBytes } = options;
  const now = clock ? () => clock.now() : Date.now;
  const file = await openStateFile(options.path, now, checkedBytes);
  try {
    return new SqliteStore(file, clock);
  } catch (error) {
    file.close();
    throw inWordsAtOpening(error, resolve(options.path));
  }
}

/** A store in one SQLite file. Calls into SQLite are synchronous, so that verbs never interleave. */
class SqliteStore implements Store {
  readonly ledger: Ledger;
  readonly size: Size;
  readonly damage: Damage;
  readonly #file: StateFile;
  readonly #sql: Statements;
  readonly #undecided: UndecidedRows;
  readonly #unconfirmed: UnconfirmedRows;
  readonly #memory: MemoryRows;
  readonly #silences: SilenceRows;
  readonly #parts: PartRows;
  readonly #reminders: ReminderRows;
  readonly #posts: PostRows;
  /** Batches that were taken here and not settled yet; after a crash they are simply due. */
  readonly #inFlight = new Map<string, InFlight>();
  readonly #clock: StoreClock | undefined;
  readonly #watch: ClockWatch;

  constructor(file: StateFile, clock?: StoreClock) {
    this.#file = file;
    this.damage = file.damage;
    this.#clock = clock;
    this.#sql = prepareStatements(file.db);
    this.#undecided = new UndecidedRows(file.db);
    this.#unconfirmed = new UnconfirmedRows(file.db);
    this.#silences = new SilenceRows(file.db);
    this.#watch = new ClockWatch(this.#sql.latest.get()?.at ?? Number.NEGATIVE_INFINITY, clock);
    this.#memory = new MemoryRows(this.#sql, this.#undecided);
    this.#parts = new PartRows(file.db, this.#sql);
    this.#posts = new PostRows(file.db, (alert) => this.#memory.of(alert));
    file.transaction(() => this.#parts.dropOrphans());
    const ledger = prepareLedger(file.db);
    this.#reminders = new ReminderRows(file.db, { sql: this.#sql, ledger, inFlight: this.#inFlight });
    const context = {
      file,
      sql: this.#sql,
      ledger,
      silences: this.#silences,
      reminders: this.#reminders,
      inFlight: this.#inFlight,
      memoryOf: (alert: Alert) => this.#memory.of(alert),
      glimpseOf: (alert: Alert) => this.#parts.glimpse(alert),
      toldOf: (entries: Batch["entries"]) => this.#told(entries),
      lookAtClock: () => this.#lookAtClock(),
    };
    this.ledger = new SqliteLedger(context);
    this.size = new SqliteSize(context);
  }

  async load(keys: Keys): Promise<Known> {
    return this.#file.transaction(() => ({ ...this.#memory.load(keys, this.#posts), ...this.#unconfirmed.load(keys) }));
  }

  async commit(effects: Effects, now: number): Promise<"committed" | "conflict"> {
    this.#keepTime(now);
    const more = new Map<string, number>();
    const last = await this.#writePages(effects.pages ?? [], more);
    return this.#file.transaction(() => {
      if (!this.#memory.isUnmoved(effects)) {
        return "conflict";
      }
      last?.();
      const alerts = new Map(effects.alerts.map((alert) => [alert.id, alert]));
      const floods = new FloodRows(this.#sql);
      const around = new Map(effects.within?.map(({ delivery, publication }) => [delivery, publication]));
      for (const delivery of effects.deliveries) {
        if (this.#sql.isSettledOrOwed.get(delivery.id)) {
          continue;
        }
        const pacing = effects.pacing?.get(delivery.destination);
        if (this.#leavesWith(around.get(delivery.id), delivery, now, pacing, floods)) {
          continue;
        }
        const alert = alerts.get(delivery.alert);
        // Without an alert of its own the delivery is about a stored one; the foreign key refuses it if there is none.
        if (alert && !this.#sql.hasAlert.get(alert.id)) {
          this.#sql.addAlert.run(...formatAlert(alert, more.get(alert.id) ?? 0));
        }
        this.#owe(delivery, effects.pacing?.get(delivery.destination), floods, now);
      }
      floods.write();
      for (const record of countRefusals(effects.records)) {
        if (!this.#isKnown(record)) {
          this.#addRecord(record);
        }
      }
      for (const key of effects.complete ?? []) {
        this.#sql.completeGroup.run(now, key, now);
      }
      this.#undecided.apply(effects);
      this.#unconfirmed.apply(effects);
      this.#memory.apply(effects, now);
      this.#parts.dropUnowed(effects.pages ?? []);
      this.#posts.recheck(effects.recheck ?? [], now);
      return "committed";
    });
  }

  async take(
    destination: string,
    now: number,
    options?: TakeOptions,
  ): Promise<{ batch: Batch } | { dueAt: number } | undefined> {
    const taken = await this.takeAll(destination, now, 1, options);
    const [batch] = taken && "batches" in taken ? taken.batches : [];
    return batch ? { batch } : taken && "dueAt" in taken ? taken : undefined;
  }

  async takeAll(
    destination: string,
    now: number,
    most: number,
    options: TakeOptions = {},
  ): Promise<{ batches: readonly Batch[] } | { dueAt: number } | undefined> {
    this.#keepTime(now);
    const { rows, batches, dueAt } = this.#file.transaction(() => {
      const found: BatchRow[] = [];
      for (
        let row = this.#next(destination, now, options, found);
        row;
        row = this.#next(destination, now, options, found)
      ) {
        found.push(row);
        if (found.length === most) {
          break;
        }
      }
      if (found.length > 0 && !options.urgentOnly) {
        this.#formAhead(destination, now, options, found);
      }
      const next = options.urgentOnly ? this.#sql.nextUrgent : this.#sql.nextDue;
      const due =
        found.length === 0
          ? next.get(...this.#busy(destination, options.ordered ?? false, found), destination)?.dueAt
          : undefined;
      return { rows: found, batches: found.map((row) => this.#readBatch(row, now, options)), dueAt: due };
    });
    for (const { id, group_key: groupKey } of rows) {
      this.#inFlight.set(id, { at: now, destination, groupKey });
    }
    if (batches.length > 0) {
      return { batches };
    }
    return typeof dueAt === "number" ? { dueAt } : undefined;
  }

  async settle(settlement: Settlement, now: number): Promise<readonly RecordLine[]> {
    const [lines = []] = await this.settleAll([settlement], now);
    return lines;
  }

  async settleAll(settlements: readonly Settlement[], now: number): Promise<readonly (readonly RecordLine[])[]> {
    const lines = this.#file.transaction(() => settlements.map((settlement) => this.#settle(settlement, now)));
    for (const { batch } of settlements) {
      this.#inFlight.delete(batch);
    }
    return lines;
  }

  async divide(division: Division, now: number): Promise<void> {
    const told = new Map<DeliveryId, string>();
    for (const { delivery, parts } of division.told) {
      told.set(delivery, await textOfTold(parts));
    }
    this.#file.transaction(() => {
      const row = this.#sql.batch.get(division.batch);
      if (row && row.part === null) {
        this.#parts.divide(division, told, row, now);
      }
    });
    this.#inFlight.delete(division.batch);
  }

  async page(delivery: Delivery, from: number): Promise<{ page: AlertPage; memory: Memory } | undefined> {
    return this.#file.transaction(() => {
      const body = this.#sql.alertBody.get(delivery.alert)?.body;
      const alert = body === undefined ? undefined : parseAlert(body);
      const page = alert && this.#parts.page(alert, from);
      if (!alert || !page) {
        return undefined;
      }
      const { items, loose, objects } = page;
      const around = { ...alert, items, objects: [...objects, ...loose] };
      return { page, memory: this.#memory.of(judgedOf(around, delivery)) };
    });
  }

  async takePost(
    destination: string,
    now: number,
    isUrgent: boolean,
  ): Promise<OpenPost | { readonly dueAt: number } | undefined> {
    this.#keepTime(now);
    return this.#file.transaction(() => this.#posts.take(destination, now, isUrgent));
  }

  async post(id: BatchId): Promise<OpenPost | undefined> {
    return this.#file.transaction(() => this.#posts.get(id));
  }

  async settlePost(end: PostEnd, now: number): Promise<void> {
    this.#file.transaction(() => this.#posts.settle(end, now));
  }

  async undecided(instance: string, quietSince: number, except: readonly string[]) {
    this.#lookAtClock();
    return this.#file.transaction(() => this.#undecided.next(instance, quietSince, except));
  }

  async cursor(instance: string): Promise<Cursor | undefined> {
    return this.#file.transaction(() => this.#undecided.cursor(instance));
  }

  async unconfirmed(instance: string, limit: number, except: readonly string[]): Promise<readonly Unconfirmed[]> {
    return this.#file.transaction(() => this.#unconfirmed.next(instance, limit, except));
  }

  async asking(instance: string): Promise<AskingState | undefined> {
    return this.#file.transaction(() => this.#undecided.asking(instance));
  }

  async owed(): Promise<readonly { destination: string; owed: number; oldestAt: number }[]> {
    return this.#file.transaction(() => this.#sql.owed.all().map((row) => ({ ...row })));
  }

  async prune(before: number): Promise<boolean> {
    return this.#file.transaction(() => {
      const removed = this.#sql.prune.map((statement) => Number(statement.run(before).changes));
      return removed.some((rows) => rows >= PRUNE_ROWS);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
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
      this.#file.transaction(() => {
        this.#sql.setBack.map((statement) => statement.run(back));
        setBackFloods(this.#sql, back);
      });
    }
    if (ahead > 0) {
      this.#file.transaction(() => this.#sql.setAhead.map((statement) => statement.run(ahead, now)));
    }
    for (const [batch, one] of this.#inFlight) {
      this.#inFlight.set(batch, { ...one, at: Math.min(one.at - back + ahead, now) });
    }
  }

  #owe(delivery: Delivery, pacing: Pacing | undefined, floods: FloodRows, now: number): void {
    const { destination } = delivery;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    const placed = place(delivery, { pacing, stateOf, floods: floods.of(destination), now });
    if (placed.floods) {
      floods.put(destination, placed.floods);
    }
    const { key, show, dueAt, collects = null } = placed;
    this.#sql.joinGroup.run(destination, key, JSON.stringify(show), goesFirst(delivery) ? 1 : 0, dueAt, collects);
    this.#sql.addDelivery.run(...formatDelivery(delivery, key));
  }

  /** Whether what is in a publication is told with it, and needs not be owed by itself. */
  #leavesWith(
    publication: DeliveryId | undefined,
    part: Delivery,
    now: number,
    pacing: Pacing | undefined,
    floods: FloodRows,
  ): boolean {
    const row = publication === undefined ? undefined : this.#sql.around.get(publication);
    if (publication === undefined || !row) {
      return false;
    }
    const owed = parseDelivery(row.body);
    if (row.batch !== null) {
      return isToldAs(owed, part);
    }
    const { destination } = part;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    const { dueAt } = place(part, { pacing, stateOf, floods: floods.of(destination), now });
    if (row.dueAt === null || row.dueAt > dueAt) {
      return false;
    }
    const both = isToldAs(owed, part) ? owed : passOn(owed, part);
    if (both && both !== owed) {
      const high = both.priority === "high" ? 1 : 0;
      this.#sql.changeDelivery.run(JSON.stringify(both), high, reminderNumber(both), publication);
      if (both.priority === "high") {
        this.#sql.hastenGroup.run(publication);
      }
    }
    return both !== undefined;
  }

  /** What comes again while it is muted is muted once, and what is owed has an end of its own. */
  #isKnown({ delivery, outcome }: RecordLine): boolean {
    return (
      outcome === "muted" && (this.#sql.isSettledOrOwed.get(delivery) ?? this.#sql.wasMuted.get(delivery)) !== undefined
    );
  }

  #regroup(delivery: DeliveryId, batch: BatchId, group: Group, now: number): void {
    const moved = this.#sql.regroup.get(group.key, delivery, batch);
    if (!moved) {
      return;
    }
    const { destination, high } = moved;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    const waiting = { groups: [group], priority: "normal" } as const;
    const {
      key,
      show,
      dueAt,
      collects = null,
    } = place(waiting, {
      ...{ pacing: undefined, stateOf, floods: NO_FLOODS, now },
    });
    this.#sql.joinGroup.run(destination, key, JSON.stringify(show), high, dueAt, collects);
  }

  /** Writes what may be written before the commit; what it returns belongs into it. */
  async #writePages(pages: readonly WrittenPage[], sizes: Map<string, number>): Promise<(() => void) | undefined> {
    let last: (() => void) | undefined;
    for (const step of this.#parts.steps(pages, sizes)) {
      if (last) {
        this.#file.transaction(last);
        await setImmediate();
      }
      last = step;
    }
    return last;
  }

  /** The batch that leaves next, beside those that were found before. */
  #next(
    destination: string,
    now: number,
    { newFirst = false, bounds, ordered = false, urgentOnly = false }: TakeOptions,
    found: readonly BatchRow[],
  ): BatchRow | undefined {
    const busy = this.#busy(destination, ordered, found);
    const due = (high: 0 | 1) => this.#sql.dueBatch.get(...busy, destination, now, high);
    const form = (high: 0 | 1) => this.#formBatch(destination, now, { high, busy, bounds });
    const urgent = due(1) ?? form(1);
    if (urgentOnly) {
      return urgent;
    }
    const fresh = newFirst && !urgent ? form(0) : undefined;
    return urgent ?? fresh ?? due(0) ?? form(0);
  }

  /** What is on its way to a destination, batches and, where order is kept, their groups. */
  #busy(destination: string, ordered: boolean, found: readonly BatchRow[]): Busy {
    const others = [...this.#inFlight].flatMap(([id, one]) =>
      one.destination === destination ? { id, groupKey: one.groupKey } : [],
    );
    const all = [...others, ...found.map(({ id, group_key: groupKey }) => ({ id, groupKey }))];
    const keys = ordered ? all.flatMap(({ groupKey }) => groupKey ?? []) : [];
    return [JSON.stringify(all.map(({ id }) => id)), JSON.stringify(keys), ordered ? 1 : 0];
  }

  /** Makes the batch of a group that is due, if there is one that may leave. */
  #formBatch(destination: string, now: number, { high, busy, bounds }: Forming): BatchRow | undefined {
    for (let tries = 0; tries < MAX_FORMED; tries += 1) {
      const group = this.#sql.dueGroup.get(destination, high, now, busy[1]);
      if (!group) {
        return undefined;
      }
      const id = this.#formFrom(group, destination, now, bounds);
      // What has to wait for what became owed before is a batch from now on, and leaves after that.
      if (this.#sql.isFree.get(...busy, id)) {
        return this.#sql.batch.get(id);
      }
    }
    return undefined;
  }

  /**
   * Each transaction that forms a batch waits for the disk: one forms those that follow, too, where none is left that could,
   * so that taking them writes nothing.
   */
  #formAhead(
    destination: string,
    now: number,
    { ahead = 0, ordered = false, bounds }: TakeOptions,
    found: readonly BatchRow[],
  ): void {
    const busy = this.#busy(destination, ordered, found);
    if (ahead === 0 || this.#sql.dueBatch.get(...busy, destination, now, 0)) {
      return;
    }
    const keys: string[] = JSON.parse(busy[1]);
    for (let formed = 0; formed < ahead; formed += 1) {
      const group = this.#sql.dueGroup.get(destination, 0, now, JSON.stringify(keys));
      if (!group) {
        return;
      }
      this.#formFrom(group, destination, now, bounds);
      keys.push(group.key);
    }
  }

  #formFrom(group: DueGroup, destination: string, now: number, bounds?: BatchBounds): BatchId {
    const waiting = this.#sql.waitingIn.all(destination, group.key, rowsWithin(bounds));
    const fitting = waiting.slice(0, countFitting(waiting, bounds));
    const ids = fitting.map((row) => row.id as DeliveryId);
    const subjects = group.collects === "flood" ? (this.#sql.subjectsIn.get(destination, group.key)?.n ?? 0) : 0;
    const id = ids.length > 0 ? batchIdOf(ids) : batchIdOf([destination, group.key, `${now}`] as DeliveryId[]);
    this.#sql.addBatch.run(id, destination, group.show, group.high, now, group.key);
    for (const delivery of ids) {
      this.#sql.joinBatch.run(id, delivery);
    }
    const left = this.#sql.leftOver.get(destination, group.key)?.high;
    const { note, dueAt } = this.#leave(destination, group, { subjects, isWhole: typeof left !== "number", now });
    this.#sql.leaveGroup.run(now, dueAt, left ?? 0, destination, group.key);
    if (ids.length === 0 && !note) {
      throw new UnreadableRow("A group is due in which nothing waits that could be read");
    }
    this.#sql.noteBatch.run(note ? JSON.stringify(note) : null, id);
    return id;
  }

  /** What a batch of the group tells of why it leaves as one, and when the group is due next. */
  #leave(
    destination: string,
    { key, collects }: { readonly key: string; readonly collects: Collects | null },
    left: Parameters<typeof leave>[2],
  ): { readonly note?: BatchNote; readonly dueAt: number | null } {
    const flooded = floodOfKey(key);
    if (flooded === undefined) {
      const note: BatchNote | undefined = collects === null || collects === "flood" ? undefined : { collects };
      return { ...(note && { note }), dueAt: left.isWhole ? null : left.now };
    }
    const rows = new FloodRows(this.#sql);
    const { floods, note, dueAt } = leave(rows.of(destination), flooded, left);
    rows.put(destination, floods);
    rows.write();
    return { ...(note && { note: { collects: "flood", flood: note } }), dueAt };
  }

  #keepTold(told: readonly ToldParts[], now: number): void {
    for (const one of told) {
      this.#sql.putToldParts.run(one.instance, one.eventUuid, one.destination, now, JSON.stringify(one));
    }
    if (told.length > 0) {
      this.#sql.dropToldParts.run(now - TOLD_PARTS_MS);
    }
  }

  #readBatch(row: BatchRow, now: number, options: TakeOptions): Batch {
    const part = this.#parts.slice(row);
    const rows = part ? this.#sql.inSlice.all(part.delivery) : this.#sql.inBatch.all(row.id);
    const entries = rows.map((entry) => {
      const head = parseAlert(entry.alert);
      const alert = part ? this.#parts.within(head, part.slice.from, part.slice.to) : head;
      const delivery = parseDelivery(entry.delivery);
      const judged = judgedOf(alert, delivery);
      const removed = part?.slice.removed ?? [];
      return { delivery, alert, memory: this.#memory.of({ ...judged, items: [...judged.items, ...removed] }) };
    });
    // What is different was found out when the delivery was cut.
    const told = part && !part.slice.last ? [] : this.#told(entries);
    const note = parseNote(row.note);
    const followed = entries.filter(({ delivery }) => options.follows || delivery.withdraws);
    const follows = followed.length > 0 ? this.#posts.follows(row.destination, followed) : [];
    return {
      id: row.id as BatchId,
      destination: row.destination,
      ...(row.part !== null && row.parts !== null && { part: { n: row.part, of: row.parts } }),
      ...(part && { slice: part.slice }),
      attempts: row.attempts,
      firstAttemptAt: row.first_attempt_at ?? now,
      show: parseShow(row.show),
      ...(note && { note }),
      entries,
      ...(told.length > 0 && { told }),
      ...(follows.length > 0 && { follows }),
    };
  }

  /** What the destination was told of the events of these deliveries, as much as there is room for. */
  #told(entries: Batch["entries"]): NonNullable<Batch["told"]> {
    const told: { parts: ToldParts; rows: readonly PartMemory[] }[] = [];
    const seen = new Set<string>();
    let bytes = 0;
    for (const { delivery } of entries) {
      const { instance, eventUuid, destination } = delivery;
      // A reminder is not compared with what it reminds of.
      const isSeen = eventUuid === undefined || seen.has(nameOf(instance, eventUuid));
      if (isSeen || delivery.reminder || bytes > TOLD_PARTS_BYTES) {
        continue;
      }
      seen.add(nameOf(instance, eventUuid));
      const body = this.#sql.toldParts.get(instance, eventUuid, destination)?.body;
      if (body === undefined) {
        continue;
      }
      bytes += body.length;
      const parts = parseToldParts(body);
      told.push({ parts, rows: this.#memory.named(instance, eventUuid, parts.named) });
    }
    return told;
  }

  /** What is refused for the same reason as before is one line that counts. */
  #addRecord(record: RecordLine): void {
    const { eventUuid, destination, reason } = record;
    this.#silences.count(record);
    const before = isRepeatable(record) && this.#sql.takeRefusal.get(eventUuid ?? null, destination, reason ?? null);
    const line = before ? addUp(parseRecord(before), record) : record;
    this.#sql.addRecord.run(...formatRecord(line));
  }

  #settle(settlement: Settlement, now: number): readonly RecordLine[] {
    const batch = this.#sql.batch.get(settlement.batch);
    if (!batch) {
      return [];
    }
    const lines = this.#settleRecords(batch, settlement, now);
    for (const { delivery, group } of settlement.regrouped ?? []) {
      this.#regroup(delivery, settlement.batch, group, now);
    }
    this.#keepTold(settlement.told ?? [], now);
    this.#posts.apply(settlement.followUp, batch.destination, now);
    // One without any delivery says that a flood is over.
    const isSaid = settlement.retryAt === undefined || batch.note === null;
    if (isSaid && Number(this.#sql.dropEmptyBatch.run(batch.id).changes) > 0) {
      return lines;
    }
    const firstAttemptAt = batch.first_attempt_at ?? this.#inFlight.get(batch.id)?.at ?? now;
    this.#sql.retryBatch.run(
      settlement.retryAt ?? null,
      batch.attempts + (settlement.attempted ? 1 : 0),
      settlement.attempted ? firstAttemptAt : batch.first_attempt_at,
      settlement.reason ?? null,
      batch.id,
    );
    return lines;
  }

  #settleRecords(batch: BatchRow, settlement: Settlement, now: number): readonly RecordLine[] {
    if (batch.delivery === null) {
      return settlement.records.filter((record) => this.#settleOne(record, batch.id, wasTold(record), now));
    }
    const end = this.#parts.settle(batch, batch.delivery, settlement);
    return end && this.#settleOne(end.line, batch.id, end.isTold, now) ? [end.line] : [];
  }

  /** False: it was settled before. A settlement may be repeated when its answer was lost. */
  #settleOne(record: RecordLine, batch: string, isTold: boolean, now: number): boolean {
    const delivery = this.#sql.settled.get(record.delivery, batch);
    if (!delivery) {
      return false;
    }
    this.#addRecord(record);
    this.#reminders.follow(delivery, record, now);
    this.#sql.dropUnusedAlert.run(delivery.alert);
    const { kind, instance, eventUuid, destination, changedAt } = record;
    if (isTold && kind === "event.published" && eventUuid !== undefined && changedAt !== undefined) {
      // A reminder tells nothing new, but to readers who were not told before.
      const put = (delivery.reminder ?? 0) > 0 ? this.#sql.putToldFirst : this.#sql.putTold;
      put.run(instance, eventUuid, destination, changedAt, delivery.version, delivery.seq, now);
    }
    return true;
  }
}

/** A batch that was taken. */
interface InFlight {
  readonly at: number;
  readonly destination: string;
  readonly groupKey: string | null;
}

/** For `FREE`. */
type Busy = readonly [ids: string, keys: string, ordered: 0 | 1];

/** How a batch is made of a group; `high`: of one of those that go first, or of the others. */
interface Forming {
  readonly high: 0 | 1;
  readonly busy: Busy;
  readonly bounds: BatchBounds | undefined;
}

interface DueGroup {
  readonly key: string;
  readonly show: string;
  readonly high: number;
  readonly collects: Collects | null;
}

/** So many groups at most become batches that have to wait, until there is one that has not. */
const MAX_FORMED = 20;
