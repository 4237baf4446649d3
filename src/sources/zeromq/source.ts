import { z } from "zod";
import { Duration, SecretText, Size } from "../../base/schema.ts";
import type { Frame, Needless } from "../../model/frame.ts";
import { nameOf } from "../../model/frame-name.ts";
import { openBurstLog } from "../burst-log.ts";
import type { FrameBatch } from "../frame-queue.ts";
import { Occurrences } from "../occurrences.ts";
import {
  defineSource,
  type EndpointStatus,
  type LiveSource,
  type RefusedFrame,
  type SourceContext,
  splitFrame,
} from "../source.ts";
import type { LinkState } from "./link.ts";
import { openReceiver, type Receiver } from "./receiver.ts";
import type { FromReceiver, ReceiverTotals } from "./worker.ts";

/** A larger frame does not wait with the others, nor take their room. */
const GIANT_BYTES = 2 ** 20;
const MAX_TIMER_MS = 2 ** 31 - 1;
const RECHECK_MS = 500;
/** Less than this apart, two looks at two clocks say the same. */
const WAVER_MS = 20;

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
  max_frame: Size.refine((bytes) => bytes >= 2 ** 20 && bytes <= 2 ** 30, "must be from 1MiB to 1GiB")
    .default(2 ** 26)
    .describe("A larger frame is refused aloud, and found by reconcile. Default 64MiB."),
  heartbeat: Duration.refine((ms) => ms >= 100 && ms <= 3_600_000, "must be from 100ms to 1h")
    .default(10_000)
    .describe("Finds a host that has vanished within 4, a publisher that hangs within 31. Default 10s."),
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
  { instance, log, now, onSilence, onGap, onRefused, ...opened }: SourceContext,
): LiveSource {
  const connected = new Set<string>();
  const troubles = new Map<string, NonNullable<EndpointStatus["trouble"]>>();
  const seen = new Set<string>();
  let received = 0;
  let dropped: Readonly<Record<string, number>> = {};
  let skipped: Readonly<Record<string, number>> = {};
  let refused: Readonly<Record<string, number>> = {};
  let needless: Needless = {};
  const receivers = new Set<Receiver>();
  /** As the receiving thread knows them, and by whom they came. */
  const originals = new WeakMap<Frame, Original>();
  let lastFrameAt: number | undefined;
  let silentSince = opened.silentSince;
  const occurrences = new Occurrences(options.endpoints.length);

  let apartMs = Number.NaN;
  // A frame may have waited for a busy main thread: when it came stands by the clock that both threads share. How far that is
  // from the time of day is kept until somebody sets the time, since each look at both wavers by a millisecond.
  const instant = (atMs: number) => {
    const apart = now() - Number(process.hrtime.bigint()) / 1e6;
    apartMs = Math.abs(apart - apartMs) < WAVER_MS ? apartMs : apart;
    return Math.round(apartMs + atMs);
  };

  function* framesOf(batch: FrameBatch, receiver: Receiver): Generator<Frame> {
    const { bytes, lengths, atMs, endpoints } = batch;
    let from = 0;
    for (const [index, length] of lengths.entries()) {
      const whole = bytes.subarray(from, from + length);
      const frame = splitFrame(whole);
      from += length;
      const receivedAt = instant(atMs[index] ?? 0);
      // A publication names what it is, and so does whatever is a giant.
      const isNamed = batch.giant || frame.topic === "misp_json";
      const occurrence = isNamed ? undefined : occurrences.of(whole, receivedAt, endpoints[index]);
      const name = { topic: frame.topic, bytes: length, ...(batch.giant && nameOf(frame.payload)) };
      const giant = { done: () => receiver.release(batch), refused: () => refuse({ ...name, reason: "memory" }) };
      const yielded: Frame = {
        ...{ instance, ...frame, receivedAt },
        ...(occurrence !== undefined && { occurrence }),
        ...(batch.giant && { giant }),
      };
      if (frame.topic === "misp_json_attribute") {
        originals.set(yielded, { whole, atMs: atMs[index] ?? 0, receiver });
      }
      yield yielded;
    }
  }

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
    let before: Pick<ReceiverTotals, "received" | "dropped" | "skipped"> = { received: 0, dropped: {}, skipped: {} };

    function observe(message: FromReceiver): void {
      if (message.type === "link") {
        link(message.endpoint, message.state);
      }
      if (message.type === "refused") {
        const { topic, bytes, head } = message;
        refuse({ topic, bytes, ...nameOf(splitFrame(head).payload), reason: "size" });
      }
      if (message.type === "frames" && message.totals) {
        count(message.totals);
      }
    }
    function count(totals: ReceiverTotals): void {
      const lost = Object.entries(growth(before.dropped, totals.dropped));
      for (const [topic, more] of lost) {
        dropped = { ...dropped, [topic]: (dropped[topic] ?? 0) + more };
        drops.add(topic, more);
      }
      if (lost.length > 0) {
        onGap?.();
      }
      for (const [topic, more] of Object.entries(growth(before.skipped, totals.skipped))) {
        skipped = { ...skipped, [topic]: (skipped[topic] ?? 0) + more };
      }
      if (totals.received > before.received) {
        received += totals.received - before.received;
        lastFrameAt = instant(totals.lastAtMs);
        silence.end();
      }
      before = totals;
    }

    const receiver = openReceiver(
      {
        endpoints: options.endpoints,
        username: options.username ?? null,
        password: options.password?.reveal() ?? null,
        heartbeatMs: options.heartbeat,
        queueBytes: options.queue,
        maxFrameBytes: options.max_frame,
        giantAbove: GIANT_BYTES,
        needless,
      },
      observe,
    );
    receivers.add(receiver);
    // At once, also when no more frames are asked for.
    const stop = () => {
      silence.close();
      void receiver.close();
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (let batches = await receiver.next(); batches.length > 0; batches = await receiver.next()) {
        yield batches.flatMap((batch) => [...framesOf(batch, receiver)]);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
      await receiver.close();
      receivers.delete(receiver);
      drops.close();
      connected.clear();
      troubles.clear();
    }
  }

  /** Too large to be read: whoever reads the log learns which event to look at, and reconcile tells of it. */
  function refuse(frame: RefusedFrame): void {
    refused = { ...refused, [frame.topic]: (refused[frame.topic] ?? 0) + 1 };
    const { reason, ...named } = frame;
    const about = { instance, ...named, maxBytes: options.max_frame };
    if (reason === "size") {
      const hint = "raise max_frame in the feed, if this host has the memory";
      log.error({ ...about, hint }, "Refused a frame above max_frame");
    } else {
      const hint = "with api_key its event is told as title and link; look at it in MISP";
      log.error({ ...about, hint }, "Refused a frame that takes too much memory to read");
    }
    onRefused?.(frame);
    onGap?.();
  }

  function link(endpoint: string, state: LinkState): void {
    connected[state === "connected" ? "add" : "delete"](endpoint);
    if (state === "connected") {
      if (seen.has(endpoint)) {
        onGap?.();
      }
      seen.add(endpoint);
    }
    const { level, reason, again, hint } = describe(state, options.username !== undefined);
    const how = hint !== undefined ? { hint } : {};
    if (state === "connected") {
      troubles.delete(endpoint);
    } else {
      troubles.set(endpoint, { reason, ...how });
    }
    log[level]({ instance, endpoint, ...how }, again === undefined ? reason : `${reason}; ${again}`);
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
    spare(table) {
      needless = table;
      for (const receiver of receivers) {
        receiver.spare(table);
      }
    },
    quiet(frames) {
      const found = frames.flatMap((frame) => originals.get(frame) ?? []);
      for (const receiver of receivers) {
        const own = found.filter((one) => one.receiver === receiver).map(({ whole, atMs }) => [whole, atMs] as const);
        if (own.length > 0) {
          receiver.quiet(own);
        }
      }
    },
    stir() {
      for (const receiver of receivers) {
        receiver.stir();
      }
    },
    status: () => ({
      received,
      dropped,
      skipped,
      refused,
      endpoints: options.endpoints.map((endpoint) => {
        const trouble = troubles.get(endpoint);
        return { endpoint, connected: connected.has(endpoint), ...(trouble && { trouble }) };
      }),
      ...(lastFrameAt === undefined ? {} : { lastFrameAt }),
      ...(silentSince === undefined ? {} : { silentSince }),
    }),
  };
}

