import { describe, expect, it } from "vitest";
import { openNoted } from "../../src/delivery/flood-note.ts";
import type { Batch, BatchId } from "../../src/model/outbox.ts";
import type { FloodNote } from "../../src/model/pacing.ts";
import { Planner } from "../planning/planner.ts";
import { MINUTE, publication, T0, tags, uuidOf } from "../support/messages.ts";

const NOTE: FloodNote = {
  ...{ class: "rest", reason: "burst", since: T0, over: 20, withinMs: 5 * MINUTE, everyMs: 10 * MINUTE },
  ...{ begins: true, ends: false, nextAt: T0 + 11 * MINUTE },
};

/** A batch of so many events, the first of them grave, as a digest of a flood. */
async function opened(note: FloodNote, events = 3) {
  const planner = new Planner({ routes: [{ name: "all", notify: "soc", group: { by: [] } }] });
  for (let n = 0; n < events; n += 1) {
    const level = n === 1 ? "high" : "low";
    const event = { id: String(n), uuid: uuidOf(String(n)), threatLevel: level, tags: tags("tlp:green") } as const;
    await planner.plan(publication({ event: { ...event, info: `http://evil.example/${n}` } }));
  }
  const taken = await planner.take("soc");
  const batch: Batch = taken ?? {
    ...{ id: "b".repeat(32) as BatchId, destination: "soc", attempts: 0, firstAttemptAt: T0, show: 20, entries: [] },
  };
  const settings = planner.rules.destinations.get("soc");
  if (!settings) {
    throw new Error("no destination");
  }
  const sending = {
    guard: settings.guard,
    routes: planner.rules.routes,
    links: new Map([["cert", new URL("https://misp.example.org/m")]]),
  };
  return openNoted({ ...batch, note: { collects: "flood", flood: note } }, sending, T0);
}

describe("openNoted()", () => {
  it("puts why and how many before a flood's digest, and changes nothing else in it", async () => {
    const { payload, leaving } = await opened(NOTE);
    const [note, ...rest] = payload?.entries ?? [];
    expect(leaving).toHaveLength(3);
    expect(rest.map(({ guarded }) => guarded.alert.event?.threatLevel)).toEqual(["high", "low", "low"]);
    expect(payload).toMatchObject({ tlp: "green", priority: "normal" });
    expect(note?.custom?.title).toBe("Flood: 3 alerts, the gravest is http://evil.example/1");
    expect(note?.link?.href).toBe("https://misp.example.org/m/events/index");
    const lines = new Map((note?.guarded.alert.lines ?? []).map(({ label, text }) => [label, text]));
    expect(lines.get("Why")).toBe("more than 20 alerts came within 5 min");
    expect(lines.get("Organisations")).toBe("CIRCL 3");
    expect(lines.get("Tags")).toBe("tlp:green 3");
    expect(lines.get("Next")).toContain("10 min");
    expect(lines.get("What helps")).toContain("max_age");
  });

  it("says that a flood is over, also where nothing is left to tell", async () => {
    const { nextAt: _, ...over } = { ...NOTE, begins: false, ends: true };
    expect((await opened(over)).payload?.entries[0]?.custom?.title).toMatch(/^The flood is over: 3 alerts, /);
    const { payload } = await opened(over, 0);
    expect(payload?.entries.map(({ custom }) => custom?.title)).toEqual(["The flood is over"]);
  });

  it("says nothing of a flood of which nobody was told, nor twice that nothing came", async () => {
    const { nextAt: _, ...both } = { ...NOTE, ends: true };
    expect((await opened(both, 0)).payload).toBeUndefined();
    expect((await opened({ ...NOTE, begins: false }, 0)).payload).toBeUndefined();
  });

  it("names the urgent ones as such, and the organisation that a flood is of", async () => {
    const linesOf = async (note: FloodNote) =>
      JSON.stringify((await opened(note)).payload?.entries[0]?.guarded.alert.lines);
    expect(await linesOf({ ...NOTE, class: "high", everyMs: MINUTE })).toContain("these urgent ones");
    expect(await linesOf({ ...NOTE, class: "cause:NORTH-CERT", reason: "hour" })).toMatch(
      /more than 60 alerts came within an hour about events of NORTH-CERT/,
    );
  });
});
