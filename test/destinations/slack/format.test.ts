import type { KnownBlock, MessageAttachment } from "@slack/web-api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWithinLimits, LIMITS, measure, type SlackMessage } from "../../../src/destinations/slack/blocks.ts";
import { formatMessage } from "../../../src/destinations/slack/format.ts";
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
import { activeIn, findViolations, TIME_LINE, textsOf } from "../../support/slack-rules.ts";

const STYLE = { timeZone: "UTC", defang: true };

function format(told: Payload) {
  return formatMessage(told, STYLE);
}

/** All words of a message, a line each. */
function words({ text, blocks, attachments }: SlackMessage): string {
  const { parsed, literal } = textsOf({ text, blocks, attachments });
  return [...parsed, ...literal].join("\n");
}

function violations(message: SlackMessage): readonly string[] {
  return findViolations({ ...message });
}

function many(n: number, extra: Parameters<typeof guarded>[0] = {}, rest: Partial<Entry> = {}): Entry {
  const items = Array.from({ length: Math.min(n, 500) }, (_, i) => item({ value: `https://bad.example/${i}` }));
  const counts = [{ type: "url", toIds: true, marking: AMBER, reach: [], n }];
  return entry(guarded({ change: "new", event: EVENT, items, counts, ...extra }), rest);
}

describe("golden messages", () => {
  it.each(GOLDEN_NAMES)("%s", async (name) => {
    const { message, trimmed } = format(await goldenPayload(name));
    expect(violations(message)).toEqual([]);
    expect(isWithinLimits(message)).toBe(true);
    await expect(`${JSON.stringify({ message, trimmed, sizes: measure(message) }, null, 2)}\n`).toMatchFileSnapshot(
      `../../fixtures/golden/slack/${name}.json`,
    );
  });
});

describe("an alert", () => {
  it("has its title, its labels, then the rest behind a bar in the colour of its level", () => {
    const { message, trimmed } = format(payload([publication()]));
    expect(trimmed).toEqual([]);
    expect(message.blocks.map(({ type }) => type)).toEqual(["header", "rich_text"]);
    expect(message.blocks[0]).toEqual({
      type: "header",
      text: { type: "plain_text", text: "▲ Emotet epoch5 infrastructure, seen at bad[.]example", emoji: false },
    });
    expect(message.text).toBe("[TLP:AMBER] High: Emotet epoch5 infrastructure, seen at bad[.]example (New)");
    expect(message.attachments).toHaveLength(1);
    expect(message.attachments?.[0]?.color).toBe("#C62828");
    expect(message.attachments?.[0]?.blocks.map(({ type }) => type)).toEqual([
      "rich_text",
      "rich_text",
      "actions",
      "context",
    ]);
    expect(words(message)).toMatch(/^hxxps:\/\/bad\[\.\]example\/gate\.php\n {2}url · IDS\n\nC2 panel/m);
    expect(words(message)).toMatch(/^invoice\.pdf\.exe\n {2}file · IDS\n\nsha256-of-file \n9f86d081/m);
    expect(words(message)).toContain("+30 more in MISP");
    expect(words(message)).toContain("Reported by CIRCL");
    expect(message).toMatchObject({ unfurl_links: false, unfurl_media: false });
  });

  it("fits the SDK's own types", () => {
    // Compiles only while our blocks are Slack's.
    type Mutable<T> = T extends string ? T : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
    type Assignable<From, To> = From extends To ? true : false;
    const blocks: Assignable<Mutable<SlackMessage["blocks"]>, KnownBlock[]> = true;
    const attachments: Assignable<Mutable<NonNullable<SlackMessage["attachments"]>>, MessageAttachment[]> = true;
    expect([blocks, attachments]).toEqual([true, true]);
  });

  it("has a button only when there is a page to open, on the web", () => {
    const button = (link: URL | undefined) => {
      const { link: _, ...rest } = publication();
      return textsOf({ ...format(payload([link ? { ...rest, link } : rest])).message }).urls;
    };
    expect(button(new URL("https://misp.example.org/events/view/1"))).toEqual([
      "https://misp.example.org/events/view/1",
    ]);
    expect(button(undefined)).toEqual([]);
    expect(button(new URL("javascript:alert(1)"))).toEqual([]);
    expect(button(new URL(`https://misp.example.org/${"x".repeat(3000)}`))).toEqual([]);
  });

  it("says what is withheld and what happened", () => {
    expect(words(format(payload([withheld()])).message)).toContain("5 attributes withheld");
    expect(words(format(payload([burst()])).message)).toContain("20 attributes added");
  });

  it("marks what is new since the last alert, unless all of it is", () => {
    const since = (at: number, changedAt: readonly number[]) => {
      const items = changedAt.map((changed, i) => item({ type: "domain", value: `d${i}.example`, changedAt: changed }));
      return words(format(payload([entry(guarded({ event: EVENT, items }), { since: at })])).message);
    };
    expect(since(500, [1000, 100])).toMatch(
      /^d0\[\.\]example\n {2}domain · IDS · new or changed\nd1.*\n {2}domain · IDS$/m,
    );
    expect(since(50, [1000, 100])).not.toContain("new or changed\n");
  });

  it("tells no content of metadata and pointers", () => {
    const told = words(format(payload([metadata()])).message);
    expect(told).toContain("37 (12 for IDS)");
    expect(told).not.toContain("gate.php");
    const pointed = words(format(payload([pointer()], { tlp: "red" })).message);
    expect(pointed).toContain("A restricted event was published");
    expect(pointed).toContain("TLP:RED");
    expect(pointed).not.toContain("Emotet");
  });

  it("shows what a template made of it in place of facts and indicators", () => {
    const custom = {
      ...publication(),
      custom: { title: "Our own *title*", body: "first line\n\nsecond <!here> line" },
    };
    const { message } = format(payload([custom]));
    expect(words(message)).toContain("▲ Our own *title*");
    expect(words(message)).toContain("first line\n\nsecond <!here> line");
    expect(words(message)).not.toContain("gate.php");
    expect(words(message)).not.toContain("Reported by");
  });

  it("says that a template has failed", () => {
    expect(words(format(payload([{ ...publication(), templateFailed: true }])).message)).toContain("template failed");
  });

  it("leaves links live for readers who want that", () => {
    const { message } = formatMessage(payload([publication()]), { timeZone: "UTC", defang: false });
    expect(words(message)).toContain("https://bad.example/gate.php");
    expect(textsOf({ ...message }).parsed.filter((one) => !TIME_LINE.test(one))).toEqual([message.text]);
  });
});