interface Original {
  readonly whole: Uint8Array;
  readonly atMs: number;
  readonly receiver: Receiver;
}

/** What to tell an operator, and when it is tried again. Never a value of the credentials. */
interface Told {
  readonly level: "info" | "warn" | "error";
  readonly reason: string;
  readonly again?: string;
  readonly hint?: string;
}

const SELDOM = "trying again, at least every 60 s";

function describe(state: LinkState, hasCredentials: boolean): Told {
  switch (state) {
    case "connected":
      return { level: "info", reason: "Connected to MISP's ZeroMQ feed" };
    case "disconnected":
      return { level: "warn", reason: "Lost the connection to MISP's ZeroMQ feed", again: "trying again" };
    case "unreachable":
      return {
        level: "warn",
        reason: "Cannot reach MISP's ZeroMQ feed",
        again: "trying again, at least every 2 s",
        hint: "check the endpoint, that mispzmq.py runs there, and that Plugin.ZeroMQ_host lets this host connect",
      };
    case "refused":
      return {
        level: "error",
        reason: "MISP refused the ZeroMQ user name or password",
        again: SELDOM,
        hint: "check username and password of the feed against Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
      };
    case "mismatched":
      return hasCredentials
        ? {
            level: "error",
            reason: "MISP's ZeroMQ feed has no user name and password, but ours has",
            again: SELDOM,
            hint: "set Plugin.ZeroMQ_username and Plugin.ZeroMQ_password in MISP, or remove them here",
          }
        : {
            level: "error",
            reason: "MISP's ZeroMQ feed asks for a user name and password",
            again: SELDOM,
            hint: "set username and password of the feed to Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
          };
    case "not_zeromq":
      return {
        level: "warn",
        reason: "The connection is accepted, but what answers does not speak ZeroMQ as MISP does",
        again: "trying again",
        hint: "check the port of the endpoint, and whether MISP asks for a user name (Plugin.ZeroMQ_username)",
      };
    default:
      return state satisfies never;
  }
}

/** By how much each count has grown. */
function growth(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now)
      .map(([key, total]) => [key, total - (before[key] ?? 0)] as const)
      .filter(([, more]) => more > 0),
  );
}
