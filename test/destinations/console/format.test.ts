import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ConsoleStyle, formatJsonLines, formatText } from "../../../src/destinations/console/format.ts";
import type { Entry } from "../../../src/model/payload.ts";
import { GOLDEN_NAMES, goldenPayload } from "../../support/golden.ts";
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

const PIPED: ConsoleStyle = { colors: false, columns: Number.POSITIVE_INFINITY, timeZone: "UTC", defang: true };
const SCREEN: ConsoleStyle = { colors: true, columns: 80, timeZone: "Europe/Brussels", defang: true };

// What we ourselves send to a terminal: colours and weights, and links.
const OURS = /\x1b\[[0-9;]*m|\x1b\]8;;(?:https:\/\/misp\.example\.org\/[!-~]*)?\x1b\\/g;

function visible(text: string): string {
  return text.replace(OURS, "");
}

function everywhere(text: string, isCustom = false): Entry {
  const told = guarded({
    change: "new",
    event: {
      id: text,
      uuid: text,
      info: text,
      date: text,
      org: { name: text },
      distribution: "sharing_group",
      sharingGroup: { name: text },
      tags: [{ name: text }, { name: `misp-galaxy:${text}="${text}"` }],
      clusters: [{ galaxy: text, value: text }],
    },
    items: ["url", "yara", "filename|md5", text].map((type) =>
      item({ type, value: text, comment: text, objectKey: "o1", relation: text }),
    ),
    objects: [{ key: "o1", name: text, comment: text, reach: [] }],
    sighting: { type: "sighting", source: text, seenAt: Number.NaN },
    tag: { name: text, on: "attribute", attributeId: text },
    lines: [{ label: text, text }],
  });
  return entry(told, { routes: [text], ...(isCustom && { custom: { title: text, body: `${text}\n${text}` } }) });
}

const GOLDEN = "../../fixtures/golden/console";

/** An event that was published again with two new attributes of seven. */
function updated(): Entry {
  const told = publication();
  const { alert } = told.guarded;
  const since = (EVENT.changedAt ?? 0) - 86_400_000;
  const items = ITEMS.map((one, index) => ({ ...one, changedAt: index < 2 ? since + 3_600_000 : since - 1 }));
  const counts = items.map(({ type = "", toIds = false, marking }) => ({ type, toIds, marking, reach: [], n: 1 }));
  return { ...told, since, guarded: guarded({ ...alert, change: "updated", items, counts }) };
}

/** What a template of the operator has made of an alert. */
function custom(): Entry {
  const body = "Reported by CIRCL\r\n\n\n\n12 for IDS: https://bad.example/gate.php\n\n";
  return { ...withheld(), custom: { title: "Emotet again", body } };
}

describe("formatText()", () => {
  it.each(GOLDEN_NAMES)("writes what has become of recorded frames: %s", async (name) => {
    const text = formatText(await goldenPayload(name), { ...PIPED, columns: 100 });
    await expect(text).toMatchFileSnapshot(`${GOLDEN}/${name}.txt`);
    for (const line of text.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(100);
    }
  });

  it.each([
    ["burst", burst()],
    ["withheld", withheld()],
    ["updated", updated()],
    ["custom", custom()],
    ["template-failed", { ...metadata(), templateFailed: true }],
  ])("writes a %s plainly where no person looks", async (name, told) => {
    await expect(formatText(payload([told]), PIPED)).toMatchFileSnapshot(`${GOLDEN}/${name}.txt`);
  });

  it("writes with colours and within the width of a screen", async () => {
    const text = formatText(payload([publication()]), SCREEN);
    await expect(text).toMatchFileSnapshot(`${GOLDEN}/screen.ansi`);
    for (const line of visible(text).split("\n")) {
      expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  it("writes several as a digest, after the thirtieth a line of each", () => {
    const text = formatText(payload([burst(), ...Array.from({ length: 39 }, () => pointer())], { tlp: "red" }), PIPED);
    expect(text.split("\n")[0]).toBe("[TLP:RED] 40 alerts · 1 medium");
    expect(text.match(/\nA restricted event was published\n/g)).toHaveLength(29);
    expect(text.match(/\n\[TLP:RED\] A restricted event was published\n/g)).toHaveLength(10);
  });

  it("shows values as they are to readers who want them so, and nothing else less", () => {
    const live = formatText(payload([publication()]), { ...PIPED, defang: false });
    expect(live).toContain("https://bad.example/gate.php");
    expect(live).not.toContain("[.]");
    expect(live.split("\n")).toHaveLength(formatText(payload([publication()]), PIPED).split("\n").length);
  });

  it("says the same with colours as without", () => {
    const words = (text: string) => visible(text).replace(/[▌[\]\s]+/g, " ");
    const wide = { ...SCREEN, columns: Number.POSITIVE_INFINITY, timeZone: "UTC" };
    const told = payload([publication(), burst(), withheld(), metadata(), pointer()]);
    expect(words(formatText(told, wide)).trim()).toBe(words(formatText(told, PIPED)).trim());
  });

  it("tells nothing of the content of metadata, even when it was handed some", () => {
    const items = [item({ value: "https://bad.example/CANARY", comment: "CANARY" })];
    const told = guarded({ event: EVENT, items, lines: [{ label: "Note", text: "CANARY" }] }, { form: "metadata" });
    expect(formatText(payload([entry(told)]), PIPED)).not.toContain("CANARY");
  });

  it("links to nothing but the page in MISP", () => {
    const links = formatText(payload([everywhere("https://evil.example/x")]), SCREEN).match(/\x1b\]8;;[^\x1b]+/g);
    expect(links).toEqual([expect.stringMatching(/^\x1b\]8;;https:\/\/misp\.example\.org\//)]);
    expect(visible(formatText(payload([everywhere("https://evil.example/x")]), SCREEN))).not.toMatch(/evil\.example/);
    const told = entry(guarded({ event: EVENT }), { link: new URL("javascript:alert(1)") });
    expect(formatText(payload([told]), SCREEN)).not.toContain("javascript");
  });

  it("lets no byte of any field command the terminal or hide text", () => {
    const hostile = fc.oneof(
      fc.constantFrom(...HOSTILE),
      fc.array(fc.integer({ min: 0, max: 0x2fff }), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
    );
    const look = fc.constantFrom(PIPED, SCREEN, { ...SCREEN, columns: 1 });
    fc.assert(
      fc.property(hostile, look, fc.boolean(), (text, chosen, isCustom) => {
        const written = formatText(payload([everywhere(text, isCustom)]), chosen);
        expect(visible(written).replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Surrogate}\u2028\u2029]/u);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps each alert together: no field adds or ends a line", () => {
    const calm = formatText(payload([everywhere("x y")]), PIPED).split("\n").length;
    expect(formatText(payload([everywhere("x\r\ny")]), PIPED).split("\n")).toHaveLength(calm);
  });
});

describe("formatJsonLines()", () => {
  it("writes one object per alert, with nothing in it that a terminal obeys", () => {
    for (const text of HOSTILE) {
      const written = formatJsonLines(payload([everywhere(text), publication()]), PIPED);
      expect(written.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Surrogate}\u2028\u2029]/u);
      const [first, second, rest] = written.split("\n");
      expect(JSON.parse(first ?? "").event.info).toBe(text.replace(/\p{Surrogate}/gu, "\uFFFD"));
      expect(JSON.parse(second ?? "")).toMatchObject({ type: "misp-herald.alert", marking: { tlp: "amber" } });
      expect(rest).toBe("");
    }
  });
});
