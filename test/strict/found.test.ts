import { expect, test } from "vitest";
import { Play } from "./play.ts";
import { SHELVES } from "./shelves.ts";
import type { History, Step, Way } from "./steps.ts";
import { type Marks, type SaidPart, type Spread, UNMARKED } from "./words.ts";
import type { Act } from "./world.ts";

// Histories in which something left that may not, each as short as it gets.

const does = (act: DistributiveOmit<Act, "event" | "skew">, after = 0, way: Way = "now"): Step =>
  ({ after, way, act: { event: "a", skew: 0, ...act } }) as Step;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const publish = (after?: number, way?: Way) => does({ do: "publish", isFresh: true }, after, way);
const edit = (spread: Spread, marks: Partial<Marks> = { label: "green" }, after?: number, way?: Way) =>
  does({ do: "edit", spread, marks: { ...UNMARKED, ...marks } }, after, way);
const skewed = (skew: number, step: Step): Step => ("act" in step ? { ...step, act: { ...step.act, skew } } : step);
const part = (fields: Partial<SaidPart>, after?: number, isMarked = false) =>
  does(
    {
      do: "part",
      isMarked,
      told: { part: "1", marks: UNMARKED, spread: "inherit", bad: false, personal: false, inObject: false, ...fields },
    },
    after,
  );
const late = (step: Step): Step => ("act" in step ? { ...step, way: "late" } : step);
const lost = (step: Step): Step => ("act" in step ? { ...step, way: "lost" } : step);
const ofB = (step: Step): Step => ("act" in step ? { ...step, act: { ...step.act, event: "b" } } : step);
const wait = (after: number): Step => ({ after, wait: true });

