import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

const OWED = 1_000_000;
/** So many destinations are owed the same alerts. */
const DESTINATIONS = 10;
/** What systemd waits for a service to say that it is ready, where the unit names nothing else. */
const START_S = 90;

/** The parts of the unit that say how long the service may say nothing. */
function secondsIn(unit: string, name: string): number | undefined {
  const [, number, minutes] = new RegExp(`^${name}=(\\d+)(min)?s?$`, "m").exec(unit) ?? [];
  return number === undefined ? undefined : Number(number) * (minutes ? 60 : 1);
}

test.each([[1], [2]])(
  "a state file of schema %i that owes a million alerts opens before systemd loses patience",
  async (schema) => {
    const unit = readFileSync(new URL("../../systemd/misp-herald.service", import.meta.url), "utf8");
    const patienceS = Math.min(
      secondsIn(unit, "TimeoutStartSec") ?? START_S,
      secondsIn(unit, "WatchdogSec") ?? START_S,
    );
    const directory = mkdtempSync(join(tmpdir(), "million-"));
    try {
      const path = join(directory, "state.db");
      const db = await openDatabase(path);
      const dump = readFileSync(new URL(`../fixtures/state/schema-${schema}.sql`, import.meta.url), "utf8");
      const numbers = (count: number) =>
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
      const uuid = "printf('00000000-0000-4000-9000-%012d', i)";
      db.exec(`PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; BEGIN; ${dump}
      ${numbers(OWED / DESTINATIONS)} INSERT INTO events (instance, key, uuid, revision, touched_at, body)
        SELECT 'cert', ${schema === 1 ? "'1' || i" : uuid}, ${uuid}, 1, e.touched_at, replace(replace(e.body, e.uuid, ${uuid}), '"id":"3"', '"id":"1' || i || '"')
        FROM n, (SELECT * FROM events WHERE uuid LIKE '%03') e;
      ${numbers(OWED / DESTINATIONS)} INSERT INTO alerts (id, instance, event_id, event_uuid, body)
        SELECT 'a' || i, 'cert', '1' || i, ${uuid}, replace(a.body, a.event_uuid, ${uuid})
        FROM n, (SELECT * FROM alerts WHERE event_id = '3') a;
      ${numbers(DESTINATIONS)} INSERT INTO delivery_groups (destination, key, show, high, due_at)
        SELECT 'd' || i, 'all', '20', 0, 1795176000000 FROM n;
      ${numbers(OWED)} INSERT INTO deliveries (id, alert, destination, group_key, high, created_at, instance, kind, event_uuid, changed_at, body)
        SELECT 'x' || i, 'a' || (1 + (i - 1) / ${DESTINATIONS}), 'd' || (1 + i % ${DESTINATIONS}), 'all', 0, d.created_at, 'cert', d.kind,
          printf('00000000-0000-4000-9000-%012d', 1 + (i - 1) / ${DESTINATIONS}), d.changed_at, d.body
        FROM n, (SELECT * FROM deliveries WHERE event_uuid LIKE '%03' LIMIT 1) d;
      COMMIT;`);
      db.close();
      const mib = statSync(path).size / 2 ** 20;
      const beganAt = performance.now();
      const store = await openSqliteStore({ path });
      const openedS = (performance.now() - beganAt) / 1000;
      const owed = (await store.owed()).reduce((sum, one) => sum + one.owed, 0);
      const countedS = (performance.now() - beganAt) / 1000;
      await store[Symbol.asyncDispose]();
      process.stdout.write(
        `million: schema ${schema}, ${mib.toFixed(0)} MiB, opened in ${openedS.toFixed(1)} s, first count after ` +
          `${countedS.toFixed(1)} s, of ${patienceS} s\n`,
      );
      expect(owed).toBeGreaterThanOrEqual(OWED);
      expect(countedS).toBeLessThan(patienceS);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
