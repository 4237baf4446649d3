import { describe, expect, it } from "vitest";
import { formatChange, formatTypes } from "../../src/alert/change.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Entry } from "../../src/model/payload.ts";
import type { Comparison } from "../../src/model/told.ts";
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

const compared = (fields: Partial<Comparison>): Entry => ({
  ...told([stale]),
  compared: { toldAt: TOLD_AT, added: 0, changed: 0, removed: 0, unchanged: 0, ...fields },
});
const fresh = (type: string) => item({ type, changedAt: TOLD_AT + 1 });
const stale = item({ changedAt: TOLD_AT });

describe("formatChange()", () => {
  it.each([
    [
      "what is newer by its time, and that there may be more",
      told([fresh("url"), stale]),
      "At least 1 attribute (1 url) new or changed since the last alert",
    ],
    [
      "many, by their types",
      told([fresh("ip-dst"), fresh("url"), fresh("url"), fresh("md5"), fresh("sha1"), stale]),
      "At least 5 attributes (2 url, 1 ip-dst, 1 md5, 1 of other types) new or changed since the last alert",
    ],
    [
      "objects, too",
      told([fresh("url")], { objects: [TOLD_AT, TOLD_AT + 5, TOLD_AT + 6] }),
      "At least 1 attribute (1 url) and 2 objects new or changed since the last alert",
    ],
    [
      "only what may be seen",
      told([fresh("url")], { withheld: 3 }),
      "At least 1 attribute (1 url) new or changed since the last alert, apart from what is withheld",
    ],
    ["that it is not known", told([stale]), "What changed since the last alert is not known"],
    [
      "what was compared",
      compared({ added: 12, changed: 2, removed: 1, unchanged: 13 }),
      "12 new, 2 changed, 1 withdrawn since 2026-11-20 00:00 UTC; 13 told before unchanged",
    ],
    [
      "that nothing is new, only where that was compared",
      compared({ unchanged: 3 }),
      "No attribute is new, changed or withdrawn since 2026-11-20 00:00 UTC",
    ],
    ["nothing where nothing was told before", entry(guarded({ items: [fresh("url")] })), undefined],
    ["nothing of metadata", entry(guarded({ event: EVENT }, { form: "metadata" }), { since: TOLD_AT }), undefined],
  ])("tells %s", (_, of, expected) => {
    expect(formatChange(of, STYLE)).toBe(expected);
  });

  it("makes types inert", () => {
    expect(formatTypes([{ type: "https://evil.example/\u202E", n: 1 }], 3, STYLE)).toBe("1 hxxps://evil[.]example/");
  });
});
