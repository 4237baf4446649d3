import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/store/sqlite/driver.ts";
import { prepareLedger } from "../../src/store/sqlite/ledger-statements.ts";
import { openStateFile } from "../../src/store/sqlite/state-file.ts";
import { prepareStatements } from "../../src/store/sqlite/statements.ts";

/** What moves all that is stored when the clock was set, and what `prune` removes in pages. */
const MAY_SCAN =
  /^\s*(UPDATE \w+ SET (\w+ = \w+ [-+] |since|first_attempt_at = min)|DELETE FROM \w+ WHERE [^=]+ IN \(\s*SELECT )/;
/** An index of the groups that collect for a time of their own: a few of each destination. */
const SMALL = "delivery_groups_collects";

const folder = mkdtempSync(join(tmpdir(), "plans-"));
let db: Database;
const texts: string[] = [];

beforeAll(async () => {
  const path = join(folder, "state.db");
  (await openStateFile(path)).close();
  db = await openDatabase(path);
  const recording: Database = {
    exec: (sql) => db.exec(sql),
    prepare: (sql) => {
      texts.push(sql);
      return db.prepare(sql);
    },
    close: () => db.close(),
  };
  prepareStatements(recording);
  prepareLedger(recording);
});
afterAll(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

/** Tables of what is owed that a statement would look at from end to end. */
function scansOf(sql: string): readonly string[] {
  const plan = db.prepare<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all();
  return plan.flatMap(
    ({ detail }) =>
      /^SCAN (?:main\.)?(deliveries|batches|alerts|delivery_groups|records|[dbgae])\b.*/.exec(detail)?.[0] ?? [],
  );
}

describe("the statements of what is owed", () => {
  it("are those that are looked at", () => {
    expect(texts.length).toBeGreaterThan(80);
    expect(scansOf("SELECT body FROM deliveries WHERE body = ''")).toEqual(["SCAN deliveries"]);
  });

  it("look at no table from end to end, however much is owed", () => {
    const found = texts
      .filter((sql) => !MAY_SCAN.test(sql))
      .flatMap((sql) => scansOf(sql).map((scan) => ({ sql, scan })))
      .filter(({ scan }) => !scan.includes(SMALL));
    expect(found).toEqual([]);
  });

  it("find what leaves next in the order of an index, without sorting", () => {
    const [due = ""] = texts.filter((sql) => /FROM batches b\s+WHERE destination = \?4 AND next_at <= \?5/.test(sql));
    const plan = db
      .prepare<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${due}`)
      .all()
      .map(({ detail }) => detail);
    expect(plan[0]).toContain("SEARCH b USING INDEX batches_due (destination=? AND high=? AND next_at<?)");
    expect(plan.join("\n")).not.toContain("TEMP B-TREE FOR ORDER BY");
  });
});
