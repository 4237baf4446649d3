import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { XPublisher } from "zeromq";
import { type BenchOptions, bench, type Row } from "./row.ts";

// The built program from end to end, with the durable store and a webhook: how long a publication takes to arrive while other
// frames come, what is dropped when a backlog is drained, what a giant costs the others, and what it takes to wait.

const ROOT = join(import.meta.dirname, import.meta.dirname.includes("build") ? "../../.." : "..");
const fixture = (name: string) => JSON.parse(readFileSync(join(ROOT, `test/fixtures/frames/${name}.json`), "utf8"));
const ATTRIBUTE = fixture("misp_json_attribute--add");
const EVENT = fixture("misp_json--publish-first-time").payload.Event;
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** A publication of another event each time. */
function publication(n: number, attributes: readonly object[] = EVENT.Attribute.slice(0, 1)): string {
  const event = { ...EVENT, id: String(1_000_000 + n), uuid: uuidOf(n), Attribute: attributes, Object: [] };
  return `misp_json ${JSON.stringify({ Event: event })}`;
}

/** A new attribute of one of a hundred other events, which matches nothing. */
function attribute(n: number): string {
  const { Attribute, Event } = ATTRIBUTE.payload;
  const [id, event] = [String(n + 1), { id: String((n % 100) + 1), uuid: uuidOf(9_000_000 + (n % 100)) }];
  const payload = {
    ...ATTRIBUTE.payload,
    Attribute: { ...Attribute, id, uuid: uuidOf(20_000_000 + n), event_id: event.id, value: `host-${n}.example` },
    Event: { ...Event, ...event },
  };
  return `${ATTRIBUTE.topic} ${JSON.stringify(payload)}`;
}

/** One route tells of each publication; so many others are about customers whom nothing here is about. */
const routesOf = (count: number) => [
  ...Array.from({ length: count - 1 }, (_, n) => ({
    name: `r${n}`,
    kinds: ["event.published", "attribute.*"],
    match: { org: `Customer ${n}` },
    notify: "hook",
  })),
  { name: "all", notify: "hook", group: { interval: "0s" } },
];

async function opened(routes: number) {
  const folder = mkdtempSync(join(tmpdir(), "flow-"));
  const arrivals = new Map<string, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.writeHead(200).end();
      for (const [uuid] of String(Buffer.concat(chunks)).matchAll(/00000000-0000-4000-8000-\d{12}/g)) {
        arrivals.set(uuid, arrivals.get(uuid) ?? performance.now());
      }
    });
  });
  const listen = (one: typeof server) =>
    new Promise<number>((done) => one.listen(0, "127.0.0.1", () => done((one.address() as AddressInfo).port)));
  const [port, spare] = [await listen(server), createServer()];
  const httpPort = await listen(spare);
  await new Promise((closed) => spare.close(closed));
  const publisher = new XPublisher({ linger: 0, sendHighWaterMark: 0 });
  await publisher.bind("tcp://127.0.0.1:*");
  const config = {
    misp: { cert: { url: "https://misp.example.org", feed: { type: "zeromq", endpoints: [publisher.lastEndpoint] } } },
    state: { path: join(folder, "state.db") },
    control: join(folder, "control.sock"),
    http: { listen: `127.0.0.1:${httpPort}` },
    log: { level: "error" },
    destinations: {
      hook: { type: "webhook", url: `http://127.0.0.1:${port}/`, guard: { max_tlp: "red" }, flood: "off" },
    },
    routes: routesOf(routes),
  };
  writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
  const args = [join(ROOT, "dist/main.js"), "run", "-c", join(folder, "config.yaml")];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  await publisher.receive();
  await setTimeout(500);
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  return {
    arrivals,
    metric,
    pid: child.pid ?? 0,
    send: (frame: string) => publisher.send(frame),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      publisher.close();
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type World = Awaited<ReturnType<typeof opened>>;

async function arrived(world: World, uuids: readonly string[], withinMs: number): Promise<void> {
  const until = performance.now() + withinMs;
  while (performance.now() < until && !uuids.every((uuid) => world.arrivals.has(uuid))) {
    await setTimeout(20);
  }
}

/** Sends so many frames a second for a while, and publications among them; gives how long each of these took to arrive, in ms. */
async function delays(world: World, perSecond: number, seconds: number, first: number): Promise<readonly number[]> {
  const sent = new Map<string, number>();
  const startedAt = performance.now();
  let frames = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    for (; frames < due; frames += 1) {
      await world.send(attribute(frames));
    }
    if (sent.size < (performance.now() - startedAt) / 50) {
      const n = first + sent.size;
      sent.set(uuidOf(n), performance.now());
      await world.send(publication(n));
    }
    await setTimeout(2);
  }
  await arrived(world, [...sent.keys()], 20_000);
  return [...sent].map(([uuid, at]) => (world.arrivals.get(uuid) ?? Number.POSITIVE_INFINITY) - at);
}

