import { expect, test } from "vitest";
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
destinations:
  hook: { type: webhook, url: "${hook}", guard: { max_tlp: amber } }
routes:
  - { name: all, kinds: [event.published, attribute.added], notify: hook, group: { by: [], interval: 0s } }
`;
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

test("what was published while the service was down is told once after it has started; what was told before is not repeated", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, misp.url, sink.url, folder.path("state.db")));
  const nowS = Math.floor(Date.now() / 1000);
  /** Published by MISP's clock some minutes ago, which is after the cursor less its overlap, and too old to be left to the feed. */
  const publish = (n: number) => {
    const event = { ...PUBLISHED, id: String(n), uuid: uuidOf(n), timestamp: String(nowS - 400), published: true };
    misp.put(event, { publish_timestamp: String(nowS - 300) });
    return event;
  };
  await using before = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await publisher.subscribed();
  await eventually(() => misp.searches.length > 0); // the cursor is set
  for (let n = 1; n <= 30; n += 1) await publisher.send("misp_json", { Event: publish(n) });
  await eventually(() => new Set(told(sink.received)).size === 30);
  expect(await before.stop("SIGTERM")).toBe(0);
  for (let n = 31; n <= 50; n += 1) publish(n);
  await using after = start(["run", "-c", config], { MISP_KEY: API_KEY });
  // Twenty are a digest, which waits for the last of them.
  await after.logged(/The feed did not tell of publications.*|"late":20/);
  await eventually(() => new Set(told(sink.received)).size === 50, 60_000);
  expect(await after.stop("SIGTERM")).toBe(0);
  expect(told(sink.received).sort()).toEqual(Array.from({ length: 50 }, (_, index) => uuidOf(index + 1)));
}, 120_000);
