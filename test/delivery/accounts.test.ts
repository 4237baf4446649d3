import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../src/model/message.ts";
import type { Outcome } from "../../src/model/payload.ts";
import {
  attributeAdded,
  eventDeleted,
  MINUTE,
  publication,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { type Arrival, play } from "./pull.ts";

const HOUR = 60 * MINUTE;

type Step = { readonly after: number; readonly n: number } & (
  | {
      readonly do: "publish";
      readonly level: "high" | "low";
      readonly org: string;
      readonly origin: "local" | "pulled";
    }
  | { readonly do: "add" | "delete" | "redden" }
);
const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.record({ after: fc.integer({ min: 0, max: 40 * MINUTE }), n: fc.integer({ min: 1, max: 9 }) }),
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant("publish" as const),
          level: fc.constantFrom("high" as const, "low" as const, "low" as const),
          org: fc.constantFrom("A", "B"),
          origin: fc.constantFrom("local" as const, "pulled" as const),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constantFrom("add" as const, "delete" as const, "redden" as const) }),
      },
    ),
  )
  .map(([when, what]) => ({ ...when, ...what }));

/** How a destination and its routes may be paced. */
const pacing = fc.record({
  interval: fc.constantFrom("0s", "5m", "2h"),
  wait: fc.constantFrom("0s", "3m"),
  by: fc.constantFrom(["event"], ["org"], []),
  digest: fc.option(fc.constant({ cron: "30 13,15 * * *" }), { nil: undefined }),
  remind: fc.option(fc.constant({ after: "1h", times: 2 }), { nil: undefined }),
  flood: fc.constantFrom<object | "off">("off", { over: 1 }, { over: 3, within: "20m", every: "30m" }),
  quiet: fc.option(
    fc.record({
      when: fc.constant([{ from: "14:00", to: "15:00" }]),
      action: fc.constantFrom("hold", "drop"),
      except: fc.option(fc.constant({ org: "B" }), { nil: undefined }),
    }),
    { nil: undefined },
  ),
});

/** What the other side does, one attempt after the other, and then takes all. */
const answers = fc.array(
  fc.constantFrom<Outcome>(
    { kind: "done" },
    { kind: "unproven" },
    { kind: "retry", reason: "http-503" },
    { kind: "retry_after", reason: "http-429", afterMs: 30_000 },
    { kind: "ambiguous", reason: "timeout" },
    { kind: "message_rejected", reason: "http-400" },
    { kind: "destination_rejected", reason: "http-410" },
  ),
  { maxLength: 12 },
);

function messageOf(one: Step, index: number, at: number): Message {
  const id = String(one.n);
  const uuid = uuidOf(id);
  switch (one.do) {
    case "publish": {
      const { level: threatLevel, org, origin } = one;
      const event = { id, uuid, threatLevel, origin, org: { name: org }, changedAt: at };
      return { ...publication({ event, receivedAt: at }), version: `p${index}` };
    }
    case "add": {
      const attribute = { tags: tags("tlp:green"), changedAt: at, uuid: uuidOf(`${900 + index}`) };
      return attributeAdded({ id: `${900 + index}`, attribute, event: { id, uuid }, receivedAt: at });
    }
    case "delete":
      return { ...eventDeleted({ id, uuid, changedAt: at }), version: `d${index}`, receivedAt: at };
    case "redden":
      return { ...tagAttached("tlp:red", { eventId: id, receivedAt: at }), version: `r${index}` };
  }
}

test("whatever comes, however it is paced and restarted, every alert ends exactly once", async () => {
  await fc.assert(
    fc.asyncProperty(
      ...[fc.array(step, { minLength: 1, maxLength: 25 }), pacing, answers],
      fc.array(fc.integer({ min: 1, max: 8 * HOUR }), { maxLength: 3 }),
      async (steps, { interval, wait, by, digest, remind, flood, quiet }, outcomes, restarts) => {
        let at = T0;
        const arrivals: Arrival[] = steps.map((one, index) => {
          at += one.after;
          return { at, messages: [messageOf(one, index, at)] };
        });
        const left = [...outcomes];
        const { ended, planned, owed } = await play(arrivals, {
          destination: {
            ...{ type: "console", guard: { max_tlp: "amber" }, color: "never", flood },
            ...(quiet && { quiet }),
          },
          routes: [
            {
              ...{ name: "urgent", match: { threat_level: "high" }, notify: "soc", priority: "high" },
              ...(remind && { remind }),
            },
            {
              ...{ name: "rest", kinds: ["event.*", "attribute.*"], notify: "soc", group: { by, wait, interval } },
              ...(digest && { digest }),
            },
          ],
          restarts: restarts.map((ms) => T0 + ms).sort((a, b) => a - b),
          until: Math.max(at, T0 + 8 * HOUR) + 40 * HOUR,
          answer: () => left.shift() ?? { kind: "done" },
        });
        expect(owed).toBe(0);
        const wanted = new Set(planned.flatMap(({ deliveries }) => deliveries.map(({ id }) => id)));
        // What is in a publication that is owed is told, and counted, with it.
        const contained = new Set(planned.flatMap(({ within = [] }) => within.map(({ delivery }) => delivery)));
        const ends = new Map<string, number>();
        for (const { delivery, reminder } of ended) {
          ends.set(delivery, (ends.get(delivery) ?? 0) + 1);
          expect(wanted.has(delivery)).toBe(reminder === undefined);
        }
        expect([...ends.values()].every((n) => n === 1)).toBe(true);
        const lost = [...wanted].filter((id) => !ends.has(id) && !contained.has(id));
        expect(lost).toEqual([]);
      },
    ),
    { numRuns: 15 },
  );
});
