// Writes a state file with something of everything that may be owed, by a version of the program as it was then, and prints
// it as SQL: `node produce.mjs CHECKOUT`, a built checkout of the last commit of a schema. The answers are in fixtures/state.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [checkout = "."] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(resolve(checkout, "dist", file)).href);
const { absorb, openWakeups } = await load("absorbing/absorb.js");
const { Guard } = await load("guard/policy.js");
const { compileRoutes } = await load("routing/route.js");
const { RouteOptions } = await load("routing/schema.js");
const { openSqliteStore } = await load("store/sqlite/store.js");
const { openDatabase } = await load("store/sqlite/driver.js");
const { decode } = await load("topics/index.js");

const T0 = Date.UTC(2026, 10, 20, 12);
const SECONDS = T0 / 1000;
const sample = (name) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/frames/${name}.json`, import.meta.url), "utf8")).payload;
const { Event: PUBLISHED } = sample("misp_json--publish-first-time");
const ADDED = sample("misp_json_attribute--add");
const uuidOf = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

const GUARDS = {
  hook: { max_tlp: "amber" },
  bad: { max_tlp: "amber" },
  circle: { max_tlp: "amber", audience: ["CERT-XX"] },
  held: { max_tlp: "amber" },
  down: { max_tlp: "amber" },
};
const route = (name, rest) => RouteOptions.parse({ name, group: { wait: "1s", interval: "1h" }, ...rest });
const rules = {
  routes: compileRoutes([
    route("all", { kinds: ["event.published", "attribute.added"], notify: ["hook", "held", "down"] }),
    route("bad", { notify: "bad", match: { attribute: { value: "*" } } }),
    route("circle", { notify: "circle", match: { distribution: "sharing_group" } }),
  ]),
  destinations: new Map(
    Object.entries(GUARDS).map(([name, guard]) => [name, { guard: Guard.parse(guard), repeats: "changed" }]),
  ),
  asks: new Set(["cert"]),
};

let now = T0;
const frame = (topic, payload) =>
  decode({ instance: "cert", topic, payload: new TextEncoder().encode(JSON.stringify(payload)), receivedAt: now });
const publicationOf = (n, fields = {}) => {
  const attribute = (one) => ({ ...one, id: String(n * 100 + 1), event_id: String(n), uuid: uuidOf(n * 100 + 1) });
  const Attribute = PUBLISHED.Attribute.slice(0, 1).map(attribute);
  const told = {
    id: String(n),
    uuid: uuidOf(n),
    info: `Event ${n}`,
    timestamp: String(SECONDS - 60),
    Attribute,
    Object: [],
  };
  return { Event: { ...PUBLISHED, ...told, ...fields } };
};

const directory = mkdtempSync(join(tmpdir(), "state-"));
const path = join(directory, "state.db");
const store = await openSqliteStore({ path });
const clock = { now: () => now, monotonic: () => now - T0, random: () => 0.5 };
const hear = async (topic, payload) => {
  now += 1000;
  const message = frame(topic, payload);
  const observer = { planned() {}, received() {}, attempted() {}, settled() {} };
  await absorb([message], { store, rules, clock, wakeups: openWakeups(), observer });
};
const publish = (n, fields) => hear("misp_json", publicationOf(n, fields));
const lineOf = ({ id, destination, instance, kind, eventUuid, changedAt, routes }, end) => ({
  ...{ delivery: id, at: now, destination, instance, kind, eventUuid, changedAt, routes },
  ...end,
});
/** Ends one batch of a destination, as far as there is one. */
const attempt = async (destination, end) => {
  now += 2000;
  const taken = await store.take(destination, now);
  const [batch] = taken?.batches ?? [];
  if (!batch) {
    throw new Error(`${destination} is owed nothing`);
  }
  const { id, entries } = batch;
  const records = end.outcome ? entries.map(({ delivery }) => lineOf(delivery, { outcome: end.outcome })) : [];
  const retryAt = end.afterMs === undefined ? {} : { retryAt: now + end.afterMs };
  await store.settle([{ batch: id, records, attempted: end.attempted ?? true, ...retryAt, reason: end.reason }], now);
};

// 1: told to all. 2: tried in vain by `hook`, and by `down`, which is suspended for that. 3: told to nobody yet.
await publish(1);
for (const name of ["hook", "bad", "held", "down"]) {
  await attempt(name, { outcome: "sent" });
}
await publish(2);
await attempt("hook", { afterMs: 60_000, reason: "http-503" });
await attempt("down", { afterMs: 900_000, attempted: false, reason: "http-410" });
await store.ledger.hold({ destination: "down", kind: "suspended", since: now, note: "http-410" });
await store.ledger.hold({ destination: "held", kind: "paused", since: now, note: "operator" });
await publish(3);
// 4: for a group that `circle` is in, who is in it not being stored.
const [SharingGroup] = [
  { id: "5", uuid: uuidOf(55), name: "Banks", SharingGroupOrg: [{ Organisation: { name: "CERT-XX" } }] },
];
await publish(4, { distribution: "4", sharing_group_id: "5", SharingGroup });
// 5: an attribute of which nobody knows yet whether it may be told.
await hear("misp_json_attribute", {
  ...ADDED,
  Attribute: { ...ADDED.Attribute, id: "501", event_id: "5", uuid: uuidOf(501), value1: "undecided.example" },
  Event: { ...ADDED.Event, id: "5", uuid: uuidOf(5) },
});
// 7 and 70: one event under two numbers; under the first it is red.
await publish(7, { uuid: uuidOf(7) });
await publish(70, { uuid: uuidOf(7), timestamp: String(SECONDS - 30) });
await hear("misp_json_tag", {
  Tag: { id: "9", name: "tlp:red", exportable: true, event_id: "7" },
  action: "attached to event",
});
await store[Symbol.asyncDispose]();

const db = await openDatabase(path);
const quote = (cell) =>
  cell === null ? "NULL" : typeof cell === "number" ? String(cell) : `'${String(cell).replaceAll("'", "''")}'`;
const { user_version: version } = db.prepare("PRAGMA user_version").get();
const { application_id: application } = db.prepare("PRAGMA application_id").get();
const lines = [`PRAGMA application_id = ${application};`];
const objects = db.prepare("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").all();
for (const { name, type, sql } of objects.filter((one) => !one.name.startsWith("sqlite_"))) {
  lines.push(`${sql};`);
  if (type === "table") {
    for (const row of db.prepare(`SELECT * FROM "${name}"`).all()) {
      lines.push(
        `INSERT INTO ${name} (${Object.keys(row).join(", ")}) VALUES (${Object.values(row).map(quote).join(", ")});`,
      );
    }
  }
}
lines.push(`PRAGMA user_version = ${version};`);
db.close();
rmSync(directory, { recursive: true });
process.stdout.write(`${lines.join("\n")}\n`);
