import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { dice, leftBehind } from "../e2e/crash.ts";
import { openSink, start, workspace } from "../e2e/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { API_KEY, openMispServer } from "../support/misp-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { type Deed, deed, KIND_COUNT, uuidOf } from "./mix.ts";

const KILLS = Number(process.env.MIX_KILLS ?? 100);
/** Deeds of a life, each followed by a publication that shows when what came before it was heard. */
const PER_LIFE = 4;
/** What was heard and is told after that was on its way already. */
const IN_FLIGHT_MS = 1_000;
const MAX_WAIT_MS = 1_200;
const ENV = { MISP_KEY: API_KEY };

interface Arrived {
  readonly at: number;
  readonly id: string;
  readonly text: string;
  readonly events: readonly { readonly uuid: string; readonly isPublication: boolean }[];
}

/** `turn`: configurations differ in what a reload must not touch. */
function configOf(endpoint: string, misp: URL, hook: string, state: string, turn: number): string {
  const extra = turn % 2 === 0 ? "" : "  - { name: extra, match: { attribute: { value: 'VALUE-*' } }, notify: hook }\n";
  const slow = turn % 3 === 0 ? '"*SLOW*"' : '["*SLOW*", "*OTHER*"]';
  return `misp:
  cert:
    url: ${misp}
    api_key: "\${MISP_KEY}"
    feed: { type: zeromq, endpoints: ["${endpoint}"] }
    # On a busy machine no life may be long enough for an answer: nothing is told without MISP's word here.
    recall: { per_minute: 6000, settle: 200ms, within: 10m }
state: { path: ${state} }
control: ${state}.sock
destinations:
  hook: { type: webhook, url: "${hook}", guard: { max_tlp: green } }
routes:
${extra}  - { name: slow, kinds: [event.published, "attribute.*"], match: { info: ${slow} }, notify: hook, group: { wait: 3s, interval: 3s }, stop: true }
  - { name: all, kinds: [event.published, "attribute.*"], notify: hook, group: { interval: 0s } }
`;
}

