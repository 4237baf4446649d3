import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import type { Found } from "../../src/store/damage.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { cutShort, leaveBehind, overwritePages, replaceTable, tamper } from "../support/damage.ts";
import { eventually } from "../support/eventually.ts";
import { historyOf } from "../support/history.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import { undecided } from "./contract-undecided.ts";
import { delivery, eventMemory, group, idsOf, NOW, owing, partMemory, settledAs, takeBatch } from "./samples.ts";

const MARKER = "content-marker";

/** A closed state file that owes three alerts of their own events, and remembers some things. */
async function stateFile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "herald-damage-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "state.db");
  await using store = await openSqliteStore({ path });
  for (const n of [1, 2, 3]) {
    const owed = owing(delivery(`d${n}`, { eventUuid: `u${n}`, groups: [group(`g${n}`)] }));
    const alerts = owed.alerts.map((alert) => ({
      ...alert,
      version: MARKER,
      event: { id: `${n}`, uuid: `u${n}` },
    }));
    const event = eventMemory({ key: `u${n}`, event: { id: `${n}`, uuid: `u${n}` } });
    const attribute = partMemory(`a${n}`, { eventKey: `u${n}` });
    await store.commit({ ...owed, alerts, events: [event], parts: [attribute] }, NOW);
  }
  const sent = owing(delivery("sent", { destination: "mail", eventUuid: "u9" }));
  await store.commit({ ...sent, undecided: [undecided("w")] }, NOW);
  await settleOne(store, settledAs(await takeBatch(store, NOW, "mail"), "sent"), NOW);
  return path;
}

/** What can be taken of a state, and what was said of damage: whoever looks at everything comes upon all of it. */
async function goOn(path: string) {
  await using store = await openSqliteStore({ path, clock: { now: () => NOW, monotonic: () => 0 } });
  const found: Found[] = [];
  store.damage.watch((one) => found.push(one));
  const events = [1, 2, 3].map((n) => ({ instance: "cert", uuid: `u${n}`, whole: true }));
  await store.load({ events, parts: [] });
  const taken: string[] = [];
  for (;;) {
    const next = await takeOne(store, "soc", NOW);
    if (!next || "dueAt" in next) {
      break;
    }
    taken.push(...idsOf(next.batch));
  }
  await store.undecided("cert", NOW, []);
  const dead = (await historyOf(store, 100)).filter(({ outcome }) => outcome === "dead");
  return { taken: taken.sort(), found, dead: dead.map(({ delivery: id, reason }) => `${id} ${reason}`) };
}

const rowsIn = (found: readonly Found[]) => found.reduce((sum, { rows }) => sum + rows, 0);

/** Each body is text that JSON does not know, or no object. */
const BROKEN = [`{"version":"${MARKER}`, "[]", "17"] as const;

