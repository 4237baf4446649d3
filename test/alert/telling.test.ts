import { describe, expect, it } from "vitest";
import { DIGEST_ROWS, MAX_DIGEST } from "../../src/alert/digest.ts";
import { describeUnlisted, tellAll } from "../../src/alert/telling.ts";
import type { Payload } from "../../src/model/payload.ts";
import { EVENT, entry, guarded, item, metadata, payload, pointer } from "../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };
const items = Array.from({ length: 34 }, (_, i) => item({ type: "domain", value: `d${i}`, uuid: `u${i}` }));
const big = () => entry(guarded({ event: EVENT, items }));
const rowsOf = (told: Payload) => tellAll(told, STYLE).reduce((sum, { listing }) => sum + listing.rows.length, 0);

describe("what is not listed is counted by what is", () => {
  it("alone, by what the route shows", () => {
    const told = payload([big()]);
    expect(rowsOf(told)).toBe(20);
    expect(describeUnlisted(told, STYLE)).toEqual(["14 attributes of 34 not listed (show: 20)"]);
  });

  it("in a digest, which lists few", () => {
    const told = payload([big(), metadata(), pointer()]);
    expect(rowsOf(told)).toBe(DIGEST_ROWS);
    expect(describeUnlisted(told, STYLE)).toEqual([
      "31 attributes of 34 not listed (show: 20, and a digest lists few)",
    ]);
  });

  it("in a digest that lists none, since there are too many", () => {
    const told = payload(Array.from({ length: 6 }, big), { show: 200 });
    expect(rowsOf(told)).toBe(0);
    expect(describeUnlisted(told, STYLE)).toEqual([
      "204 attributes of 204 not listed (show: 200, and a digest lists few)",
    ]);
  });

  it("in a digest, behind the last that is told in some words", () => {
    const told = payload(Array.from({ length: MAX_DIGEST + 2 }, big), { show: "matched" });
    const asked = { ...told, entries: told.entries.map((one) => withAsked(one)) };
    expect(rowsOf(asked)).toBe(MAX_DIGEST * DIGEST_ROWS);
    expect(tellAll(asked, STYLE).at(-1)?.listing.rows).toEqual([]);
  });

  it("not where a template's words stand in place of any list", () => {
    expect(describeUnlisted(payload([{ ...big(), custom: { body: "Look at it" } }]), STYLE)).toEqual([]);
  });
});

function withAsked(told: Payload["entries"][number]) {
  return entry(guarded({ ...told.guarded.alert, items: items.map((one) => ({ ...one, matched: true })) }));
}
