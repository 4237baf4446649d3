import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Alert, AlertPage, WrittenPage } from "../../model/alert.ts";
import type { Ledger } from "../../model/ledger.ts";
import type { AskingState, Cursor, Keys, Known, Memory, Unconfirmed } from "../../model/memory.ts";
import type {
  Batch,
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
import type { OpenPost, PostEnd } from "../../model/post.ts";
import type { StoreClock } from "../clock-watch.ts";
import type { Damage } from "../damage.ts";
import { committedWith } from "../posts.ts";
import type { Size } from "../size.ts";
import { BatchRows } from "./batches.ts";
import { StoreTime } from "./clock.ts";
import { SqliteLedger } from "./ledger.ts";
import { prepareLedger } from "./ledger-statements.ts";
import { MemoryRows } from "./memory.ts";
import { OwingRows } from "./owing.ts";
import { PartRows, textOfTold } from "./parts.ts";
import { PostRows } from "./posts.ts";
import { ReadingRows } from "./reading.ts";
import { RecordRows } from "./record.ts";
import { ReminderRows } from "./reminders.ts";
import { SettlingRows } from "./settling.ts";
import { SightingRows } from "./sightings.ts";
import { SilenceRows } from "./silences.ts";
import { SqliteSize } from "./size.ts";
import { inWordsAtOpening } from "./state-errors.ts";
import { openStateFile, type StateFile } from "./state-file.ts";
import { PRUNE_ROWS, prepareStatements, type Statements } from "./statements.ts";
import { ToldRows } from "./told.ts";
import { UnconfirmedRows } from "./unconfirmed.ts";
import { UndecidedRows } from "./undecided.ts";

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
  readonly #sightings: SightingRows;
  readonly #parts: PartRows;
  readonly #posts: PostRows;
  readonly #owing: OwingRows;
  readonly #record: RecordRows;
  readonly #batches: BatchRows;
  readonly #reading: ReadingRows;
  readonly #settling: SettlingRows;
  readonly #time: StoreTime;

  constructor(file: StateFile, clock?: StoreClock) {
    this.#file = file;
    this.damage = file.damage;
    const sql = prepareStatements(file.db);
    const silences = new SilenceRows(file.db);
    this.#sql = sql;
    this.#undecided = new UndecidedRows(file.db);
    this.#unconfirmed = new UnconfirmedRows(file.db);
    this.#batches = new BatchRows(sql);
    this.#time = new StoreTime({ file, sql, batches: this.#batches }, clock);
    this.#memory = new MemoryRows(sql, this.#undecided);
    this.#sightings = new SightingRows(file.db);
    this.#parts = new PartRows(file.db, sql);
    this.#posts = new PostRows(file.db, (alert) => this.#memory.of(alert));
    file.transaction(() => this.#parts.dropOrphans());
    this.#owing = new OwingRows(sql);
    this.#record = new RecordRows(sql, silences);
    const told = new ToldRows(sql, this.#memory);
    const ledger = prepareLedger(file.db);
    const reminders = new ReminderRows(file.db, { sql, ledger, batches: this.#batches, owing: this.#owing });
    const rows = { parts: this.#parts, posts: this.#posts, told };
    this.#reading = new ReadingRows(sql, { ...rows, memory: this.#memory });
    this.#settling = new SettlingRows(sql, { ...rows, owing: this.#owing, record: this.#record, reminders });
    const context = {
      file,
      sql,
      ledger,
      silences,
      reminders,
      batches: this.#batches,
      posts: this.#posts,
      sightings: this.#sightings,
      memoryOf: (alert: Alert) => this.#memory.of(alert),
      glimpseOf: (alert: Alert) => this.#parts.glimpse(alert),
      toldOf: (entries: Batch["entries"]) => told.of(entries),
      lookAtClock: () => this.#time.look(),
    };
    this.ledger = new SqliteLedger(context);
    this.size = new SqliteSize(context);
  }

  async load(keys: Keys): Promise<Known> {
    return this.#file.transaction(() => ({
      ...this.#memory.load(keys, this.#posts),
      ...this.#unconfirmed.load(keys),
      ...this.#sightings.load(keys),
    }));
  }

  async commit(effects: Effects, now: number): ReturnType<Store["commit"]> {
    this.#time.keep(now);
    const more = new Map<string, number>();
    const last = await this.#writePages(effects.pages ?? [], more);
    return this.#file.transaction(() => {
      if (!this.#memory.isUnmoved(effects)) {
        return "conflict";
      }
      last?.();
      this.#owing.apply(effects, more, now);
      this.#record.addAll(effects.records);
      this.#undecided.apply(effects);
      this.#unconfirmed.apply(effects);
      this.#memory.apply(effects, now);
      this.#sightings.apply(effects, now);
      this.#parts.dropUnowed(effects.pages ?? []);
      return committedWith(this.#posts.recheck(effects.recheck ?? [], now));
    });
  }

  async take(destination: string, now: number, options: TakeOptions = {}): ReturnType<Store["take"]> {
    this.#time.keep(now);
    const { rows, dueAt, batches } = this.#file.transaction(() => {
      const found = this.#batches.find(destination, now, options);
      return { ...found, batches: found.rows.map((row) => this.#reading.batch(row, now, options)) };
    });
    this.#batches.began(rows, now);
    for (const { id } of rows) {
      this.#posts.rechecks.began(id);
    }
    if (batches.length > 0) {
      return { batches };
    }
    return dueAt === undefined ? undefined : { dueAt };
  }

  async settle(settlements: readonly Settlement[], now: number): Promise<readonly (readonly RecordLine[])[]> {
    const lines = this.#file.transaction(() =>
      settlements.map((settlement) => this.#settling.settle(settlement, this.#batches.takenAt(settlement.batch), now)),
    );
    for (const { batch } of settlements) {
      this.#ended(batch);
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
    this.#ended(division.batch);
  }

  /** It is not on its way any more. */
  #ended(batch: BatchId): void {
    this.#batches.ended(batch);
    this.#posts.rechecks.ended(batch);
  }

  async page(delivery: Delivery, from: number): Promise<{ page: AlertPage; memory: Memory } | undefined> {
    return this.#file.transaction(() => this.#reading.page(delivery, from));
  }

  async takePost(
    destination: string,
    now: number,
    isUrgent: boolean,
  ): Promise<OpenPost | { readonly dueAt: number } | undefined> {
    this.#time.keep(now);
    return this.#file.transaction(() => this.#posts.take(destination, now, isUrgent));
  }

  async post(id: BatchId): Promise<OpenPost | undefined> {
    return this.#file.transaction(() => this.#posts.get(id));
  }

  async settlePost(end: PostEnd, now: number): Promise<void> {
    this.#file.transaction(() => this.#posts.settle(end, now));
  }

  async undecided(instance: string, quietSince: number, except: readonly string[]) {
    this.#time.look();
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

  async prune(before: number, now: number): Promise<boolean> {
    return this.#file.transaction(() => {
      const old = this.#sql.prune.map((sql) => sql.run(before));
      const shown = this.#sql.pruneShown.map(({ sql, keptMs }) => sql.run(Math.max(before, now - keptMs)));
      const rows = [...old, ...shown].map(({ changes }) => Number(changes));
      return [...rows, this.#sightings.prune(before)].some((count) => count >= PRUNE_ROWS);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
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
}
