import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { formatMessage } from "../../../src/destinations/teams/format.ts";
import { formatCardPage } from "../../../src/destinations/teams/page.ts";
import { EVENT, entry, guarded, payload } from "../../support/payloads.ts";

const INFO = '</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> "quoted" \u2028';

async function draw() {
  const told = entry(guarded({ event: { ...EVENT, info: INFO } }));
  const { message } = formatMessage(payload([told]), { timeZone: "UTC", defang: true });
  const card = message.attachments[0].content;
  return { card, page: await formatCardPage(card, "2026-11-20 <15:02>") };
}

function scripts(page: string) {
  return [...page.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)].map(([, attributes = "", text = ""]) => ({
    attributes,
    text,
  }));
}

describe("formatCardPage()", () => {
  it("lets run the library and what draws with it, by their hashes, and nothing else", async () => {
    const { page } = await draw();
    const [data, ...code] = scripts(page);
    expect(data?.attributes).toBe(' type="application/json" id="data"');
    expect(code).toHaveLength(2);
    expect(code.map(({ attributes }) => attributes)).toEqual(["", ""]);
    const hashes = code.map(({ text }) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    expect(page).toContain(
      `content="default-src 'none'; script-src ${hashes.join(" ")}; style-src 'unsafe-inline'; img-src data:"`,
    );
    const markup = page.replace(/<script[\s\S]*?<\/script>/g, "");
    expect(markup).not.toMatch(/\bsrc=|\bhref=|@import|url\(|\bon\w+=/);
  });

  it("has the card as data that cannot leave its place", async () => {
    const { card, page } = await draw();
    const [data] = scripts(page);
    expect(data?.text).not.toContain("<");
    expect(JSON.parse(data?.text ?? "").card).toEqual(card);
    expect(page.match(/alert\(1\)/g)).toHaveLength(data?.text.match(/alert\(1\)/g)?.length ?? 0);
    expect(page).toContain("2026-11-20 &lt;15:02&gt;");
  });
});
