import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { start } from "../../src/app.ts";
import { systemClock } from "../../src/base/clock.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openHolds } from "../../src/delivery/holds.ts";
import { openSilences } from "../../src/delivery/silences.ts";
import { openService, Service } from "../../src/service/service.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { Watches } from "../../src/watching/watches.ts";
import { workspace } from "../e2e/daemon.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";
import { historyOf } from "../support/history.ts";
import { type HttpServer, openHttpServer } from "../support/http-server.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { sample } from "../topics/frames.ts";

const PUBLICATION = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

let folder: ReturnType<typeof workspace>;
let publisher: TestPublisher;
let soc: HttpServer;
let mail: HttpServer;
let store: Awaited<ReturnType<typeof openSqliteStore>>;
/** The configuration that the next load finds. */
let destinations: readonly string[];
let endpoint: string;

beforeEach(async () => {
  folder = workspace();
  publisher = await openPublisher();
  soc = await openHttpServer();
  mail = await openHttpServer();
  store = await openSqliteStore({ path: folder.path("state.db") });
  destinations = ["soc"];
  endpoint = publisher.endpoint;
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await soc[Symbol.asyncDispose]();
  await mail[Symbol.asyncDispose]();
  await publisher[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function load() {
  const entries = destinations.map(
    (name) => `  ${name}: { type: webhook, url: "${(name === "soc" ? soc : mail).origin}/", guard: { max_tlp: red } }`,
  );
  const names = destinations.join(", ");
  const text = `misp: { cert: { url: https://misp.example.org, feed: { type: zeromq, endpoints: ["${endpoint}"] } } }
state: { path: ${folder.path("state.db")} }
destinations:
${entries.join("\n")}
routes:
  - { name: all, notify: [${names}], group: { interval: 0s } }
  - { name: ours, kinds: [herald.destination_suspended], notify: [${names}], group: { interval: 0s } }
`;
  return loadConfig(folder.write("config.yaml", text), { env: {}, secrets: "required" });
}

interface Open extends AsyncDisposable {
  readonly service: Service;
  readonly find: ReturnType<typeof captureLog>["find"];
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

async function open(): Promise<Open> {
  const { log, find } = captureLog();
  const { stdout } = openScreen().context;
  const service = await openService({ load, loaded: await load(), store, start, clock: systemClock, log, stdout });
  const stop = new AbortController();
  const ended = service.run(stop.signal);
  return {
    ...{ service, find, stop, ended },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await service[Symbol.asyncDispose]();
    },
  };
}

function publish(n: number, by = publisher): Promise<void> {
  return by.send("misp_json", { Event: { ...PUBLICATION.Event, id: String(n), uuid: uuidOf(n) } });
}

/** The events, or the kinds, that a webhook was told, in order. */
function toldTo(server: HttpServer): readonly string[] {
  return server.requests.flatMap(({ body }) =>
    (
      JSON.parse(body.toString()).entries as readonly { kinds: readonly { kind: string }[]; event?: { uuid: string } }[]
    ).map(({ kinds, event }) => event?.uuid ?? kinds[0]?.kind ?? ""),
  );
}

/** Answers of the SOC are held back until the test lets them go. */
function hold(): () => void {
  const held: ServerResponse[] = [];
  soc.answer((response) => void held.push(response));
  return () => {
    soc.answer({ status: 200 });
    for (const response of held) {
      response.writeHead(200).end();
    }
  };
}

test("a destination that refused us is probed as soon as somebody reloads", async () => {
  soc.answer({ status: 410 });
  await using running = await open();
  await publisher.subscribed();
  await publish(1);
  await eventually(() => running.find(/Destination suspended/).length === 1);
  soc.answer({ status: 200 });
  await running.service.reload();
  await eventually(() => running.find(/Destination recovered/).length === 1);
  expect(toldTo(soc)).toEqual([uuidOf(1), uuidOf(1)]);
  expect(await store.owed()).toEqual([]);
});

test("a suspension that nobody was told of when the process was killed is told at the next start, and once", async () => {
  destinations = ["soc", "mail"];
  soc.answer({ status: 410 });
  await store.ledger.hold({ destination: "soc", kind: "suspended", since: Date.now(), note: "http-410" });
  for (let start = 0; start < 2; start += 1) {
    await using running = await open();
    await eventually(() => toldTo(mail).includes("herald.destination_suspended"));
    await publisher.subscribed();
    await publish(1 + start);
    await eventually(() => toldTo(mail).includes(uuidOf(1 + start)));
    expect(toldTo(mail).filter((told) => told === "herald.destination_suspended")).toHaveLength(1);
    running.stop.abort();
    await running.ended;
  }
});

test("a destination that is taken out and put back while an attempt is in flight is told everything once", async () => {
  destinations = ["soc", "mail"];
  const release = hold();
  await using running = await open();
  await publisher.subscribed();
  await publish(1);
  await eventually(() => soc.requests.length === 1);
  destinations = ["mail"];
  await running.service.reload();
  destinations = ["soc", "mail"];
  await running.service.reload();
  await publish(2);
  await eventually(() => toldTo(mail).includes(uuidOf(2)));
  expect(toldTo(soc)).toEqual([uuidOf(1)]);
  release();
  await eventually(() => soc.requests.length === 2);
  expect(toldTo(soc)).toEqual([uuidOf(1), uuidOf(2)]);
  await eventually(async () => (await store.owed()).length === 0);
});

test("a reload while the service stops leaves alone what is in flight", async () => {
  const release = hold();
  const running = await open();
  await publisher.subscribed();
  await publish(1);
  await eventually(() => soc.requests.length === 1);
  running.stop.abort();
  const reloaded = running.service.reload();
  const disposed = running.ended.then(() => running.service[Symbol.asyncDispose]());
  await reloaded;
  release();
  await disposed;
  expect(await historyOf(store, 10)).toMatchObject([{ destination: "soc", outcome: "sent" }]);
});

test("a feed that moves is listened to at its new place, and what came before is told once", async () => {
  await using other = await openPublisher();
  await using running = await open();
  await publisher.subscribed();
  await publish(1);
  endpoint = other.endpoint;
  await running.service.reload();
  await other.subscribed();
  await publish(1, other);
  await publish(2, other);
  await eventually(() => toldTo(soc).includes(uuidOf(2)));
  expect(toldTo(soc)).toEqual([uuidOf(1), uuidOf(2)]);
  expect(running.service.daemon.sources.map((source) => source.status().endpoints)).toMatchObject([
    [{ endpoint: other.endpoint, connected: true }],
  ]);
});

test("watch lists that cannot be read again are named as that, and keep nothing else from being looked after", async () => {
  const { log, find } = captureLog();
  const { stdout } = openScreen().context;
  const watches = new Watches(undefined, () => Promise.reject(new Error("the thread ended")));
  watches.use({
    ...(await watches.read([])),
    lists: [{ name: "ours.txt", path: folder.path("ours.txt"), stamp: "of before", failed: "" }],
  });
  const opened = {
    ...{ holds: await openHolds(store.ledger), watches },
    silences: await openSilences(store.ledger, systemClock.now(), log),
  };
  await using service = new Service(
    { load, loaded: await load(), store, start, clock: systemClock, log, stdout },
    opened,
  );
  const stop = new AbortController();
  const ended = service.run(stop.signal);
  await eventually(() => find(/Cannot read the watch lists again/).length === 1);
  stop.abort();
  await ended;
  expect(find(/Cannot keep the state file/)).toEqual([]);
});
