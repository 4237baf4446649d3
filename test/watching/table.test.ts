import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { AttributeFacts } from "../../src/model/message.ts";
import { WatchTable } from "../../src/routing/watch.ts";
import { TableBuilder } from "../../src/watching/table.ts";

function tableOf(lists: Readonly<Record<string, string>>): WatchTable {
  const builder = new TableBuilder();
  for (const [name, text] of Object.entries(lists)) {
    builder.add(name, text, `/lists/${name}`);
  }
  return new WatchTable(builder.build());
}

function attribute(value: string, type = "text"): AttributeFacts {
  const parts = type.includes("|") ? [value, ...value.split("|")] : [value];
  return { type: { values: [type], complete: true }, value: { values: parts, complete: true } };
}

const hit = (table: WatchTable, value: string, type?: string) =>
  table.hits(attribute(value, type)).map(({ list, label }) => `${list}: ${label}`);

const OURS = `# our networks
192.0.2.0/24\tministry-a
192.0.2.128/25\tministry-a-vpn
2001:db8::/32 # all of IPv6

*.bank.example\tbank
bücher.example
https://phish.example/login?a=1#top
D41D8CD98F00B204E9800998ECF8427E\tempty file
; another comment
Project Nightfall
setup.exe\r
`;

it("gives each entry its own label, and goes to another thread without a copy", () => {
  const builder = new TableBuilder();
  builder.add("ours.txt", Array.from({ length: 2_000 }, (_, n) => `w${n}.example\tticket-${n}`).join("\n"), "ours.txt");
  const { slots, hashes, ends, owners, tags, units, labelEnds, labelUnits, ...copied } = builder.build();
  const inMemory = [slots, hashes, ends, owners, tags, units, labelEnds, labelUnits];
  expect(inMemory.every(({ buffer }) => buffer instanceof SharedArrayBuffer)).toBe(true);
  expect(JSON.stringify(copied).length).toBeLessThan(200);
  const table = new WatchTable(structuredClone(builder.build()));
  expect(["w0.example", "a.w1234.example", "w1999.example", "w2000.example"].map((value) => hit(table, value))).toEqual(
    [["ours.txt: ticket-0"], ["ours.txt: ticket-1234"], ["ours.txt: ticket-1999"], []],
  );
});

describe("a list of lines", () => {
  const table = tableOf({ "ours.txt": OURS });

  it.each([
    ["192.0.2.1", "ip-src", ["ours.txt: ministry-a"]],
    ["192.0.2.200|443", "ip-dst|port", ["ours.txt: ministry-a", "ours.txt: ministry-a-vpn"]],
    ["2001:db8:1::1", "ip-src", ["ours.txt: ours"]],
    ["http://www.bank.example:80/x", "url", ["ours.txt: bank"]],
    ["ceo@xn--bcher-kva.example", "email-src", ["ours.txt: ours"]],
    ["https://phish.example/login?a=1#top", "url", ["ours.txt: ours"]],
    ["d41d8cd98f00b204e9800998ecf8427e", "md5", ["ours.txt: empty file"]],
    ["invoice.pdf|d41d8cd98f00b204e9800998ecf8427e", "filename|md5", ["ours.txt: empty file"]],
    ["PROJECT NIGHTFALL", "text", ["ours.txt: ours"]],
    ["SETUP.exe", "filename", ["ours.txt: ours"]],
    ["notbank.example", "domain", []],
    ["192.0.3.1", "ip-src", []],
    ["", "text", []],
  ])("is hit by %s as %s: %j", (value, type, expected) => {
    expect(hit(table, value, type).sort()).toEqual([...expected].sort());
  });
});

it("takes the first column of CSV, or the second where the first is a rank", () => {
  const table = tableOf({
    "top.csv": '1,"popular.example",x\n2,other.example\n',
    "ours.csv": "a.example,Ministry, B\n",
  });
  expect(hit(table, "www.popular.example")).toEqual(["top.csv: top"]);
  expect(hit(table, "a.example")).toEqual(["ours.csv: ours"]);
  expect(hit(table, "1")).toEqual([]);
});

