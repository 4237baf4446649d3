import fc from "fast-check";
import { Play, READERS, ROUTES } from "./play.ts";
import { SHELVES } from "./shelves.ts";
import { histories } from "./steps.ts";

/** What random histories came to. */
export interface Tried {
  /** Alerts that left. */
  readonly told: number;
  /** How often something had to leave to somebody. */
  readonly expected: number;
  /** Outcomes and reasons in the record. */
  readonly outcomes: ReadonlySet<string>;
}

/**
 * Plays so many histories, each to its end; fails with the shortest one that the judge finds fault with. The same ones for
 * the same seed; by default others each time.
 */
export async function tryHistories(kind: keyof typeof SHELVES, runs: number, seed?: number): Promise<Tried> {
  let told = 0;
  let expected = 0;
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(histories(READERS.length, ROUTES.length), async (history) => {
      await using shelf = SHELVES[kind]();
      await using play = await Play.open(history, shelf);
      for (const step of history.steps) {
        await play.step(step);
      }
      await play.end();
      told += play.told;
      expected += play.expected;
      for (const { outcome, reason } of play.records) {
        outcomes.add(reason === undefined ? outcome : `${outcome} ${reason}`);
      }
    }),
    { numRuns: runs, ...(seed !== undefined && { seed }) },
  );
  return { told, expected, outcomes };
}
