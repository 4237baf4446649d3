import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { start } from "../../../src/app.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { StoreError } from "../../../src/base/errors.ts";
import type { LoadedConfig } from "../../../src/config/load.ts";
import { FAMILIES } from "../../../src/doors/http/families.ts";
import { readinessPage } from "../../../src/doors/http/health.ts";
import { Metrics } from "../../../src/doors/http/metrics.ts";
import { openPages } from "../../../src/doors/http/pages.ts";
import { WriteProbe } from "../../../src/doors/http/write-probe.ts";
import type { RecordLine, Store } from "../../../src/model/outbox.ts";
import { openAnswers } from "../../../src/operations/answers.ts";
import { openService } from "../../../src/service/service.ts";
import { openSqliteStore } from "../../../src/store/sqlite/store.ts";
import { captureLog } from "../../support/captured-log.ts";
import { check } from "../../support/checked-config.ts";
import { parseExposition } from "../../support/exposition.ts";
import { frameOf } from "../../topics/frames.ts";

const T = "type: console, guard: { max_tlp: red }";

/** A configuration with these destinations, and one route to all of them. */
async function load(endpoint: string, ...destinations: readonly string[]): Promise<LoadedConfig> {
  const { loaded, printed } = await check(`misp: { cert: { feed: { type: zeromq, endpoints: ["${endpoint}"] } } }
destinations: { ${destinations.map((name) => `${name}: { ${T} }`).join(", ")} }
routes: [{ name: to-${destinations[0]}, kinds: ["*"], notify: [${destinations.join(", ")}] }]
`);
  if (!loaded) {
    throw new Error(printed);
  }
  return loaded;
}

