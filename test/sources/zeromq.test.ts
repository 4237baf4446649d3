import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { Frame, Needless } from "../../src/model/frame.ts";
import { Feed } from "../../src/sources/index.ts";
import type { SourceContext } from "../../src/sources/source.ts";
import { decode } from "../../src/topics/index.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { openPublisherProcess } from "../support/publisher-process.ts";
import { sample } from "../topics/frames.ts";

/** Opens a feed as the config does, and collects what it yields. */
function listen(
  feed: Readonly<Record<string, unknown>>,
  now: () => number = Date.now,
  more: Partial<SourceContext> = {},
  needless: Needless = {},
) {
  const captured = captureLog();
  const context = { instance: "cert", log: captured.log, now, ...more };
  const source = Feed.parse({ type: "zeromq", ...feed }).open(context);
  source.spare(needless);
  const stop = new AbortController();
  const frames: Frame[] = [];
  const batches: number[] = [];
  const ended = (async () => {
    for await (const batch of source.frames(stop.signal)) {
      frames.push(...batch);
      batches.push(batch.length);
    }
  })();
  return {
    ...captured,
    source,
    frames,
    batches,
    ended,
    texts: () => frames.map(({ topic, payload }) => [topic, Buffer.from(payload).toString()]),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

/** Passes connections on to a port of this machine, but hangs up on the first `rude` of them once they have said something. */
async function openDoor(port: number, rude: number) {
  let hungUp = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on("error", () => {}));
    if (hungUp < rude) {
      hungUp++;
      socket.once("data", () => socket.destroy());
      return;
    }
    const behind = connect(port, "127.0.0.1");
    open.add(behind.on("error", () => socket.destroy()));
    socket.pipe(behind).pipe(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  return {
    endpoint: `tcp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    hungUp: () => hungUp,
    async [Symbol.asyncDispose]() {
      for (const socket of open) {
        socket.destroy();
      }
      await promisify(server.close.bind(server))();
    },
  };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) {}
}

describe("feed options", () => {
  const problems = (feed: object) =>
    Feed.safeParse({ type: "zeromq", ...feed }).error?.issues.map(
      ({ path, message }) => `${path.join(".")}: ${message}`,
    );

  test.each([
    "tcp://127.0.0.1:50000",
    "tcp://misp_1.example.org:50000",
    "tcp://[2001:db8::1]:50000",
    "ipc:///run/misp.sock",
  ])("accept the endpoint %s", (endpoint) => {
    expect(problems({ endpoints: [endpoint] })).toBeUndefined();
  });

  test.each([
    "127.0.0.1:50000",
    "tcp://*:50000",
    "tcp://misp",
    "tcp://misp:0",
    "tcp://misp:70000",
    "http://misp:50000",
    "",
  ])("refuse the endpoint %j and show a right one", (endpoint) => {
    expect(problems({ endpoints: [endpoint] })).toEqual([
      expect.stringMatching(/^endpoints\.0: must be an address to connect to, such as "tcp:\/\/misp/),
    ]);
  });

  test("refuse one half of the credentials", () => {
    const endpoints = ["tcp://misp:50000"];
    expect(problems({ endpoints, username: "misp" })).toEqual([expect.stringMatching(/^password: is missing/)]);
    expect(problems({ endpoints, password: "x" })).toEqual([expect.stringMatching(/^username: is missing/)]);
    expect(problems({ endpoints, username: "misp", password: "x" })).toBeUndefined();
  });

  test("refuse unknown keys, no endpoint, and an endpoint named twice", () => {
    expect(problems({ endpoints: ["tcp://misp:1"], topics: [] })).toHaveLength(1);
    expect(problems({ endpoints: [] })).toHaveLength(1);
    expect(problems({ endpoints: ["tcp://misp:1", "tcp://misp:1"] })).toHaveLength(1);
  });
});

describe("zeromq", () => {
  test("yields a frame with its envelope taken off at the first space", async () => {
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint] });
    await publisher.subscribed();
    await publisher.sendRaw('misp_json {"Event": {"info": "a b c"}}');
    await publisher.sendRaw('{"Event":1}');
    await publisher.sendRaw("");
    await publisher.sendRaw(Uint8Array.of(0xff, 0xfe, 0x20, 0x80));
    await publisher.sendRaw(`${"x".repeat(300)} {}`);
    await eventually(() => feed.frames.length === 5);
    expect(feed.texts().slice(0, 3)).toEqual([
      ["misp_json", '{"Event": {"info": "a b c"}}'],
      ["", '{"Event":1}'],
      ["", ""],
    ]);
    expect(feed.frames[3]?.payload).toEqual(Uint8Array.of(0x80));
    expect(feed.frames[4]).toMatchObject({ instance: "cert", topic: "" });
    expect(Math.abs(Date.now() - (feed.frames[0]?.receivedAt ?? 0))).toBeLessThan(10_000);
  });

  test("listens to several endpoints, and tells which are connected", async () => {
    await using one = await openPublisher();
    await using two = await openPublisher();
    await using gone = await openPublisher();
    await gone[Symbol.asyncDispose]();
    await using feed = listen({ endpoints: [one.endpoint, gone.endpoint, two.endpoint] });
    await Promise.all([one.subscribed(), two.subscribed()]);
    await one.send("misp_json", { from: 1 });
    await two.send("misp_json_tag", { from: 2 });
    await eventually(() => feed.frames.length === 2);
    expect(feed.texts().sort()).toEqual([
      ["misp_json", '{"from":1}'],
      ["misp_json_tag", '{"from":2}'],
    ]);
    await eventually(() => feed.find(/Connected/).length === 2 && feed.find(/Cannot reach/).length === 1);
    expect(feed.find(/Cannot reach/)[0]).toMatchObject({ level: "warn", instance: "cert", endpoint: gone.endpoint });
    expect(feed.source.status()).toMatchObject({
      received: 2,
      dropped: {},
      endpoints: [
        { endpoint: one.endpoint, connected: true },
        { endpoint: gone.endpoint, connected: false },
        { endpoint: two.endpoint, connected: true },
      ],
    });
  });

  test("tells equal frames apart, and gives copies by another endpoint the identity of the first", async () => {
    await using one = await openPublisher();
    await using two = await openPublisher();
    await using feed = listen({ endpoints: [one.endpoint, two.endpoint] });
    await Promise.all([one.subscribed(), two.subscribed()]);
    const refused = { Log: { id: 0, model: "User", action: "auth_fail", title: "Failed login" }, action: "log" };
    for (let n = 0; n < 4; n += 1) {
      await one.send("misp_json_audit", refused);
      await two.send("misp_json_audit", refused);
    }
    await eventually(() => feed.frames.length === 8);
    expect(new Set(feed.frames.map((frame) => decode(frame)?.version)).size).toBe(4);
    // Somebody else who listens to one of them gets as many.
    expect(new Set(feed.frames.map(({ occurrence }) => occurrence)).size).toBe(4);
  });

  test("keeps the order of publications, and that of all others, in batches of at most 512", async () => {
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint] });
    await publisher.subscribed();
    for (let n = 0; n < 5000; n++) {
      await publisher.send(n % 10 === 0 ? "misp_json" : "misp_json_attribute", { n });
    }
    await eventually(() => feed.frames.length === 5000);
    const numbers = (isPublication: boolean) =>
      feed.frames
        .filter(({ topic }) => (topic === "misp_json") === isPublication)
        .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).n);
    const all = Array.from({ length: 5000 }, (_, n) => n);
    expect(numbers(true)).toEqual(all.filter((n) => n % 10 === 0));
    expect(numbers(false)).toEqual(all.filter((n) => n % 10 !== 0));
    expect(Math.max(...feed.batches)).toBeLessThanOrEqual(512);
    expect(Math.min(...feed.batches)).toBeGreaterThan(0);
  });

  test("does not yield what cannot matter, but counts it and hears that the feed is alive", async () => {
    await using publisher = await openPublisher();
    const needless: Needless = { misp_json_self: "all", misp_json_object: ["add"] };
    await using feed = listen({ endpoints: [publisher.endpoint] }, undefined, {}, needless);
    await publisher.subscribed();
    await publisher.send("misp_json_self", { status: "alive" });
    await publisher.send("misp_json_object", { Object: {}, action: "add" });
    await publisher.send("misp_json_object", { Object: {}, action: "edit" });
    await eventually(() => feed.source.status().received === 3);
    expect(feed.texts()).toEqual([["misp_json_object", '{"Object":{},"action":"edit"}']]);
    await eventually(() => feed.source.status().skipped.misp_json_object === 1);
    expect(feed.source.status()).toMatchObject({ dropped: {}, skipped: { misp_json_self: 1, misp_json_object: 1 } });
    expect(feed.source.status().lastFrameAt).toBeDefined();
    feed.source.spare({});
    await eventually(() => {
      void publisher.send("misp_json_self", {});
      return feed.frames.length > 1;
    });
  });

  test("counts what says again what was quiet, until something stirs", async () => {
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint] });
    await publisher.subscribed();
    const { topic, payload } = sample("misp_json_attribute--add");
    const isSpared = async () => {
      const before = feed.source.status().skipped.misp_json_attribute ?? 0;
      feed.source.quiet?.(feed.frames.slice(-1));
      await eventually(() => {
        void publisher.send(topic, payload);
        return (feed.source.status().skipped.misp_json_attribute ?? 0) > before;
      });
    };
    await publisher.send(topic, payload);
    await eventually(() => feed.frames.length === 1);
    await isSpared();
    feed.source.stir?.();
    await eventually(() => {
      void publisher.send(topic, payload);
      return feed.frames.length > 1;
    });
    await isSpared();
    await publisher.send("misp_json_tag", {});
    await eventually(() => feed.frames.at(-1)?.topic === "misp_json_tag");
    const passed = feed.frames.length;
    await publisher.send(topic, payload);
    await eventually(() => feed.frames.length > passed);
  });

  test("refuses a frame above max_frame aloud, with its topic, size and event, and goes on", async () => {
    const refused: unknown[] = [];
    let gaps = 0;
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint], max_frame: "1MiB" }, undefined, {
      onRefused: (frame) => void refused.push(frame),
      onGap: () => gaps++,
    });
    await publisher.subscribed();
    const uuid = "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774";
    const marker = "zzmarkerzz";
    const large = `misp_json ${JSON.stringify({ Event: { id: "4711", info: marker, uuid, x: "x".repeat(2 ** 20) } })}`;
    await publisher.sendRaw(large);
    await publisher.send("misp_json", { still: "here" });
    await eventually(() => feed.frames.length === 1);
    expect(feed.texts()).toEqual([["misp_json", '{"still":"here"}']]);
    const frame = { topic: "misp_json", bytes: large.length, id: "4711", uuid };
    expect(refused).toEqual([{ ...frame, reason: "size" }]);
    expect(gaps).toBe(1);
    expect(feed.find(/Refused a frame/)).toMatchObject([
      { level: "error", instance: "cert", ...frame, maxBytes: 2 ** 20 },
    ]);
    expect(feed.source.status()).toMatchObject({ received: 2, refused: { misp_json: 1 }, dropped: {} });
    expect(feed.lines.join("")).not.toContain(marker);
  });

  test("authenticates", async () => {
    await using publisher = await openPublisher({ username: "misp", password: "s3cret-marker" });
    await using feed = listen({ endpoints: [publisher.endpoint], username: "misp", password: "s3cret-marker" });
    await publisher.subscribed();
    await publisher.send("misp_json", {});
    await eventually(() => feed.frames.length === 1);
    expect(feed.lines.join("")).not.toContain("s3cret-marker");
  });

  test("says clearly that the password is wrong, once, and recovers when it becomes right", async () => {
    await using publisher = await openPublisher({ username: "misp", password: "another" });
    await using healthy = await openPublisher({ username: "misp", password: "s3cret-marker" });
    await using feed = listen({
      endpoints: [publisher.endpoint, healthy.endpoint],
      username: "misp",
      password: "s3cret-marker",
    });
    const [line] = await eventually(
      () => feed.find(/refused the ZeroMQ user name or password/).length === 1 && feed.find(/refused/),
    );
    expect(line).toMatchObject({ level: "error", instance: "cert", endpoint: publisher.endpoint });
    expect(line?.hint).toMatch(/against Plugin.ZeroMQ_username and Plugin.ZeroMQ_password/);
    await healthy.subscribed();
    await healthy.send("misp_json", { healthy: true });
    await eventually(() => feed.frames.length === 1);

    publisher.allow("misp", "s3cret-marker");
    await publisher.subscribed();
    await publisher.send("misp_json", { recovered: true });
    await eventually(() => feed.frames.length === 2);
    expect(feed.find(/refused/)).toHaveLength(1);
    expect(feed.find(/Connected/)).toHaveLength(2);
    expect(feed.lines.join("")).not.toContain("s3cret-marker");
  });

  test("says that MISP asks for credentials when there are none, and the other way round", async () => {
    await using guarded = await openPublisher({ username: "misp", password: "x" });
    await using open = await openPublisher();
    await using without = listen({ endpoints: [guarded.endpoint] });
    await using withThem = listen({ endpoints: [open.endpoint], username: "misp", password: "x" });
    const [asks] = await eventually(
      () => without.find(/asks for a user name and password/)[0] && without.find(/asks for/),
    );
    expect(asks).toMatchObject({ level: "error", endpoint: guarded.endpoint });
    await eventually(() => withThem.find(/has no user name and password, but ours has/)[0]);
  });

  test("tells one cause where MISP hangs up before it asks for a password, in the log and in the status", async () => {
    await using guarded = await openPublisher({ username: "misp", password: "x" });
    await using door = await openDoor(Number(guarded.endpoint.split(":").at(-1)), 1);
    await using feed = listen({ endpoints: [door.endpoint] });
    await eventually(() => feed.find(/asks for a user name and password/).length === 1);
    expect(door.hungUp()).toBe(1);
    expect(feed.find(/Cannot reach|speak ZeroMQ/)).toEqual([]);
    expect(feed.source.status().endpoints).toEqual([
      {
        endpoint: door.endpoint,
        connected: false,
        trouble: {
          reason: "MISP's ZeroMQ feed asks for a user name and password",
          hint: "set username and password of the feed to Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
        },
      },
    ]);
  });

  test("tells what never speaks ZeroMQ as that, and not as unreachable", async () => {
    await using door = await openDoor(0, Number.POSITIVE_INFINITY);
    await using feed = listen({ endpoints: [door.endpoint] });
    await eventually(() => feed.find(/does not speak ZeroMQ/).length === 1);
    expect(feed.find(/Cannot reach/)).toEqual([]);
    expect(feed.source.status().endpoints[0]?.trouble?.hint).toMatch(/^check the port of the endpoint, and/);
  });

  test("receives what is sent after the publisher restarted", async () => {
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint] });
    await publisher.subscribed();
    await publisher.send("misp_json", { n: 1 });
    await eventually(() => feed.frames.length === 1);
    for (const n of [2, 3]) {
      await publisher.restart();
      await publisher.subscribed();
      await publisher.send("misp_json", { n });
      await eventually(() => feed.frames.length === n);
    }
    expect(feed.find(/Lost the connection/)).toHaveLength(2);
    expect(feed.find(/Connected/)).toHaveLength(3);
  });

  test("connects again after a message above the size limit, for which libzmq gives up", async () => {
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint] });
    await publisher.subscribed();
    await publisher.sendRaw(new Uint8Array(2 ** 28 + 1));
    await eventually(() => feed.find(/Lost the connection/).length === 1);
    await eventually(() => feed.find(/Connected/).length === 2);
    await publisher.subscribed();
    await publisher.send("misp_json", { still: "here" });
    await eventually(() => feed.frames.length === 1);
  });

  test("loses nothing while the main thread is busy and the publisher restarts and sends at once", async () => {
    await using publisher = await openPublisherProcess([
      { do: "wait", ms: 100 },
      { do: "restart", downMs: 50 },
      { do: "await-subscriber", ms: 700 },
      { do: "send", topic: "misp_json_attribute", count: 2000, bytes: 1000 },
    ]);
    await using feed = listen({ endpoints: [publisher.endpoint] });
    await publisher.subscribed();
    publisher.go();
    block(1500);
    await publisher.done();
    await eventually(() => feed.frames.length === 2000);
    expect(feed.source.status().dropped).toEqual({});
  });

  test("loses nothing that MISP kept while its publisher was down", async () => {
    const restarts = [500, 3000].map(async (downMs) => {
      await using publisher = await openPublisherProcess([
        { do: "misp-restart", downMs, topic: "misp_json", count: 500 },
        { do: "misp-restart", downMs: 100, topic: "misp_json_event", count: 500 },
      ]);
      await using feed = listen({ endpoints: [publisher.endpoint] });
      await publisher.subscribed();
      publisher.go();
      await publisher.done();
      await eventually(() => feed.frames.length === 1000);
      expect(feed.find(/Lost the connection/)).toHaveLength(2);
    });
    await Promise.all(restarts);
  });

  test("loses nothing of a publisher that stood still for many heartbeats, and finds one that never goes on", async () => {
    await using publisher = await openPublisherProcess([
      { do: "send", topic: "misp_json", count: 500, bytes: 100 },
      { do: "wait", ms: 100 },
    ]);
    await using feed = listen({ endpoints: [publisher.endpoint], heartbeat: "100ms", silent_after: "1s" });
    await publisher.subscribed();
    publisher.kill("SIGSTOP");
    publisher.go();
    await eventually(() => feed.find(/The feed is silent/).length === 1);
    expect(feed.find(/Lost the connection/)).toEqual([]);
    publisher.kill("SIGCONT");
    await eventually(() => feed.frames.length === 500);
    publisher.kill("SIGSTOP");
    await eventually(() => feed.find(/Lost the connection/).length === 1);
    publisher.kill("SIGCONT");
    await eventually(() => feed.find(/Connected/).length === 2);
  });

  test("drops by kind when its consumer is slow, counts and logs it, and keeps publications", async () => {
    await using publisher = await openPublisher();
    const captured = captureLog();
    const source = Feed.parse({ type: "zeromq", endpoints: [publisher.endpoint], queue: "256KiB" }).open({
      instance: "cert",
      log: captured.log,
      now: Date.now,
    });
    const stop = new AbortController();
    const frames = source.frames(stop.signal)[Symbol.asyncIterator]();
    const first = frames.next();
    await publisher.subscribed();
    await publisher.send("misp_json_self", {});
    await first;

    const filler = "x".repeat(1000);
    for (let n = 0; n < 500; n++) {
      await publisher.send("misp_json_attribute", { n, filler });
    }
    for (let n = 0; n < 100; n++) {
      await publisher.send("misp_json", { n, filler });
    }
    await eventually(() => source.status().received === 601);
    await eventually(() => captured.find(/frames were dropped/).length === 1);
    const { misp_json_attribute: lost = 0, ...others } = source.status().dropped;
    expect(lost).toBeGreaterThan(300);
    expect(others).toEqual({});

    const topics: string[] = [];
    while (topics.length < 600 - lost) {
      const batch = await frames.next();
      if (!batch.done) {
        topics.push(...batch.value.map(({ topic }) => topic));
      }
    }
    expect(topics.filter((topic) => topic === "misp_json")).toHaveLength(100);
    stop.abort();
    expect(await frames.next()).toMatchObject({ done: true });
    const counted = captured.find(/frames were dropped/).map((line) => line.dropped);
    const sum = counted.reduce<number>((total, line) => total + Object(line).misp_json_attribute, 0);
    expect(sum).toBe(lost);
  });

  test("warns once when nothing arrives, and tells when frames are back", async () => {
    let clock = 1_000_000;
    await using publisher = await openPublisher();
    await using feed = listen({ endpoints: [publisher.endpoint], silent_after: "20ms" }, () => clock);
    await publisher.subscribed();
    await publisher.send("misp_json_self", {});
    await eventually(() => feed.frames.length === 1);
    expect(feed.source.status().silentSince).toBeUndefined();
    clock += 65_000;
    await eventually(() => feed.source.status().silentSince !== undefined);
    clock += 65_000;
    await publisher.send("misp_json_self", {});
    await eventually(() => feed.find(/frames arrive again/).length === 1);
    expect(feed.find(/feed is silent/)).toHaveLength(1);
    expect(feed.find(/feed is silent/)[0]).toMatchObject({
      level: "warn",
      instance: "cert",
      hint: expect.stringMatching(/Plugin.ZeroMQ_enable/),
    });
    expect(feed.find(/feed is silent/)[0]?.silentMs).toBeGreaterThanOrEqual(64_000);
    expect(feed.source.status().silentSince).toBeUndefined();
    expect(feed.source.status().lastFrameAt).toBeGreaterThan(1_129_000);
  });

  test("in the place of a silent one it is silent until a frame comes, and then says so once", async () => {
    await using publisher = await openPublisher();
    const said: [boolean, number][] = [];
    await using feed = listen({ endpoints: [publisher.endpoint], silent_after: "20ms" }, undefined, {
      silentSince: 1_000,
      onSilence: (silent, sinceAt) => void said.push([silent, sinceAt]),
    });
    await publisher.subscribed();
    expect(feed.source.status().silentSince).toBe(1_000);
    await publisher.send("misp_json_self", {});
    await eventually(() => feed.find(/frames arrive again/).length === 1);
    expect(said[0]).toEqual([false, 1_000]);
  });

  test("ends quietly and closes its sockets when the signal aborts, also when nobody asks", async () => {
    await using publisher = await openPublisher();
    const { log, find } = captureLog();
    const source = Feed.parse({ type: "zeromq", endpoints: [publisher.endpoint] }).open({
      instance: "a",
      log,
      now: Date.now,
    });
    const stop = new AbortController();
    const frames = source.frames(stop.signal)[Symbol.asyncIterator]();
    const first = frames.next();
    await publisher.subscribed();
    await publisher.send("misp_json", {});
    expect((await first).done).toBe(false);
    stop.abort();
    await publisher.unsubscribed();
    expect(await frames.next()).toEqual({ done: true, value: undefined });
    expect(find(/./).filter(({ level }) => level === "error")).toEqual([]);

    const aborted = source.frames(AbortSignal.abort())[Symbol.asyncIterator]();
    expect(await aborted.next()).toEqual({ done: true, value: undefined });
  });

  test("rejects, and takes nothing down, when libzmq cannot use an endpoint", async () => {
    await using publisher = await openPublisher();
    const { log } = captureLog();
    const endpoints = [publisher.endpoint, `ipc:///${"x".repeat(300)}`];
    const source = Feed.parse({ type: "zeromq", endpoints }).open({ instance: "a", log, now: Date.now });
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    await expect(frames.next()).rejects.toThrow(/^Cannot receive from ZeroMQ: /);
    expect(await frames.next()).toEqual({ done: true, value: undefined });
  });

  test("closes its sockets when the iteration is left", async () => {
    await using publisher = await openPublisher();
    const { log } = captureLog();
    const source = Feed.parse({ type: "zeromq", endpoints: [publisher.endpoint] }).open({
      instance: "a",
      log,
      now: Date.now,
    });
    const sent = publisher.subscribed().then(() => publisher.send("misp_json", {}));
    for await (const batch of source.frames(new AbortController().signal)) {
      expect(batch).toHaveLength(1);
      break;
    }
    await sent;
    await publisher.unsubscribed();
  });
});
