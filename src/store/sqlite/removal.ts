import type { Delivery, RecordLine } from "../../model/outbox.ts";
import type { LedgerStatements, OwedRow } from "./ledger-statements.ts";
import { formatRecord, parseDelivery } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** What has to be known of a delivery to take it off. */
export type Removed = Pick<OwedRow, "id" | "alert" | "destination" | "group_key" | "batch" | "body">;

/** Takes deliveries that are not being sent off what is owed, and writes down what `lineOf` makes of each; part of a transaction. */
export function removeOwed(
  rows: readonly Removed[],
  { sql, ledger }: { readonly sql: Statements; readonly ledger: LedgerStatements },
  lineOf: (delivery: Delivery) => RecordLine,
): readonly RecordLine[] {
  const lines = rows.map((row) => {
    const line = lineOf(parseDelivery(row.body));
    ledger.dropDelivery.run(row.id);
    sql.addRecord.run(...formatRecord(line));
    sql.dropUnusedAlert.run(row.alert);
    return line;
  });
  tidy(rows, sql, ledger);
  return lines;
}

/** Batches and groups that lost deliveries: one without any is never due. */
function tidy(rows: readonly Removed[], sql: Statements, ledger: LedgerStatements): void {
  for (const batch of new Set(rows.flatMap((row) => row.batch ?? []))) {
    sql.dropEmptyBatch.run(batch);
  }
  const waiting = rows.filter((row) => row.batch === null);
  const groups = new Map(waiting.map((row) => [JSON.stringify([row.destination, row.group_key]), row]));
  for (const { destination, group_key } of groups.values()) {
    const high = sql.leftOver.get(destination, group_key)?.high;
    if (typeof high === "number") {
      ledger.groupIsUrgent.run(high, destination, group_key);
    } else {
      ledger.groupIsQuiet.run(destination, group_key);
      ledger.dropNewGroup.run(destination, group_key);
    }
  }
}
