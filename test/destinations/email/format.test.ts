import fc from "fast-check";
import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import {
  formatContent,
  MAX_HTML_BYTES,
  type MailContent,
  type MailOptions,
} from "../../../src/destinations/email/format.ts";
import { composeMail } from "../../../src/destinations/email/mime.ts";
import { MAX_SUBJECT } from "../../../src/destinations/email/subject.ts";
import type { Entry, Payload } from "../../../src/model/payload.ts";
import { GOLDEN_NAMES, goldenPayload } from "../../support/golden.ts";
import { checkMailHtml } from "../../support/mail-html.ts";
import {
  burst,
  EVENT,
  entry,
  guarded,
  HOSTILE,
  ITEMS,
  item,
  metadata,
  payload,
  pointer,
  publication,
  withheld,
} from "../../support/payloads.ts";

const LETTERHEAD: MailOptions = {
  style: { timeZone: "UTC", defang: true },
  attach: [],
  domain: "misp.example.org",
};
const ADDRESSING = {
  from: { name: "MISP Herald", address: "herald@misp.example.org" },
  to: [{ address: "soc@example.org" }],
  cc: [],
  domain: "misp.example.org",
};

function mail(sent: Payload, letterhead: Partial<MailOptions> = {}): MailContent {
  return formatContent(sent, { ...LETTERHEAD, ...letterhead });
}

function many(n: number, extra: Parameters<typeof guarded>[0] = {}): Entry {
  const items = Array.from({ length: Math.min(n, 500) }, (_, i) => item({ value: `https://bad.example/${i}` }));
  return entry(
    guarded({ change: "new", event: EVENT, items, counts: [{ ...item(), type: "url", toIds: true, n }], ...extra }),
  );
}

/** What the configuration links to. */
const OWN_LINKS = ["https://misp.example.org/", "https://wiki.example.org/", "https://siem.example.org/"];

/** Our own isolates around letters from right to left, each closed on its line. */
const ISOLATED = /[\u2066\u2068]([^\u2066-\u2069\n]*)\u2069/g;

