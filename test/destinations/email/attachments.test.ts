import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAttachments, formatCell, MAX_ATTACHMENT_BYTES } from "../../../src/destinations/email/attachments.ts";
import { formatContent } from "../../../src/destinations/email/format.ts";
import {
  AMBER,
  EVENT,
  entry,
  guarded,
  HOSTILE,
  item,
  metadata,
  payload,
  pointer,
  publication,
} from "../../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };

/** Cells as a program reads them that separates by `separator` and knows quotes at the begin of a cell only. */
function cells(csv: string, separator: "," | ";"): readonly string[] {
  const found: string[] = [];
  let rest = csv;
  while (rest !== "") {
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
    const plain = rest.slice(quoted?.[0].length ?? 0);
    const end = plain.search(separator === "," ? /,|\r\n/ : /;|\r\n/);
    const tail = end < 0 ? plain : plain.slice(0, end);
    found.push(`${quoted?.[1]?.replaceAll('""', '"') ?? ""}${tail}`);
    rest = end < 0 ? "" : plain.slice(end).replace(/^(,|;|\r\n)/, "");
  }
  return found;
}

describe("formatAttachments()", () => {
  it("lists every attribute that may be told, also those that the mail does not list", () => {
    const items = Array.from({ length: 300 }, (_, i) => item({ value: `https://bad.example/${i}` }));
    const sent = payload([entry(guarded({ event: EVENT, items }))], { show: 20 });
    const [csv, json] = formatAttachments(sent, ["csv", "json"], STYLE);
    const lines = csv?.content.trimEnd().split("\r\n") ?? [];
    expect(lines).toHaveLength(301);
    expect(lines[0]).toBe("event_uuid,event_id,uuid,type,category,value,to_ids,comment,object,relation,tags,tlp");
    expect(lines[1]).toContain('"url","Network activity","https://bad.example/0","1"');
    const parsed = JSON.parse(json?.content ?? "");
    expect(parsed).toMatchObject({ type: "misp-herald.alerts", version: "1", marking: { tlp: "amber" } });
    expect(parsed.entries[0].indicators).toHaveLength(300);
  });

  it("says in the name of the file, in the mail and in the preview how many of how many it holds", () => {
    const items = Array.from({ length: 100 }, (_, i) => item({ value: `https://bad.example/${i}` }));
    const counts = [{ type: "url", toIds: true, marking: AMBER, reach: [], n: 200 }];
    const sent = payload([entry(guarded({ event: EVENT, items, counts }))]);
    const mail = formatContent(sent, { style: STYLE, attach: ["csv", "json"], domain: "example.org" });
    expect(mail.attachments.map(({ filename }) => filename)).toEqual(["indicators-100-of-200.csv", "alerts.json"]);
    const left = ["100 attributes left out of indicators-100-of-200.csv", "100 attributes left out of alerts.json"];
    expect(mail.trimmed).toEqual(left);
    for (const line of left) {
      expect(mail.text).toContain(line);
      expect(mail.html).toContain(line);
    }
    expect(JSON.parse(mail.attachments[1]?.content ?? "").entries[0].truncated.indicators).toBe(100);
  });

  it("attaches nothing of what is not told in full, and nothing when nothing is asked for", () => {
    expect(formatAttachments(payload([metadata(), pointer()]), ["csv", "json"], STYLE)).toEqual([]);
    expect(formatAttachments(payload([publication()], { minimal: true }), ["csv", "json"], STYLE)).toEqual([]);
    expect(formatAttachments(payload([publication()]), [], STYLE)).toEqual([]);
    const [csv] = formatAttachments(payload([publication(), metadata()]), ["csv"], STYLE);
    expect(csv?.content.trimEnd().split("\r\n")).toHaveLength(8);
  });

  it("stays below its size, and says what went", () => {
    const items = Array.from({ length: 500 }, () => item({ comment: "x".repeat(8000) }));
    const entries = Array.from({ length: 3 }, () => entry(guarded({ event: EVENT, items })));
    for (const file of formatAttachments(payload(entries), ["csv", "json"], STYLE)) {
      expect(Buffer.byteLength(file.content)).toBeLessThan(MAX_ATTACHMENT_BYTES + 1000);
      expect(file.trimmed[0]).toMatch(/left out of/);
    }
    const [, json] = formatAttachments(payload(entries), ["csv", "json"], STYLE);
    expect(JSON.parse(json?.content ?? "").truncated.entries).toBeGreaterThan(0);
  });

  it("is never a formula in a spreadsheet, whichever separator that takes", () => {
    const text = fc.oneof(
      fc.constantFrom(
        ...HOSTILE,
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        '";=1',
        "x;=1",
        'x";"=1',
        "\uFF1D1",
        ";;=1",
        " =1",
        ",=1",
      ),
      fc.string({ unit: fc.constantFrom("=", "+", "-", "@", ";", ",", '"', "\t", "\n", "a", " "), maxLength: 12 }),
    );
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 4, maxLength: 4 }),
        ([type = "", value = "", comment = "", info = ""]) => {
          const sent = payload([
            entry(guarded({ event: { ...EVENT, uuid: info }, items: [item({ type, value, comment })] })),
          ]);
          const [csv] = formatAttachments(sent, ["csv"], STYLE);
          const rows = csv?.content ?? "";
          expect(rows.split("\r\n")).toHaveLength(3);
          for (const separator of [",", ";"] as const) {
            for (const cell of cells(rows, separator)) {
              expect(cell).not.toMatch(/^["\s]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/);
            }
          }
          expect(cells(rows, ",")).toHaveLength(24);
        },
      ),
    );
  });

  it("changes no value that is none", () => {
    expect(formatCell("https://bad.example/?a=1&b=-1")).toBe('"https://bad.example/?a=1&b=-1"');
    expect(formatCell('say "hi"')).toBe('"say ""hi"""');
    expect(formatCell("=cmd|' /C calc'!A0")).toBe(`"'=cmd|' /C calc'!A0"`);
  });
});
