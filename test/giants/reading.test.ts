import { describe, expect, it } from "vitest";
import { openLog } from "../../src/base/log.ts";
import { type FrameReading, readTurn } from "../../src/giants/reading.ts";
import type { Frame } from "../../src/model/frame.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { WatchTable } from "../../src/routing/watch.ts";
import { TableBuilder } from "../../src/watching/table.ts";
import { T0 } from "../support/messages.ts";
import { frameOf, sample } from "../topics/frames.ts";

const LIMITER = { say() {}, close() {} } as unknown as FrameReading["incomplete"];
const READING: FrameReading = {
  log: openLog("error", { write: () => {} }),
  accounts: new Map(),
  incomplete: LIMITER,
  unreadable: LIMITER,
};
const EXPRESSIONS = ["/evil[0-9]+x*y$/", "/(foo|bar)+baz/", "/z{3,}[a-f]+q/"];
const { Event: EVENT } = sample("misp_json--publish-first-time").payload as { readonly Event: Record<string, unknown> };

function rulesOf(...matches: readonly object[]) {
  const kinds = ["event.published", "attribute.*"];
  const routes = matches.map((match, n) => RouteOptions.parse({ name: `r${n}`, kinds, match, notify: "soc" }));
  return { routes: compileRoutes(routes) };
}

/** A publication of so many attributes, each with so long a value. */
function publication(count: number, length: number): Frame {
  const Attribute = Array.from({ length: count }, (_, n) => ({
    ...{ id: String(n + 1), uuid: `00000000-0000-4000-8000-${String(n + 1).padStart(12, "0")}`, type: "text" },
    ...{ category: "Other", to_ids: false, distribution: "5", comment: "", timestamp: EVENT.timestamp },
    value: "x".repeat(length),
  }));
  return frameOf("misp_json", { Event: { ...EVENT, Attribute, Object: [] } }, T0);
}

const turn = (frames: readonly Frame[], rules: ReturnType<typeof rulesOf>) => {
  const { count, read, away } = readTurn(frames, READING, rules);
  return { count, read: read.length, away: away && frames.findIndex(({ topic }) => topic === away.topic) >= 0 };
};

describe("readTurn()", () => {
  const asking = rulesOf({ attribute: { value: EXPRESSIONS } });

  it("leaves to another thread what has more text than expressions may be asked of in a turn, and what is behind it to the next", () => {
    const frames = [publication(2, 100), publication(15, 59_500), publication(2, 100)];
    expect(turn(frames, asking)).toEqual({ count: 2, read: 1, away: true });
    expect(turn(frames.slice(2), asking)).toEqual({ count: 1, read: 1, away: undefined });
  });

  it("ends a turn in which expressions are asked of enough, however many frames there are", () => {
    const frames = Array.from({ length: 20 }, () => publication(1, 40_000));
    expect(turn(frames, asking)).toEqual({ count: 5, read: 5, away: undefined });
    const twice = rulesOf({ attribute: { value: EXPRESSIONS } }, { attribute: { any: [{ comment: EXPRESSIONS }] } });
    expect(turn(frames, twice).count).toBe(3);
  });

  it.each([
    ["there is none", rulesOf({ attribute: { value: "*.example" } }, { org: "ACME" })],
    ["those are about its event", rulesOf({ info: EXPRESSIONS })],
  ])("reads all at once where no expression is asked of attributes: %s", (_, rules) => {
    const frames = Array.from({ length: 20 }, () => publication(15, 59_500));
    expect(turn(frames, rules)).toEqual({ count: 20, read: 20, away: undefined });
  });

  it("counts the expressions of watch lists, where rules ask of them", () => {
    const lists = new TableBuilder();
    lists.add("bad.json", JSON.stringify({ type: "regex", list: EXPRESSIONS }), "bad.json");
    const watch = new WatchTable(lists.build());
    const [asks, asksNot] = [{ attribute: { value: { list: "bad.json" } } }, { attribute: { value: "*.example" } }].map(
      (match) => ({
        routes: compileRoutes([RouteOptions.parse({ name: "r", match, notify: "soc" })], watch),
      }),
    );
    const frames = [publication(15, 59_500), publication(2, 100)];
    expect(asks && turn(frames, asks)).toEqual({ count: 1, read: 0, away: true });
    expect(asksNot && turn(frames, asksNot)).toEqual({ count: 2, read: 2, away: undefined });
  });

  it("leaves a giant to another thread unread, with bytes of its own", () => {
    const giant = { ...publication(1, 10), giant: { done() {}, refused() {} } };
    expect(readTurn([giant], READING, asking).away).toBe(giant);
    const heavy = publication(15, 59_500);
    const page = new Uint8Array(heavy.payload.byteLength + 10);
    page.set(heavy.payload, 10);
    const { away } = readTurn([{ ...heavy, payload: page.subarray(10) }], READING, asking);
    expect(away?.payload).toEqual(heavy.payload);
    expect(away?.payload.buffer).not.toBe(page.buffer);
  });
});
