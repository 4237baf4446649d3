import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../src/model/message.ts";
import type { GuardedAlert } from "../../src/model/payload.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  eventEdited,
  publication,
  SECOND,
  T0,
  tagAttached,
  tagDetached,
} from "../support/messages.ts";
import { Planner } from "./planner.ts";

// Memory only moves forward, and a marking is tightened at once: in whatever order frames arrive.

const IDS = ["1", "2"] as const;
type Carrier = (typeof IDS)[number] | "event";

/** A frame, and what it says of tlp:red: who carries it, and who by its complete list does not, as of `at`. */
interface Said {
  readonly message: Message;
  readonly at: number;
  readonly red: readonly Carrier[];
  readonly clean: readonly Carrier[];
}

const at = fc.integer({ min: 1, max: 6 }).map((seconds) => T0 + seconds * SECOND);
const label = fc.constantFrom("tlp:red", "tlp:green", undefined);
const carrier = fc.constantFrom<Carrier>("event", ...IDS);

/** `exportable`: of tlp:red on this instance; a publication leaves out what is not. */
function frame(exportable: boolean): fc.Arbitrary<Said> {
  const list = (name: string | undefined) => (name === undefined ? [] : [{ name, exportable }]);
  const exported = (name: string | undefined) => list(exportable || name !== "tlp:red" ? name : undefined);

  const published = fc
    .record({ at, event: label, first: label, second: label })
    .map(({ at, event, first, second }): Said => {
      const labels = { event, "1": first, "2": second };
      const carriers: readonly Carrier[] = exportable ? ["event", ...IDS] : [];
      return {
        message: publication({
          event: { changedAt: at, tags: exported(event) },
          attributes: IDS.map((id) => attributeOf(id, { tags: exported(labels[id]), changedAt: at })),
        }),
        at,
        red: carriers.filter((carrier) => labels[carrier] === "tlp:red"),
        clean: carriers.filter((carrier) => labels[carrier] !== "tlp:red"),
      };
    });

  const edited = fc.record({ at, event: label }).map(
    ({ at, event }): Said => ({
      message: eventEdited({ changedAt: at, tags: list(event), published: true }),
      at,
      red: event === "tlp:red" ? ["event"] : [],
      clean: event === "tlp:red" ? [] : ["event"],
    }),
  );

  const part = fc
    .record({ at, id: fc.constantFrom(...IDS), name: label, isTold: fc.boolean() })
    .map(({ at, id, name, isTold }): Said => {
      const attribute = { changedAt: at, ...(isTold && { tags: list(name) }) };
      const isRed = isTold && name === "tlp:red";
      return {
        message: isTold ? attributeEdited({ id, attribute }) : attributeAdded({ id, attribute }),
        at,
        red: isRed ? [id] : [],
        clean: isTold && !isRed ? [id] : [],
      };
    });

  const tagged = fc
    .record({ at, on: carrier, name: label, off: fc.boolean() })
    .map(({ at, on, name = "tlp:red", off }): Said => {
      const to = { receivedAt: at, exportable, ...(on !== "event" && { attribute: on }) };
      return {
        message: off ? tagDetached(name, to) : tagAttached(name, to),
        at,
        red: !off && name === "tlp:red" ? [on] : [],
        clean: [],
      };
    });

  return fc.oneof(published, edited, part, tagged).map((said) => ({ ...said, [fc.toStringMethod]: () => show(said) }));
}

/** So that a counterexample can be read: `tag.attached@2 red:1 clean:`. */
function show({ message: { kind, tag }, at, red, clean }: Said): string {
  return `${kind}${tag?.exportable === false ? " (hidden)" : ""}@${(at - T0) / SECOND} red:${red} clean:${clean}`;
}

/** Who is marked red by these frames, and by none of them, being newer, said to be so no more. */
function redAfter(frames: readonly Said[]): ReadonlySet<Carrier> {
  const red = new Set<Carrier>();
  for (const [index, frame] of frames.entries()) {
    if (isStale(frame, frames.slice(0, index))) {
      continue;
    }
    for (const carrier of frame.red) {
      const isLoosened = frames.some((other) => other.clean.includes(carrier) && other.at > frame.at);
      if (!isLoosened) {
        red.add(carrier);
      }
    }
  }
  return red;
}

/** An edit of the event that is older than what is known of the event says nothing. */
function isStale({ message, at }: Said, before: readonly Said[]): boolean {
  return (
    message.kind === "event.edited" &&
    before.some((other) => other.message.event?.changedAt !== undefined && other.at > at)
  );
}

function isShown({ alert }: GuardedAlert, carrier: Carrier): boolean {
  return carrier === "event" ? true : alert.items.some(({ id }) => id === carrier);
}

test.each([
  ["a SOC", {}],
  ["authors, who see drafts", { drafts: true }],
])("in whatever order frames come, nothing is shown to %s that one of them has marked tlp:red", async (_, guard) => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.boolean().chain((exportable) => fc.array(frame(exportable), { minLength: 2, maxLength: 9 })),
      fc.integer({ min: 1, max: 4 }),
      async (frames, size) => {
        const planner = new Planner({ destinations: { soc: { guard, repeats: "always" } } });
        for (let start = 0; start < frames.length; start += size) {
          const { traces } = await planner.plan(...frames.slice(start, start + size).map(({ message }) => message));
          for (const [index, { destinations }] of traces.entries()) {
            const red = redAfter(frames.slice(0, start + index + 1));
            for (const { guarded } of destinations) {
              if (!guarded) {
                continue;
              }
              told += 1;
              for (const carrier of red) {
                expect(isShown(guarded, carrier), `planned: ${carrier}`).toBe(false);
              }
            }
          }
        }
        const red = redAfter(frames);
        for (const { guarded } of (await planner.open())?.payload?.entries ?? []) {
          for (const carrier of red) {
            expect(isShown(guarded, carrier), `sent: ${carrier}`).toBe(false);
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
  // A guard that tells nothing would pass the above.
  expect(told).toBeGreaterThan(1000);
});
