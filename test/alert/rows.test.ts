import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Row } from "../../src/alert/row.ts";
import { formatParts, listRows, type RowListing } from "../../src/alert/rows.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Entry } from "../../src/model/payload.ts";
import { AMBER, EVENT, entry, guarded, item, payload } from "../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };

function listing(told: Entry, show: number | "matched" = 20): RowListing {
  const [listed] = listRows(payload([told], { show }), STYLE);
  if (!listed) {
    throw new Error("An entry has a listing");
  }
  return listed;
}

const lines = ({ rows }: RowListing) => rows.map((row: Row) => [row.value, row.type, formatParts(row), ...row.notes]);
const part = (relation: string, value: string, fields: Partial<Item> = {}) =>
  item({ type: relation, relation, value, objectKey: "o1", toIds: false, ...fields });
const object = (name: string, comment?: string) => [{ key: "o1", name, reach: [], ...(comment && { comment }) }];

describe("an object", () => {
  it("is one entry: name, hashes, size as people read it, comment once", () => {
    const items = [
      part("size-in-bytes", "214016"),
      part("md5", "d41d8", { comment: "second stage" }),
      part("sha256", "9f86d", { toIds: true, comment: "second stage" }),
      part("filename", "invoice.pdf.exe"),
    ];
    const told = entry(guarded({ event: EVENT, items, objects: object("file", "second stage") }));
    const all = listing(told);
    expect(lines(all)).toEqual([["invoice.pdf.exe", "file", "sha256 9f86d, md5 d41d8, size 214 kB", "second stage"]]);
    expect(all.rows[0]).toMatchObject({ toIds: true, attributes: 4 });
    expect(all.more).toBe(0);
  });

  it.each([
    [
      "network-connection",
      [part("ip-src", "10.0.0.5"), part("ip-dst", "203.0.113.7"), part("dst-port", "443"), part("protocol", "tcp")],
      "10[.]0[.]0[.]5 → 203[.]0[.]113[.]7:443 over tcp",
    ],
    ["domain-ip", [part("ip", "203.0.113.7"), part("domain", "bad.example")], "bad[.]example → 203[.]0[.]113[.]7"],
    ["ip-port", [part("ip", "203.0.113.7"), part("dst-port", "8443")], "203[.]0[.]113[.]7:8443"],
  ])("%s is one line", (name, items, expected) => {
    const typed = items.map((one) => ({ ...one, type: /ip/.test(one.relation ?? "") ? "ip-dst" : (one.type ?? "") }));
    expect(listing(entry(guarded({ event: EVENT, items: typed, objects: object(name) }))).rows[0]?.value).toBe(
      expected,
    );
  });
});

describe("of many attributes", () => {
  const domains = Array.from({ length: 40 }, (_, i) => item({ type: "domain", value: `d${i}` }));

  it("a few of each type are listed, as many as there is room for, and the rest is counted by type", () => {
    const items = [...domains, ...Array.from({ length: 9 }, (_, i) => item({ type: "sha256", value: `s${i}` }))];
    const { rows, more, moreTypes } = listing(entry(guarded({ event: EVENT, items })), 10);
    expect(rows.map(({ type }) => type)).toEqual([...Array(5).fill("domain"), ...Array(5).fill("sha256")]);
    expect(more).toBe(39);
    expect(moreTypes).toEqual([
      { type: "domain", n: 35 },
      { type: "sha256", n: 4 },
    ]);
    const single = listing(
      entry(guarded({ event: EVENT, items: [...domains, item({ type: "sha256", value: "s" })] })),
      10,
    );
    expect(single.rows.map(({ type }) => type)).toEqual([...Array(9).fill("domain"), "sha256"]);
  });

  it("all that a route asked for is listed before any of that", () => {
    const items = [...domains.map((one) => ({ ...one, matched: true })), item({ type: "sha256", value: "s" })];
    expect(listing(entry(guarded({ event: EVENT, items })), 10).rows.map(({ type }) => type)).toEqual(
      Array(10).fill("domain"),
    );
  });

  it("none is listed where the readers want none", () => {
    expect(listing(entry(guarded({ event: EVENT, items: domains })), 0)).toMatchObject({ rows: [], more: 40 });
  });

  it("an update lists what is new, and counts what was told before", () => {
    const items = domains.map((one, i) => ({ ...one, news: i < 3 ? ("added" as const) : ("unchanged" as const) }));
    const compared = { toldAt: 0, added: 3, changed: 0, removed: 0, unchanged: 37 };
    const told = entry(guarded({ event: EVENT, items }), { since: 1, compared });
    const { rows, more, toldBefore } = listing(told);
    expect([rows.map(({ value }) => value), more, toldBefore]).toEqual([["d0", "d1", "d2"], 0, 37]);
  });
});