const HISTORIES: readonly (readonly [string, Partial<History> & Pick<History, "steps">])[] = [
  [
    "a label that is not exportable is told once more without saying so, and a publication lacks it",
    {
      asking: "keyless",
      steps: [
        does({ do: "mark", mark: { label: "amber", isHidden: true } }),
        does({ do: "mark", mark: { label: "amber", isHidden: false } }),
        does({ do: "mark", mark: { label: "clear", isHidden: false } }),
        publish(400),
      ],
    },
  ],
  [
    "an old frame says that a part is stricter, and a frame of before its arrival takes it back",
    {
      asking: "keyless",
      steps: [
        part({}),
        skewed(-200, part({ marks: { ...UNMARKED, hidden: "red" } }, 2, true)),
        does({ do: "push" }),
        skewed(-2, part({}, 1, true)),
      ],
    },
  ],
  [
    "an old frame says that a part is stricter, and a publication is older than what was known of that part",
    {
      asking: "keyless",
      steps: [
        skewed(200, part({})),
        part({ marks: { ...UNMARKED, label: "red" } }, 0, true),
        wait(0),
        skewed(-100_000, part({}, 30)),
        publish(),
      ],
    },
  ],
  [
    "MISP is asked, and what it says is older than a list that was held",
    {
      steps: [
        edit("lost", { label: "none" }),
        skewed(-100_000, part({})),
        does({ do: "publish", isFresh: false }, 1),
        does({ do: "mark", mark: { label: "clear", isHidden: false }, part: "1" }),
        { after: 0, restart: 60 },
        skewed(-100_000, edit("community", { label: "green" }, 1)),
      ],
    },
  ],
  [
    "a part that is older than its event says that this is for fewer",
    {
      asking: "keyless",
      steps: [publish(), edit("strangers", {}, 0, "lost"), skewed(-100_000, part({})), wait(30)],
    },
  ],
  [
    "a draft is pushed with a label that an edit takes away, and MISP says so when it is asked",
    {
      first: { soc: 2, desk: 0, route: 0 },
      steps: [
        part({}),
        { after: 30, restart: 0 },
        does({ do: "push" }),
        skewed(5_000, edit("community", { label: "none" }, 0, "late")),
        wait(30),
        publish(),
      ],
    },
  ],
  [
    "a part is for a group of others, and an old publication of which MISP was asked says that it is for its owner alone",
    {
      asking: "tell",
      first: { soc: 2, desk: 0, route: 0 },
      steps: [
        late(part({})),
        { after: 0, mood: "down", of: "soc" },
        does({ do: "mark", mark: { label: "clear", isHidden: false } }),
        lost(part({ spread: "organisation" })),
        publish(30),
        skewed(200, part({ spread: "strangers" })),
        publish(),
        does({ do: "mark", mark: { secret: true } }),
        does({ do: "mark", mark: { label: "clear", isHidden: false }, part: "1" }),
      ],
    },
  ],
  [
    "a publication waits for MISP that lacks a label of a part, which is newer than what told of that label",
    {
      asking: "tell",
      steps: [
        part({ marks: { ...UNMARKED, hidden: "red" } }),
        wait(400),
        part({}),
        does({ do: "push" }, 30),
        publish(),
        publish(),
      ],
    },
  ],
  [
    "a mere number says that an event is red whose publication waits, as does that of the event that had the number before",
    {
      asking: "tell",
      shares: true,
      steps: [
        { after: 0, mispIsDown: true },
        ofB(publish()),
        publish(),
        does({ do: "mark", mark: { label: "red", isHidden: false } }),
        wait(400),
        publish(),
      ],
    },
  ],
  [
    "part of an event that is deleted comes late, and so does a publication that waits",
    {
      first: { soc: 0, desk: 2, route: 0 },
      steps: [late(publish()), late(part({})), skewed(-200, publish()), wait(2), does({ do: "delete" }), wait(0)],
    },
  ],
  [
    "a part says that an event is for its owner alone, and an edit of the same second says otherwise",
    {
      asking: "keyless",
      steps: [
        lost(edit("organisation", { label: "none" })),
        part({}),
        edit("community", { label: "clear" }),
        publish(),
      ],
    },
  ],
  [
    "a label was attached before an edit that has none, and is told when MISP was asked after that",
    {
      steps: [
        does({ do: "mark", mark: { label: "clear", isHidden: false } }),
        edit("community", { label: "none" }, 1),
        publish(),
        { after: 0, restart: 0 },
      ],
    },
  ],
  [
    "an edit takes the label away in the second in which a part says that the event is for fewer",
    {
      asking: "keyless",
      first: { soc: 0, desk: 2, route: 0 },
      steps: [
        publish(),
        edit("organisation", { label: "none" }, 400, "late"),
        part({}),
        wait(0),
        does({ do: "mark", mark: { papRed: true } }),
        publish(),
      ],
    },
  ],
  [
    "an event is deleted and made anew while its publication waits for MISP",
    {
      first: { soc: 0, desk: 2, route: 0 },
      steps: [publish(), does({ do: "delete" }), does({ do: "create" })],
    },
  ],
  [
    "so is one of which more was heard behind its publication",
    {
      first: { soc: 0, desk: 2, route: 0 },
      steps: [publish(), part({}), does({ do: "delete" }), wait(0), does({ do: "create" })],
    },
  ],
  [
    "an old frame says that a label is not exportable which was known as one that is",
    {
      asking: "keyless",
      first: { soc: 0, desk: 1, route: 0 },
      steps: [
        edit("community", { label: "red" }),
        skewed(-100_000, edit("community", { label: "none", hidden: "red" })),
        publish(30),
      ],
    },
  ],
  [
    "MISP says of a publication that is older than what is known that there is no label any more",
    {
      asking: "tell",
      steps: [skewed(200, publish()), edit("community", { label: "none" }, 2), publish(), part({}, 30), publish()],
    },
  ],
  [
    "a mere number that two events had in turn says that one of them may be read by all",
    {
      asking: "keyless",
      shares: true,
      first: { soc: 0, desk: 2, route: 0 },
      steps: [
        part({}),
        ofB(does({ do: "push" })),
        part({}),
        does({ do: "mark", mark: { label: "clear", isHidden: false } }),
        part({}),
      ],
    },
  ],
  [
    "a label comes by a mere number in the second in which MISP says that there is none",
    {
      asking: "tell",
      shares: true,
      steps: [
        ofB(edit("community", { label: "none" })),
        ofB(does({ do: "publish", isFresh: false }, 30)),
        does({ do: "mark", mark: { label: "clear", isHidden: false } }),
        wait(0),
      ],
    },
  ],
  [
    "the last publication is unpublished before MISP is asked about it, and one before it is still owed",
    {
      asking: "hold",
      steps: [
        { after: 0, mood: "refusing", of: "soc" },
        publish(),
        ofB(edit("community", { label: "none" }, 400)),
        publish(),
        does({ do: "unpublish" }),
        { after: 0, mood: "up", of: "soc" },
      ],
    },
  ],
  [
    "the last publication is unpublished while MISP does not answer, and one before it is still owed",
    {
      asking: "hold",
      steps: [
        { after: 0, mood: "refusing", of: "soc" },
        publish(),
        { after: 60, mispIsDown: true },
        edit("community"),
        publish(2),
        does({ do: "unpublish" }, 2),
        { after: 60, mood: "up", of: "soc" },
        wait(60),
        { after: 0, mispIsDown: false },
      ],
    },
  ],
  [
    "a publication is refused, MISP lifts the label of an attribute, and it is published again while somebody is still owed it",
    {
      asking: "never",
      first: { soc: 1, desk: 0, route: 1 },
      steps: [
        part({ part: "2", spread: "organisation", bad: true }),
        part({ marks: { ...UNMARKED, label: "red" } }),
        { after: 0, mood: "refusing", of: "soc" },
        publish(),
        part({ bad: true }),
        publish(),
        does({ do: "publish", isFresh: false }, 400),
        { after: 0, mood: "up", of: "soc" },
      ],
    },
  ],
  [
    "what came of an event that is deleted is not told once it was made anew",
    {
      asking: "keyless",
      shares: true,
      steps: [
        publish(),
        does({ do: "delete" }),
        ofB(does({ do: "object", spread: "inherit" })),
        does({ do: "create" }),
      ],
    },
  ],
  [
    "an event is made anew, and that the former was deleted is lost",
    {
      asking: "keyless",
      steps: [
        publish(),
        edit("organisation", { label: "none" }),
        lost(does({ do: "delete" })),
        does({ do: "mark", mark: { papRed: true }, part: "1" }),
        part({}, 2),
        does({ do: "create" }),
      ],
    },
  ],
  [
    "an event that was confirmed is made anew, and its draft is pushed",
    {
      asking: "tell",
      steps: [
        publish(),
        does({ do: "mark", mark: { label: "clear", isHidden: false } }, 1),
        does({ do: "delete" }),
        wait(0),
        does({ do: "create" }),
        does({ do: "push" }),
      ],
    },
  ],
  [
    "what was published for one group is for another when MISP is asked",
    {
      asking: "hold",
      steps: [
        edit("strangers", { label: "none" }),
        publish(),
        { after: 0, mispIsDown: true },
        { after: 0, reload: { soc: 0, desk: 1, route: 0 } },
        skewed(200, edit("community", { label: "none" })),
        part({}),
        part({}),
        skewed(-100_000, edit("members", { label: "none" })),
        publish(30),
      ],
    },
  ],
  [
    "a publication that waits says a label again, and in the same second a frame about the part has none",
    {
      asking: "hold",
      steps: [
        part({ part: "3", marks: { ...UNMARKED, label: "red" } }),
        publish(),
        publish(1),
        part({ part: "3" }, 0, true),
        late(does({ do: "delete" })),
        part({}),
        { after: 30, mood: "up", of: "soc" },
        does({ do: "mark", mark: { label: "clear", isHidden: false } }),
      ],
    },
  ],
  [
    "a label that only MISP shows is older than a frame that lists all, of the second of a publication that lacks it",
    {
      asking: "hold",
      steps: [
        part({}),
        edit("community", { label: "none" }, 2),
        part({ marks: { ...UNMARKED, hidden: "red" } }, 1),
        publish(2),
        part({}, 0, true),
        { after: 0, reload: { soc: 1, desk: 0, route: 0 } },
        { after: 0, mood: "up", of: "soc" },
        publish(),
        { after: 0, restart: 0 },
      ],
    },
  ],
  [
    "what is named as gone asks for secrecy",
    {
      steps: [
        part({ marks: { ...UNMARKED, secret: true } }),
        publish(),
        wait(60),
        does({ do: "deletePart", part: "1" }),
        publish(),
      ],
    },
  ],
  [
    "a publication that is confirmed is older than an edit",
    { steps: [publish(0, "late"), edit("organisation", undefined, 30), wait(0), wait(0)] },
  ],
  [
    "it is down for longer than MISP has to confirm: MISP is asked all the same",
    { asking: "tell", steps: [does({ do: "push" }), { after: 0, restart: 60 }, wait(60)] },
  ],
  [
    "MISP says once that it is narrower, and then nothing",
    {
      asking: "tell",
      steps: [publish(), edit("members", undefined, 0, "late"), { after: 1, mispIsDown: true }, wait(400)],
    },
  ],
  [
    "what tells of a deleted part is about an event that is deleted",
    {
      first: { soc: 0, desk: 2, route: 0 },
      steps: [part({}), wait(400), does({ do: "deletePart", part: "1" }), does({ do: "delete" })],
    },
  ],
  [
    "MISP tells of a label that publications leave out, and an older one comes late",
    { steps: [part({}), publish(0, "late"), part({ marks: { ...UNMARKED, hidden: "red" } }, 1), wait(400), wait(0)] },
  ],
  [
    "an event is made anew under its UUID, and what was told of the former one is not in it",
    {
      asking: "keyless",
      first: { soc: 0, desk: 0, route: 0 },
      steps: [
        part({}),
        publish(),
        publish(30),
        does({ do: "delete" }),
        { after: 0, restart: 0 },
        does({ do: "create" }),
        publish(30),
      ],
    },
  ],
];

test.each(HISTORIES)("%s", async (_, { steps, ...rest }) => {
  await using shelf = SHELVES.memory();
  const first = { soc: 0, desk: 0, route: 0 };
  await using play = await Play.open({ asking: "hold", shares: false, first, ...rest, steps }, shelf);
  for (const step of steps) {
    await play.step(step);
  }
  await play.end();
  expect(play.records.length).toBeGreaterThan(0);
});
