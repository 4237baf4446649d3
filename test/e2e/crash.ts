import { copyFileSync, existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { eventually } from "../support/eventually.ts";
import { historyOf } from "../support/history.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, type Received, start, workspace } from "./daemon.ts";

/** What is published in each life; each fifth of them is above what the destination may see. */
const PER_LIFE = 10;
/** How long after its cue a kill comes, in turns of the event loop: a few milliseconds at most. */
const MAX_TURNS = 300;

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>> & { readonly Tag: readonly Readonly<Record<string, unknown>>[] };
};

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

const isRed = (n: number) => n % 5 === 0;

function publicationOf(n: number) {
  const tags = isRed(n) ? [...PUBLISHED.Tag, { ...PUBLISHED.Tag[0], id: "99", name: "tlp:red" }] : PUBLISHED.Tag;
  return { Event: { ...PUBLISHED, id: String(n), uuid: uuidOf(n), Tag: tags } };
}

/** Mulberry32: whole numbers below `below`, the same ones for the same seed. */
export function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const eventOf = ({ body }: Received) => body.entries[0]?.event?.uuid ?? "";

/** What the dead process has left: read from a copy, so that the next one finds all as it was. */
export async function leftBehind(path: string, copy: string) {
  copyFileSync(path, copy);
  if (existsSync(`${path}-wal`)) {
    copyFileSync(`${path}-wal`, `${copy}-wal`);
  }
  await using store = await openSqliteStore({ path: copy });
  const owed: string[] = [];
  for await (const lines of store.ledger.owed({})) {
    owed.push(...lines.map(({ delivery }) => delivery.eventUuid ?? ""));
  }
  const records = await historyOf(store, 100_000);
  const sent = records.filter(({ outcome }) => outcome === "sent").map(({ eventUuid }) => eventUuid ?? "");
  return { owed: new Set(owed), sent: new Set(sent), count: owed.length + sent.length };
}

/** Kills a service so often, each time at a random moment, and looks after each at what it has left and what has arrived. */
export async function killAtRandom(kills: number): Promise<void> {
  const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
  process.stdout.write(`crash: CRASH_SEED=${seed}\n`);
  const below = dice(seed);
  await using publisher = await openPublisher();
  let arrived: (answer: () => void) => void = (answer) => answer();
  await using sink = await openSink((_, response) => arrived(() => response.writeHead(200).end()));
  using folder = workspace();
  const state = folder.path("state.db");
  const config = folder.write(
    "config.yaml",
    configOf(publisher.endpoint, sink.url, state).replace("max_tlp: red", "max_tlp: amber"),
  );
  const send = (n: number) => publisher.send("misp_json", publicationOf(n));

  let published = 0;
  let committed: ReadonlySet<string> = new Set();
  let settled: ReadonlySet<string> = new Set();
  let repeated = 0;
  for (let life = 1; life <= kills; life += 1) {
    const earlier = new Set(sink.received.map(({ id }) => id));
    const from = sink.received.length;
    await using daemon = start(["run", "-c", config]);
    const kill = async () => {
      for (let turns = below(MAX_TURNS); turns > 0; turns -= 1) {
        await setImmediate();
      }
      daemon.kill("SIGKILL");
    };
    // The cue: the first frames, or a request, before it is answered or after. As many requests are sure to come.
    const cue = below(PER_LIFE * 0.8 + 1);
    const answersFirst = below(2) === 1;
    let requests = 0;
    arrived = (answer) => {
      requests += 1;
      if (requests !== cue) {
        return answer();
      }
      if (answersFirst) {
        answer();
      }
      void kill();
    };
    // What is owed leaves before the feed is there, so that the kill may come first.
    const hears = await Promise.race([publisher.subscribed().then(() => true), daemon.exited]);
    if (hears === true) {
      // What was published in the life before comes once more; what is not news any more is not told again.
      for (let n = Math.max(1, published - PER_LIFE + 1); n <= published; n += 1) {
        await send(n);
      }
      for (let left = PER_LIFE; left > 0; left -= 1) {
        await send(++published);
      }
    }
    if (cue === 0) {
      void kill();
    }
    const end = await Promise.race([daemon.exited, new Promise((done) => setTimeout(done, 60_000).unref())]);
    expect(end, `life ${life}: cue ${cue}, ${requests} requests, heard ${hears}\n${daemon.stderr()}`).toBe("SIGKILL");
    await publisher.restart();

    const told = sink.received.slice(from);
    const again = told.filter(({ id }) => earlier.has(id));
    // At most what was under way when it was killed: the webhook takes four requests at once.
    expect(again.length, `life ${life}`).toBeLessThanOrEqual(4);
    expect(new Set(told.map(({ id }) => id)).size, `life ${life}`).toBe(told.length);
    expect(
      told.map(eventOf).filter((uuid) => settled.has(uuid)),
      `life ${life}`,
    ).toEqual([]);
    repeated += again.length;
    const left = await leftBehind(state, folder.path(`copy-${life}.db`));
    const known = new Set([...left.owed, ...left.sent]);
    expect(known.size, "one delivery for each publication").toBe(left.count);
    expect(
      [...committed].filter((uuid) => !known.has(uuid)),
      `life ${life}`,
    ).toEqual([]);
    expect([...left.sent].filter((uuid) => !sink.received.some((one) => eventOf(one) === uuid))).toEqual([]);
    committed = known;
    settled = left.sent;
  }
  // Some come before anything was committed.
  expect(committed.size).toBeGreaterThan(kills / 5);

  arrived = (answer) => answer();
  await using daemon = start(["run", "-c", config]);
  await publisher.subscribed();
  // What was committed leaves by itself …
  await eventually(() => {
    const told = new Set(sink.received.map(eventOf));
    return [...committed].every((uuid) => told.has(uuid));
  });
  // … and what was not is news when the feed brings it again.
  for (let n = 1; n <= published; n += 1) {
    await send(n);
  }
  const wanted = Array.from({ length: published }, (_, index) => index + 1).filter((n) => !isRed(n));
  await eventually(() => new Set(sink.received.map(eventOf)).size >= wanted.length);
  // The last of the feed has been read when what follows it arrives.
  await send(published + 1);
  await eventually(() => sink.received.some((one) => eventOf(one) === uuidOf(published + 1)));
  expect(await daemon.stop("SIGTERM")).toBe(0);

  const ids = new Set(sink.received.map(({ id }) => id));
  expect(new Set(sink.received.map(eventOf))).toEqual(new Set([...wanted, published + 1].map(uuidOf)));
  expect(ids.size).toBe(wanted.length + 1);
  expect(sink.received.length - ids.size).toBeLessThanOrEqual(4 * kills);
  process.stdout.write(
    `crash: ${kills} kills, ${committed.size} of ${wanted.length} committed by a process that was killed, ` +
      `${repeated} deliveries repeated\n`,
  );
}