describe("a state file that is damaged", () => {
  it.each<[string, string, readonly string[], readonly string[]]>([
    ["an alert", "UPDATE alerts SET body = ? WHERE event_id = '1'", ["d2", "d3"], ["d1 state-damaged"]],
    ["a delivery", "UPDATE deliveries SET body = ? WHERE id = 'd1'", ["d2", "d3"], ["d1 state-damaged"]],
    ["memory of an event", "UPDATE events SET body = ? WHERE key = 'u1'", ["d2", "d3"], ["d1 state-damaged"]],
    ["memory of an attribute", "UPDATE parts SET body = ? WHERE id = 'a1'", ["d2", "d3"], ["d1 state-damaged"]],
    ["what is undecided", "UPDATE undecided SET body = ?", ["d1", "d2", "d3"], []],
    ["the record", "UPDATE records SET body = ?", ["d1", "d2", "d3"], []],
  ])("goes on without %s", async (_, sql, taken, dead) => {
    for (const body of BROKEN) {
      const path = await stateFile();
      await tamper(path, (db) => db.prepare(sql).run(body));
      const seen = await goOn(path);
      expect(seen).toMatchObject({ taken, dead });
      expect(rowsIn(seen.found)).toBe(1);
      expect(JSON.stringify(seen.found)).not.toContain(MARKER);
      // It is found once, and kept for whoever wants to look.
      expect((await goOn(path)).found).toEqual([]);
      await tamper(path, (db) => {
        const [row] = db.prepare<{ readonly body: Uint8Array }>("SELECT body FROM damaged").all();
        expect(Buffer.from(row?.body ?? []).toString()).toBe(body);
      });
    }
  });

  it("goes on without a delivery of which nobody knows any more what it is about", async () => {
    const path = await stateFile();
    await tamper(path, (db) => db.exec("UPDATE alerts SET id = 'other' WHERE event_id = '1'"));
    expect(await goOn(path)).toMatchObject({ taken: ["d2", "d3"], dead: ["d1 state-damaged"] });
  });

  it.each([
    ["events_touched", "UPDATE events SET touched_at = 5 WHERE key = 'u1'"],
    [
      "deliveries_alert",
      "UPDATE deliveries SET alert = (SELECT alert FROM deliveries WHERE id = 'd2') WHERE id = 'd1'",
    ],
    ["records_delivery", "DELETE FROM records"],
  ])("goes on with the index %s built anew", async (index, change) => {
    const path = await stateFile();
    await leaveBehind(path, index, change);
    const { taken, found } = await goOn(path);
    expect(taken).toEqual(["d1", "d2", "d3"]);
    expect(found).toEqual([{ rows: 0, lines: [], indexes: true }]);
    expect((await goOn(path)).found).toEqual([]);
  });

  it("does not start on a page that is not one, a file that was cut, and another schema", async () => {
    for (const damage of [overwritePages, cutShort, replaceTable]) {
      const path = await stateFile();
      await damage(path);
      const error: unknown = await goOn(path).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StoreError);
      expect(String(error)).toMatch(/cannot be used as state, .*: restore a copy/);
      expect(String(error)).not.toContain(MARKER);
    }
  });

  it("is checked beside the service where it is large, after a stop that was not clean, and mended at the next start", async () => {
    const path = await stateFile();
    await leaveBehind(path, "events_touched", "UPDATE events SET touched_at = 5 WHERE key = 'u1'");
    const killed = `${path}-killed`;
    {
      await using store = await openSqliteStore({ path, checkedBytes: 0 });
      await store.commit(owing(delivery("d4")), NOW);
      await copyFile(path, killed);
      await copyFile(`${path}-wal`, `${killed}-wal`);
    }
    {
      await using store = await openSqliteStore({ path: killed, checkedBytes: 0 });
      const found: Found[] = [];
      store.damage.watch((one) => found.push(one));
      await eventually(() => store.damage.unrepaired);
      // Had the service heard nothing any more, the next start would know by this alone.
      expect(existsSync(`${killed}.damaged`)).toBe(true);
      expect(found).toEqual([{ rows: 0, lines: [], unrepaired: true }]);
      expect(await store.owed()).toMatchObject([{ owed: 4 }]);
    }
    await using store = await openSqliteStore({ path: killed, checkedBytes: 0 });
    const found: Found[] = [];
    store.damage.watch((one) => found.push(one));
    expect(found).toEqual([{ rows: 0, lines: [], indexes: true }]);
    expect(existsSync(`${killed}.damaged`)).toBe(false);
  });

  it("is checked before it is used where the check beside the service could tell nobody but by its note", async () => {
    const path = await stateFile();
    await leaveBehind(path, "events_touched", "UPDATE events SET touched_at = 5 WHERE key = 'u1'");
    await writeFile(`${path}.damaged`, "");
    await using store = await openSqliteStore({ path, checkedBytes: 0 });
    const found: Found[] = [];
    store.damage.watch((one) => found.push(one));
    expect(found).toEqual([{ rows: 0, lines: [], indexes: true }]);
    expect(existsSync(`${path}.damaged`)).toBe(false);
  });
});

describe("a state file that is deleted under the service", () => {
  it.each([
    ["deleted", (path: string) => rm(path)],
    ["moved away", (path: string) => rename(path, `${path}.bak`)],
    [
      "replaced",
      async (path: string) => {
        await writeFile(`${path}.new`, await readFile(path));
        await rename(`${path}.new`, path);
      },
    ],
  ])("%s: a probe says so", async (_, harm) => {
    const path = await stateFile();
    await using store = await openSqliteStore({ path });
    await store.ledger.probe();
    await harm(path);
    await expect(store.ledger.probe()).rejects.toThrow(StoreError);
    await expect(store.ledger.probe()).rejects.toThrow(/was deleted or replaced while it was in use: restart/);
  });
});
