import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually } from "../support/eventually.ts";

const PROGRAM = resolve(import.meta.dirname, "../../dist/main.js");

/** The built program as a child process. */
export interface Daemon extends AsyncDisposable {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when a log line says so. */
  logged(message: RegExp): Promise<void>;
  /** The signal is sent, and the exit code, or the signal that killed it, awaited. */
  stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  /** Nobody reads stdout any more. */
  closeOutput(): void;
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Resident memory in bytes. */
  readonly pid: number;
}

export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Daemon {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // `close` comes after the last byte of output.
  const exited = new Promise<number | NodeJS.Signals>((done) => {
    child.once("close", (code, signal) => done(code ?? signal ?? -1));
  });
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    pid: child.pid ?? 0,
    exited,
    kill: (signal) => void child.kill(signal),
    closeOutput: () => void child.stdout?.destroy(),
    async logged(message) {
      await eventually(() => message.test(stderr) || undefined).catch(() => {
        throw new Error(`Not logged: ${message}; but\n${stderr}`);
      });
    },
    stop(signal) {
      child.kill(signal);
      return exited;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** A directory that is gone afterwards, and what is written in it. */
export function workspace(): {
  readonly path: (name: string) => string;
  write(name: string, text: string): string;
} & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "misp-herald-test-"));
  return {
    path: (name) => join(folder, name),
    write(name, text) {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Received {
  readonly id: string;
  readonly body: {
    readonly entries: readonly {
      readonly event?: { readonly uuid?: string };
      readonly indicators?: readonly { readonly value: string }[];
      readonly lines?: readonly { readonly text: string }[];
    }[];
    /** Of a batch that takes several requests: which one, and how many. */
    readonly part?: number;
    readonly parts?: number;
  };
}

/** A webhook's receiving end; `answer` decides each response, by default 200. */
export async function openSink(
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.writeHead(200).end(),
): Promise<{ readonly url: string; readonly received: readonly Received[] } & AsyncDisposable> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({
        id: String(request.headers["webhook-id"]),
        body: JSON.parse(Buffer.concat(chunks).toString("utf8")),
      });
      answer(request, response);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** A config with one webhook that gets every publication of one event at once. */
export function configOf(endpoint: string, url: string, statePath: string, feed = ""): string {
  return `misp:
  cert:
    url: https://misp.example.org
    feed: { type: zeromq, endpoints: ["${endpoint}"]${feed} }
state: { path: ${statePath} }
destinations:
  hook: { type: webhook, url: "${url}", guard: { max_tlp: red } }
routes:
  - { name: all, notify: hook, group: { interval: 0s } }
control: ${statePath}.sock
`;
}
