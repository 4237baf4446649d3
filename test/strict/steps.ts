import fc from "fast-check";
import type { Asking, Mood } from "./stage.ts";
import { LABELS, type Label, type Mark, type Marks, type SaidPart, type Spread } from "./words.ts";
import { type Act, EVENTS, PARTS } from "./world.ts";

/** How a frame comes: at once, two at once, some steps later, twice, or not at all. */
export type Way = "now" | "late" | "twice" | "lost";

/** What happens next, so many seconds after what came before. */
export type Step = { readonly after: number } & (
  | { readonly act: Act; readonly way: Way }
  | { readonly reload: Reload }
  /** It is down for so many seconds. */
  | { readonly restart: number }
  | { readonly mood: Mood; readonly of: "soc" | "desk" }
  | { readonly mispIsDown: boolean }
  | { readonly wait: true }
);

/** Which of the readers and routes a configuration has. */
export interface Reload {
  readonly soc: number;
  readonly desk: number;
  readonly route: number;
}

/** One history, from the first configuration on. */
export interface History {
  readonly asking: Asking;
  readonly shares: boolean;
  readonly first: Reload;
  readonly steps: readonly Step[];
}

const label = fc.constantFrom<Label>("none", "clear", "green", "green", "green", "amber", "red");
const rarely = fc.constantFrom(false, false, false, false, false, false, true);
const marks: fc.Arbitrary<Marks> = fc.record({
  label,
  hidden: fc.constantFrom<Label>("none", "none", "none", "none", "red"),
  papRed: rarely,
  secret: rarely,
});
const partMarks: fc.Arbitrary<Marks> = fc.record({
  label: fc.constantFrom<Label>("none", "none", "none", "green", "red"),
  hidden: fc.constantFrom<Label>("none", "none", "none", "none", "none", "red"),
  papRed: fc.constant(false),
  secret: rarely,
});
const spread = fc.constantFrom<Spread>(
  ...(["community", "community", "community", "organisation", "members", "lost", "strangers"] as const),
);
const below = fc.constantFrom<Spread>("inherit", "inherit", "inherit", "inherit", "organisation", "strangers");
/** How far the clock that dates something is from ours: of another server, of a synced copy, or simply wrong. */
const skew = fc.constantFrom(0, 0, 0, 0, 0, -2, 200, 5_000, -200, -100_000);
const mark: fc.Arbitrary<Mark> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ label: fc.constantFrom(...LABELS.filter((one) => one !== "none")), isHidden: rarely }),
  },
  { weight: 1, arbitrary: fc.constant<Mark>({ papRed: true }) },
  { weight: 1, arbitrary: fc.constant<Mark>({ secret: true }) },
);
const part = fc.constantFrom(...PARTS);
const told: fc.Arbitrary<Omit<SaidPart, "place" | "time">> = fc.record({
  ...{ part, marks: partMarks, spread: below, bad: fc.boolean(), personal: rarely, inObject: rarely },
});

const acts: fc.Arbitrary<Act> = fc
  .tuple(
    fc.constantFrom("a", "a", "a", ...EVENTS) as fc.Arbitrary<Act["event"]>,
    skew,
    fc.oneof(
      {
        weight: 9,
        arbitrary: fc.constantFrom(true, true, true, false).map((isFresh) => ({ do: "publish" as const, isFresh })),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("edit" as const), marks, spread }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("mark" as const), mark }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("mark" as const), mark, part }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant("part" as const), told, isMarked: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("deletePart" as const), part }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("object" as const), spread: below }) },
      {
        weight: 4,
        arbitrary: fc
          .constantFrom("push", "unpublish", "unpublish", "delete", "create", "create", "deleteObject")
          .map(
            (what) => ({ do: what }) as { readonly do: "push" | "unpublish" | "delete" | "create" | "deleteObject" },
          ),
      },
    ),
  )
  .map(([event, by, what]) => ({ event, skew: by, ...what }));

/** Histories of a service whose destinations have some of so many readers and routes. */
export function histories(readers: number, routes: number): fc.Arbitrary<History> {
  const reload = fc.record({ soc: fc.nat(readers - 1), desk: fc.nat(readers - 1), route: fc.nat(routes - 1) });
  const what = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        act: acts,
        way: fc.constantFrom<Way>("now", "now", "now", "now", "now", "now", "late", "twice", "lost"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ reload }) },
    { weight: 1, arbitrary: fc.record({ restart: fc.constantFrom(0, 0, 60, 400) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        mood: fc.constantFrom<Mood>("up", "up", "down", "refusing", "doubtful"),
        of: fc.constantFrom("soc" as const, "desk" as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ mispIsDown: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ wait: true as const }) },
  );
  const step = fc
    .tuple(fc.constantFrom(0, 0, 1, 1, 2, 30, 400), what)
    .map(([after, happens]): Step => ({ after, ...happens }) as Step);
  const finale: fc.Arbitrary<readonly Step[]> = fc.array(fc.constantFrom(...EVENTS), { maxLength: 1 }).map((events) =>
    events.map((event) => ({
      ...{ after: 30, way: "now" as const },
      act: { event, skew: 0, do: "publish" as const, isFresh: true },
    })),
  );
  return fc.record({
    asking: fc.constantFrom<Asking>("keyless", "never", "tell", "tell", "hold"),
    shares: fc.boolean(),
    first: reload,
    steps: fc
      .tuple(fc.array(step, { minLength: 3, maxLength: 16 }), finale)
      .map(([steps, last]): readonly Step[] => [...steps, ...last]),
  });
}
