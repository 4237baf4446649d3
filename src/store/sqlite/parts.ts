import { setImmediate } from "node:timers/promises";
import type { Alert, AlertPage, WrittenPage } from "../../model/alert.ts";
import type { BatchId, DeliveryId, Division, RecordLine, Settlement, Slice } from "../../model/outbox.ts";
import type { ToldParts } from "../../model/told.ts";
import { batchIdOf } from "../batch-id.ts";
import { cutTo, onlyPage } from "../pages.ts";
import { endPart, type PartsEnd, sliceIdOf } from "../part-ends.ts";
import type { Database } from "./driver.ts";
import { type BatchRow, type BodyRow, parseBody, parseToldParts } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** How much is written in one transaction, so that others have their turn. */
const STEP_BYTES = 2 * 2 ** 20;
const NAMED_AT_ONCE = 5_000;

/** Alerts in several rows and deliveries in several payloads, in SQLite. Every call is part of a transaction. */
export class PartRows {
  readonly #sql;
  readonly #shared: Statements;

  constructor(db: Database, shared: Statements) {
    this.#shared = shared;
    this.#sql = prepareParts(db);
  }

  /** Writes pages of alerts that are not committed yet, in steps of their own; `sizes` gets the bytes of each alert. */
  *steps(pages: readonly WrittenPage[], sizes: Map<string, number>): Generator<() => void> {
    const numbers = new Map<string, number>();
    let rows: (readonly [string, number, number, number, string])[] = [];
    let bytes = 0;
    const write = (some: typeof rows) => () => {
      for (const row of some) {
        this.#sql.putPage.run(...row);
      }
    };
    for (const { alert, first, count, body } of pages) {
      const page = (numbers.get(alert) ?? 0) + 1;
      numbers.set(alert, page);
      rows.push([alert, page, first, count, body]);
      sizes.set(alert, (sizes.get(alert) ?? 0) + body.length);
      bytes += body.length;
      if (bytes > STEP_BYTES) {
        yield write(rows);
        rows = [];
        bytes = 0;
      }
    }
    if (rows.length > 0) {
      yield write(rows);
    }
  }

  /** Pages whose alert was not committed, because something ended in between. */
  dropOrphans(): void {
    this.#sql.dropOrphans.run();
  }

  /** Of these pages those whose alert nobody is owed. */
  dropUnowed(pages: readonly WrittenPage[]): void {
    for (const alert of new Set(pages.map((page) => page.alert))) {
      this.#sql.dropUnowed.run(alert);
    }
  }

  /** Makes batches of the parts of one; `told`: in words of JSON what is known of each delivery once all of it has left. */
  divide({ batch, parts }: Division, told: ReadonlyMap<DeliveryId, string>, row: BatchRow, now: number): void {
    const [only] = parts;
    if (parts.length === 1 && only && "deliveries" in only) {
      this.#sql.numberBatch.run(1, 1, batch);
      return;
    }
    const first = new Map<DeliveryId, BatchId>();
    for (const [index, content] of parts.entries()) {
      const number = { n: index + 1, of: parts.length };
      const isSlice = "slice" in content;
      const id = isSlice ? sliceIdOf(content.delivery, content.slice, number) : batchIdOf(content.deliveries);
      const [delivery, body] = isSlice ? [content.delivery, JSON.stringify(content.slice)] : [null, null];
      this.#sql.addPart.run(id, now, number.n, number.of, delivery, body, batch);
      for (const one of isSlice ? [content.delivery] : content.deliveries) {
        if (!first.has(one)) {
          first.set(one, id);
          this.#shared.joinBatch.run(id, one);
        }
      }
      if (isSlice && first.get(content.delivery) === id) {
        const known = told.get(content.delivery);
        this.#sql.addCut.run(content.delivery, JSON.stringify(NO_END));
        if (known !== undefined) {
          this.#sql.addTold.run(content.delivery, known);
        }
      }
    }
    this.#shared.dropEmptyBatch.run(row.id);
  }

  /** The part of a delivery that a batch is; undefined: it is no part of one. */
  slice({ id, delivery, body }: BatchRow) {
    if (delivery === null || body === null) {
      return undefined;
    }
    const isLast = this.#sql.nextPart.get(delivery, id) === undefined;
    const cut = isLast ? this.#sql.cut.get(delivery) : undefined;
    const known = cut && this.#sql.told.get(delivery)?.body;
    const told: ToldParts | undefined = known === undefined ? undefined : parseToldParts(known);
    return {
      delivery,
      slice: {
        ...parseBody<Slice>(body),
        ...(cut && { last: { ...(told && { told }), missing: parseBody<PartsEnd>(cut.body).missing } }),
      },
    };
  }

