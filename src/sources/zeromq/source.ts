import type { Frame, Needless } from "../../model/frame.ts";
import { nameOf } from "../../model/frame-name.ts";
import { openBurstLog } from "../burst-log.ts";
import type { FrameBatch } from "../frame-queue.ts";
import { Occurrences } from "../occurrences.ts";
import { defineSource, type LiveSource, type RefusedFrame, type SourceContext, splitFrame } from "../source.ts";
import { ReceiverCounts } from "./counts.ts";
import { Endpoints } from "./endpoints.ts";
import { FeedSilence, type SilentSince } from "./feed-silence.ts";
import { checkCredentials, SHAPE, type ZeromqOptions } from "./options.ts";
import { openReceiver, type Receiver } from "./receiver.ts";
import { SharedClock } from "./shared-clock.ts";
import type { FromReceiver, ReceiverTotals } from "./worker.ts";

/** A larger frame does not wait with the others, nor take their room. */
const GIANT_BYTES = 2 ** 20;

/** MISP's own feed: its PUB socket, or those of several web nodes. */
export const zeromq = defineSource({ type: "zeromq", shape: SHAPE, check: checkCredentials, open: openZeromq });

/** Each call of `frames` connects anew; ending the iteration, by the signal or by leaving it, closes all sockets. */
export function openZeromq(
  options: ZeromqOptions,
  { instance, log, now, onSilence, onGap, onRefused, silentSince }: SourceContext,
): LiveSource {
  const counts = new ReceiverCounts();
  const clock = new SharedClock(now);
  const endpoints = new Endpoints(options.endpoints, { instance, log, hasCredentials: options.username !== undefined });
  const occurrences = new Occurrences(options.endpoints.length);
  const receivers = new Set<Receiver>();
  /** As the receiving thread knows them, and by whom they came. */
  const originals = new WeakMap<Frame, Original>();
  const silent: SilentSince = silentSince === undefined ? {} : { since: silentSince };
  let needless: Needless = {};
  let lastFrameAt: number | undefined;

  function* framesOf(batch: FrameBatch, receiver: Receiver): Generator<Frame> {
    const { bytes, lengths, atMs } = batch;
    let from = 0;
    for (const [index, length] of lengths.entries()) {
      const whole = bytes.subarray(from, from + length);
      from += length;
      const cameAtMs = atMs[index] ?? 0;
      const frame = frameOf(whole, cameAtMs, batch.endpoints[index], batch.giant && { batch, receiver });
      if (frame.topic === "misp_json_attribute") {
        originals.set(frame, { whole, atMs: cameAtMs, receiver });
      }
      yield frame;
    }
  }

  function frameOf(
    whole: Uint8Array,
    atMs: number,
    endpoint: number | undefined,
    giant: false | { readonly batch: FrameBatch; readonly receiver: Receiver },
  ): Frame {
    const { topic, payload } = splitFrame(whole);
    const receivedAt = clock.instant(atMs);
    // A publication names what it is, and so does whatever is a giant.
    const isNamed = giant || topic === "misp_json";
    const occurrence = isNamed ? undefined : occurrences.of(whole, receivedAt, endpoint);
    const frame = { instance, topic, payload, receivedAt, ...(occurrence !== undefined && { occurrence }) };
    if (!giant) {
      return frame;
    }
    const name = { topic, bytes: whole.byteLength, ...nameOf(payload) };
    const done = () => giant.receiver.release(giant.batch);
    return { ...frame, giant: { done, refused: () => refuse({ ...name, reason: "memory" }) } };
  }

  async function* frames(signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    if (signal.aborted) {
      return;
    }
    const drops = openBurstLog((dropped) =>
      log.warn(
        { instance, dropped, hint: "raise queue in the feed, if this host has the memory" },
        "The queue behind the ZeroMQ feed is full: frames were dropped",
      ),
    );
    const silence = new FeedSilence(options.silent_after, now, silent, { fell: fallSilent, ended: comeBack });
    const countOf = counts.begin();

    function observe(message: FromReceiver): void {
      if (message.type === "link" && endpoints.note(message.endpoint, message.state)) {
        onGap?.();
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
      const { received, dropped } = countOf(totals);
      const lost = Object.entries(dropped);
      for (const [topic, more] of lost) {
        drops.add(topic, more);
      }
      if (lost.length > 0) {
        onGap?.();
      }
      if (received > 0) {
        lastFrameAt = clock.instant(totals.lastAtMs);
        silence.end(lastFrameAt);
      }
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
      endpoints.clear();
    }
  }

  /** Too large to be read: whoever reads the log learns which event to look at, and reconcile tells of it. */
  function refuse(frame: RefusedFrame): void {
    counts.refuse(frame.topic);
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

  function fallSilent(since: number): void {
    const hint =
      "MISP says something at least every 10 s: check that its ZeroMQ publisher runs (Plugin.ZeroMQ_enable, " +
      "mispzmq.py) and that this host reaches it";
    log.warn({ instance, silentMs: now() - since, hint }, "The feed is silent");
    onSilence?.(true, since);
  }

  function comeBack(since: number, silentMs: number): void {
    log.info({ instance, silentMs }, "The feed is back: frames arrive again");
    onSilence?.(false, since);
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
      ...counts.status,
      endpoints: endpoints.status,
      ...(lastFrameAt !== undefined && { lastFrameAt }),
      ...(silent.since !== undefined && { silentSince: silent.since }),
    }),
  };
}

interface Original {
  readonly whole: Uint8Array;
  readonly atMs: number;
  readonly receiver: Receiver;
}
