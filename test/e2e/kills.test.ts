import { expect, test } from "vitest";
import { absorb, openWakeups } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Guard } from "../../src/guard/policy.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { eventually } from "../support/eventually.ts";
import { API_KEY, FAILURES, openMispServer } from "../support/misp-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { messageOf, sample } from "../topics/frames.ts";
import { configOf, openSink, type Received, start, workspace } from "./daemon.ts";
import { told } from "./publications.ts";

// One kill in each state of a delivery's life; `crash.test.ts` kills at random.

const PUBLICATION = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const ADDED = sample("misp_json_attribute--add");
const HOUR = 3_600_000;

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

const publicationOf = (n: number) => ({ Event: { ...PUBLICATION.Event, id: String(n), uuid: uuidOf(n) } });
const idsOf = (received: readonly Received[]) => new Set(received.map(({ id }) => id));

/** Everything that an attempt can be answered with, changed as a test goes on; undefined: the request is held open. */
async function openMoodySink() {
  let status: number | undefined = 200;
  const sink = await openSink((_, response) => {
    if (status !== undefined) {
      response.writeHead(status).end();
    }
  });
  return {
    ...sink,
    answer(next: number | undefined) {
      status = next;
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

/** Nothing is owed any more, as the next start says. */
async function owesNothing(config: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  await using daemon = start(["run", "-c", config], env);
  await daemon.logged(/"owed":0.*Started/);
  expect(await daemon.stop("SIGTERM")).toBe(0);
}

test("killed while undecided: MISP is asked again, and it is delivered once", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  misp.put(PUBLICATION.Event, { published: true, publish_timestamp: PUBLICATION.Event.timestamp });
  const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"))
    .replace("url: https://misp.example.org", `url: ${misp.url}\n    api_key: ${API_KEY}\n    recall: { settle: 1ms }`)
    .replace("name: all,", "name: all, kinds: [attribute.added],");
  const config = folder.write("config.yaml", text);
  await using first = start(["run", "-c", config]);
  await publisher.subscribed();
  await eventually(() => misp.searches.length > 0); // what was published, asked at the start
  misp.next(FAILURES.hang);
  const asked = misp.requests.length;
  await publisher.send(ADDED.topic, ADDED.payload);
  await eventually(() => misp.requests.length > asked);
  expect(await first.stop("SIGKILL")).toBe("SIGKILL");
  expect(sink.received).toEqual([]);

  await using second = start(["run", "-c", config]);
  await eventually(() => sink.received.length > 0);
  await second.logged(/Delivered/);
  expect(JSON.stringify(sink.received[0]?.body)).toContain("evil.example.com|203.0.113.7");
  expect(await second.stop("SIGTERM")).toBe(0);
  await owesNothing(config);
  expect(sink.received).toHaveLength(1);
});

test("killed while it waits in its group: it leaves when the group is due, with what joined it after the start", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using witness = await openSink();
  using folder = workspace();
  const config = folder.write(
    "config.yaml",
    `${configOf(publisher.endpoint, sink.url, folder.path("state.db")).replace("interval: 0s", "by: [], wait: 5s")}`
      .replace("routes:\n", "routes:\n  - { name: witness, notify: witness, group: { interval: 0s } }\n")
      .replace("  hook:", `  witness: { type: webhook, url: "${witness.url}", guard: { max_tlp: red } }\n  hook:`),
  );
  await using first = start(["run", "-c", config]);
  await publisher.subscribed();
  const publishedAt = Date.now();
  await publisher.send("misp_json", publicationOf(1));
  await eventually(() => witness.received.length === 1); // both are owed in one transaction
  expect(await first.stop("SIGKILL")).toBe("SIGKILL");
  expect(sink.received).toEqual([]);
  await publisher.restart();

  await using second = start(["run", "-c", config]);
  await publisher.subscribed();
  await publisher.send("misp_json", publicationOf(2));
  const [payload] = await eventually(() => sink.received.length > 0 && sink.received);
  // The due time was kept: neither the start nor the second alert has moved it.
  expect(Date.now() - publishedAt).toBeGreaterThanOrEqual(4_900);
  expect(payload?.body.entries.map(({ event }) => event?.uuid).sort()).toEqual([1, 2].map(uuidOf));
  await eventually(() => (second.stderr().match(/Delivered/g) ?? []).length >= 2);
  expect(await second.stop("SIGTERM")).toBe(0);
  await owesNothing(config);
  expect(sink.received).toHaveLength(1);
});

test.each([
  // The start forgets neither that it was tried nor its id.
  ["while it is being sent", undefined, undefined],
  ["between two attempts", 503, /"msg":"Delivery failed; it is tried again"/],
  ["while the destination is suspended", 410, /"msg":"Destination suspended/],
  ["while the destination rests", 429, /"msg":"Destination asks us to wait"/],
])("killed %s: it is delivered after the start, under the same id", async (_, status, says) => {
  await using publisher = await openPublisher();
  await using sink = await openMoodySink();
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
  sink.answer(status);
  await using first = start(["run", "-c", config]);
  await publisher.subscribed();
  await publisher.send("misp_json", publicationOf(1));
  await eventually(() => sink.received.length > 0);
  if (says) {
    await first.logged(says);
  }
  expect(await first.stop("SIGKILL")).toBe("SIGKILL");

  sink.answer(200);
  const before = sink.received.length;
  await using second = start(["run", "-c", config]);
  await second.logged(/"owed":1.*Started/);
  // What refused us is probed at a start; what asked us to wait is not, unless the kill came before that was written down.
  if (status === 429) {
    await using retry = start(["outbox", "retry", "-c", config, "--destination", "hook", "--yes"]);
    const code = await retry.exited;
    expect(code === 0 || sink.received.length > before, retry.stderr()).toBe(true);
  }
  await second.logged(/"msg":"Delivered"/);
  expect(await second.stop("SIGTERM")).toBe(0);
  expect(sink.received).toHaveLength(before + 1);
  expect(idsOf(sink.received).size).toBe(1);
  expect(sink.received.at(-1)?.body).toEqual(sink.received[0]?.body);
  await owesNothing(config);
  expect(sink.received).toHaveLength(before + 1);
});

test("killed while what has waited is being sent: the same is sent again, and nothing else", async () => {
  await using publisher = await openPublisher();
  await using sink = await openMoodySink();
  using folder = workspace();
  const state = folder.path("state.db");
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, state));
  {
    // Owed for eight hours, as by a service that was stopped while the destination was suspended.
    await using store = await openSqliteStore({ path: state });
    const rules = {
      routes: compileRoutes([RouteOptions.parse({ name: "all", notify: "hook", group: { interval: "0s" } })]),
      destinations: new Map([["hook", { guard: Guard.parse({ max_tlp: "red" }), repeats: "changed" as const }]]),
    };
    const clock = { ...systemClock, now: () => Date.now() - 8 * HOUR };
    const messages = [1, 2, 3].map((n) => messageOf("misp_json", publicationOf(n), clock.now()));
    await absorb(messages, { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED });
  }
  sink.answer(undefined);
  await using first = start(["run", "-c", config]);
  await eventually(() => sink.received.length === 3); // as many as may be under way at once
  expect(await first.stop("SIGKILL")).toBe("SIGKILL");

  sink.answer(200);
  await using second = start(["run", "-c", config]);
  await eventually(() => sink.received.length === 6);
  expect(await second.stop("SIGTERM")).toBe(0);
  const byId = (some: typeof sink.received) => some.toSorted((x, y) => (x.id < y.id ? -1 : 1));
  expect(byId(sink.received.slice(3))).toEqual(byId(sink.received.slice(0, 3)));
  expect(told(sink.received.slice(3)).toSorted()).toEqual([1, 2, 3].map(uuidOf));
  await owesNothing(config);
  expect(sink.received).toHaveLength(6);
});