describe("mentions", () => {
  it("are made of IDs, channel and here, and of nothing else", () => {
    const mentions = [
      "S012ONCALL",
      "U0123456",
      "W0123456",
      "channel",
      "here",
      "everyone",
      "@soc",
      "<!channel>",
      "U1",
      "x",
    ];
    const { message } = format(payload([publication()], { mentions }));
    const live = "<!subteam^S012ONCALL> <@U0123456> <@W0123456> <!channel> <!here>";
    expect(message.blocks[2]).toEqual({ type: "section", text: { type: "mrkdwn", text: live, verbatim: true } });
    expect(message.text.startsWith(`${live} [TLP:AMBER]`)).toBe(true);
    expect(violations(message)).toEqual([]);
  });

  it("stay within a section, however many there are", () => {
    const mentions = Array.from({ length: 500 }, (_, i) => `U${String(i).padStart(30, "0")}`);
    expect(violations(format(payload([publication()], { mentions })).message)).toEqual([]);
  });

  it("are in digests, and not in a message that was refused before", () => {
    const told = { mentions: ["here"] };
    expect(words(format(payload([publication(), withheld()], told)).message)).toContain("<!here>");
    expect(words(format(payload([publication()], { ...told, minimal: true })).message)).not.toContain("<!here>");
  });
});

describe("a digest", () => {
  it("counts by level, then tells each alert in few lines", () => {
    const { message } = format(payload([publication(), burst(), withheld(), pointer()], { tlp: "red" }));
    expect(message.text).toBe(
      "[TLP:RED] 4 alerts · 1 high · 1 medium · 1 low: Emotet epoch5 infrastructure, seen at bad[.]example",
    );
    expect(message.attachments).toBeUndefined();
    expect(message.blocks.map(({ type }) => type)).toEqual(["header", ...Array(5).fill("rich_text")]);
    expect(words(message)).toMatch(
      /^TLP:AMBER · PAP:AMBER · ▲ High · New · Threat actor: TA542 · .* · Attributes: 37 \(12 for IDS\) · .* · CIRCL$/m,
    );
  });

  it("lists at most 30 alerts and says how many more there are", () => {
    const { message, trimmed } = format(payload(Array.from({ length: 45 }, () => withheld())));
    expect(message.blocks.filter(({ type }) => type === "rich_text")).toHaveLength(31);
    expect(words(message)).toContain("+15 more alerts");
    expect(trimmed).toContain("15 alerts left out");
    expect(violations(message)).toEqual([]);
  });

  it("gives up details first, since among many only numbers are told, then alerts from the bottom", () => {
    const long = "Long title of an event with many words ".repeat(5);
    const entries = Array.from({ length: 30 }, (_, i) =>
      many(50, { event: { ...EVENT, info: `${i} ${long}`, org: { name: "Organisation ".repeat(20) } } }),
    );
    const { message, trimmed } = format(payload(entries, { show: 500 }));
    expect(trimmed[0]).toMatch(/^details of \d+ alerts left out$/);
    expect(measure(message).total).toBeGreaterThan(LIMITS.total * 0.9);
    expect(words(message)).toContain("▲ 0 Long title");
    expect(violations(message)).toEqual([]);
  });
});

describe("a message that Slack has refused", () => {
  it("comes again as marking, title and link, in nothing but sections", () => {
    const { message } = format(payload([publication()], { minimal: true }));
    expect(message).toEqual({
      text: "[TLP:AMBER] Emotet epoch5 infrastructure, seen at bad[.]example",
      blocks: [
        {
          type: "section",
          text: {
            type: "plain_text",
            text: "TLP:AMBER · Emotet epoch5 infrastructure, seen at bad[.]example",
            emoji: false,
          },
          accessory: expect.objectContaining({ type: "button", url: publication().link?.href }),
        },
      ],
      unfurl_links: false,
      unfurl_media: false,
    });
  });
});

