import { expect, test } from "vitest";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { eventually } from "../support/eventually.ts";
import { API_KEY, FAILURES, openMispServer } from "../support/misp-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { openSink, type Received, start, workspace } from "./daemon.ts";

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const ADDED = sample("misp_json_attribute--add");

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

function configOf(endpoint: string, misp: URL, hook: string, state: string): string {
  return `misp:
  cert:
    url: ${misp}
    api_key: "\${MISP_KEY}"
    feed: { type: zeromq, endpoints: ["${endpoint}"] }
    recall: { settle: 1ms, per_minute: 6000 }
    reconcile: { every: 10s }
state: { path: ${state} }
control: ${state}.sock
destinations:
  hook: { type: webhook, url: "${hook}", guard: { max_tlp: amber } }
routes:
  - { name: all, kinds: [event.published, attribute.added], notify: hook, group: { by: [], interval: 0s } }
`;
}

/** What the tests publish minutes ago would be the past of a service that has just been started for the first time. */
async function backdate(state: string): Promise<void> {
  const db = await openDatabase(state);
  db.exec("UPDATE cursors SET first_at = first_at - 3600000");
  db.close();
}

const told = (received: readonly Received[]) =>
  received.flatMap(({ body }) => body.entries.map(({ event }) => event?.uuid));

test("run tells of an added attribute once MISP's REST API has shown its markings", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  misp.put(PUBLISHED, { published: true, publish_timestamp: PUBLISHED.timestamp });
  misp.next(FAILURES.crashed); // the first question, by reconcile
  const config = folder.write("config.yaml", configOf(publisher.endpoint, misp.url, sink.url, folder.path("state.db")));
  await using daemon = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await publisher.subscribed();
  await publisher.send(ADDED.topic, ADDED.payload);
  const [first] = await eventually(() => sink.received.length > 0 && sink.received);
  expect(JSON.stringify(first?.body)).toContain("evil.example.com|203.0.113.7");
  expect(await daemon.stop("SIGTERM")).toBe(0);
  expect(daemon.stderr()).not.toContain(API_KEY);
});

test("200 publications while the service was down are told once after it has started: in a digest, urgent ones alone; the 300 told before are not repeated", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  const text = configOf(publisher.endpoint, misp.url, sink.url, folder.path("state.db")).replace(
    "routes:\n",
    "routes:\n  - { name: urgent, match: { threat_level: high }, notify: hook, priority: high, group: { interval: 0s }, stop: true }\n",
  );
  const config = folder.write("config.yaml", text);
  const nowS = Math.floor(Date.now() / 1000);
  /**
   * Published by MISP's clock some minutes ago, which is after the cursor less its overlap, and too old to be left to the
   * feed; more of them in one second than fit on a page.
   */
  const publish = (n: number) => {
    const isUrgent = n > before && n % 50 === 0;
    const event = {
      ...PUBLISHED,
      id: String(n),
      uuid: uuidOf(n),
      timestamp: String(nowS - 400),
      threat_level_id: isUrgent ? "1" : "4",
      published: true,
    };
    misp.put(event, { publish_timestamp: String(nowS - 300 + Math.floor(n / 150)) });
    return event;
  };
  const before = 300;
  const all = before + 200;
  await using first = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await publisher.subscribed();
  await eventually(() => misp.searches.length > 0); // the cursor is set
  for (let n = 1; n <= before; n += 1) {
    await publisher.send("misp_json", { Event: publish(n) });
  }
  await eventually(() => new Set(told(sink.received)).size === before);
  expect(await first.stop("SIGTERM")).toBe(0);
  expect(first.stderr()).not.toMatch(/"late":/);

  const payloads = sink.received.length;
  for (let n = before + 1; n <= all; n += 1) {
    publish(n);
  }
  await backdate(folder.path("state.db"));
  await using second = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await second.logged(/"late":200,"msg":"The feed did not tell of publications; fetching them"/);
  await eventually(() => new Set(told(sink.received)).size === all);
  expect(misp.searches.filter(({ metadata, page }) => metadata === true && Number(page) > 1)).not.toEqual([]);
  expect(told(sink.received).sort()).toEqual(Array.from({ length: all }, (_, index) => uuidOf(index + 1)));
  const late = sink.received.slice(payloads).map(({ body }) => body);
  const alone = late.filter(({ entries }) => entries.length === 1);
  expect(alone.flatMap(({ entries }) => entries.map(({ event }) => event?.uuid)).sort()).toEqual(
    [350, 400, 450, 500].map(uuidOf),
  );
  const digest = late.filter(({ entries }) => entries.length > 1);
  expect(digest.map(({ part = 1 }) => part).sort()).toEqual(Array.from(digest, (_, place) => place + 1));
  expect(new Set(digest.map(({ parts = 1 }) => parts))).toEqual(new Set([digest.length]));
  expect(await second.stop("SIGTERM")).toBe(0);

  // All that was told was settled: a third start owes nothing, and finds nothing.
  const searched = misp.searches.length;
  await using third = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await third.logged(/"owed":0.*Started/);
  await eventually(() => misp.searches.length > searched);
  expect(await third.stop("SIGTERM")).toBe(0);
  expect(told(sink.received)).toHaveLength(all);
});

test("publications that were edited while the service was down are told as title and link, one that was taken back is not, and the edit is an update once it is published", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, misp.url, sink.url, folder.path("state.db")));
  const nowS = Math.floor(Date.now() / 1000);
  const publishedS = nowS - 300;
  const eventOf = (n: number) => ({ ...PUBLISHED, id: String(n), uuid: uuidOf(n), timestamp: String(nowS - 400) });
  await using first = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await publisher.subscribed();
  await eventually(() => misp.searches.length > 0); // the cursor is set
  // The feed tells of one, which is edited afterwards, too.
  misp.put(eventOf(1), { published: true, publish_timestamp: String(nowS - 100) });
  await publisher.send("misp_json", { Event: eventOf(1) });
  await eventually(() => told(sink.received).includes(uuidOf(1)));
  expect(await first.stop("SIGTERM")).toBe(0);

  for (const n of [2, 3, 4]) {
    misp.put(eventOf(n), { published: true, publish_timestamp: String(publishedS) });
  }
  misp.edit(uuidOf(1), nowS - 50);
  misp.edit(uuidOf(2), nowS - 100);
  misp.unpublish(uuidOf(3));
  await backdate(folder.path("state.db"));
  await publisher.unsubscribed();
  await using second = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await publisher.subscribed();
  await eventually(() => told(sink.received).length === 3);
  expect(told(sink.received).sort()).toEqual([1, 2, 4].map(uuidOf));
  const bodyOf = (uuid: string) =>
    JSON.stringify(sink.received.find(({ body }) => body.entries.some(({ event }) => event?.uuid === uuid))?.body);
  expect(bodyOf(uuidOf(4))).toContain("evil.example.com");
  expect(bodyOf(uuidOf(2))).not.toContain("evil.example.com");

  const edited = { ...eventOf(2), timestamp: String(nowS - 100) };
  misp.put(edited, { published: true, publish_timestamp: String(nowS) });
  await publisher.send("misp_json", { Event: edited });
  await eventually(() => told(sink.received).length === 4);
  expect(JSON.stringify(sink.received.at(-1)?.body)).toContain("evil.example.com");
  expect(told(sink.received).at(-1)).toBe(uuidOf(2));
  expect(await second.stop("SIGTERM")).toBe(0);
});
