import { describe, expect, it } from "vitest";
import { formatText as formatTerminal } from "../../src/destinations/console/format.ts";
import { formatContent, MAX_HTML_BYTES } from "../../src/destinations/email/format.ts";
import { formatMessage as formatSlack } from "../../src/destinations/slack/format.ts";
import { formatMessage as formatTeams } from "../../src/destinations/teams/format.ts";
import { formatBody } from "../../src/formats/json.ts";
import type { Message } from "../../src/model/message.ts";
import type { Payload } from "../../src/model/payload.ts";
import { attributeOf, publication, tags } from "../support/messages.ts";
import { findViolations } from "../support/slack-rules.ts";
import { stage } from "../support/stage.ts";
import { judgeMessage } from "../support/teams-card.ts";

const STYLE = { timeZone: "UTC", defang: true };
const BODY_BYTES = 1_000_000;

const attributes = (n: number, textOf: (at: number) => string) =>
  Array.from({ length: n }, (_, at) => attributeOf(String(at + 1), { type: "url", value: textOf(at) }));

/** Events that no channel can take whole, each with the number of its attributes. */
const GIANTS: readonly (readonly [string, number, () => Message])[] = [
  [
    "40 MB in 20,000 attributes",
    20_000,
    () => publication({ attributes: attributes(20_000, (at) => `https://h${at}.example/${"x".repeat(1_980)}`) }),
  ],
  ["479 attributes", 479, () => publication({ attributes: attributes(479, (at) => `https://h${at}.example/gate`) })],
  [
    "3,000 tags",
    3,
    () =>
      publication({
        event: { tags: tags("tlp:green", ...Array.from({ length: 3_000 }, (_, at) => `campaign:name="wave ${at}"`)) },
        attributes: attributes(3, (at) => `https://h${at}.example/gate`),
      }),
  ],
];

async function toldOf(message: Message): Promise<Payload> {
  const told = await stage({ messages: [message] });
  if (!told) {
    throw new Error("nothing leaves");
  }
  return told;
}

describe.each(GIANTS)("an event of %s", (_, attributesOfAll, make) => {
  it("is within the limits of every channel, with its counts whole", async () => {
    const told = await toldOf(make());

    expect(findViolations(JSON.parse(JSON.stringify(formatSlack(told, STYLE).message)))).toEqual([]);

    expect(judgeMessage(JSON.stringify(formatTeams(told, STYLE).message))).toEqual([]);

    const { html } = formatContent(told, { style: STYLE, attach: ["csv", "json"], domain: "misp.example.org" });
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(MAX_HTML_BYTES);

    const { text } = formatBody(told, BODY_BYTES, { ...STYLE, values: "raw" });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(BODY_BYTES);
    const [one] = JSON.parse(text).entries;
    expect(one.counts.attributes).toBe(attributesOfAll);
    expect(one.indicators.length + (one.truncated?.indicators ?? 0)).toBe(attributesOfAll);

    const lines = formatTerminal(told, { ...STYLE, colors: false, columns: 100 });
    expect(Buffer.byteLength(lines)).toBeLessThan(100_000);
  }, 30_000);
});
