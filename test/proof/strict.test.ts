import { expect, test } from "vitest";
import { tryHistories } from "../strict/histories.ts";

const RUNS = 4000;

test("4000 random histories in memory and 200 on disk: nothing leaves that may not, and what had to leave has left", async () => {
  const memory = await tryHistories("memory", RUNS);
  const disk = await tryHistories("sqlite", RUNS / 20);
  process.stdout.write(
    `strict: ${memory.told + disk.told} alerts left, ${memory.expected + disk.expected} had to; in the record: ` +
      `${[...memory.outcomes].sort().join(", ")}\n`,
  );
  expect(memory.expected).toBeGreaterThan(RUNS / 20);
  expect([...memory.outcomes]).toEqual(
    expect.arrayContaining([
      "sent",
      "refused tlp-above-ceiling",
      "refused distribution",
      "refused draft",
      "refused stale",
      "refused match-not-visible",
      "withdrawn event-deleted",
      "withdrawn event-unpublished",
    ]),
  );
});
