import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatText as formatTerminal } from "../../src/destinations/console/format.ts";
import { formatAttachments } from "../../src/destinations/email/attachments.ts";
import { formatContent } from "../../src/destinations/email/format.ts";
import { blocksOf, type Run } from "../../src/destinations/slack/blocks.ts";
import { formatMessage as formatSlack } from "../../src/destinations/slack/format.ts";
import type { TextRun } from "../../src/destinations/teams/card.ts";
import { formatMessage as formatTeams } from "../../src/destinations/teams/format.ts";
import { formatBody } from "../../src/formats/json.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Entry, Payload } from "../../src/model/payload.ts";
import { viewOf } from "../../src/template/view.ts";
import { isStruck, nearest, parseHtml, textOf, textsIn } from "../support/html-tree.ts";
import { AMBER, EVENT, entry, guarded, item, payload } from "../support/payloads.ts";
import { nodes } from "../support/teams-card.ts";

const STYLE = { timeZone: "UTC", defang: true };
const TYPES = ["domain", "ip-dst", "url", "sha256", "filename|md5"] as const;

/** Values that tell by themselves whether they hold: `live7x`, `gone7x`. */
const things = fc.array(
  fc.record({
    type: fc.constantFrom(...TYPES),
    toIds: fc.boolean(),
    matched: fc.boolean(),
    withdrawn: fc.option(fc.constantFrom("deleted", "removed", "not-for-detection"), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 40 },
);
const entries = fc.array(fc.record({ things, unlisted: fc.nat(30) }), { minLength: 1, maxLength: 4 });

function entryOf({ things: parts, unlisted }: { things: readonly object[]; unlisted: number }, at: number): Entry {
  const items = (parts as readonly Partial<Item>[]).map((part, index) => {
    const { withdrawn, ...rest } = part;
    const value = `${withdrawn ? "gone" : "live"}${at}x${index}x`;
    return item({ ...rest, value, uuid: value, ...(withdrawn && { withdrawn }) });
  });
  const counted = items.map(({ type = "", toIds = false, withdrawn }) => ({
    type,
    toIds,
    marking: AMBER,
    reach: [],
    ...(withdrawn && { withdrawn }),
    n: 1,
  }));
  const more = { type: "domain", toIds: false, marking: AMBER, reach: [], n: unlisted };
  return entry(guarded({ event: EVENT, items, counts: unlisted > 0 ? [...counted, more] : counted }));
}

function forAll(check: (told: Payload) => void): void {
  const show = fc.oneof(fc.constantFrom(1, 5, 20, 500), fc.constant("matched" as const));
  fc.assert(
    fc.property(entries, show, (all, shown) =>
      check(
        payload(
          all.map((one, index) => entryOf(one, index)),
          { show: shown },
        ),
      ),
    ),
    { numRuns: 60 },
  );
}

const GONE = /gone\d+x\d+x/;

/** What holds for each entry that a program reads, wherever it reads it. */
function judgeEntries(all: readonly ProgramEntry[]): void {
  for (const one of all) {
    expect(JSON.stringify(one.indicators)).not.toMatch(GONE);
    for (const gone of one.removed ?? []) {
      expect(gone.value).toMatch(GONE);
      expect(gone.to_ids).toBe(false);
    }
    const { attributes, removed = 0, types } = one.counts;
    expect(one.indicators.length + (one.truncated?.indicators ?? 0)).toBe(attributes);
    expect((one.removed?.length ?? 0) + (one.truncated?.removed ?? 0)).toBe(removed);
    expect(types.reduce((sum, { n }) => sum + n, 0)).toBe(attributes);
  }
}

interface ProgramEntry {
  readonly indicators: readonly object[];
  readonly removed?: readonly { readonly value: string; readonly to_ids: boolean }[];
  readonly truncated?: { readonly indicators?: number; readonly removed?: number };
  readonly counts: {
    readonly attributes: number;
    readonly removed?: number;
    readonly types: readonly { readonly n: number }[];
  };
}

describe("what is withdrawn never stands among what holds", () => {
  it("in a body for programs, where the numbers add up", () => {
    forAll((told) => {
      const body = JSON.parse(formatBody(told, 1_000_000, { ...STYLE, values: "raw" }).text);
      judgeEntries(body.entries);
    });
  });

  it("in what a template sees", () => {
    forAll((told) => {
      for (const one of told.entries) {
        const { indicators, removed = [] } = viewOf(one, STYLE, told.show);
        expect(JSON.stringify(indicators)).not.toMatch(GONE);
        expect(JSON.stringify(removed)).not.toContain("live");
      }
    });
  });

  it("in Slack, where it is struck through", () => {
    forAll((told) => {
      for (const block of blocksOf(formatSlack(told, STYLE).message)) {
        const runs: readonly (Run | object)[] =
          block.type === "rich_text" ? block.elements.flatMap((part) => [...part.elements]) : [];
        for (const run of runs.filter((part): part is Run => "type" in part && part.type === "text")) {
          expect(GONE.test(run.text) && run.style?.strike !== true).toBe(false);
          expect(run.style?.strike === true && run.text.includes("live")).toBe(false);
        }
      }
    });
  });

  it("in Teams, where it is struck through", () => {
    forAll((told) => {
      const runs = [...nodes(formatTeams(told, STYLE).message)].filter(({ type }) => type === "TextRun");
      for (const run of runs as unknown as readonly TextRun[]) {
        expect(GONE.test(run.text)).toBe(run.strikethrough === true);
      }
    });
  });

  it("on a terminal, where its line says so", () => {
    forAll((told) => {
      for (const line of formatTerminal(told, { ...STYLE, colors: false, columns: 100 }).split("\n")) {
        expect(GONE.test(line)).toBe(/Withdrawn {2}\S/.test(line));
        expect(GONE.test(line) && / IDS\b/.test(line)).toBe(false);
      }
    });
  });

  it("in a mail, its text and its files", () => {
    forAll((told) => {
      const { text, html, attachments } = formatContent(told, {
        style: STYLE,
        attach: ["csv", "json"],
        domain: "misp.example.org",
      });
      for (const { text: part, around } of textsIn(parseHtml(html))) {
        expect(isStruck(around)).toBe(GONE.test(part));
        const [row, list] = [nearest(around, "tr"), nearest(around, "table")].map((one) => (one ? textOf(one) : ""));
        if (GONE.test(part)) {
          // In a list of its own, and without the badge of what is for detection.
          expect(list).not.toMatch(/live\d/);
          expect(row).not.toMatch(/\bIDS\b/);
        }
      }
      for (const line of text.split("\n").filter((one) => GONE.test(one))) {
        expect(line).toMatch(/\((deleted|no longer in the event|no longer for detection)\)$/);
      }
      for (const { filename, content } of attachments) {
        if (filename.endsWith(".csv")) {
          expect(GONE.test(content)).toBe(filename === "withdrawn.csv");
          expect(content.includes("live")).toBe(filename !== "withdrawn.csv");
        } else {
          const { entries: all } = JSON.parse(content);
          expect(all).toHaveLength(told.entries.length);
          judgeEntries(all);
        }
      }
    });
  });

  it("in a file that would hold nothing else", () => {
    const gone = entry(guarded({ event: EVENT, items: [item({ withdrawn: "deleted" })] }));
    expect(formatAttachments(payload([gone]), ["csv"], STYLE).map(({ filename }) => filename)).toEqual([
      "withdrawn.csv",
    ]);
  });
});
