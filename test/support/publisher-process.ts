import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

/** What the process does, in order, once it is told to go. */
export type Step =
  | { readonly do: "wait"; readonly ms: number }
  /** Closes the socket, and binds it to the same port after `downMs`. */
  | { readonly do: "restart"; readonly downMs: number }
  /** Goes on when somebody subscribes, at the latest after `ms`. */
  | { readonly do: "await-subscriber"; readonly ms: number }
  /** What mispzmq.py does when it is started again: it binds, waits for a second, and sends what was kept meanwhile. */
  | { readonly do: "misp-restart"; readonly downMs: number; readonly topic: string; readonly count: number }
  /** Frames of about `bytes`, `{"n": 0}` and so on. */
  | { readonly do: "send"; readonly topic: string; readonly count: number; readonly bytes: number };

export interface PublisherProcess extends AsyncDisposable {
  readonly endpoint: string;
  /** Resolves when somebody has subscribed for the first time. */
  subscribed(): Promise<void>;
  /** Starts the steps. */
  go(): void;
  /** Resolves when all steps are done. */
  done(): Promise<void>;
  /** Stops the process, or lets it go on. */
  kill(signal: "SIGSTOP" | "SIGCONT"): void;
}

/** A publisher that goes on while our own thread is blocked. */
export async function openPublisherProcess(steps: readonly Step[]): Promise<PublisherProcess> {
  const zeromq = createRequire(import.meta.url).resolve("zeromq");
  const child = spawn(process.execPath, ["-e", PROGRAM, zeromq, JSON.stringify(steps)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = new Map<string, string>();
  let wake = () => {};
  createInterface(child.stdout).on("line", (line) => {
    const [word = "", ...rest] = line.split(" ");
    said.set(word, rest.join(" "));
    wake();
  });
  child.once("exit", () => {
    said.set("exit", "");
    wake();
  });

  async function heard(word: string): Promise<string> {
    for (;;) {
      const value = said.get(word);
      if (value !== undefined) {
        return value;
      }
      if (said.has("exit")) {
        throw new Error(`The publisher process ended before it said "${word}"`);
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    endpoint: await heard("bound"),
    subscribed: async () => void (await heard("subscribed")),
    go: () => void child.stdin.write("go\n"),
    done: async () => void (await heard("done")),
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
      child.kill("SIGKILL");
      await exited;
    },
  };
}

const PROGRAM = `
const [zeromq, steps] = [process.argv[1], JSON.parse(process.argv[2])];
const { XPublisher } = require(zeromq);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let socket, subscribed;
async function bind(address) {
  socket = new XPublisher({ linger: -1, sendHighWaterMark: 0 });
  subscribed = new Promise((resolve) => {
    (async () => { for await (const [message] of socket) if (message[0] === 1) { resolve(); console.log("subscribed"); } })();
  });
  for (;;) {
    try { await socket.bind(address); break; } catch (error) { if (error.code !== "EADDRINUSE") throw error; await sleep(10); }
  }
}
const todo = {
  wait: ({ ms }) => sleep(ms),
  async restart({ downMs }) { const address = socket.lastEndpoint; socket.close(); await sleep(downMs); await bind(address); },
  async "misp-restart"({ downMs, topic, count }) {
    await todo.restart({ downMs });
    await sleep(1000);
    await todo.send({ topic, count, bytes: 100 });
  },
  "await-subscriber": ({ ms }) => Promise.race([subscribed, sleep(ms)]),
  async send({ topic, count, bytes }) {
    const filler = "x".repeat(Math.max(0, bytes - topic.length - 20));
    for (let n = 0; n < count; n++) await socket.send(topic + " " + JSON.stringify({ n, filler }));
  },
};
(async () => {
  await bind("tcp://127.0.0.1:*");
  console.log("bound " + socket.lastEndpoint);
  await new Promise((resolve) => process.stdin.once("data", resolve));
  for (const step of steps) await todo[step.do](step);
  console.log("done");
})();
`;
