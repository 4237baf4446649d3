import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "../../base/errors.ts";
import { reasonOf } from "../../base/file-reason.ts";
import type { Log } from "../../base/log.ts";
import type { Frame, Source } from "../../model/frame.ts";
import { openBurstLog } from "../burst-log.ts";
import { Occurrences } from "../occurrences.ts";
import { type RecordingItem, RecordingReader } from "./recording.ts";

export interface ReplayOptions {
  readonly instance: string;
  /** A path, or a stream such as stdin; it is destroyed at the end. */
  readonly input: string | Readable;
  /** `recorded` keeps the gaps between frames, a number divides them, `full` ignores them. */
  readonly speed: "recorded" | "full" | number;
  readonly log: Log;
  readonly now: () => number;
  /** Resolves after `ms`, or rejects when `signal` aborts. */
  readonly delay?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const MAX_BATCH = 64;
const BUSY_MS = 8;
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * A recording as a source; recording.ts tells its formats. `receivedAt` is the recorded instant where there is one.
 * Lines that are no frame are logged by number and skipped.
 */
export function openReplay(options: ReplayOptions): Source {
  const { instance, input, speed, log, now } = options;
  const delay = options.delay ?? ((ms, signal) => sleep(ms, undefined, { signal }));
  const factor = speed === "recorded" ? 1 : speed === "full" ? Number.POSITIVE_INFINITY : speed;

  if (!(factor > 0)) {
    throw new UsageError("The speed of a replay must be above zero");
  }

  async function* frames(signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    if (signal.aborted) {
      return;
    }
    const stream = typeof input === "string" ? createReadStream(input) : input;
    // Destroying is what ends a read that waits, be it for a terminal.
    const stop = () => void stream.destroy();
    signal.addEventListener("abort", stop, { once: true });
    const bad = openBadLines(log, instance);
    const reader = new RecordingReader();
    const occurrences = new Occurrences(1);
    let batch: Frame[] = [];
    let began: { readonly at: number; readonly recordedAt: number } | undefined;
    let yieldAt = performance.now() + BUSY_MS;

    /** Adds to the batch what is read, and yields the batch when it is full or before it has to wait. */
    async function* pace(reads: Iterable<RecordingItem>): AsyncGenerator<readonly Frame[]> {
      for (const read of reads) {
        if (signal.aborted) {
          return;
        }
        if ("badLine" in read) {
          bad.add(read.badLine);
          continue;
        }
        const { topic, payload, at } = read.frame;
        if (at !== undefined) {
          began ??= { at: now(), recordedAt: at };
          // Counted from the first frame, so that waits that last too long do not add up.
          const dueAt = began.at + (at - began.recordedAt) / factor;
          if (dueAt - now() >= 1) {
            yield* take();
          }
          // Asked again, because the consumer took its time.
          const waitMs = dueAt - now();
          if (waitMs >= 1) {
            await delay(Math.min(waitMs, MAX_DELAY_MS), signal);
          }
        }
        const receivedAt = at ?? now();
        batch.push({ instance, topic, payload, receivedAt, occurrence: occurrences.of(payload, receivedAt) });
        if (batch.length >= MAX_BATCH) {
          yield* take();
        }
        if (performance.now() > yieldAt) {
          await new Promise((resolve) => setImmediate(resolve));
          yieldAt = performance.now() + BUSY_MS;
        }
      }
      yield* take();
    }
    function* take(): Iterable<readonly Frame[]> {
      if (batch.length === 0) {
        return;
      }
      const full = batch;
      batch = [];
      yield full;
    }

    try {
      for await (const chunk of stream) {
        yield* pace(reader.read(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
      }
      yield* pace(reader.end());
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (typeof input === "string" && error instanceof Error && "syscall" in error) {
        throw new UsageError(`Cannot read "${input}": ${reasonOf(error)}`, 2, { cause: error });
      }
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
      bad.close();
    }
  }

  return { name: instance, frames };
}

/** Logs which lines are no frames, never what is in them. */
function openBadLines(log: Log, instance: string) {
  let line = 0;
  const burst = openBurstLog(({ lines }) =>
    log.warn(
      { instance, lines, line },
      "Skipped lines of the recording that are no frames; `line` is the last of them",
    ),
  );
  return {
    add(number: number) {
      line = number;
      burst.add("lines");
    },
    close: () => burst.close(),
  };
}
