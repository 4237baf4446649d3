import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A Python that has what mispzmq.py needs; undefined: there is none here. */
export function findPython(): string | undefined {
  return [process.env.PYTHON ?? "python3", "/usr/bin/python3"].find((python) => {
    try {
      execFileSync(python, ["-c", "import zmq, redis"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** Whether a Redis server can be started here. */
export function hasRedis(): boolean {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago, for programs that cannot choose one by themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) {
    throw new Error("A listening server has no port");
  }
  return address.port;
}

/** A Redis of our own, where MISP's web workers would push. */
export interface TestRedis extends AsyncDisposable {
  readonly port: number;
  /** Resolves when they are on the list. */
  push(list: string, values: readonly string[]): Promise<void>;
}

export async function openRedis(): Promise<TestRedis> {
  const port = await freePort();
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const child = spawn("redis-server", options, { stdio: "ignore" });
  const socket = await connected(port);
  return {
    port,
    async push(list, values) {
      const words = ["RPUSH", list, ...values];
      const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
      const answered = once(socket, "data");
      socket.write(`*${words.length}\r\n${bulk}`);
      const [answer] = await answered;
      if (!String(answer).startsWith(":")) {
        throw new Error(`Redis refused a push: ${answer}`);
      }
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await ended(child, "SIGKILL");
    },
  };
}

async function connected(port: number): Promise<Socket> {
  for (let left = 500; ; left--) {
    const socket = connectTcp(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket;
    } catch (error) {
      if (left === 0) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** mispzmq.py at work: the real one where `MISPZMQ` names it, else ours in its place. */
export interface MispPublisher extends AsyncDisposable {
  readonly endpoint: string;
  start(): void;
  /** Ends the process, however the signal does that. */
  stop(signal: NodeJS.Signals): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Pushes as MISP does: one list per topic, and `command`. */
  push(topic: string, payloads: readonly string[]): Promise<void>;
  command(word: "reload" | "kill"): Promise<void>;
}

export async function openMispPublisher(python: string, redis: TestRedis, namespace: string): Promise<MispPublisher> {
  const home = mkdtempSync(join(tmpdir(), "mispzmq-"));
  mkdirSync(join(home, "mispzmq"));
  mkdirSync(join(home, "tmp"));
  const script = join(home, "mispzmq/mispzmq.py");
  copyFileSync(process.env.MISPZMQ ?? join(import.meta.dirname, "mispzmq.py"), script);
  const port = await freePort();
  const settings = {
    ...{ redis_host: "127.0.0.1", redis_port: redis.port, redis_password: "", redis_database: "0" },
    ...{ redis_namespace: namespace, host: "127.0.0.1", port: String(port), username: null, password: null },
    supervisor_managed: false,
  };
  writeFileSync(join(home, "tmp/mispzmq_settings.json"), JSON.stringify(settings));
  let child: ChildProcess | undefined;
  return {
    endpoint: `tcp://127.0.0.1:${port}`,
    start() {
      child = spawn(python, [script], { stdio: ["ignore", "ignore", "inherit"] });
    },
    async stop(signal) {
      if (child) {
        await ended(child, signal);
      }
    },
    signal: (signal) => void child?.kill(signal),
    push: (topic, payloads) => redis.push(`${namespace}:data:${topic}`, payloads),
    command: (word) => redis.push(`${namespace}:command`, [word]),
    async [Symbol.asyncDispose]() {
      if (child) {
        await ended(child, "SIGKILL");
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}
