import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Values } from "../../../src/alert/json.ts";
import { sign } from "../../../src/destinations/webhook/sign.ts";
import { json } from "../../../src/formats/json.ts";
import type { Entry, Payload } from "../../../src/model/payload.ts";
import { GOLDEN_NAMES, goldenPayload } from "../../support/golden.ts";
import {
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
import { WebhookBody } from "../../support/webhook-body.ts";

const MAX = 262_144;
const STYLE = { timeZone: "UTC", defang: true };

function formatBody(sent: Payload, values: Values, max: number): string {
  return json.fit(sent, max, { ...STYLE, values }).text;
}

function many(n: number, extra: Parameters<typeof guarded>[0] = {}): Entry {
  const items = Array.from({ length: n }, (_, i) => item({ value: `https://bad.example/${i}` }));
  return entry(
    guarded({ change: "new", event: EVENT, items, counts: [{ ...item(), type: "url", toIds: true, n }], ...extra }),
  );
}

describe("formatBody()", () => {
  it.each(GOLDEN_NAMES)("tells what has become of recorded frames: %s", async (name) => {
    const body = formatBody(await goldenPayload(name), "raw", MAX);
    const told = JSON.parse(body);
    expect(WebhookBody.safeParse(told).error?.issues).toBeUndefined();
    expect(Buffer.byteLength(body)).toBeLessThan(30_000);
    await expect(`${JSON.stringify(told, null, 2)}\n`).toMatchFileSnapshot(
      `../../fixtures/golden/webhook/${name}.json`,
    );
  });

  it("tells the words of a template, and that one has failed", () => {
    const custom = { title: "Emotet again", body: "\nline 1\n\n\nhttps://bad.example/\n" };
    const told = [
      { ...publication(), custom },
      { ...metadata(), templateFailed: true },
    ];
    const body = JSON.parse(formatBody(payload(told), "raw", MAX));
    expect(WebhookBody.safeParse(body).error?.issues).toBeUndefined();
    expect(body.entries[0]).toMatchObject({ title: "Emotet again", body: "line 1\n\nhxxps://bad[.]example/" });
    expect(body.entries[1]).toMatchObject({ template_failed: true });
  });

  it("tells a publication as programs want it", () => {
    const body = JSON.parse(formatBody(payload([publication()], { mentions: ["oncall"] }), "raw", MAX));
    expect(body).toMatchObject({
      type: "misp-herald.alerts",
      version: "1",
      id: "batch-1f2e3d",
      timestamp: "2026-11-20T14:02:11.500Z",
      destination: "soar",
      priority: "normal",
      mentions: ["oncall"],
      marking: { tlp: "amber" },
      entries: [
        {
          kinds: [{ kind: "event.published", n: 1 }],
          change: "new",
          form: "full",
          routes: ["urgent"],
          marking: { tlp: "amber", pap: "amber" },
          withheld: 0,
          state: "New",
          event: {
            id: "4711",
            url: "https://misp.example.org/events/view/5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
            info: "Emotet epoch5 infrastructure, seen at bad.example",
            threat_level: "high",
            org: { name: "CIRCL" },
          },
          counts: { attributes: 37, to_ids: 12, objects: 1 },
          clusters: [{ galaxy: "threat-actor", value: "TA542" }],
          objects: [{ name: "file" }],
          truncated: { indicators: 30 },
        },
      ],
    });
    const { indicators } = body.entries[0];
    expect(indicators).toHaveLength(7);
    const url = indicators.find((indicator: { type: string }) => indicator.type === "url");
    expect(url).toEqual({
      uuid: "6f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
      type: "url",
      category: "Network activity",
      value: "https://bad.example/gate.php",
      defanged: "hxxps://bad[.]example/gate.php",
      to_ids: true,
      comment: "C2 panel, first seen at 198.51.100.9",
      tlp: "amber",
    });
    expect(indicators[2]).toMatchObject({ object: "file", relation: "sha256-of-file" });
  });

  it("has no live indicator anywhere when values are to be defanged, and none at all when there are to be none", () => {
    const defanged = formatBody(payload([publication()]), "defanged", MAX);
    expect(defanged).toContain("hxxps://bad[.]example/gate.php");
    expect(defanged).not.toMatch(/bad\.example|198\.51\.100/);
    const none = JSON.parse(formatBody(payload([publication()]), "none", MAX));
    expect(none.entries[0].indicators[0]).toEqual({
      uuid: "6f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
      type: "domain",
      category: "Network activity",
      to_ids: true,
      tlp: "amber",
    });
  });

  it("says how much is withheld, and nothing of the content of metadata and pointers", () => {
    const body = JSON.parse(formatBody(payload([withheld(), metadata(), pointer()], { tlp: "red" }), "raw", MAX));
    expect(body.entries[0].withheld).toBe(5);
    expect(body.entries[1]).not.toHaveProperty("indicators");
    expect(body.entries[1]).not.toHaveProperty("objects");
    expect(body.entries[1].counts.attributes).toBe(37);
    expect(body.entries[2]).toEqual({
      form: "pointer",
      instance: "cert",
      marking: { tlp: "red", pap: "amber" },
      title: "A restricted event was published",
      event: { url: "https://misp.example.org/events/view/5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f" },
    });
  });

  it("is marking, title and link for a receiver that refused more", () => {
    const body = JSON.parse(formatBody(payload([publication()], { minimal: true, mentions: ["oncall"] }), "raw", MAX));
    expect(body).not.toHaveProperty("mentions");
    expect(body.entries).toEqual([
      {
        form: "full",
        instance: "cert",
        marking: { tlp: "amber", pap: "amber" },
        title: "Emotet epoch5 infrastructure, seen at bad[.]example",
        event: { url: "https://misp.example.org/events/view/5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f" },
      },
    ]);
  });

  it("lists what `show` allows, short lists in whole and long ones alike, and counts the rest", () => {
    const body = JSON.parse(formatBody(payload([many(50), many(3), many(50)], { show: 20 }), "raw", MAX));
    expect(body.entries.map((told: { indicators: unknown[] }) => told.indicators.length)).toEqual([9, 3, 8]);
    expect(body.entries.map((told: { truncated?: unknown }) => told.truncated)).toEqual([
      { indicators: 41 },
      undefined,
      { indicators: 42 },
    ]);
  });

  it("lists only what matched when asked so", () => {
    const items = [item({ matched: true }), item(), item({ matched: true })];
    const told = entry(guarded({ event: EVENT, items }));
    const body = JSON.parse(formatBody(payload([told], { show: "matched" }), "raw", MAX));
    expect(body.entries[0].indicators).toHaveLength(2);
    expect(body.entries[0].truncated).toEqual({ indicators: 1 });
  });

  it("gives up tags first, then indicators, then all but titles, then entries; nothing goes uncounted", () => {
    const cut = (entries: readonly Entry[], max: number) =>
      JSON.parse(formatBody(payload(entries, { show: 10_000 }), "raw", max));
    const few = cut([many(500)], 16_384);
    expect(few.entries[0].indicators.length).toBeGreaterThan(10);
    expect(few.entries[0].indicators.length + few.entries[0].truncated.indicators).toBe(500);
    expect(few.entries[0].indicators[0].value).toBe("https://bad.example/0");
    expect(few.entries[0].truncated.tags).toBe(5);

    const tags = Array.from({ length: 1000 }, (_, i) => ({ name: `workflow:state="${i}"` }));
    const untagged = cut([many(50, { event: { ...EVENT, tags } })], 16_384);
    expect(untagged.entries[0].indicators).toHaveLength(50);
    expect(untagged.entries[0].tags.length).toBeGreaterThan(10);
    expect(untagged.entries[0].tags.length + untagged.entries[0].truncated.tags).toBe(1000);

    const texts = cut([many(1, { lines: [{ label: "Note", text: "x".repeat(60_000) }] })], 8192);
    expect(texts.entries[0].lines).toEqual([{ label: "Note", text: expect.stringMatching(/^x{5000,}$/), cut: true }]);
    expect(texts.entries[0].tags).toHaveLength(5);

    const long = cut([many(1, { event: { ...EVENT, info: "x".repeat(60_000) } })], 8192);
    expect(Object.keys(long.entries[0])).toEqual(["form", "instance", "marking", "title", "event"]);

    const digest = cut(
      Array.from({ length: 500 }, () => many(1)),
      8192,
    );
    expect(digest.entries.length).toBeGreaterThan(10);
    expect(digest.entries.length + digest.truncated.entries).toBe(500);
  });

  it("is valid JSON within its budget for any number of items and any text", () => {
    const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary", maxLength: 50 }));
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 8192, max: 300_000 }),
        text,
        (sizes, max, hostile) => {
          const entries = sizes.map((n) =>
            many(n, {
              event: { ...EVENT, info: hostile, org: { name: hostile } },
              lines: [{ label: "Note", text: hostile }],
            }),
          );
          const body = formatBody(payload(entries, { show: 5000 }), "raw", max);
          expect(Buffer.byteLength(body)).toBeLessThanOrEqual(max);
          expect(body).not.toMatch(/\\ud[89a-f]/i);
          expect(JSON.parse(body).entries).toHaveLength(sizes.length);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe("sign()", () => {
  it("agrees with the vector of Standard Webhooks", () => {
    const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
    expect(sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')).toBe(
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
  });
});
