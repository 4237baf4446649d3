import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatMessage } from "../../../src/destinations/teams/format.ts";
import type { Entry, Payload } from "../../../src/model/payload.ts";
import { GOLDEN_NAMES, goldenPayload } from "../../support/golden.ts";
import {
  AMBER,
  burst,
  EVENT,
  entry,
  guarded,
  HOSTILE,
  item,
  metadata,
  payload,
  pointer,
  publication,
  withheld,
} from "../../support/payloads.ts";
import { judgeMessage, nodes, textsOf } from "../../support/teams-card.ts";

const STYLE = { timeZone: "Europe/Brussels", defang: true };
const MAX = 26_000;

function format(sent: Payload) {
  const { text, message, trimmed } = formatMessage(sent, STYLE);
  expect(judgeMessage(text)).toEqual([]);
  expect(Math.max(Buffer.byteLength(text), 2 * text.length)).toBeLessThanOrEqual(MAX);
  const card = message.attachments[0].content;
  return { message, card, trimmed, lines: lines(card), text };
}

/** What a reader sees of a card, line by line; what is hidden, too. */
function lines(card: unknown): readonly string[] {
  return [...nodes(card)]
    .filter((node) => Array.isArray(node.inlines))
    .map((node) => textsOf(node.inlines).runs.join(""));
}

function many(n: number, extra: Parameters<typeof guarded>[0] = {}): Entry {
  const items = Array.from({ length: Math.min(n, 500) }, (_, i) => item({ value: `https://bad.example/${i}` }));
  const counts = [{ type: "url", toIds: true, marking: AMBER, reach: [], n }];
  return entry(guarded({ change: "new", event: EVENT, items, counts, ...extra }));
}

describe("formatMessage() of recorded frames", () => {
  it.each(GOLDEN_NAMES)("%s", async (name) => {
    const { message } = format(await goldenPayload(name));
    await expect(`${JSON.stringify(message, null, 2)}\n`).toMatchFileSnapshot(
      `../../fixtures/golden/teams/${name}.json`,
    );
  });
});