describe("what does not fit", () => {
  it("goes from the bottom, and is counted", () => {
    const { message, trimmed } = format(payload([many(500)], { show: 500 }));
    const text = words(message);
    const shown = text.match(/bad\[\.\]example\/\d+/g)?.length ?? 0;
    expect(shown).toBeGreaterThan(20);
    expect(text).toContain("bad[.]example/0");
    expect(text).toContain(`+${500 - shown} more in MISP`);
    expect(trimmed).toEqual([`${500 - shown} listed indicators left out`]);
  });

  it("never is marking, title or link, whatever the event holds", () => {
    const huge = many(100_000, {
      event: {
        ...EVENT,
        info: "A title ".repeat(131_072),
        tags: Array.from({ length: 5000 }, (_, i) => ({ name: `workflow:state="${i}"` })),
        org: { name: "&".repeat(100_000) },
      },
      lines: Array.from({ length: 500 }, (_, i) => ({ label: `Label ${i}`, text: "<".repeat(5000) })),
    });
    const { message } = format(payload([huge], { show: "matched" }));
    expect(violations(message)).toEqual([]);
    expect(isWithinLimits(message)).toBe(true);
    expect(words(message)).toContain("▲ A title");
    expect(words(message)).toContain("TLP:AMBER");
    expect(words(message)).toContain("Open in MISP");
  });
});

describe("text from MISP", () => {
  const text = fc.oneof(
    fc.constantFrom(
      ...HOSTILE,
      "<!channel> <!here> <!everyone> <@U012345> <#C012345> <!subteam^S012345> <!date^0^{_}|x>",
      "<https://evil.example|https://misp.example.org>",
      "*bold* _it_ ~no~ `code` ```pre``` > quote :bomb:",
      "&lt;!channel&gt;",
      `${"x".repeat(148)}&amp;`,
      "https://bad.example/".repeat(40),
    ),
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.string({
      unit: fc.constantFrom("<", ">", "&", "!", "|", "@", ".", "🏳️‍🌈", "\u202E", "bad.example "),
      maxLength: 400,
    }),
  );
  const told = fc
    .record({
      info: text,
      org: text,
      tag: text,
      value: text,
      comment: text,
      type: text,
      line: text,
      instance: text,
      uuid: text,
      custom: fc.option(fc.record({ title: text, body: text }), { nil: undefined }),
      n: fc.integer({ min: 0, max: 100_000 }),
      copies: fc.integer({ min: 1, max: 40 }),
      show: fc.integer({ min: 1, max: 500 }),
      minimal: fc.boolean(),
      bare: fc.boolean(),
    })
    .map(({ custom, copies, show, minimal, bare, n, ...hostile }) => {
      const { info, org, tag, value, comment, type, line, instance, uuid } = hostile;
      const full = {
        instance,
        event: { ...EVENT, info, uuid, id: uuid, org: { name: org }, tags: [{ name: tag }], date: line },
        items: Array.from({ length: Math.min(n, 500) }, () => item({ value, comment, type })),
        lines: [{ label: line, text: line }],
        objects: [{ key: "o", name: tag, reach: [] }],
      };
      const one = bare ? entry(guarded()) : { ...many(n, full), ...(custom ? { custom } : {}) };
      return payload(Array(copies).fill(one), { show, minimal });
    });

  it("acts nowhere: no mention, no link, no format, no emoji, and Slack takes every message", () => {
    fc.assert(
      fc.property(told, (sent) => {
        const { message } = format(sent);
        expect(violations(message)).toEqual([]);
        expect(isWithinLimits(message)).toBe(true);
        const { parsed, urls } = textsOf({ ...message });
        // The only parsed texts are the fallback, which is shown where there are no blocks to show, and instants.
        expect(parsed.filter((one) => !TIME_LINE.test(one))).toEqual([message.text]);
        expect(activeIn(message.text)).toEqual([]);
        expect(message.text).not.toMatch(/&(?!(?:amp|lt|gt);)/);
        for (const url of urls) {
          expect(url).toBe(publication().link?.href);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("is never cut within a character, an entity or the brackets that keep a host dead", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 160 }),
        fc.constantFrom("bad.example ", "&", "🏳️‍🌈", "a.b.c.d.example"),
        (n, unit) => {
          const info = `${"x".repeat(n)}${unit.repeat(200)}`;
          const { message } = format(payload([many(1, { event: { ...EVENT, info } })]));
          for (const part of [message.text, ...textsOf({ ...message }).literal]) {
            expect(part).not.toMatch(/\[\.?…|\[\.$|\p{Surrogate}/u);
          }
          expect(message.text).not.toMatch(/&(?!(?:amp|lt|gt);)/);
        },
      ),
      { numRuns: 100 },
    );
  });
});
