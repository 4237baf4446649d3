/** Time and chance, given so that a test can decide them. */
export interface Clock {
  now(): number;
  /** Milliseconds since some moment; it goes on evenly, is never set, and stands still while the machine sleeps. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to 1. */
  random(): number;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        return resolve();
      }
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
      signal.addEventListener("abort", finish);
    }),
};
