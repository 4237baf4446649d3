import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { together } from "../../src/delivery/together.ts";
import type { Settlement } from "../../src/model/outbox.ts";

const settlement = (batch: string) => ({ batch, records: [], attempted: true }) as unknown as Settlement;

/** How many turns of the loop it takes until what has ended is written down, while another one goes on for ever. */
async function turnsUntilWritten(msPerTurn: number): Promise<number> {
  let turns = 0;
  let isWritten = false;
  const settle = together(
    async (all) => {
      isWritten = true;
      return all.map(() => []);
    },
    () => true,
    () => turns * msPerTurn,
  );
  const written = settle([settlement("one")], 0);
  while (!isWritten && turns < 1_000) {
    await setImmediate();
    turns += 1;
  }
  await written;
  return turns;
}

describe("together()", () => {
  it("waits for others as long as a commit takes, be the turns of the loop short or long", async () => {
    expect(await turnsUntilWritten(0)).toBeGreaterThan(50);
    expect(await turnsUntilWritten(20)).toBeLessThan(5);
  });
});
