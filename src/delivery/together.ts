import { setImmediate } from "node:timers/promises";
import type { RecordLine, Settlement, Store } from "../model/outbox.ts";

interface Waiting {
  readonly settlement: Settlement;
  readonly now: number;
  readonly resolve: (lines: readonly RecordLine[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes down together what is settled at about the same time: each write waits for the disk. */
export function together(settleAll: Store["settleAll"]): Store["settle"] {
  let waiting: Waiting[] = [];
  const flush = async () => {
    await setImmediate();
    const all = waiting;
    waiting = [];
    const now = Math.max(...all.map((one) => one.now));
    try {
      const lines = await settleAll(
        all.map(({ settlement }) => settlement),
        now,
      );
      for (const [index, { resolve }] of all.entries()) {
        resolve(lines[index] ?? []);
      }
    } catch (error) {
      for (const { reject } of all) {
        reject(error);
      }
    }
  };
  return (settlement, now) =>
    new Promise((resolve, reject) => {
      waiting.push({ settlement, now, resolve, reject });
      if (waiting.length === 1) {
        void flush();
      }
    });
}
