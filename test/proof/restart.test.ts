import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Feed } from "../../src/sources/index.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";
import { findPython, hasRedis, type MispPublisher, openMispPublisher, openRedis } from "../support/misp-publisher.ts";

// MISP's own way to publish: Redis lists, drained by mispzmq.py. What it keeps while it is down must arrive, every time.

const python = findPython();
const missing = [...(python ? [] : ["python3-zmq and python3-redis"]), ...(hasRedis() ? [] : ["redis-server"])];
const LANES = 5;
const ROUNDS = 20;
const KEPT = 50;
/** Of every kind of list, so that the order in which they are drained does not matter. */
const TOPICS = ["misp_json", "misp_json_event", "misp_json_attribute", "misp_json_tag", "misp_json_workflow"];

/** What arrives of a feed, by the number in it. */
function listen(endpoint: string) {
  const { log, find } = captureLog();
  const source = Feed.parse({ type: "zeromq", endpoints: [endpoint] }).open({ instance: "cert", log, now: Date.now });
  const stop = new AbortController();
  const arrived = new Set<number>();
  const ended = (async () => {
    for await (const batch of source.frames(stop.signal)) {
      for (const { topic, payload } of batch) {
        if (topic !== "misp_json_self") {
          arrived.add(JSON.parse(Buffer.from(payload).toString()).n);
        }
      }
    }
  })();
  return {
    arrived,
    find,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

let next = 0;

/** Pushes some to every list, and tells which. */
async function push(publisher: MispPublisher, count = KEPT): Promise<readonly number[]> {
  const numbers = Array.from({ length: count }, () => next++);
  for (const [index, topic] of TOPICS.entries()) {
    const mine = numbers.filter((n) => n % TOPICS.length === index);
    if (mine.length > 0) {
      await publisher.push(
        topic,
        mine.map((n) => JSON.stringify({ n })),
      );
    }
  }
  return numbers;
}

const missed = (arrived: ReadonlySet<number>, numbers: readonly number[]) => numbers.filter((n) => !arrived.has(n));

/** Runs `rounds` on several publishers at once, so that minutes of waiting pass together. */
async function play(work: (publisher: MispPublisher, feed: ReturnType<typeof listen>, round: number) => Promise<void>) {
  await using redis = await openRedis();
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    await using publisher = await openMispPublisher(python ?? "", redis, `mispq${lane}`);
    publisher.start();
    await using feed = listen(publisher.endpoint);
    await eventually(() => feed.find(/Connected/).length > 0);
    for (let round = lane; round < ROUNDS; round += LANES) {
      await work(publisher, feed, round);
    }
  });
  await Promise.all(lanes);
}

describe.skipIf(missing.length > 0)(
  `mispzmq.py${missing.length > 0 ? ` (needs ${missing.join(" and ")})` : ""}`,
  () => {
    test("loses nothing that was kept while it was down for 2 to 30 s, 20 times of 20", {
      timeout: 600_000,
    }, async () => {
      const whole: string[] = [];
      const partial: string[] = [];
      await play(async (publisher, feed, round) => {
        const downMs = 2000 + Math.round((28_000 * round) / (ROUNDS - 1));
        await publisher.stop(round % 2 === 0 ? "SIGKILL" : "SIGTERM");
        const numbers = await push(publisher);
        await sleep(downMs);
        publisher.start();
        await eventually(() => missed(feed.arrived, numbers).length === 0).catch(() => undefined);
        const lost = missed(feed.arrived, numbers).length;
        (lost === 0 ? whole : partial).push(`${downMs} ms: ${KEPT - lost} of ${KEPT}`);
      });
      process.stdout.write(
        `restarts without loss: ${whole.length} of ${ROUNDS}${partial.map((one) => `\n  ${one}`).join("")}\n`,
      );
      expect(partial).toEqual([]);
    });

    test("loses nothing of one that was stopped for 2 to 60 s, 20 times of 20", { timeout: 600_000 }, async () => {
      const partial: string[] = [];
      await play(async (publisher, feed, round) => {
        const stoppedMs = 2000 + Math.round((58_000 * round) / (ROUNDS - 1));
        publisher.signal("SIGSTOP");
        const numbers = await push(publisher);
        await sleep(stoppedMs);
        publisher.signal("SIGCONT");
        await eventually(() => missed(feed.arrived, numbers).length === 0).catch(() => undefined);
        const lost = missed(feed.arrived, numbers).length;
        if (lost > 0) {
          partial.push(`${stoppedMs} ms: ${KEPT - lost} of ${KEPT}`);
        }
      });
      process.stdout.write(`stops without loss: ${ROUNDS - partial.length} of ${ROUNDS}\n`);
      expect(partial).toEqual([]);
    });

    test("tells what is published half a second after a reload, 20 times of 20", { timeout: 600_000 }, async () => {
      const afterMs = [0, 50, 100, 200, 500];
      const arrivals = new Map(afterMs.map((ms) => [ms, 0]));
      await play(async (publisher, feed) => {
        // Once something has arrived, it waits no more, and does at once what it is told.
        const before = await push(publisher);
        await eventually(() => missed(feed.arrived, before).length === 0);
        await publisher.command("reload");
        const pushed = await Promise.all(
          afterMs.map(async (ms) => {
            await sleep(ms);
            return { ms, numbers: await push(publisher, TOPICS.length) };
          }),
        );
        await sleep(500);
        for (const { ms, numbers } of pushed) {
          if (missed(feed.arrived, numbers).length === 0) {
            arrivals.set(ms, (arrivals.get(ms) ?? 0) + 1);
          }
        }
      });
      for (const [ms, count] of arrivals) {
        process.stdout.write(`published ${ms} ms after a reload: ${count} of ${ROUNDS} arrived\n`);
      }
      expect(arrivals.get(500)).toBe(ROUNDS);
    });
  },
);