describe("formatMessage()", () => {
  it("tells a publication from title to origin", () => {
    const { card, lines, message } = format(payload([publication()]));
    expect(lines.slice(0, 2)).toEqual([
      "Emotet epoch5 infrastructure, seen at bad[.]example",
      "TLP:AMBER · PAP:AMBER · ▲ High · New",
    ]);
    expect(lines).toContain(
      "hxxps://bad[.]example/gate.php\u2002IDS\u2002url · C2 panel, first seen at 198[.]51[.]100[.]9",
    );
    expect(lines).toContain("invoice.pdf.exe\u2002IDS\u2002file");
    expect(lines.map((line) => line.trim())).toContain(
      "sha256-of-file 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    );
    expect(lines.some((line) => line.startsWith("+30 more in MISP"))).toBe(true);
    expect(lines.at(-1)).toBe(
      "Reported by CIRCL · event date 2026-11-20 · analysis ongoing · connected communities · event 4711 on cert · route urgent · published 2026-11-20 15:02 CET",
    );
    expect(card.body[0]).toMatchObject({ type: "Container", style: "attention", bleed: true });
    expect(card.actions).toEqual([
      {
        type: "Action.OpenUrl",
        title: "Open in MISP",
        style: "positive",
        url: "https://misp.example.org/events/view/5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
      },
    ]);
    expect(message.summary).toBe("TLP:AMBER · High: Emotet epoch5 infrastructure, seen at bad［.］example （New）");
    expect(card.msteams).toEqual({ width: "Full" });
  });

  it("colours by threat level, and says the level in words", () => {
    const looks = [publication(), burst(), withheld(), pointer()].map((told) => {
      const { card, lines } = format(payload([told]));
      const [head] = card.body;
      return [head?.type === "Container" && head.style, /[▲◆▼?] \w+/.exec(lines[1] ?? "")?.[0]];
    });
    expect(looks).toEqual([
      ["attention", "▲ High"],
      ["warning", "◆ Medium"],
      ["accent", "▼ Low"],
      ["emphasis", undefined],
    ]);
  });

  it("says what is withheld, and nothing of the content of metadata and pointers", () => {
    expect(format(payload([withheld()])).lines).toContain("5 attributes withheld");
    const told = format(payload([metadata()]));
    expect(told.lines).toContain("37 (12 for IDS)");
    expect(told.text).not.toContain("gate.php");
    expect(format(payload([pointer()], { tlp: "red" })).lines).toEqual([
      "A restricted event was published",
      "TLP:RED",
      "cert",
    ]);
  });

  it("puts all but the first of many indicators behind a button", () => {
    const { card } = format(payload([many(37)]));
    const hidden = card.body.find((element) => element.type === "Container" && element.isVisible === false);
    expect(hidden).toMatchObject({ id: "more-indicators" });
    expect(
      lines(card.body.filter((element) => element !== hidden)).filter((line) => /\u2002url$/.test(line)),
    ).toHaveLength(5);
    expect(lines(hidden)).toHaveLength(15);
    expect(card.actions?.[1]).toEqual({
      type: "Action.ToggleVisibility",
      title: "Show 15 more indicators",
      targetElements: ["more-indicators"],
    });
    expect(lines(card).some((line) => line.startsWith("+17 more in MISP"))).toBe(true);
  });

  it("marks what is new or changed since the last alert, unless all of it is", () => {
    const items = [item({ value: "new.example", type: "domain", changedAt: 20 }), item({ changedAt: 5 })];
    const told = (since: number) =>
      format(payload([entry(guarded({ event: EVENT, items }), { since })])).lines.filter((line) => /IDS/.test(line));
    expect(told(10)).toEqual([
      "new[.]example\u2002IDS\u2002domain · new or changed",
      "hxxps://bad[.]example/gate.php\u2002IDS\u2002url",
    ]);
    expect(told(1).join()).not.toContain("new or changed");
    expect(format(payload([entry(guarded({ event: EVENT, items }), { since: 10 })])).lines[2]).toContain(
      "since the last alert",
    );
  });

  it("shows the lines of a template in place of facts and indicators, and says when it failed", () => {
    const told = { ...publication(), custom: { title: "Ours: bad.example", body: "One\n\n<b>two</b> bad.example" } };
    const { lines } = format(payload([told]));
    expect(lines[0]).toBe("Ours: bad[.]example");
    expect(lines.slice(2, -1)).toEqual(["One", "<b>two</b> bad[.]example"]);
    const failed = format(payload([{ ...publication(), templateFailed: true }]));
    expect(failed.lines.some((line) => /template/i.test(line))).toBe(true);
    expect(failed.lines).toContain("Threat actor");
  });

  it("is marking, title and link for a flow that refused more", () => {
    const sent = payload([publication()], { minimal: true, mentions: ["alice@example.org"] });
    const { card, lines } = format(sent);
    expect(lines).toEqual(["Emotet epoch5 infrastructure, seen at bad[.]example", "TLP:AMBER · PAP:AMBER"]);
    expect(card.actions).toHaveLength(1);
    expect(card.msteams).toEqual({ width: "Full" });
    const several = format({ ...sent, entries: [publication(), pointer()] });
    expect(several.lines).toEqual([
      "2 alerts",
      "TLP:AMBER",
      "Emotet epoch5 infrastructure, seen at bad[.]example",
      "TLP:AMBER · PAP:AMBER",
      "A restricted event was published",
      "TLP:RED",
    ]);
  });

  it("tells several at once as a digest: counts by level, then each with its link and its gravest indicators", () => {
    const { card, lines, message } = format(payload([publication(), burst(), withheld()]));
    expect(lines.slice(0, 4)).toEqual([
      "3 alerts",
      "TLP:AMBER · ▲ 1 High · ◆ 1 Medium · ▼ 1 Low",
      "▲ High\u2002Emotet epoch5 infrastructure, seen at bad[.]example",
      "TLP:AMBER · PAP:AMBER · New · Threat actor: TA542 · Malware: Emotet · Tag: source reliability: b · Attributes: 37 (12 for IDS) · 1 object (file) · CIRCL",
    ]);
    expect(lines.some((line) => line.startsWith("+33 more in MISP"))).toBe(true);
    expect([...nodes(card)].filter((node) => node.type === "Action.OpenUrl")).toHaveLength(3);
    expect(message.summary).toBe(
      "TLP:AMBER · 3 alerts · 1 high · 1 medium · 1 low: Emotet epoch5 infrastructure, seen at bad［.］example",
    );
    expect(card.body[0]).toMatchObject({ style: "attention" });
  });

  it("lists at most thirty, and counts the rest", () => {
    const { card, lines, trimmed } = format(payload(Array.from({ length: 500 }, publication)));
    const opened = [...nodes(card)].filter((node) => node.type === "Action.OpenUrl").length;
    expect(opened).toBeGreaterThan(15);
    expect(opened).toBeLessThanOrEqual(30);
    expect(lines.at(-1)).toBe(`+${500 - opened} more alerts in MISP`);
    expect(trimmed).toContain(`${500 - opened} alerts left out`);
  });

  it("gives up indicators first, then facts, then all but marking, title and link", () => {
    const few = format(payload([many(500)], { show: 10_000 }));
    const shown = few.lines.filter((line) => /\u2002url$/.test(line)).length;
    expect(shown).toBeGreaterThan(10);
    expect(few.lines.some((line) => line.startsWith(`+${500 - shown} more in MISP`))).toBe(true);
    expect(few.trimmed).toEqual([`${500 - shown} indicators left out`]);
    expect(few.lines).toContain("TA542");

    const text = "e\u0301\u0302\u0303".repeat(300);
    const wordy = Array.from({ length: 12 }, (_, i) => ({ label: `Note ${i}`, text }));
    const tags = Array.from({ length: 5000 }, (_, i) => ({ name: `${"字".repeat(100)}${i}` }));
    const long = format(payload([many(3, { lines: wordy, event: { ...EVENT, tags, clusters: [] } })]));
    expect(long.lines.some((line) => /^\d+ facts? in MISP$/.test(line))).toBe(true);
    expect(long.lines.some((line) => line.startsWith("3 attributes in MISP"))).toBe(true);
    expect(long.trimmed[0]).toBe("3 indicators left out");
    expect(long.trimmed.at(-1)).toMatch(/^\d+ facts? left out$/);
    expect(long.lines[0]).toBe("Emotet epoch5 infrastructure, seen at bad[.]example");

    const digest = format(
      payload(Array.from({ length: 30 }, () => many(3, { event: { ...EVENT, info: text, org: { name: text } } }))),
    );
    expect(digest.trimmed[0]).toBe("all but marking, title and link left out");
    expect(digest.lines.at(-1)).toMatch(/^\+\d+ more alerts in MISP$/);
  });

  it("links only what the configuration links to", () => {
    const { link: _, ...unlinked } = publication();
    expect(format(payload([unlinked])).card).not.toHaveProperty("actions");
    const odd = format(payload([{ ...publication(), link: new URL("javascript:alert(1)") }]));
    expect(odd.card).not.toHaveProperty("actions");
  });

  it("shows values as they are to those who want them so, still without mentions", () => {
    const { message } = formatMessage(payload([publication()]), { ...STYLE, defang: false });
    expect(lines(message)).toContain(
      "https://bad.example/gate.php\u2002IDS\u2002url · C2 panel, first seen at 198.51.100.9",
    );
  });

  it("stays within its limit and inert for whatever MISP says", () => {
    const text = fc.oneof(
      fc.constantFrom(
        ...HOSTILE,
        "<at>alice</at>",
        "{{DATE(2026-11-20T14:02:11Z, SHORT)}}",
        "\u05d0\u05d1\u05d2 https://evil.example \u05d3",
        "x".repeat(1_000_000),
        "bad.example ".repeat(200),
        "👍🏻".repeat(500),
      ),
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.string({ unit: "grapheme", maxLength: 400 }),
    );
    const event = fc.record(
      {
        id: text,
        uuid: text,
        info: text,
        date: text,
        org: fc.record({ name: text }),
        threatLevel: fc.constantFrom("high", "low"),
      },
      { requiredKeys: [] },
    );
    const told = fc.record({
      event,
      note: text,
      value: text,
      type: fc.oneof(text, fc.constantFrom("url", "domain", "ip-dst|port", "comment")),
      tags: fc.array(text, { maxLength: 12 }),
      n: fc.constantFrom(0, 1, 7, 40, 500, 100_000),
      custom: fc.option(fc.record({ title: text, body: text }, { requiredKeys: [] }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(told, { minLength: 1, maxLength: 4 }), fc.boolean(), (all, minimal) => {
        const entries = all.map(({ event, note, value, type, tags, n, custom }) => {
          const items = Array.from({ length: Math.min(n, 500) }, () =>
            item({ value, type, comment: note, relation: note }),
          );
          const alert = many(n, {
            items,
            event: { ...event, tags: tags.map((name) => ({ name })), clusters: [{ galaxy: note, value }] },
            lines: [{ label: "Note", text: note }],
            tag: { name: value },
            objects: [],
          });
          return { ...alert, ...(custom ? { custom } : {}) };
        });
        const sent = payload(entries, { show: 500, minimal, mentions: ["alice@example.org"] });
        const { card, text: json } = format(sent);
        const { runs, blocks } = textsOf(card);
        // Mentions are those of the configuration, Markdown is parsed nowhere else, links go to MISP.
        expect(blocks).toEqual(minimal ? [] : ["<at>alice</at>"]);
        for (const { type, url } of nodes(card)) {
          if (type === "Action.OpenUrl") {
            expect(url).toMatch(/^https:\/\/misp\.example\.org\/events\/view\//);
          }
        }
        for (const run of runs) {
          expect(run).not.toMatch(/https?:\/\/|\{\{(DATE|TIME)\(|[\r\n\u202e]/i);
          expect(run).not.toMatch(/\[[.:@]?…$/);
          expect(run.isWellFormed()).toBe(true);
        }
        for (const inert of [card.fallbackText, JSON.parse(json).summary]) {
          expect(inert).not.toMatch(/[[\]()*_~`<>#&\\]/);
        }
      }),
      { numRuns: 60 },
    );
  });
});
