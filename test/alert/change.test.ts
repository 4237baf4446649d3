import { describe, expect, it } from "vitest";
import { formatChange, formatTypes } from "../../src/alert/change.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Entry } from "../../src/model/payload.ts";
import { EVENT, entry, guarded, item } from "../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };
const TOLD_AT = Date.UTC(2026, 10, 20);

function told(
  items: readonly Item[],
  rest: { hidden?: number; withheld?: number; objects?: readonly number[] } = {},
): Entry {
  const { hidden = 0, withheld = 0, objects = [] } = rest;
  const alert = {
    event: EVENT,
    items,
    counts: [{ ...item(), type: "url", toIds: true, n: items.length + hidden }],
    objects: objects.map((changedAt, index) => ({ key: `o${index}`, changedAt, reach: [] })),
  };
  return entry(guarded(alert, { withheld }), { since: TOLD_AT });
}

const fresh = (type: string) => item({ type, changedAt: TOLD_AT + 1 });
const stale = item({ changedAt: TOLD_AT });

describe("formatChange()", () => {
  it.each([
    ["one", told([fresh("url"), stale]), "1 attribute (1 url) new or changed since the last alert"],
    [
      "many, by their types",
      told([fresh("ip-dst"), fresh("url"), fresh("url"), fresh("md5"), fresh("sha1"), stale]),
      "5 attributes (2 url, 1 ip-dst, 1 md5, 1 of other types) new or changed since the last alert",
    ],
    [
      "objects, too",
      told([fresh("url")], { objects: [TOLD_AT, TOLD_AT + 5, TOLD_AT + 6] }),
      "1 attribute (1 url) and 2 objects new or changed since the last alert",
    ],
    [
      "at least so many where the list is cut",
      told([fresh("url")], { hidden: 500 }),
      "At least 1 attribute (1 url) new or changed since the last alert",
    ],
    [
      "at least so many where an attribute does not tell its time",
      told([fresh("url"), item()]),
      "At least 1 attribute (1 url) new or changed since the last alert",
    ],
    [
      "only what may be seen",
      told([fresh("url")], { withheld: 3 }),
      "1 attribute (1 url) new or changed since the last alert, apart from what is withheld",
    ],
    ["none", told([stale]), "No attribute is new or changed since the last alert"],
    ["nothing where the list is cut and none in it is new", told([stale], { hidden: 9 }), undefined],
    ["nothing where nothing was told before", entry(guarded({ items: [fresh("url")] })), undefined],
    ["nothing of metadata", entry(guarded({ event: EVENT }, { form: "metadata" }), { since: TOLD_AT }), undefined],
  ])("tells %s", (_, of, expected) => {
    expect(formatChange(of, STYLE)).toBe(expected);
  });

  it("makes types inert", () => {
    expect(formatTypes([{ type: "https://evil.example/\u202E", n: 1 }], 3, STYLE)).toBe("1 hxxps://evil[.]example/");
  });
});
