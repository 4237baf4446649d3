import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ask } from "../src/doors/socket/client.ts";
import { Status } from "../src/operations/documents.ts";
import { configOf, type Daemon, start, workspace } from "../test/e2e/daemon.ts";
import { openPublisher, type TestPublisher } from "../test/support/publisher.ts";

// What a destination that refuses connections costs while intake goes on, and whether what it is owed leaves in order and at
// its pace once it is back. bench/README.md tells how to run it and what came out.

const { values } = parseArgs({
  options: { owed: { type: "string", default: "100000" }, recovered: { type: "string", default: "2000" } },
});
const most = Number(values.owed);
const recovered = Number(values.recovered);
const CHUNK = Math.round(most / 10);
const PER_SECOND = 100;
const BURST = 10;
const NEVER = new AbortController().signal;

const { payload } = JSON.parse(
  readFileSync(new URL("../test/fixtures/frames/misp_json--publish-first-time.json", import.meta.url), "utf8"),
);
const small = { ...payload.Event, Attribute: payload.Event.Attribute.slice(0, 1) };
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

async function publish(publisher: TestPublisher, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    await publisher.send("misp_json", { Event: { ...small, id: String(n), uuid: uuidOf(n) } });
  }
}

/** A port where nobody listens: it was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

interface Arrival {
  readonly event: string;
  readonly at: number;
}

/** A receiver that notes what arrives and when. */
async function receive(port: number): Promise<{ readonly arrivals: readonly Arrival[] } & AsyncDisposable> {
  const arrivals: Arrival[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { entries } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      arrivals.push({ event: entries[0].event.uuid, at: performance.now() });
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  return {
    arrivals,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function residentMiB({ pid }: Daemon): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}

/** Resolves once the service owes or has told so many; returns how many it owes. */
async function takenIn(socket: string, count: number): Promise<number> {
  for (;;) {
    const { destinations, totals } = await ask({ path: socket, signal: NEVER }, { command: "status" }, Status);
    const owed = destinations[0]?.owed ?? 0;
    if (owed + totals.told >= count) {
      return owed;
    }
    await setTimeout(50);
  }
}

/** Publications per second that are taken in, from the first to the last of each chunk. */
async function load(publisher: TestPublisher, daemon: Daemon, socket: string, count: number) {
  const steps: { readonly owed: number; readonly perSecond: number; readonly mib: number }[] = [];
  for (let done = 0; done < count; done += CHUNK) {
    const startedAt = performance.now();
    await publish(publisher, done + 1, done + CHUNK);
    const owed = await takenIn(socket, done + CHUNK);
    const perSecond = CHUNK / ((performance.now() - startedAt) / 1000);
    steps.push({ owed, perSecond, mib: residentMiB(daemon) });
    process.stdout.write(
      `${done + CHUNK} published, ${owed} owed: ${perSecond.toFixed(0)} per second, resident ${residentMiB(daemon).toFixed(0)} MiB\n`,
    );
  }
  return steps;
}

function open(publisher: TestPublisher, folder: ReturnType<typeof workspace>, name: string, port: number) {
  const state = folder.path(`${name}.db`);
  const text = configOf(publisher.endpoint, `http://127.0.0.1:${port}/hook`, state).replace(
    "guard:",
    `rate: { per_second: ${PER_SECOND}, burst: ${BURST} }, guard:`,
  );
  const config = folder.write(`${name}.yaml`, `${text}log: { level: error }\n`);
  return { daemon: start(["run", "-c", config]), socket: `${state}.sock` };
}

await using publisher = await openPublisher();
using folder = workspace();

process.stdout.write("The destination answers:\n");
let usual = 0;
{
  const port = await freePort();
  await using _receiver = await receive(port);
  const { daemon, socket } = open(publisher, folder, "usual", port);
  await using _daemon = daemon;
  await publisher.subscribed();
  const [, ...steps] = await load(publisher, daemon, socket, 3 * CHUNK);
  usual = steps.reduce((sum, { perSecond }) => sum + perSecond, 0) / steps.length;
  await daemon.stop("SIGTERM");
}
await publisher.restart();

process.stdout.write("The destination refuses connections:\n");
const port = await freePort();
const { daemon, socket } = open(publisher, folder, "outage", port);
await using _daemon = daemon;
await publisher.subscribed();
const steps = await load(publisher, daemon, socket, most);
const rate = (some: typeof steps) => some.reduce((sum, { perSecond }) => sum + perSecond, 0) / some.length;
const [first] = steps;
const last = steps.at(-1);
process.stdout.write(
  `resident at ${last?.owed} owed over resident at ${first?.owed}: ${((last?.mib ?? 0) / (first?.mib ?? 1)).toFixed(2)}\n` +
    `intake during the outage over intake without: ${(rate(steps.slice(1, 3)) / usual).toFixed(2)}, ` +
    `at most owed ${(rate(steps.slice(-2)) / usual).toFixed(2)}\n`,
);

await using receiver = await receive(port);
while (receiver.arrivals.length < recovered) {
  await setTimeout(50);
}
const arrivals = receiver.arrivals.slice(0, recovered);
const numbers = arrivals.map(({ event }) => Number(event.slice(-12)));
const late = numbers.filter((n, index) => index > 0 && n < (numbers[index - 1] ?? 0)).length;
const seconds = ((arrivals.at(-1)?.at ?? 0) - (arrivals[0]?.at ?? 0)) / 1000;
// Most that arrived within any second.
const busiest = Math.max(
  ...arrivals.map(({ at }, index) => arrivals.slice(index).findIndex((other) => other.at > at + 1000)),
);
process.stdout.write(
  `recovered: ${recovered} in ${seconds.toFixed(1)} s, ${(recovered / seconds).toFixed(0)} per second, at most ${busiest} within one ` +
    `(allowed ${PER_SECOND} and a burst of ${BURST})\n` +
    `${new Set(numbers).size} different ones, ${late} of them after a newer one, the first ${numbers.slice(0, 10).join(" ")}\n`,
);
await daemon.stop("SIGTERM");