test(`${KILLS} kills during a mix of all that tightens and takes back: nothing leaks, and nothing is lost`, async () => {
  const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
  process.stdout.write(`mix: CRASH_SEED=${seed}\n`);
  const beganAt = Date.now();
  const below = dice(seed);
  await using publisher = await openPublisher();
  await using misp = await openMispServer();
  const arrived: Arrived[] = [];
  let arrives: (answer: () => void) => void = (answer) => answer();
  await using sink = await openSink((_, response) => {
    const { id, body } = sink.received.at(-1) ?? { id: "", body: { entries: [] } };
    const events = body.entries.map((entry) => ({
      uuid: entry.event?.uuid ?? "",
      isPublication: JSON.stringify(entry).includes('"kind":"event.published"'),
    }));
    arrived.push({ at: performance.now(), id, text: JSON.stringify(body), events });
    arrives(() => response.writeHead(200).end());
  });
  using folder = workspace();
  const state = folder.path("state.db");
  let turn = 0;
  const configure = () =>
    writeFileSync(folder.path("config.yaml"), configOf(publisher.endpoint, misp.url, sink.url, state, turn++));
  configure();

  const deeds: { readonly deed: Deed; readonly marker: string }[] = [];
  const due: Deed[] = [];
  let n = 0;
  const send = async (frames: Deed["frames"]) => {
    for (const [topic, payload] of frames) {
      await publisher.send(topic, payload);
    }
  };
  const next = (kind: number) => {
    n += 1;
    const one = deed(n, kind, misp);
    if (one.isDue) {
      due.push(one);
    }
    return one;
  };
  /** The deeds of one life, until it is killed. */
  const live = async (isOver: () => boolean) => {
    for (let left = PER_LIFE; left > 0 && !isOver(); left -= 1) {
      const one = next(below(KIND_COUNT));
      await send(one.frames);
      await sleep(below(120));
      one.after?.();
      await send(one.later);
      const marker = next(0);
      deeds.push({ deed: one, marker: marker.uuid });
      await send(marker.frames);
    }
  };

  let committed: ReadonlySet<string> = new Set();
  let reloads = 0;
  for (let life = 1; life <= KILLS; life += 1) {
    await using daemon = start(["run", "-c", folder.path("config.yaml")], ENV);
    let isOver = false;
    const kill = () => {
      isOver = true;
      daemon.kill("SIGKILL");
    };
    // A request is answered first or not at all, or some time after the start something is killed in mid-work.
    const cue = below(3);
    const waitMs = below(MAX_WAIT_MS);
    let requests = 0;
    arrives = (answer) => {
      requests += 1;
      if (cue === 0 && requests > 1) {
        return kill();
      }
      answer();
      if (cue === 1 && requests > 2) {
        kill();
      }
    };
    const hears = await Promise.race([publisher.subscribed().then(() => true), daemon.exited]);
    if (hears === true) {
      const lived = live(() => isOver);
      if (below(4) === 0) {
        configure();
        daemon.kill("SIGHUP");
        reloads += 1;
      }
      await Promise.race([Promise.all([lived, sleep(waitMs)]), daemon.exited]);
      kill();
      await lived;
    }
    expect(await daemon.exited, `life ${life}\n${daemon.stderr()}`).toBe("SIGKILL");
    await publisher.restart();
    const left = await leftBehind(state, folder.path(`copy-${life}.db`));
    const known = new Set([...left.owed, ...left.sent]);
    const slow = new Set(deeds.filter(({ deed: one }) => !one.isDue).map(({ deed: one }) => one.uuid));
    expect(
      [...committed].filter((uuid) => !known.has(uuid) && !slow.has(uuid)),
      `life ${life}`,
    ).toEqual([]);
    committed = known;
  }
  arrives = (answer) => answer();
  await using daemon = start(["run", "-c", folder.path("config.yaml")], ENV);
  await publisher.subscribed();
  const isTold = (uuid: string) => arrived.some(({ events }) => events.some((one) => one.uuid === uuid));
  const isCommitted = due.filter(({ uuid }) => committed.has(uuid)).length;
  /** Waits until they are told, or says what became of one that is not. */
  const allTold = async (some: readonly Deed[]) => {
    const missing = () => some.filter(({ uuid }) => !isTold(uuid));
    await eventually(() => missing().length === 0, 240_000).catch(async () => {
      const [first] = missing();
      await using asked = start(["explain", first?.uuid ?? "", "-c", folder.path("config.yaml")], ENV);
      await asked.exited;
      const names = missing().map(({ name, uuid }) => `${name} ${uuid}`);
      throw new Error(`Not told: ${names.join(", ")}\n${asked.stdout()}${asked.stderr()}`);
    });
  };
  await allTold(due.filter(({ uuid }) => committed.has(uuid)));
  // What was not committed is news when the feed brings it again.
  for (const one of due) {
    await send(one.frames);
  }
  await allTold(due);
  await sleep(5_000); // what waits in its group
  expect(await daemon.stop("SIGTERM")).toBe(0);

  const leaks: string[] = [];
  for (const { deed: one, marker } of deeds) {
    const heardAt = arrived.find(({ events }) => events.some(({ uuid }) => uuid === marker))?.at ?? Infinity;
    for (const { text, at } of arrived) {
      leaks.push(
        ...one.never
          .filter((token) => text.includes(`${token}"`))
          .map((token) => `${one.name}: ${token}, in ${text.slice(0, 2_000)}`),
        ...one.notThen
          .filter((token) => text.includes(`${token}"`) && at > heardAt + IN_FLIGHT_MS)
          .map(
            (token) =>
              `${one.name}: ${token} ${Math.round(at - heardAt)} ms after it was heard, in ${text.slice(0, 2_000)}`,
          ),
      );
    }
  }
  const lost = due.filter(({ uuid }) => !isTold(uuid)).map(({ name, uuid }) => `${name} ${uuid}`);
  const idsOf = (uuid: string) =>
    new Set(
      arrived.filter(({ events }) => events.some((one) => one.uuid === uuid && one.isPublication)).map(({ id }) => id),
    );
  const twice = Array.from({ length: n }, (_, index) => uuidOf(index + 1)).filter((uuid) => idsOf(uuid).size > 1);
  const ids = new Set(arrived.map(({ id }) => id));
  process.stdout.write(
    `mix: ${KILLS} kills and ${reloads} reloads in ${Math.round((Date.now() - beganAt) / 1000)} s; ${n} events of ` +
      `which ${due.length} had to be told, ${isCommitted} of them committed by a process that was killed; ${ids.size} ` +
      `payloads, ${arrived.length - ids.size} repeated under the same id; ${leaks.length} leaks, ${lost.length} lost, ` +
      `${twice.length} told under two ids\n`,
  );
  expect(leaks).toEqual([]);
  expect(lost).toEqual([]);
  expect(twice).toEqual([]);
}, 1_800_000);
