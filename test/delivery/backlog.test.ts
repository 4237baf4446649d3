import { expect, test } from "vitest";
import { Backlog } from "../../src/delivery/backlog.ts";
import type { Batch, BatchId, Settlement } from "../../src/model/outbox.ts";
import { Planner } from "../planning/planner.ts";
import { MINUTE, publication, T0 } from "../support/messages.ts";

const HOUR = 60 * MINUTE;
const NOW = T0 + 7 * HOUR;

const [ENTRY] = await entries();

async function entries(): Promise<Batch["entries"]> {
  const planner = new Planner();
  await planner.tell(publication());
  return (await planner.take("soc"))?.entries ?? [];
}

/** A batch of `n` deliveries that wait since T0. */
function batchOf(id: string, fields: Partial<Batch> = {}, n = 1): Batch {
  if (!ENTRY) {
    throw new Error("nothing is owed");
  }
  const batch = { destination: "soc", attempts: 0, firstAttemptAt: NOW, show: 20 } as const;
  return { ...batch, id: id as BatchId, entries: Array.from({ length: n }, () => ENTRY), ...fields };
}

/** Gathers what belongs to the first of these, where the store gives the others in this order. */
async function gather(backlog: Backlog, [first, ...others]: readonly Batch[]) {
  const settled: Settlement[] = [];
  const store = {
    take: async () => {
      const batch = others.shift();
      return batch && { batches: [batch] };
    },
    settle: async (settlements: readonly Settlement[]) => {
      settled.push(...settlements);
      return [];
    },
  };
  if (!first) {
    throw new Error("nothing is due");
  }
  return { departure: await backlog.gather(first, store, NOW), settled, left: others.length };
}

test("Backlog gives the same batches the same id, in whatever order the store has them", async () => {
  const backlog = new Backlog(NOW);
  const [a, b, c] = [batchOf("a"), batchOf("b"), batchOf("c")];
  const one = await gather(backlog, [a, b, c]);
  const other = await gather(backlog, [c, a, b]);
  const less = await gather(backlog, [a, b]);
  expect(one.departure.batch.id).toBe(other.departure.batch.id);
  expect(one.departure.batch.id).not.toBe(less.departure.batch.id);
  expect(one.departure.batch.id).toMatch(/^[0-9a-f]{32}$/);
});

test("Backlog bounds a digest by its batches, and by their deliveries", async () => {
  const many = Array.from({ length: 50 }, (_, n) => batchOf(String(n)));
  expect((await gather(new Backlog(NOW), many)).departure.parts).toHaveLength(30);
  const large = Array.from({ length: 50 }, (_, n) => batchOf(String(n), {}, 90));
  expect((await gather(new Backlog(NOW), large)).departure.parts).toHaveLength(3);
});

test("Backlog takes a digest to be as young as its youngest part", async () => {
  const backlog = new Backlog(NOW);
  const parts = [batchOf("a"), batchOf("b")];
  await gather(backlog, parts); // sent once as a digest, they stay one
  const again = [
    batchOf("a", { attempts: 3, firstAttemptAt: T0 }),
    batchOf("b", { attempts: 2, firstAttemptAt: T0 + HOUR }),
  ];
  const { departure } = await gather(backlog, again);
  expect(departure.batch).toMatchObject({ attempts: 2, firstAttemptAt: T0 + HOUR });
});

test("Backlog lists as many items as its batches agree on, or else as many as usual", async () => {
  const agreed = [batchOf("a", { show: "matched" }), batchOf("b", { show: "matched" })];
  expect((await gather(new Backlog(NOW), agreed)).departure.batch.show).toBe("matched");
  const split = [batchOf("a", { show: "matched" }), batchOf("b", { show: 5 })];
  expect((await gather(new Backlog(NOW), split)).departure.batch.show).toBe(20);
});

test("Backlog puts back what it has taken too much, and leaves alone what is not old", async () => {
  const young = {
    entries: batchOf("y").entries.map((entry) => ({ ...entry, delivery: { ...entry.delivery, createdAt: NOW } })),
  };
  const mixed = await gather(new Backlog(NOW), [batchOf("a"), batchOf("y", young), batchOf("b")]);
  expect(mixed.departure.parts.map(({ id }) => id)).toEqual(["a"]);
  expect(mixed.departure.batch.id).toBe("a");
  expect(mixed.settled).toEqual([{ batch: "y", records: [], retryAt: NOW, attempted: false }]);
  const fresh = await gather(new Backlog(NOW), [batchOf("y", young), batchOf("a")]);
  expect([fresh.departure.batch.id, fresh.left]).toEqual(["y", 1]);
});

test("Backlog joins nothing once it is closed, and what was sent in a digest stays by itself when it is over", async () => {
  const backlog = new Backlog(NOW);
  const first = await gather(backlog, [batchOf("a"), batchOf("b")]);
  backlog.forget(first.departure);
  const tried = await gather(backlog, [batchOf("a", { attempts: 1 }), batchOf("b", { attempts: 1 })]);
  expect(tried.departure.parts).toHaveLength(1);
  backlog.close();
  expect((await gather(backlog, [batchOf("c"), batchOf("d")])).departure.parts).toHaveLength(1);
  backlog.open(NOW);
  expect((await gather(backlog, [batchOf("c"), batchOf("d")])).departure.parts).toHaveLength(2);
});
