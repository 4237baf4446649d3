import { z } from "zod";
import { Duration, SecretText, Size } from "../../base/schema.ts";
import type { Frame } from "../../model/frame.ts";
import { openBurstLog } from "../burst-log.ts";
import { defineSource, type LiveSource, type SourceContext, splitFrame } from "../source.ts";
import { openReceiver } from "./receiver.ts";
import type { FromReceiver, LinkState } from "./worker.ts";

const MAX_TIMER_MS = 2 ** 31 - 1;
const RECHECK_MS = 500;

const Endpoint = z.string().refine((text) => {
  if (/^ipc:\/\/\S+$/.test(text)) {
    return true;
  }
  const [, port] = /^tcp:\/\/(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%\w+)?\]):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}, 'must be an address to connect to, such as "tcp://misp.example.org:50000" or "ipc:///run/misp.sock"');

const SHAPE = {
  /** All are connected to: several web nodes of one MISP each publish a part. */
  endpoints: z
    .array(Endpoint)
    .min(1, "must name at least one endpoint")
    .refine((list) => new Set(list).size === list.length, "must not name an endpoint twice")
    .describe("MISP's Plugin.ZeroMQ_host and _port, e.g. tcp://127.0.0.1:50000; all are connected to."),
  /** MISP's Plugin.ZeroMQ_username and _password (PLAIN, RFC 24: at most 255 bytes each, and sent in the clear). */
  username: z
    .string()
    .min(1, "must not be empty")
    .max(255)
    .optional()
    .describe("Plugin.ZeroMQ_username; with password."),
  password: SecretText.optional().describe("Plugin.ZeroMQ_password. A secret, which travels in clear."),
  silent_after: Duration.refine((ms) => ms > 0 && ms <= MAX_TIMER_MS, "must be from 1ms to 24d")
    .default(60_000)
    .describe("Without any frame for so long, the feed counts as silent. Default 60s."),
  queue: Size.refine((bytes) => bytes >= 2 ** 16, "must be at least 64KiB")
    .default(2 ** 26)
    .describe("Bounds what waits in memory before it is processed. Default 64MiB."),
  heartbeat: Duration.refine((ms) => ms >= 100 && ms <= 3_600_000, "must be from 100ms to 1h")
    .default(10_000)
    .describe("Finds a peer that has vanished. Default 10s."),
};

export type ZeromqOptions = z.output<z.ZodObject<typeof SHAPE>>;

/** MISP's own feed: its PUB socket, or those of several web nodes. */
export const zeromq = defineSource({
  type: "zeromq",
  shape: SHAPE,
  check({ username, password }) {
    if (username !== undefined && !password) {
      return { path: "password", message: "is missing: a username needs its password (Plugin.ZeroMQ_password)" };
    }
    if (password && username === undefined) {
      return { path: "username", message: "is missing: a password needs its username (Plugin.ZeroMQ_username)" };
    }
    return undefined;
  },
  open: openZeromq,
});

