import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutShort, leaveBehind, overwritePages, replaceTable, tamper } from "../support/damage.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";
import { publish, told, uuidOf } from "./publications.ts";

const EVENTS = [1, 2, 3] as const;
/** In the title of all of them. */
const CONTENT = "Phishing wave";

let folder: ReturnType<typeof workspace>;
/** What a service that could not tell its webhook has left. */
let left: string;
beforeAll(async () => {
  folder = workspace();
  left = folder.path("left.db");
  await using publisher = await openPublisher();
  await using sink = await openSink(() => {}); // it never answers
  await using daemon = start(["run", "-c", folder.write("left.yaml", configOf(publisher.endpoint, sink.url, left))]);
  await publisher.subscribed();
  for (const n of EVENTS) {
    await publish(publisher, n);
  }
  await eventually(() => sink.received.length === EVENTS.length);
  await daemon.stop("SIGTERM");
});
afterAll(() => folder[Symbol.dispose]());

/** A copy of that, damaged, and a configuration for it; there is no feed. */
async function damaged(damage: (path: string) => Promise<void> | void, url: string) {
  const path = folder.path(`state-${++copies}.db`);
  copyFileSync(left, path);
  await damage(path);
  const own = "  - { name: own, kinds: [herald.state_damaged], notify: hook }\n";
  const text = configOf("tcp://127.0.0.1:9", url, path).replace("control:", `${own}control:`);
  return { path, config: folder.write(`config-${copies}.yaml`, text) };
}

let copies = 0;

describe("with a state file of which", () => {
  test.each<[string, (path: string) => Promise<void>, readonly number[], string | undefined]>([
    [
      "an index is wrong",
      (path) => leaveBehind(path, "events_touched", `UPDATE events SET touched_at = 5 WHERE uuid = '${uuidOf(1)}'`),
      EVENTS,
      undefined,
    ],
    [
      "an alert cannot be read",
      (path) => tamper(path, (db) => db.exec(`UPDATE alerts SET body = '{"${CONTENT}' WHERE event_id = '1'`)),
      [2, 3],
      "1 row could not be read and was set aside",
    ],
    [
      "memory of an event cannot be read",
      (path) => tamper(path, (db) => db.exec(`UPDATE events SET body = '["${CONTENT}"]' WHERE uuid = '${uuidOf(2)}'`)),
      [1, 3],
      "1 row could not be read and was set aside",
    ],
  ])("%s, the service tells so, and of what it can read", async (_, damage, readable, said) => {
    await using sink = await openSink();
    const { config } = await damaged(damage, sink.url);
    await using daemon = start(["run", "-c", config]);
    await eventually(() => told(sink.received).length === readable.length);
    expect(new Set(told(sink.received))).toEqual(new Set(readable.map(uuidOf)));
    await daemon.logged(/"level":"error".*"msg":"The state file is damaged"/);
    await eventually(() => JSON.stringify(sink.received).includes("herald.state_damaged"));
    await using asking = start(["status", "-c", config]);
    expect(await asking.exited).toBe(0);
    expect(asking.stdout()).toContain(said ?? "state ");
    expect(asking.stdout().includes("DAMAGED")).toBe(said !== undefined);
    await using listing = start(["history", "--outcome", "dead", "-c", config]);
    expect(await listing.exited).toBe(0);
    for (const n of EVENTS) {
      expect(listing.stdout().includes(uuidOf(n))).toBe(!readable.includes(n));
    }
    expect(await daemon.stop("SIGTERM")).toBe(0);
    expect(daemon.stderr() + asking.stdout() + listing.stdout()).not.toContain(CONTENT);
  });

  test.each<[string, (path: string) => Promise<void> | void, RegExp]>([
    ["a page is damaged", overwritePages, /cannot be used as state, it is corrupt: restore a copy, or set state\.path/],
    ["the end is missing", cutShort, /cannot be used as state, it is corrupt: restore a copy, or set state\.path/],
    ["the schema is another", replaceTable, /cannot be used as state, .*: restore a copy, or set state\.path/],
    [
      "the schema is newer",
      (path) => tamper(path, (db) => db.exec("PRAGMA user_version = 999")),
      /was written by a newer misp-herald \(schema 999, this one knows \d+\): install that version again/,
    ],
    [
      "the program is another",
      (path) => tamper(path, (db) => db.exec("PRAGMA application_id = 7")),
      /is the database of another program and was left alone: set state\.path/,
    ],
    [
      "nothing is a database",
      (path) => writeFileSync(path, `${CONTENT}\n`.repeat(1000)),
      /cannot be used as state, it is not a database: restore a copy/,
    ],
  ])("%s, the service does not start, and says what to do", async (_, damage, message) => {
    await using sink = await openSink();
    const { path, config } = await damaged(damage, sink.url);
    await using daemon = start(["run", "-c", config]);
    expect(await daemon.exited).toBe(1);
    expect(daemon.stderr()).toMatch(message);
    expect(daemon.stderr()).toContain(path);
    // No content, and nothing that only we could read.
    expect(daemon.stderr()).not.toMatch(/Phishing wave|^ {4}at /m);
    expect(sink.received).toEqual([]);
  });
});

test("what asks a service that did not start says that there is none, and `check` needs no state", async () => {
  const { config } = await damaged(cutShort, "http://127.0.0.1:9/");
  await using asking = start(["status", "-c", config]);
  expect(await asking.exited).toBe(1);
  expect(asking.stderr()).toMatch(/^misp-herald: /);
  await using checking = start(["check", "-c", config]);
  expect(await checking.exited).toBe(0);
});

test("a state file that is deleted under the service makes /readyz and the metrics say so", async () => {
  await using sink = await openSink();
  const { path, config } = await damaged(() => {}, sink.url);
  writeFileSync(config, `${readFileSync(config, "utf8")}http: { listen: "127.0.0.1:0" }\n`);
  await using daemon = start(["run", "-c", config]);
  await daemon.logged(/"msg":"Started"/);
  rmSync(path);
  const [, address] = /"address":"([^"]+)","msg":"Listening for HTTP/.exec(daemon.stderr()) ?? [];
  const ready = await fetch(`http://${address}/readyz`);
  expect(ready.status).toBe(503);
  const { reasons } = (await ready.json()) as { readonly reasons: readonly object[] };
  expect(reasons).toContainEqual({
    reason: "store-not-writable",
    detail: `"${path}" was deleted or replaced while it was in use: restart misp-herald; what became owed since then is not told`,
  });
  expect(await (await fetch(`http://${address}/metrics`)).text()).toContain("\nmisp_herald_state_writable 0\n");
});