describe("a warning list of MISP", () => {
  const json = (fields: object) => JSON.stringify({ name: "Known resolvers", version: 3, ...fields });
  it.each<[string, object, string, string, boolean]>([
    ["cidr", { type: "cidr", list: ["192.0.2.0/24"] }, "192.0.2.9", "ip-src", true],
    ["hostname", { type: "hostname", list: ["example.org"] }, "a.example.org", "hostname", true],
    ["string", { type: "string", list: ["8.8.8.8"] }, "8.8.8.8", "ip-dst", true],
    ["substring", { type: "substring", list: ["microsoft.com/"] }, "http://microsoft.com/x", "url", true],
    ["regex", { type: "regex", list: ["/^a+$/i"] }, "AAA", "text", true],
    ["of other types", { type: "string", list: ["x"], matching_attributes: ["md5"] }, "x", "text", false],
    ["of these types", { type: "string", list: ["x"], matching_attributes: ["text"] }, "x", "text", true],
    [
      "by REST",
      { type: "string", WarninglistEntry: [{ value: "x" }], WarninglistType: [{ type: "ALL" }] },
      "x",
      "md5",
      true,
    ],
  ])("of %s is read", (_, fields, value, type, expected) => {
    const table = tableOf({ "list.json": json(fields) });
    expect(hit(table, value, type)).toEqual(expected ? ["list.json: Known resolvers"] : []);
  });

  it.each<[string, string, string, string]>([
    ["cidr", "23.55.130.7", "ip-dst", "192.0.2.1"],
    ["hostname", "shop.bmw.de", "domain", "example.org"],
    ["string", "captive.apple.com", "domain", "example.org"],
    ["substring", "https://www.virustotal.com/x", "url", "https://example.org/"],
    ["regex", "abuse@example.org", "email-src", "ceo@example.org"],
  ])("of %s is read as it is downloaded", (type, known, of, other) => {
    const text = readFileSync(new URL(`../fixtures/warninglists/${type}.json`, import.meta.url), "utf8");
    const builder = new TableBuilder();
    const { entries, invalidCount } = builder.add("list.json", text, "list.json");
    expect([entries, invalidCount]).toEqual([JSON.parse(text).list.length, 0]);
    const table = new WatchTable(builder.build());
    expect(hit(table, known, of)).toEqual([`list.json: ${JSON.parse(text).name.slice(0, 64)}`]);
    expect([...hit(table, other, of), ...hit(table, known, "mutex")]).toEqual([]);
  });

  it("is refused where it is none", () => {
    expect(() => tableOf({ "list.json": "[" })).toThrow(SyntaxError);
    expect(() => tableOf({ "list.json": "{}" })).toThrow("no list");
  });
});

it("names the line of what cannot be used, and uses the rest", () => {
  const builder = new TableBuilder();
  const text = `192.0.2.0/33\na.example\n300.1.1.1\n.\n\tlabel\nx\t${"y".repeat(65)}\n`;
  const { entries, invalid, invalidCount } = builder.add("a", text, "/a.txt");
  expect(entries).toBe(1);
  expect(invalidCount).toBe(5);
  expect(invalid.map(({ line }) => line)).toEqual([1, 3, 4, 5, 6]);
});

it("names the entry of a warning list that cannot be used", () => {
  const list = ["^a", "(", 3];
  const { invalid } = new TableBuilder().add("a", JSON.stringify({ type: "regex", list }), "/a.json");
  expect(invalid.map(({ line, reason }) => [line, reason.split(" ", 3).join(" ")]).sort()).toEqual([
    [2, "is no regular"],
    [3, "is no text,"],
  ]);
});

test("whatever the entries, a table finds what a plain look through them finds", () => {
  const byte = fc.integer({ min: 0, max: 3 });
  const address = fc.tuple(byte, byte).map(([a, b]) => `10.0.${a}.${b}`);
  const name = fc
    .array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 })
    .map((labels) => `${labels.join(".")}.test`);
  const entry = fc.oneof(
    fc.tuple(address, fc.integer({ min: 20, max: 32 })).map(([text, bits]) => `${text}/${bits}`),
    name,
    fc.constantFrom("x y", "deadbeef"),
  );
  const label = fc.constantFrom("", "\tone", "\ttwo");
  const list = fc.array(fc.tuple(entry, label), { maxLength: 12 });
  const value = fc.oneof(address, name, fc.constantFrom("x y", "DEADBEEF", "http://a.b.test/", "other"));
  const number = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const isHit = (line: string, text: string): boolean => {
    const [network = "", bits] = line.split("/");
    if (bits !== undefined) {
      return /^\d/.test(text) && number(network) >> (32 - Number(bits)) === number(text) >> (32 - Number(bits));
    }
    const host = text.replace(/^http:\/\/(.*)\/$/, "$1");
    return text.toLowerCase() === line || (line.endsWith(".test") && (host === line || host.endsWith(`.${line}`)));
  };
  fc.assert(
    fc.property(fc.array(list, { maxLength: 3 }), value, (lists, text) => {
      const files = Object.fromEntries(
        lists.map((entries, at) => [`l${at}`, entries.map((one) => one.join("")).join("\n")]),
      );
      const expected = lists.flatMap((entries, at) =>
        entries.flatMap(([line, own]) => (isHit(line, text) ? `l${at}: ${own.trim() || `l${at}`}` : [])),
      );
      expect(hit(tableOf(files), text).sort()).toEqual([...new Set(expected)].sort());
    }),
    { numRuns: 300 },
  );
});