/** Each call of `frames` connects anew; ending the iteration, by the signal or by leaving it, closes all sockets. */
export function openZeromq(
  options: ZeromqOptions,
  { instance, log, now, onSilence, onGap, ...before }: SourceContext,
): LiveSource {
  const connected = new Set<string>();
  const seen = new Set<string>();
  let received = 0;
  let dropped: Readonly<Record<string, number>> = {};
  let lastFrameAt: number | undefined;
  let silentSince = before.silentSince;

  // A frame may have waited for a busy main thread: its age is taken off by the clock that both threads share.
  const instant = (atMs: number) => Math.round(now() - (Number(process.hrtime.bigint()) / 1e6 - atMs));

  async function* frames(signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    if (signal.aborted) {
      return;
    }
    const drops = openBurstLog((counts) =>
      log.warn(
        { instance, dropped: counts, hint: "raise queue in the feed, if this host has the memory" },
        "The queue behind the ZeroMQ feed is full: frames were dropped",
      ),
    );
    const silence = watchSilence();
    let receivedBefore = 0;
    let droppedBefore: Readonly<Record<string, number>> = {};

    function observe(message: FromReceiver): void {
      if (message.type === "link") {
        link(message.endpoint, message.state);
      }
      if (message.type !== "frames") {
        return;
      }
      if (message.dropped) {
        countDrops(message.dropped);
      }
      if (message.received === receivedBefore) {
        return;
      }
      received += message.received - receivedBefore;
      receivedBefore = message.received;
      lastFrameAt = instant(message.lastAtMs);
      silence.end();
    }
    function countDrops(totals: Readonly<Record<string, number>>): void {
      for (const [topic, total] of Object.entries(totals)) {
        const more = total - (droppedBefore[topic] ?? 0);
        if (more === 0) {
          continue;
        }
        dropped = { ...dropped, [topic]: (dropped[topic] ?? 0) + more };
        drops.add(topic, more);
      }
      onGap?.();
      droppedBefore = totals;
    }

    const receiver = openReceiver(
      {
        endpoints: options.endpoints,
        username: options.username ?? null,
        password: options.password?.reveal() ?? null,
        heartbeatMs: options.heartbeat,
        queueBytes: options.queue,
      },
      observe,
    );
    // At once, also when nobody asks for more.
    const stop = () => {
      silence.close();
      void receiver.close();
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (let batch = await receiver.next(); batch; batch = await receiver.next()) {
        yield batch.map(({ bytes, atMs }) => ({ instance, ...splitFrame(bytes), receivedAt: instant(atMs) }));
      }
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
      await receiver.close();
      drops.close();
      connected.clear();
    }
  }

  function link(endpoint: string, state: LinkState): void {
    connected[state === "connected" ? "add" : "delete"](endpoint);
    if (state === "connected") {
      if (seen.has(endpoint)) {
        onGap?.();
      }
      seen.add(endpoint);
    }
    const { level, text, hint } = describe(state, options.username !== undefined);
    log[level]({ instance, endpoint, ...(hint !== undefined && { hint }) }, text);
  }

  /** Counts from when it is opened, so that a feed that never says anything is silent too. */
  function watchSilence(): { end(): void; close(): void } {
    let since = silentSince ?? now();
    let overdue = false;
    let timer = silentSince === undefined ? setTimeout(check, options.silent_after) : undefined;

    function check(): void {
      since = Math.min(since, now()); // a clock that was set back must not make it wait for longer
      const leftMs = since + options.silent_after - now();
      if (leftMs > 0) {
        overdue = false;
        timer = setTimeout(check, Math.min(leftMs, options.silent_after));
        return;
      }
      if (!overdue) {
        // A process that was busy, or asleep, learns only in its next turns what the receiving thread got meanwhile.
        overdue = true;
        timer = setTimeout(check, RECHECK_MS);
        return;
      }
      silentSince = since;
      const hint =
        "MISP says something at least every 10 s: check that its ZeroMQ publisher runs (Plugin.ZeroMQ_enable, " +
        "mispzmq.py) and that this host reaches it";
      log.warn({ instance, silentMs: now() - since, hint }, "The feed is silent");
      onSilence?.(true, since);
    }

    return {
      end() {
        const before = since;
        since = lastFrameAt ?? now();
        if (silentSince === undefined) {
          return;
        }
        silentSince = undefined;
        overdue = false;
        log.info({ instance, silentMs: since - before }, "The feed is back: frames arrive again");
        onSilence?.(false, before);
        timer = setTimeout(check, options.silent_after);
      },
      close() {
        clearTimeout(timer);
        silentSince = undefined;
      },
    };
  }

  return {
    name: instance,
    frames,
    status: () => ({
      received,
      dropped,
      endpoints: options.endpoints.map((endpoint) => ({ endpoint, connected: connected.has(endpoint) })),
      ...(lastFrameAt === undefined ? {} : { lastFrameAt }),
      ...(silentSince === undefined ? {} : { silentSince }),
    }),
  };
}

/** What to tell an operator. Never a value of the credentials. */
function describe(
  state: LinkState,
  hasCredentials: boolean,
): { readonly level: "info" | "warn" | "error"; readonly text: string; readonly hint?: string } {
  switch (state) {
    case "connected":
      return { level: "info", text: "Connected to MISP's ZeroMQ feed" };
    case "disconnected":
      return { level: "warn", text: "Lost the connection to MISP's ZeroMQ feed; trying again" };
    case "unreachable":
      return {
        level: "warn",
        text: "Cannot reach MISP's ZeroMQ feed; trying again, at least every 5 s",
        hint: "check the endpoint, that mispzmq.py runs there, and that Plugin.ZeroMQ_host lets this host connect",
      };
    case "refused":
      return {
        level: "error",
        text: "MISP refused the ZeroMQ user name or password; trying again, at least every 60 s",
        hint: "check username and password of the feed against Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
      };
    case "mismatched":
      return hasCredentials
        ? {
            level: "error",
            text: "MISP's ZeroMQ feed has no user name and password, but ours has; trying again, at least every 60 s",
            hint: "set Plugin.ZeroMQ_username and Plugin.ZeroMQ_password in MISP, or remove them here",
          }
        : {
            level: "error",
            text: "MISP's ZeroMQ feed asks for a user name and password; trying again, at least every 60 s",
            hint: "set username and password of the feed to Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
          };
    case "not_zeromq":
      return {
        level: "warn",
        text: "The connection is accepted, but what answers does not speak ZeroMQ as MISP does; trying again",
        hint: "check the port of the endpoint",
      };
  }
}