/** A service that is open and does not run, with its metrics. */
async function open(first: LoadedConfig) {
  const folder = await mkdtemp(join(tmpdir(), "herald-metrics-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = await openSqliteStore({ path: join(folder, "state.db") });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const metrics = new Metrics();
  onTestFinished(() => metrics[Symbol.dispose]());
  let next = first;
  const service = await openService({
    start,
    load: async () => next,
    loaded: first,
    store,
    clock: systemClock,
    log: captureLog().log,
    stdout: new PassThrough(),
    attempted: metrics.attempted.bind(metrics),
  });
  onTestFinished(() => service[Symbol.asyncDispose]());
  return {
    service,
    store,
    metrics,
    scrape: async () => parseExposition(await metrics.scrape(service.daemon, new WriteProbe())),
    next(config: LoadedConfig) {
      next = config;
    },
    async reload(config: LoadedConfig) {
      next = config;
      return service.reload();
    },
  };
}

function settled(destination: string, outcome: RecordLine["outcome"], reason?: string): RecordLine {
  const about = { destination, instance: "cert", kind: "event.published", routes: [] } as const;
  return {
    delivery: `${destination}-${outcome}` as RecordLine["delivery"],
    at: 0,
    ...about,
    outcome,
    ...(reason && { reason }),
  };
}

test("a scrape has every metric with its type, and no other", async () => {
  const { scrape } = await open(await load("tcp://127.0.0.1:1", "soc"));
  const { types } = await scrape();
  expect(Object.fromEntries(types)).toEqual(
    Object.fromEntries(Object.entries(FAMILIES).map(([name, { type }]) => [name, type])),
  );
});

test("what was counted is still counted after a reload, and twice scraped is not twice counted", async () => {
  const { service, metrics, scrape, reload } = await open(await load("tcp://127.0.0.1:1", "soc", "mail"));
  const { totals } = service.daemon;
  totals.settled(settled("soc", "sent"));
  totals.settled(settled("soc", "dead", "http-400"));
  totals.received([frameOf("misp_json_self", "{}"), frameOf("made_up", "{}"), frameOf("made_up_too", "{}")]);
  metrics.attempted({ destination: "soc", outcome: "done", durationMs: 300 });
  await scrape();
  await reload(await load("tcp://127.0.0.1:2", "soc", "mail"));
  const { value } = await scrape();
  expect(value("misp_herald_deliveries_delivered_total", { destination: "soc", outcome: "sent" })).toBe(1);
  expect(value("misp_herald_deliveries_dead_total", { destination: "soc", reason: "http-400" })).toBe(1);
  expect(value("misp_herald_feed_frames_total", { misp: "cert", topic: "other" })).toBe(2);
  expect(value("misp_herald_attempt_duration_seconds_count", { destination: "soc" })).toBe(1);
  expect(value("misp_herald_attempt_duration_seconds_bucket", { destination: "soc", le: "0.25" })).toBe(0);
  expect(value("misp_herald_feed_connected", { endpoint: "tcp://127.0.0.1:2" })).toBe(0);
  expect(value("misp_herald_feed_connected", { endpoint: "tcp://127.0.0.1:1" })).toBeUndefined();
});

test("the series of what the configuration does not name any more end once nothing is owed to it", async () => {
  const { service, store, metrics, scrape, reload } = await open(await load("tcp://127.0.0.1:1", "old", "soc"));
  const { totals, clock } = service.daemon;
  totals.settled(settled("old", "sent"));
  totals.matches.add(["to-old", "true"]);
  metrics.attempted({ destination: "old", outcome: "done", durationMs: 300 });
  const about = (exposition: ReturnType<typeof parseExposition>, name: string) =>
    exposition.series.filter(({ labels }) => labels.destination === name || labels.route === `to-${name}`);
  expect(about(await scrape(), "old").length).toBeGreaterThan(10);

  const owed = [{ destination: "old", owed: 1, oldestAt: clock.now() - 5_000 }];
  const owing: Store["owed"] = async () => owed;
  Object.assign(store, { owed: owing });
  await reload(await load("tcp://127.0.0.1:1", "soc"));
  const still = await scrape();
  expect(still.value("misp_herald_deliveries_owed", { destination: "old" })).toBe(1);
  expect(still.value("misp_herald_oldest_owed_seconds", { destination: "old" })).toBeGreaterThanOrEqual(5);
  expect(still.value("misp_herald_deliveries_delivered_total", { destination: "old", outcome: "sent" })).toBe(1);
  expect(still.value("misp_herald_route_matches_total", { route: "to-old" })).toBeUndefined();
  owed.length = 0;
  expect(about(await scrape(), "old")).toEqual([]);
});

test("messages that are to be changed are counted by what for, and how old the oldest is", async () => {
  const { service, store, scrape } = await open(await load("tcp://127.0.0.1:1", "soc", "mail"));
  const oldestAt = service.daemon.clock.now() - 5_000;
  Object.assign(store.ledger, { pendingChanges: async () => [{ destination: "soc", n: 3, urgent: 1, oldestAt }] });
  const { value } = await scrape();
  expect(value("misp_herald_messages_to_change", { destination: "soc", to: "hide" })).toBe(1);
  expect(value("misp_herald_messages_to_change", { destination: "soc", to: "update" })).toBe(2);
  expect(value("misp_herald_oldest_change_seconds", { destination: "soc" })).toBeGreaterThanOrEqual(5);
  expect(value("misp_herald_messages_to_change", { destination: "mail", to: "hide" })).toBe(0);
  expect(value("misp_herald_oldest_change_seconds", { destination: "mail" })).toBe(0);
});

test("a reload that an operator asks for forgets what was counted of names that are gone, also when nobody scrapes", async () => {
  const { service, next } = await open(await load("tcp://127.0.0.1:1", "old", "soc"));
  const { totals } = service.daemon;
  for (const name of ["old", "soc"]) {
    totals.settled(settled(name, "sent"));
    totals.matches.add([`to-${name}`, "true"]);
  }
  next(await load("tcp://127.0.0.1:1", "soc"));
  const request = { v: 1, query: { command: "reload" }, by: { uid: 0, name: "root" } } as const;
  for await (const _ of openAnswers(() => service.daemon)(request, AbortSignal.timeout(9_000))) {
  }
  expect([totals.delivered.counts, totals.matches.counts]).toEqual([
    [{ labels: ["soc", "sent"], n: 1 }],
    [{ labels: ["to-soc", "true"], n: 1 }],
  ]);
  expect(totals.counts.told).toBe(2);
});

test("a key that listens elsewhere counts only after a restart, and the answer says so", async () => {
  const config = await load("tcp://127.0.0.1:1", "soc");
  const { reload } = await open(config);
  const http = { listen: { host: "127.0.0.1", port: 1 } };
  expect((await reload({ ...config, config: { ...config.config, http } })).restart).toEqual(["http.listen"]);
});

test("/readyz lists what keeps it from hearing and remembering, and as information what is held", async () => {
  const { service, metrics } = await open(await load("tcp://127.0.0.1:1", "soc", "mail"));
  const { daemon } = service;
  await daemon.holds.add({ destination: "soc", kind: "suspended", since: 0, note: "http-410" });
  await daemon.holds.add({ destination: "mail", kind: "paused", since: 0, note: "alice" });
  const lost = await openPages(() => daemon, metrics)("/readyz");
  expect(lost?.status).toBe(503);
  expect(JSON.parse(lost?.body ?? "")).toEqual({
    status: "not-ready",
    reasons: [{ reason: "feed-disconnected", misp: "cert", endpoint: "tcp://127.0.0.1:1" }],
    information: [
      { destination: "soc", is: "suspended", since: "1970-01-01T00:00:00.000Z", reason: "http-410" },
      { destination: "mail", is: "paused", since: "1970-01-01T00:00:00.000Z" },
    ],
  });

  const source = (silent: boolean) => ({
    name: "cert",
    frames: () => Promise.reject(new Error("Nobody reads it")) as never,
    status: () => ({
      received: 1,
      dropped: {},
      skipped: {},
      refused: {},
      endpoints: [{ endpoint: "tcp://127.0.0.1:1", connected: true }],
      lastFrameAt: 1_000,
      ...(silent && { silentSince: 1_000 }),
    }),
    spare() {},
  });
  let now = 0;
  const writes = new WriteProbe(() => now);
  const well = await readinessPage({ ...daemon, sources: [source(false)] }, writes);
  expect([well.status, JSON.parse(well.body).reasons]).toEqual([200, []]);
  const probe = () => Promise.reject(new StoreError("Cannot use state file: the disk is full"));
  const full = {
    ...daemon,
    sources: [source(true)],
    store: Object.assign(Object.create(daemon.store), { ledger: { probe } }),
  };
  const silent = { reason: "feed-silent", misp: "cert", last_frame_at: "1970-01-01T00:00:01.000Z" };
  expect(JSON.parse((await readinessPage(full, writes)).body).reasons).toEqual([silent]); // asked a moment ago
  now = 5_000;
  expect(JSON.parse((await readinessPage(full, writes)).body).reasons).toEqual([
    { reason: "store-not-writable", detail: "Cannot use state file: the disk is full" },
    silent,
  ]);
});

test("a state file that cannot be written is told by metrics as by /readyz, and by both of one attempt", async () => {
  const { service, store, metrics } = await open(await load("tcp://127.0.0.1:1", "soc"));
  const pages = openPages(() => service.daemon, metrics);
  let attempts = 0;
  const probe = async () => {
    attempts += 1;
    throw new StoreError("Cannot use state file: the disk is full");
  };
  const writable = (exposition: string) => parseExposition(exposition).value("misp_herald_state_writable");
  expect(writable((await openPages(() => service.daemon, metrics)("/metrics"))?.body ?? "")).toBe(1);
  Object.assign(store.ledger, { probe });
  expect(writable((await pages("/metrics"))?.body ?? "")).toBe(0);
  expect((await pages("/readyz"))?.body).toContain("the disk is full");
  expect(attempts).toBe(1);
});

test("/healthz names the loops that are stuck, and / what there is", async () => {
  const { service, metrics } = await open(await load("tcp://127.0.0.1:1", "soc"));
  const pages = openPages(() => service.daemon, metrics);
  expect((await pages("/healthz"))?.status).toBe(200);
  const stuck = service.liveness.watch("deliver soc", async (beat) => {
    beat(-60_000);
    const page = await pages("/healthz");
    expect([page?.status, JSON.parse(page?.body ?? "")]).toEqual([
      503,
      { status: "stuck", reasons: [{ reason: "loop-stuck", loop: "deliver soc" }] },
    ]);
  });
  await stuck;
  expect(Object.keys(JSON.parse((await pages("/"))?.body ?? ""))).toEqual(["/healthz", "/readyz", "/metrics"]);
});
