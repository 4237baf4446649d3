import { createHistogram } from "node:perf_hooks";

/** How often a loop at work is looked at. */
const SHORT_MS = 20;
/** How often one is that has nothing to do: each look wakes the process. */
const LONG_MS = 500;
/** A loop that has worked for so much of the time since the last look is at work. */
const AT_WORK = 0.02;

/** What the samples say of a time, in seconds. */
export interface LoopDelays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How the loop is looked at: by the clock and timers of the process, unless a test gives others. */
export interface LoopEyes {
  readonly now: () => number;
  /** The share of the time since it was asked last in which the loop worked. */
  readonly utilization: () => number;
  /** Calls after so long; what it gives ends that. */
  readonly after: (ms: number, call: () => void) => () => void;
}

function eyesOfProcess(): LoopEyes {
  let before = performance.eventLoopUtilization();
  return {
    now: () => performance.now(),
    utilization: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
    after: (ms, call) => {
      const timer = setTimeout(call, ms).unref();
      return () => clearTimeout(timer);
    },
  };
}

/**
 * How late the event loop comes to what is due: often looked at while the loop works, seldom while it idles, so that a service
 * that waits hardly wakes.
 */
export class LoopDelay implements Disposable {
  readonly #eyes: LoopEyes;
  readonly #delays = createHistogram();
  #periodMs = LONG_MS;
  #end: () => void = () => {};

  constructor(eyes = eyesOfProcess()) {
    this.#eyes = eyes;
    this.#look();
  }

  /** Since it was taken last; all zero where nothing was seen. */
  take(): LoopDelays {
    const { count, max } = this.#delays;
    const seconds = (nanoseconds: number) => (count === 0 ? 0 : nanoseconds / 1e9);
    const delays = {
      p50: seconds(this.#delays.percentile(50)),
      p99: seconds(this.#delays.percentile(99)),
      max: seconds(max),
    };
    this.#delays.reset();
    return delays;
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #look(): void {
    const dueAt = this.#eyes.now() + this.#periodMs;
    this.#end = this.#eyes.after(this.#periodMs, () => {
      const lateMs = this.#eyes.now() - dueAt;
      // The histogram takes no zero.
      this.#delays.record(Math.max(1, Math.round(lateMs * 1e6)));
      const isAtWork = this.#eyes.utilization() >= AT_WORK;
      this.#periodMs = isAtWork ? SHORT_MS : Math.min(LONG_MS, this.#periodMs * 2);
      this.#look();
    });
  }
}
