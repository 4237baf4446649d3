import type { BatchBounds, BatchId, DeliveryId, TakeOptions } from "../../model/outbox.ts";
import type { BatchNote, Collects } from "../../model/pacing.ts";
import { leave } from "../../pacing/flood.ts";
import { floodOfKey } from "../../pacing/place.ts";
import { batchIdOf } from "../batch-id.ts";
import { countFitting, rowsWithin } from "../schedule.ts";
import { FloodRows } from "./floods.ts";
import { type BatchRow, UnreadableRow } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** What leaves together, and which of it is on its way, in SQLite. What reads or writes rows is part of a transaction. */
export class BatchRows {
  readonly #sql: Statements;
  /** Batches that were taken here and not settled yet; after a crash they are simply due. */
  readonly #inFlight = new Map<string, InFlight>();
  /** How many were made ready for a destination and not taken since, at most. */
  readonly #ready = new Map<string, number>();

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** As many as are due and wanted; where none is, when the next will be. */
  find(
    destination: string,
    now: number,
    options: TakeOptions,
  ): { readonly rows: readonly BatchRow[]; readonly dueAt?: number } {
    const { most = 1, ordered = false, urgentOnly = false } = options;
    const rows: BatchRow[] = [];
    while (rows.length < most) {
      const more = this.#next(destination, now, { ...options, most: most - rows.length }, rows);
      if (more.length === 0) {
        break;
      }
      rows.push(...more);
    }
    if (rows.length > 0) {
      if (!urgentOnly) {
        this.#formAhead(destination, now, options, rows);
      }
      return { rows };
    }
    const next = urgentOnly ? this.#sql.nextUrgent : this.#sql.nextDue;
    const dueAt = next.get(...this.#busy(destination, ordered, rows), destination)?.dueAt;
    return { rows, ...(typeof dueAt === "number" && { dueAt }) };
  }

  /** These are on their way. */
  began(rows: readonly BatchRow[], now: number): void {
    for (const { id, destination, group_key: groupKey } of rows) {
      this.#inFlight.set(id, { at: now, destination, groupKey });
    }
  }

  ended(id: BatchId): void {
    this.#inFlight.delete(id);
  }

  /** Since when it is on its way. */
  takenAt(id: BatchId): number | undefined {
    return this.#inFlight.get(id)?.at;
  }

  isUnderWay(id: string): boolean {
    return this.#inFlight.has(id);
  }

  /** Those that are on their way, for `json_each`. */
  underWay(): string {
    return JSON.stringify([...this.#inFlight.keys()]);
  }

  /** The clock was set. */
  shift(later: (at: number) => number): void {
    for (const [batch, one] of this.#inFlight) {
      this.#inFlight.set(batch, { ...one, at: later(one.at) });
    }
  }

  /** Those that leave next, beside those that were found before: as many as can be found at once, none if there is none. */
  #next(
    destination: string,
    now: number,
    { most = 1, newFirst = false, bounds, ordered = false, urgentOnly = false }: TakeOptions,
    found: readonly BatchRow[],
  ): readonly BatchRow[] {
    const busy = this.#busy(destination, ordered, found);
    const due = (high: 0 | 1) => {
      const rows = this.#sql.dueBatches.all(...busy, destination, now, high, most);
      return ordered ? oneOfEachGroup(rows) : rows;
    };
    const form = (high: 0 | 1) => {
      const row = this.#formBatch(destination, now, { high, busy, bounds });
      return row ? [row] : [];
    };
    const ways = [() => due(1), () => form(1)];
    if (!urgentOnly) {
      ways.push(...(newFirst ? [() => form(0), () => due(0)] : [() => due(0), () => form(0)]));
    }
    for (const way of ways) {
      const rows = way();
      if (rows.length > 0) {
        return rows;
      }
    }
    return [];
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
    const ready = Math.max(0, (this.#ready.get(destination) ?? 0) - found.length);
    this.#ready.set(destination, ready);
    if (ahead === 0 || ready > 0) {
      return;
    }
    const busy = this.#busy(destination, ordered, found);
    if (this.#sql.dueBatches.get(...busy, destination, now, 0, 1)) {
      return;
    }
    const keys: string[] = JSON.parse(busy[1]);
    let formed = 0;
    for (; formed < ahead; formed += 1) {
      const group = this.#sql.dueGroup.get(destination, 0, now, JSON.stringify(keys));
      if (!group) {
        break;
      }
      this.#formFrom(group, destination, now, bounds);
      keys.push(group.key);
    }
    this.#ready.set(destination, formed);
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
    if (note) {
      this.#sql.noteBatch.run(JSON.stringify(note), id);
    } else if (ids.length === 0) {
      throw new UnreadableRow("A group is due in which nothing waits that could be read");
    }
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
}

/** Where order is kept, one of a group is on its way at once. */
function oneOfEachGroup(rows: readonly BatchRow[]): readonly BatchRow[] {
  const keys = new Set<string>();
  return rows.filter(({ group_key: key }) => {
    const isFirst = key === null || !keys.has(key);
    if (key !== null) {
      keys.add(key);
    }
    return isFirst;
  });
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