describe("formatContent()", () => {
  it.each(GOLDEN_NAMES)(
    "makes the mail of %s as it is on file, within its sizes and by the rules of mail",
    async (name) => {
      const content = mail(await goldenPayload(name), { attach: ["csv", "json"] });
      expect(Buffer.byteLength(content.html)).toBeLessThanOrEqual(MAX_HTML_BYTES);
      expect(checkMailHtml(content.html, OWN_LINKS)).toEqual([]);
      const raw = await composeMail(content, ADDRESSING);
      await expect(raw.toString().replaceAll("\r\n", "\n")).toMatchFileSnapshot(
        `../../fixtures/golden/email/${name}.eml`,
      );
      await expect(content.html).toMatchFileSnapshot(`../../fixtures/golden/email/${name}.html`);
      const parsed = await PostalMime.parse(raw);
      expect(parsed.subject).toBe(content.subject);
      expect(parsed.text?.trimEnd()).toBe(content.text.trimEnd());
      expect(parsed.html?.trimEnd()).toBe(content.html.trimEnd());
      expect(parsed.attachments.map(({ filename }) => filename)).toEqual(
        content.attachments.map(({ filename }) => filename),
      );
    },
  );

  it("says the same in text and in HTML, in the same order", () => {
    const { text, html } = mail(payload([publication()]));
    const said = [
      "TLP:AMBER",
      "High",
      "New",
      "seen at bad[.]example",
      "CIRCL",
      "hxxps://bad[.]example/gate",
      "+30 more",
      "4711",
    ];
    for (const part of [text, html.slice(html.indexOf("<body"))]) {
      const places = said.map((words) => part.indexOf(words));
      expect(places.every((place) => place >= 0)).toBe(true);
      expect(text.trimEnd().endsWith("TLP:AMBER · PAP:AMBER")).toBe(true);
    }
    expect(text.split("\n").filter((line) => line.length > 76 && !/[^ ]{40}/.test(line))).toEqual([]);
  });

  it("has a title that looks like an encoded word in its subject as it was typed", async () => {
    const info = "=?UTF-8?Q?http=3A=2F=2Fevil=2Eexample=2Flogin_=5BTLP=3ACLEAR=5D?= \u00fcber invoice";
    const content = mail(payload([entry(guarded({ event: { ...EVENT, info } }))]));
    const raw = await composeMail(content, ADDRESSING);
    expect((await PostalMime.parse(raw)).subject).toBe(content.subject);
    expect(content.subject).toContain(info.slice(0, 60));
    expect(raw.toString().split("\r\n\r\n")[0]).not.toContain("Q?http");
  });

  it("has the label in the subject, and the same subject for every mail about one event", () => {
    const subject = "[MISP] [TLP:AMBER] High - Emotet epoch5 infrastructure, seen at bad[.]example (#4711)";
    expect(mail(payload([publication()])).subject).toBe(subject);
    const again = entry(guarded({ change: "updated", event: EVENT, items: ITEMS }));
    expect(mail(payload([again])).subject).toBe(subject);
    expect(mail(payload([pointer()], { tlp: "red" })).subject).toBe(
      "[MISP] [TLP:RED] A restricted event was published",
    );
    expect(mail(payload([publication(), burst(), withheld()])).subject).toBe(
      "[MISP] [TLP:AMBER] 1 high, 1 medium, 1 low: Emotet epoch5 infrastructure, seen at bad[.]example; +2 more",
    );
  });

  it("keeps the mails about one event together, of a digest with none, without telling the event's UUID to a pointer", () => {
    const first = mail(payload([publication()]));
    expect(mail(payload([metadata()])).threadId).toBe(first.threadId);
    expect(mail(payload([pointer()])).threadId).toBe(first.threadId);
    expect(mail(payload([publication()], { destination: "elsewhere" })).threadId).not.toBe(first.threadId);
    expect(mail(payload([publication(), burst()])).threadId).toBeUndefined();
    expect(first.labels).toEqual({
      "X-TLP": "TLP:AMBER",
      "X-MISP-Event-UUID": "5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
    });
    const restricted = entry(guarded({ event: { uuid: EVENT.uuid ?? "" } }, { form: "pointer", tlp: "red" }), {
      routes: [],
    });
    const { link: _, ...unlinked } = restricted;
    const told = mail(payload([unlinked], { tlp: "red" }));
    expect(JSON.stringify(told)).not.toContain(EVENT.uuid);
  });

  it("is the same mail, byte by byte, at every attempt", async () => {
    const raws = await Promise.all(
      [1, 2].map(() => composeMail(mail(payload([publication()]), { attach: ["csv", "json"] }), ADDRESSING)),
    );
    expect(raws[0]?.equals(raws[1] ?? Buffer.alloc(0))).toBe(true);
    const headers = Object.fromEntries((await PostalMime.parse(raws[0] ?? "")).headers.map((it) => [it.key, it.value]));
    expect(headers).toMatchObject({
      "message-id": "<batch-1f2e3d@misp.example.org>",
      "in-reply-to": expect.stringMatching(/^<event\.[0-9a-f]{32}@misp\.example\.org>$/),
      date: "Fri, 20 Nov 2026 14:02:11 +0000",
      "auto-submitted": "auto-generated",
      "list-id": "<urgent.misp-herald.misp.example.org>",
    });
    expect(headers.references).toBe(headers["in-reply-to"]);
  });

  it("marks a mail as important only when the payload is", async () => {
    const raw = await composeMail(mail(payload([publication()], { priority: "high" })), ADDRESSING);
    expect(raw.toString()).toMatch(/^Importance: High\r$/m);
    expect((await composeMail(mail(payload([publication()])), ADDRESSING)).toString()).not.toMatch(/^Importance/m);
  });

  it("tells nothing of a restricted event but that it is there", () => {
    const { text, html, attachments } = mail(payload([pointer()], { tlp: "red" }), { attach: ["csv", "json"] });
    for (const part of [text, html]) {
      expect(part).toContain("A restricted event was published");
      expect(part).not.toMatch(/Emotet|CIRCL|#4711|High/);
    }
    expect(attachments).toEqual([]);
  });

  it("is marking, title and link for a reader who refused more", () => {
    const { text, html, attachments } = mail(payload([publication()], { minimal: true }), { attach: ["csv"] });
    for (const part of [text, html]) {
      expect(part).toContain("TLP:AMBER");
      expect(part).toContain("Emotet epoch5 infrastructure, seen at bad[.]example");
      expect(part).toContain("https://misp.example.org/events/view/");
      expect(part).not.toMatch(/CIRCL|TA542|gate\.php/);
    }
    expect(attachments).toEqual([]);
  });

  it("shows the lines of a template in place of facts and indicators, and what is withheld all the same", () => {
    const told = { ...withheld(), custom: { title: "Block now", body: "one <b>\n\n-- \ntwo" } };
    const { subject, text, html } = mail(payload([told]));
    expect(subject).toContain("Block now");
    expect(text).toContain("  one <b>\n\n  --\n  two\n  5 attributes withheld");
    expect(html).toContain("one &lt;b&gt;<br>");
    expect(html).toContain("5 attributes withheld");
    expect(text).not.toContain("CIRCL");
  });

  it("marks what is new as MISP's own mails do", () => {
    const items = [item({ value: "old.example", changedAt: 1000 }), item({ value: "new.example", changedAt: 3000 })];
    const { text, html } = mail(payload([entry(guarded({ event: EVENT, items }), { since: 2000 })]));
    expect(text).toMatch(/^ {2}url: old\[\.\]example/m);
    expect(text).toMatch(/^\* url: new\[\.\]example/m);
    expect(html.match(/>NEW OR CHANGED</g)).toHaveLength(1);
  });

  it("lists at most 30 alerts of a digest, gravest first, and counts all", () => {
    const { text, trimmed } = mail(payload(Array.from({ length: 50 }, () => publication())));
    expect(text).toContain("50 alerts: 50 high");
    expect(text.match(/Open in MISP/g)).toHaveLength(30);
    expect(text).toContain("+20 more alerts in MISP");
    expect(trimmed).toContain("20 alerts left out");
  });

  it("gives up indicators first, then facts, then alerts, and says so", () => {
    const wide = mail(payload([many(100_000)], { show: 500 }));
    expect(Buffer.byteLength(wide.html)).toBeGreaterThan(MAX_HTML_BYTES * 0.9);
    const [, left] = /^(\d+) indicators left out$/.exec(wide.trimmed[0] ?? "") ?? [];
    expect(Number(left)).toBeGreaterThan(50);
    expect(wide.text).toContain(`+${(100_000 - 500 + Number(left)).toLocaleString("en-US")} more in MISP`);
    expect(wide.text).toContain("Reported by CIRCL");

    const heavy = "\u{1F1E9}a\u0301\u0302\u0303\u0304\u0305\u0306".repeat(300);
    const lines = Array.from({ length: 30 }, () => ({ label: "Note", text: heavy }));
    const dense = mail(
      payload(Array.from({ length: 30 }, () => many(10, { lines, event: { ...EVENT, info: heavy } }))),
    );
    expect(dense.trimmed).toEqual(expect.arrayContaining(["facts left out"]));
    expect(dense.text).toContain("TLP:AMBER");
  });

  it("stays within its sizes and by the rules of mail for any text in any place", () => {
    const text = fc.oneof(
      fc.constantFrom(
        ...HOSTILE,
        "x".repeat(1_000_000),
        "begin 644 a.exe",
        "From me",
        "-- ",
        "> quoted",
        '"><a href="https://evil.example">',
      ),
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.string({ unit: "grapheme", maxLength: 60 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 3 }),
        fc.array(text, { minLength: 6, maxLength: 6 }),
        fc.boolean(),
        (sizes, [info = "", org = "", tag = "", value = "", comment = "", body = ""], isCustom) => {
          const entries = sizes.map((n) => ({
            ...many(n, {
              event: { ...EVENT, info, org: { name: org }, tags: [{ name: tag }], uuid: comment, id: value },
              items: [item({ type: tag, value, comment, changedAt: 2 }), ...ITEMS],
              lines: [{ label: "Note", text: comment }],
            }),
            ...(isCustom ? { custom: { title: info, body }, templateFailed: true } : {}),
            since: 1,
          }));
          const content = mail(payload(entries, { show: 500 }), { attach: ["csv", "json"] });
          expect(content.subject.length).toBeLessThanOrEqual(MAX_SUBJECT);
          expect(content.subject).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
          expect(Buffer.byteLength(content.html)).toBeLessThanOrEqual(MAX_HTML_BYTES);
          expect(checkMailHtml(content.html, ["https://misp.example.org/"])).toEqual([]);
          expect(content.text).not.toMatch(/^(begin |From |>|-- |-----BEGIN)/m);
          expect(content.text.replace(ISOLATED, "$1")).not.toMatch(/[\p{Cf}\p{Cs}\r]/u);
          expect(`${content.text}${content.html}`).not.toMatch(/\[[.:@](?!\])(?=…)/);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("keeps values as they are for those who ask for it, and still escapes them", () => {
    const live = mail(payload([publication()]), { style: { timeZone: "UTC", defang: false } });
    expect(live.text).toContain("https://bad.example/gate.php");
    const script = entry(guarded({ event: { ...EVENT, info: "<script>alert(1)</script>" } }));
    expect(mail(payload([script]), { style: { timeZone: "UTC", defang: false } }).html).not.toContain("<script>");
  });
});