  /** The alert with the items that have these places, and with no others. */
  within(alert: Alert, from: number, to: number): Alert {
    if (!alert.pages) {
      return cutTo(alert, onlyPage(alert), from, to);
    }
    const pages = this.#sql.pages.all(alert.id, to, from).map((row) => pageOf(alert, row));
    const parts = pages.map((page) => cutTo(alert, page, from, to));
    const objects = new Map(parts.flatMap((part) => part.objects.map((object) => [object.key, object] as const)));
    return { ...alert, items: parts.flatMap(({ items }) => items), objects: [...objects.values()] };
  }

  /** The page in which the place is. */
  page(alert: Alert, from: number): AlertPage | undefined {
    const row = this.#sql.pages.get(alert.id, from + 1, from);
    return row && pageOf(alert, row);
  }

  /** An alert in several pages with what the first of them has. */
  glimpse(alert: Alert): Alert {
    const page = alert.pages ? this.page(alert, 0) : undefined;
    return page ? cutTo(alert, page, 0, page.items.length + page.loose.length) : alert;
  }

  /** Settles one part; the line of the delivery once it is the last one. */
  settle(
    row: BatchRow,
    delivery: string,
    { records, missing = [] }: Settlement,
  ): { readonly line: RecordLine; readonly isTold: boolean } | undefined {
    const record = records.find((line) => line.delivery === delivery);
    const cut = this.#sql.cut.get(delivery);
    if (!record || !cut) {
      return undefined;
    }
    const end = endPart(parseBody<PartsEnd>(cut.body), record, missing);
    const next = this.#sql.nextPart.get(delivery, row.id);
    if (!next && end.line) {
      return { line: end.line, isTold: end.isTold ?? false };
    }
    if (next) {
      this.#shared.joinBatch.run(next.id, delivery);
      this.#shared.dropEmptyBatch.run(row.id);
      this.#sql.putCut.run(JSON.stringify(end), delivery);
    }
    return undefined;
  }
}

/** `JSON.stringify` of what may have megabytes of names, in several turns of the loop. */
export async function textOfTold({ named, ...rest }: ToldParts): Promise<string> {
  const some: string[] = [];
  for (let from = 0; from < named.length; from += NAMED_AT_ONCE) {
    some.push(JSON.stringify(named.slice(from, from + NAMED_AT_ONCE)).slice(1, -1));
    await setImmediate();
  }
  return `${JSON.stringify(rest).slice(0, -1)},"named":[${some.join(",")}]}`;
}

const NO_END: PartsEnd = { missing: [] };

interface PageRow {
  readonly first: number;
  readonly body: string;
}

function pageOf(alert: Alert, { first, body }: PageRow): AlertPage {
  return { alert: alert.id, first, ...parseBody<Pick<AlertPage, "items" | "loose" | "objects">>(body) };
}

function prepareParts(db: Database) {
  return {
    putPage: db.prepare("INSERT OR REPLACE INTO alert_pages (alert, page, first, n, body) VALUES (?, ?, ?, ?, ?)"),
    dropOrphans: db.prepare("DELETE FROM alert_pages WHERE alert NOT IN (SELECT id FROM alerts)"),
    dropUnowed: db.prepare(
      "DELETE FROM alert_pages WHERE alert = ?1 AND NOT EXISTS (SELECT 1 FROM alerts WHERE id = ?1)",
    ),
    pages: db.prepare<PageRow>(
      "SELECT first, body FROM alert_pages WHERE alert = ? AND first < ? AND first + n > ? ORDER BY page",
    ),
    numberBatch: db.prepare("UPDATE batches SET part = ?, parts = ? WHERE id = ?"),
    addPart: db.prepare(`
      INSERT INTO batches (id, destination, show, high, next_at, attempts, first_attempt_at, reason, group_key, note, part, parts,
        delivery, body)
      SELECT ?1, destination, show, high, ?2, attempts, first_attempt_at, reason, group_key, note, ?3, ?4, ?5, ?6
      FROM batches WHERE id = ?7`),
    nextPart: db.prepare<{ readonly id: string }>(
      "SELECT id FROM batches WHERE delivery = ? AND id <> ? ORDER BY part LIMIT 1",
    ),
    cut: db.prepare<BodyRow>("SELECT body FROM cuts WHERE delivery = ?"),
    addCut: db.prepare("INSERT OR REPLACE INTO cuts (delivery, body) VALUES (?, ?)"),
    told: db.prepare<BodyRow>("SELECT body FROM cuts_told WHERE delivery = ?"),
    addTold: db.prepare("INSERT OR REPLACE INTO cuts_told (delivery, body) VALUES (?, ?)"),
    putCut: db.prepare("UPDATE cuts SET body = ? WHERE delivery = ?"),
  };
}
