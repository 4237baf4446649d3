import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { API_KEY, openMispServer } from "../support/misp-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { openSink, type Received, start, workspace } from "./daemon.ts";

type Json = Readonly<Record<string, unknown>>;

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as { readonly Event: Json };
const ENV = { MISP_KEY: API_KEY };

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

const eventOf = (n: number) => ({ ...PUBLISHED, id: String(n), uuid: uuidOf(n) });
const told = (received: readonly Received[]) =>
  received.flatMap(({ body }) => body.entries.map(({ event }) => event?.uuid));

function configOf(endpoint: string, misp: URL, hook: string, state: string, recall: string): string {
  return `misp:
  cert:
    url: ${misp}
    api_key: "\${MISP_KEY}"
    feed: { type: zeromq, endpoints: ["${endpoint}"] }
    recall: { per_minute: 600, ${recall} }
state: { path: ${state} }
control: ${state}.sock
destinations:
  hook: { type: webhook, url: "${hook}", guard: { max_tlp: amber } }
routes:
  - { name: all, kinds: [event.published], notify: hook, group: { by: [], interval: 0s } }
  - { name: ours, kinds: [herald.recall_refused], notify: hook, group: { by: [kind], interval: 0s } }
`;
}

test("a publication is told well within a second once MISP confirms it; a pushed draft, and one with a label that the feed leaves out, are not", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  const config = folder.write(
    "config.yaml",
    configOf(publisher.endpoint, misp.url, sink.url, folder.path("state.db"), "confirm: first"),
  );
  const published = { published: true, publish_timestamp: String(Math.floor(Date.now() / 1000)) };
  misp.put(eventOf(1), published);
  misp.put(eventOf(2), { published: false, publish_timestamp: "0" });
  misp.put({ ...eventOf(3), Tag: [{ name: "tlp:red", exportable: false }] }, published);
  misp.put(eventOf(4), published);
  await using daemon = start(["run", "-c", config], ENV);
  await publisher.subscribed();
  await eventually(() => misp.searches.length > 0);
  for (const n of [2, 3]) {
    await publisher.send("misp_json", { Event: eventOf(n) });
  }
  const sentAt = performance.now();
  await publisher.send("misp_json", { Event: eventOf(1) });
  await eventually(() => told(sink.received).includes(uuidOf(1)));
  expect(performance.now() - sentAt).toBeLessThan(1000);
  const [question] = misp.searches.filter(({ eventid }) => Array.isArray(eventid));
  expect(question).toMatchObject({ metadata: true, includeAllTags: true });
  // Asked for again after two seconds, and refused.
  const history = async () => {
    const asked = start(["history", "-c", config, "--json"], ENV);
    await asked.exited;
    return asked.stdout();
  };
  await eventually(async () => /"reason":"draft"/.test(await history()) || undefined);
  expect(await history()).toMatch(/"reason":"tlp-above-ceiling"/);
  await publisher.send("misp_json", { Event: eventOf(4) });
  await eventually(() => told(sink.received).includes(uuidOf(4)));
  expect(told(sink.received).sort()).toEqual([1, 4].map(uuidOf));
  expect(await daemon.stop("SIGTERM")).toBe(0);
});

test("what waits for MISP's word survives a kill, and is told as the feed had it when MISP does not answer in time", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  const hold = configOf(publisher.endpoint, misp.url, sink.url, folder.path("state.db"), "within: 1s, otherwise: hold");
  const config = folder.write("config.yaml", hold);
  misp.revoke();
  await using first = start(["run", "-c", config], ENV);
  await publisher.subscribed();
  await first.logged(/MISP refuses the API key/);
  await publisher.send("misp_json", { Event: eventOf(1) });
  await eventually(async () => {
    const status = start(["status", "-c", config, "--json"], ENV);
    await status.exited;
    return JSON.parse(status.stdout() || "{}").unconfirmed?.[0]?.messages === 1 || undefined;
  });
  expect(await first.stop("SIGKILL")).toBe("SIGKILL");
  folder.write("config.yaml", hold.replace("otherwise: hold", "otherwise: tell"));
  await using second = start(["run", "-c", config], ENV);
  await eventually(() => told(sink.received).includes(uuidOf(1)));
  await eventually(() => sink.received.some(({ body }) => JSON.stringify(body).includes("without MISP's word")));
  const history = start(["history", "-c", config, "--json"], ENV);
  await history.exited;
  expect(history.stdout()).toMatch(/"unconfirmed":true/);
  expect(await second.stop("SIGTERM")).toBe(0);
  expect(told(sink.received).filter((uuid) => uuid === uuidOf(1))).toHaveLength(1);
});
