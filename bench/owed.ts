import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { Guard } from "../src/guard/policy.ts";
import type { AlertId } from "../src/model/alert.ts";
import type { Known } from "../src/model/memory.ts";
import type { DeliveryId, Effects } from "../src/model/outbox.ts";
import { plan, type Rules } from "../src/planning/plan.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { configOf, workspace } from "../test/e2e/daemon.ts";
import { publication, uuidOf } from "../test/support/messages.ts";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What it costs to owe a million alerts to a destination that refuses connections: the start, memory, processor time, and
// how often the destination is tried.

const NOTHING_KNOWN: Known = { events: [], aliases: [], parts: [], told: [], undecided: [] };
const CHUNK = 2_000;
const HERTZ = 100;
const LISTS = 1024 ** 2;

/** One publication that the guard lets through, as planning makes it, and copies of it about other events. */
function copies(now: number): (from: number, n: number) => Effects {
  const rules: Rules = {
    routes: compileRoutes([RouteOptions.parse({ name: "all", notify: "hook", group: { interval: "0s" } })]),
    destinations: new Map([["hook", { guard: Guard.parse({ max_tlp: "red" }), repeats: "changed" }]]),
  };
  const { effects } = plan([publication()], NOTHING_KNOWN, now, rules);
  const [alert] = effects.alerts;
  const [delivery] = effects.deliveries;
  if (!alert || !delivery) {
    throw new Error("The publication is not owed to anybody");
  }
  return (from, n) => {
    const numbers = Array.from({ length: n }, (_, index) => from + index);
    return {
      ...effects,
      events: [],
      aliases: [],
      adopted: [],
      parts: [],
      alerts: numbers.map((number) => ({
        ...alert,
        id: `a${number}` as AlertId,
        event: { ...alert.event, id: String(number), uuid: uuidOf(String(number)) },
      })),
      deliveries: numbers.map((number) => ({
        ...delivery,
        id: `d${number}` as DeliveryId,
        alert: `a${number}` as AlertId,
        eventUuid: uuidOf(String(number)),
        groups: delivery.groups.map((group) => ({ ...group, key: `g${number}` })),
      })),
    };
  };
}

/** A state file that owes `n` alerts to `hook`, each in a group of its own, since a minute ago. */
async function owe(path: string, n: number): Promise<void> {
  const now = Date.now() - 60_000;
  const owing = copies(now);
  await using store = await openSqliteStore({ path });
  for (let from = 0; from < n; from += CHUNK) {
    await store.commit(owing(from, Math.min(CHUNK, n - from)), now);
  }
}

/** The built program; its log goes to `said`. */
function run(config: string) {
  const program = new URL("../../../dist/main.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, "run", "-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const exited = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    said: () => said,
    exited: () => child.exitCode !== null,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === "object" && address ? address.port : 0;
}

function processor(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / HERTZ;
}

function resident(pid: number): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kib) * 1024) / LISTS;
}

async function attempts(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^misp_herald_attempts_failed_total\{.*class="retry".*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const owed = smoke ? 2_000 : 1_000_000;
  const seconds = smoke ? 1 : 30;
  using folder = workspace();
  const state = folder.path("state.db");
  await owe(state, owed);
  const figures = { start: [], more: [], memory: [], cpu: [], tries: [], idle: [] } as Record<string, number[]>;
  const idleState = folder.path("idle.db");
  for (let round = 0; round < Math.min(runs, 3); round += 1) {
    for (const [path, isIdle] of [
      [state, false],
      [idleState, true],
    ] as const) {
      const http = await freePort();
      const text = configOf(`tcp://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}/hook`, path);
      const config = folder.write("config.yaml", `${text}http: { listen: 127.0.0.1:${http} }\nlog: { level: info }\n`);
      const startedAt = performance.now();
      await using daemon = run(config);
      while (!/"Started"/.test(daemon.said())) {
        if (daemon.exited()) {
          throw new Error(daemon.said());
        }
        await setTimeout(5);
      }
      const startMs = performance.now() - startedAt;
      await setTimeout(seconds * 500);
      const before = { cpu: processor(daemon.pid), tries: isIdle ? 0 : await attempts(http) };
      await setTimeout(seconds * 1000);
      const percent = ((processor(daemon.pid) - before.cpu) / seconds) * 100;
      if (isIdle) {
        figures.idle?.push(percent);
        figures.more?.push((figures.start?.at(-1) ?? 0) - startMs / 1000);
      } else {
        figures.start?.push(startMs / 1000);
        figures.cpu?.push(percent);
        figures.tries?.push(((await attempts(http)) - before.tries) / seconds);
        figures.memory?.push(resident(daemon.pid));
      }
    }
  }
  const stream = `${owed} owed, connections refused`;
  const row = (name: string, key: string, unit: string, must: string, of = stream): Row => ({
    name,
    stream: of,
    unit,
    must,
    figures: figures[key] ?? [],
  });
  return [
    row("start until it listens", "start", "s", "< 3"),
    row("the same, more than with an empty state", "more", "s", "small"),
    row("resident", "memory", "MiB", "≤ 250"),
    row("processor time", "cpu", "% of a core", "< 1"),
    row("attempts", "tries", "per second", "one at a time"),
    row("processor time, idle", "idle", "% of a core", "< 0.3", "nothing owed, feed not there"),
  ];
}

await bench(measure);