function quantile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A backlog of attribute frames at the pace of mispzmq.py, every hundredth a publication: what of it is missing in the end. */
async function drain(world: World, count: number): Promise<number> {
  const told: string[] = [];
  const startedAt = performance.now();
  for (let n = 0; n < count; n += 1) {
    if (n % 100 === 0) {
      told.push(uuidOf(n));
    }
    await world.send(n % 100 === 0 ? publication(n) : attribute(n));
    while (n > ((performance.now() - startedAt) / 1000) * 10_000) {
      await setTimeout(1);
    }
  }
  await arrived(world, told, 60_000);
  const missing = told.filter((uuid) => !world.arrivals.has(uuid)).length;
  return missing + (await world.metric("misp_herald_feed_frames_dropped_total"));
}

/** What a publication of so many bytes costs those that come beside it; Infinity when it is not told itself. */
async function beside(world: World, bytes: number, seconds: number): Promise<number> {
  const count = Math.floor(bytes / 420);
  const attributes = Array.from({ length: count }, (_, n) => ({
    ...EVENT.Attribute[0],
    id: String(n + 1),
    uuid: uuidOf(50_000_000 + n),
    value: `host-${n}.example`,
  }));
  const giant = publication(8_000_000, attributes);
  await delays(world, 500, 1, 1);
  const others = delays(world, 500, seconds, 1_000);
  await world.send(giant);
  const worst = Math.max(...(await others));
  await arrived(world, [uuidOf(8_000_000)], 120_000);
  return world.arrivals.has(uuidOf(8_000_000)) ? worst : Number.POSITIVE_INFINITY;
}

/** CPU of a service to which nothing comes but keep-alives, in per cent of a core. */
async function idle(world: World, seconds: number): Promise<number> {
  const ticks = () => {
    const fields = readFileSync(`/proc/${world.pid}/stat`, "utf8").split(" ");
    return Number(fields[13]) + Number(fields[14]);
  };
  // For half a minute V8 tidies up what starting has left.
  await setTimeout(seconds * 1500);
  const before = ticks();
  await setTimeout(seconds * 1000);
  return (ticks() - before) / seconds;
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const routes = smoke ? 100 : 10_000;
  const times = Math.min(runs, 3);
  const take = async (work: (world: World) => Promise<number>, count = routes) => {
    const figures: number[] = [];
    for (let run = 0; run < times; run += 1) {
      await using world = await opened(count);
      figures.push(await work(world));
    }
    return figures;
  };
  const stream = "attribute frames that match nothing, publications that do";
  return [
    {
      ...{ name: "backlog of 100,000 drained at 10,000/s, 10,000 routes: dropped or not told", stream, must: "0" },
      ...{ figures: await take((world) => drain(world, smoke ? 1_000 : 100_000)), unit: "frames" },
    },
    {
      ...{ name: "publish → arrival, p99, beside 5,000 frames/s, 10,000 routes", stream, must: "≤ 100" },
      ...{
        figures: await take(async (world) => quantile(await delays(world, 5_000, smoke ? 1 : 10, 1), 0.99)),
        unit: "ms",
      },
    },
    {
      ...{ name: "event of 60 MiB among 500 frames/s, told: longest arrival of the others", stream, must: "≤ 250" },
      ...{
        figures: await take((world) => beside(world, smoke ? 2 ** 21 : 60 * 2 ** 20, smoke ? 1 : 20), 10),
        unit: "ms",
      },
    },
    {
      ...{ name: "idle", stream: "nothing", must: "< 0.3", unit: "% of a core" },
      figures: await take((world) => idle(world, smoke ? 1 : 20), 10),
    },
  ];
}

await bench(measure);