describe("whatever is in an event", () => {
  const things = fc.array(
    fc.record({
      type: fc.constantFrom("domain", "sha256", "text", "link", "comment", "filename"),
      toIds: fc.boolean(),
      matched: fc.boolean(),
      objectKey: fc.option(fc.constantFrom("o1", "o2"), { nil: undefined }),
      withdrawn: fc.option(fc.constantFrom("deleted", "removed"), { nil: undefined }),
      news: fc.constantFrom("added", "changed", "unchanged"),
    }),
    { maxLength: 40 },
  );

  it("what is listed, said, told before and counted is all of it, and nothing withdrawn is listed", () => {
    fc.assert(
      fc.property(
        things,
        fc.nat(30),
        fc.boolean(),
        fc.oneof(fc.nat(30), fc.constant("matched" as const)),
        (parts, unlisted, isUpdate, show) => {
          const items = parts.map(
            ({ objectKey, withdrawn, ...rest }, i): Item =>
              item({
                ...rest,
                value: `${withdrawn ? "gone" : "live"}${i}`,
                uuid: `u${i}`,
                ...(objectKey && { objectKey }),
                ...(withdrawn && { withdrawn }),
              }),
          );
          const count = ({ type = "", toIds = false, withdrawn }: Item) => ({
            ...{ type, toIds, marking: AMBER, reach: [], n: 1 },
            ...(withdrawn && { withdrawn }),
          });
          const live = items.filter(({ withdrawn }) => !withdrawn);
          const of = (news: Item["news"]) => live.filter((one) => one.news === news).length;
          const more = unlisted > 0 ? [{ type: "url", toIds: false, marking: AMBER, reach: [], n: unlisted }] : [];
          const compared = {
            toldAt: 0,
            added: of("added"),
            changed: of("changed"),
            removed: 0,
            unchanged: of("unchanged") + unlisted,
          };
          const told = entry(guarded({ event: EVENT, items, counts: [...items.map(count), ...more] }), {
            ...(isUpdate && { since: 1, compared }),
          });
          const all = listing(told, show);
          const listed = all.rows.reduce((sum, { attributes }) => sum + attributes, 0);
          const quoted = live.filter(
            (one, i) =>
              !one.toIds &&
              !one.matched &&
              one.objectKey === undefined &&
              (!isUpdate || one.news !== "unchanged") &&
              [["text", "comment"], ["link"]].some(
                (types) =>
                  types.includes(one.type ?? "") &&
                  live.findIndex(
                    (other) =>
                      types.includes(other.type ?? "") &&
                      !other.toIds &&
                      !other.matched &&
                      other.objectKey === undefined &&
                      (!isUpdate || other.news !== "unchanged"),
                  ) === i,
              ),
          ).length;
          expect(listed + quoted + all.more + all.toldBefore).toBe(live.length + unlisted);
          expect(JSON.stringify(all.rows)).not.toContain("gone");
          expect(JSON.stringify(all.removed)).not.toContain("live");
        },
      ),
      { numRuns: 150 },
    );
  });
});
