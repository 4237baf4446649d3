import { beforeEach, expect, test } from "vitest";
import type { Problem } from "../../../src/base/problem.ts";
import { Holds } from "../../../src/delivery/holds.ts";
import type { Assignments, Notifier } from "../../../src/doors/systemd/notifier.ts";
import { type ServiceState, SystemdReporter } from "../../../src/doors/systemd/report.ts";
import { formatStatusLine } from "../../../src/doors/systemd/status-line.ts";
import type { SourceStatus } from "../../../src/sources/source.ts";
import { openScratchStore } from "../../../src/store/index.ts";
import { type CapturedLog, captureLog } from "../../support/captured-log.ts";
import { T0 } from "../../support/messages.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const PROBLEM: Problem = {
  severity: "error",
  file: "/etc/misp-herald/config.yaml",
  line: 13,
  column: 5,
  sourceLine: "",
  mark: { start: 0, width: 1 },
  message: 'unknown key "chanel"',
};

let clock: VirtualClock;
let captured: CapturedLog;
let told: Assignments[];
let feed: SourceStatus;
let holds: Holds;
let rejected: ServiceState["config"]["rejected"];
let stuck: string[];
let stop: AbortController;
let store: Awaited<ReturnType<typeof openScratchStore>>;

beforeEach(async () => {
  clock = new VirtualClock();
  captured = captureLog();
  told = [];
  feed = {
    received: 0,
    dropped: {},
    skipped: {},
    refused: {},
    endpoints: [{ endpoint: "tcp://127.0.0.1:50000", connected: true }],
  };
  holds = new Holds();
  rejected = undefined;
  stuck = [];
  stop = new AbortController();
  store = openScratchStore();
});

function look(): ServiceState {
  return {
    config: { file: "config.yaml", digest: "d", since: T0, ...(rejected && { rejected }) },
    sources: [{ name: "cert", status: () => feed, async *frames() {}, spare() {} }],
    holds,
    destinations: new Map([
      ["soc", "webhook"],
      ["mail", "email"],
    ]),
    store,
    liveness: { stuck: () => stuck },
  };
}

function openReport(watchdogMs?: number): SystemdReporter {
  const notifier: Notifier = {
    watchdogMs,
    tell: async (assignments) => void told.push(assignments),
  };
  return new SystemdReporter(notifier, { look, clock, log: captured.log }, stop.signal);
}

const statuses = () => told.flatMap(({ STATUS }) => STATUS ?? []);
const pings = () => told.filter(({ WATCHDOG }) => WATCHDOG === 1).length;

test("nothing is told before the service runs, and then that it is ready, by which process, and how it is", async () => {
  using report = openReport(60_000);
  await clock.pass(100_000);
  report.reloading();
  expect(told).toEqual([]);
  report.running();
  await clock.pass(0);
  expect(told).toContainEqual({ READY: 1, MAINPID: process.pid, STATUS: "cert connected, 0 frames; 0 owed" });
});

test("what matters is told within two seconds, the rest every thirty, and what has not changed not at all", async () => {
  using report = openReport();
  report.running();
  await clock.pass(1_000);
  feed = { ...feed, received: 12_345 };
  await clock.pass(28_000);
  expect(statuses()).toEqual(["cert connected, 0 frames; 0 owed"]);
  await clock.pass(1_000);
  expect(statuses().at(-1)).toBe("cert connected, 12,345 frames; 0 owed");
  await clock.pass(300_000);
  expect(statuses()).toHaveLength(2);
  await holds.add({ destination: "soc", kind: "suspended", since: T0, note: "gone" });
  await clock.pass(2_000);
  expect(statuses().at(-1)).toBe("cert connected, 12,345 frames; 0 owed, soc SUSPENDED");
  feed = { ...feed, endpoints: [{ endpoint: "tcp://127.0.0.1:50000", connected: false }] };
  await clock.pass(2_000);
  expect(statuses().at(-1)).toBe("cert NOT CONNECTED, 12,345 frames; 0 owed, soc SUSPENDED");
});

test("the watchdog hears of us four times within its patience as long as every loop turns", async () => {
  using report = openReport(60_000);
  report.running();
  await clock.pass(300_000);
  expect(pings()).toBe(20);
  stuck = ["deliver soc", "feed cert"];
  await clock.pass(300_000);
  expect(pings()).toBe(20);
  expect(captured.find(/do not go on/)).toMatchObject([{ level: "error", stuck: ["deliver soc", "feed cert"] }]);
  stuck = [];
  await clock.pass(60_000);
  expect(pings()).toBe(24);
  expect(captured.find(/go on again/)).toHaveLength(1);
});

test("without a watchdog there are no pings", async () => {
  using report = openReport();
  report.running();
  await clock.pass(600_000);
  expect(pings()).toBe(0);
});

test("a reload is told with the time of systemd's clock, and ends ready also when the configuration is refused", async () => {
  using report = openReport();
  report.running();
  await clock.pass(0);
  const before = process.hrtime.bigint() / 1000n;
  report.reloading();
  rejected = { at: T0, problems: [{ ...PROBLEM, severity: "warning" }, PROBLEM] };
  report.reloaded();
  await clock.pass(0);
  const [, reloading, ready, ...more] = told;
  expect(reloading).toMatchObject({ RELOADING: 1 });
  expect(BigInt(reloading?.MONOTONIC_USEC ?? 0)).toBeGreaterThanOrEqual(before);
  expect(ready).toEqual({
    READY: 1,
    STATUS:
      'new configuration REJECTED: /etc/misp-herald/config.yaml:13:5: unknown key "chanel"; cert connected, 0 frames; 0 owed',
  });
  expect(more).toEqual([]);
});

test("stopping is the last that is told", async () => {
  using report = openReport(10_000);
  report.running();
  await clock.pass(0);
  stop.abort();
  report.reloaded();
  feed = { ...feed, silentSince: T0 };
  await clock.pass(600_000);
  expect(told.at(-1)).toEqual({ STOPPING: 1, STATUS: "stopping; what is owed is kept" });
  expect(told.filter(({ STOPPING }) => STOPPING === 1)).toHaveLength(1);
});

test("a service that ends by itself says so as well", async () => {
  openReport(10_000)[Symbol.dispose]();
  expect(told).toEqual([{ STOPPING: 1, STATUS: "stopping; what is owed is kept" }]);
});

test("the line says when only some of a feed is there, when it is silent, and what is paused", async () => {
  feed = {
    ...feed,
    silentSince: T0,
    endpoints: [...feed.endpoints, { endpoint: "tcp://127.0.0.1:50001", connected: false }],
  };
  await holds.add({ destination: "mail", kind: "paused", since: T0, note: "alice" });
  await holds.add({ destination: "old", kind: "unnamed", since: T0, note: "" });
  expect(formatStatusLine(look(), undefined)).toBe("cert 1 of 2 connected, SILENT, 0 frames; mail paused");
  expect(formatStatusLine({ ...look(), holds: new Holds() }, 1_234)).toBe(
    "cert 1 of 2 connected, SILENT, 0 frames; 1,234 owed",
  );
});

test("the line is bounded, however many destinations refuse us", async () => {
  for (let n = 0; n < 200; n++) {
    await holds.add({ destination: `dest-${n}`, kind: "suspended", since: T0, note: "" });
  }
  const destinations = new Map(holds.all.map(({ destination }) => [destination, "webhook"]));
  expect(formatStatusLine({ ...look(), destinations }, 0)).toHaveLength(600);
  // What the configuration does not name is nobody's business any more.
  expect(formatStatusLine({ ...look(), destinations: new Map() }, 0)).not.toContain("SUSPENDED");
});
