import { setImmediate } from "node:timers/promises";
import type { RecordLine, Settlement, Store } from "../model/outbox.ts";

interface Waiting {
  readonly settlements: readonly Settlement[];
  readonly now: number;
  readonly resolve: (lines: readonly (readonly RecordLine[])[]) => void;
  readonly reject: (error: unknown) => void;
}

/** So many turns of an idle loop are about as long as one commit, which this saves; a busy one gets much in them. */
const GATHER_TURNS = 100;
const GATHER_MS = 20;
/** What is killed tells no more than this, and what is on its way, once more. */
const MOST = 32;

/**
 * Writes down together what is settled at about the same time: each write waits for the disk. What ends while no `isMore`
 * can be expected waits for nothing.
 */
export function together(settle: Store["settle"], isMore: () => boolean, monotonic: () => number): Store["settle"] {
  let waiting: Waiting[] = [];
  const flush = async () => {
    const until = monotonic() + GATHER_MS;
    const isTime = (turns: number) => turns < GATHER_TURNS && waiting.length < MOST && monotonic() < until;
    // What else is on its way may end while this waits, and costs no commit of its own then.
    for (let turns = 0; turns === 0 || (isMore() && isTime(turns)); turns += 1) {
      await setImmediate();
    }
    const all = waiting;
    waiting = [];
    const now = Math.max(...all.map((one) => one.now));
    try {
      const lines = await settle(
        all.flatMap(({ settlements }) => settlements),
        now,
      );
      let from = 0;
      for (const { settlements, resolve } of all) {
        resolve(lines.slice(from, from + settlements.length));
        from += settlements.length;
      }
    } catch (error) {
      for (const { reject } of all) {
        reject(error);
      }
    }
  };
  return (settlements, now) =>
    new Promise((resolve, reject) => {
      waiting.push({ settlements, now, resolve, reject });
      if (waiting.length === 1) {
        void flush();
      }
    });
}
