import { describe, expect, it } from "vitest";
import { formatPap, formatTlp, formatTitle as titleOf, headline as wordsOf } from "../../src/alert/headline.ts";
import { formatState } from "../../src/alert/state.ts";
import { formatInstant } from "../../src/alert/style.ts";
import type { Entry, GuardedAlert } from "../../src/model/payload.ts";
import { KINDS, type Kind } from "../../src/model/vocabulary.ts";
import { AMBER, EVENT, entry, guarded, item, metadata, pointer, publication, withheld } from "../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };
const headline = (told: Entry) => wordsOf(told, STYLE);
const formatTitle = (told: Entry) => titleOf(told, STYLE);

function of(kind: Kind, n: number, alert: Partial<GuardedAlert["alert"]> = {}): Entry {
  return entry(guarded({ kind, event: EVENT, ...alert }), { kinds: [{ kind, n }] });
}

describe("formatState()", () => {
  it("has words of its own for every kind, for one and for many", () => {
    const states = KINDS.flatMap((kind) => [formatState(of(kind, 1)), formatState(of(kind, 12))]);
    expect(new Set(states).size).toBe(KINDS.length * 2);
    expect(states.filter((state, index) => index % 2 === 1 && !state.includes("12"))).toEqual([]);
    expect(states.join()).not.toContain("#");
  });

  it.each([
    ["new", 1, "New"],
    ["updated", 1, "Updated"],
    ["unchanged", 1, "Published again"],
    ["updated", 3, "Updated (3 publications)"],
  ] as const)("calls a publication that is %s, %i times: %s", (change, n, expected) => {
    expect(formatState(of("event.published", n, { change }))).toBe(expected);
  });

  it.each([
    ["sighting", "Sighting reported"],
    ["false-positive", "False positive reported"],
    ["expiration", "Expiration reported"],
  ] as const)("calls a sighting of type %s: %s", (type, expected) => {
    expect(formatState(of("sighting.added", 1, { sighting: { type } }))).toBe(expected);
  });

  it("tells a folded burst in one line, the publication first", () => {
    const folded = entry(guarded({ change: "updated", event: EVENT }), {
      kinds: [
        { kind: "attribute.added", n: 1200 },
        { kind: "tag.attached", n: 1 },
        { kind: "event.published", n: 1 },
      ],
    });
    expect(formatState(folded)).toBe("Updated · 1,200 attributes added · Tag attached");
  });
});

describe("formatTitle()", () => {
  it.each([
    ["the event's title, inert", { event: EVENT }, "Emotet epoch5 infrastructure, seen at bad[.]example"],
    ["the event's id where the title is unknown", { event: { id: "123" } }, "Event 123"],
    ["its UUID where that is all", { event: { uuid: "5f3c" } }, "Event 5f3c"],
    ["its id where the title is nothing but blanks", { event: { id: "123", info: " \u200B\n" } }, "Event 123"],
    ["the subject where the event is unknown", { subject: { type: "event", id: "9" } }, "Event 9"],
    ["what happened where there is no event", { kind: "user.login", subject: { type: "user" } }, "User logged in"],
  ] as const)("is %s", (_, alert, expected) => {
    expect(formatTitle(entry(guarded(alert)))).toBe(expected);
  });

  it("is at most 500 characters, cut outside of brackets", () => {
    const title = formatTitle(entry(guarded({ event: { info: `${"x".repeat(495)} a.bad.example` } })));
    expect(title).toBe(`${"x".repeat(495)} a…`);
  });
});

describe("headline()", () => {
  it("tells facts in one order for all channels", () => {
    const words = headline({ ...publication(), because: ["threat level is high", "reported by CIRCL"] });
    expect(words.facts.find(({ id }) => id === "because")?.value).toBe("threat level is high; reported by CIRCL");
    expect(words.facts.map(({ label }) => label)).toEqual(["Threat actor", "Malware", "Tag", "Because", "Attributes"]);
    expect(words).toMatchObject({
      tlp: "TLP:AMBER",
      pap: "PAP:AMBER",
      level: "high",
      state: "New",
      reporter: "CIRCL",
      origin:
        "Reported by CIRCL · event date 2026-11-20 · analysis ongoing · connected communities · event 4711 on cert · route urgent",
      time: { word: "published", text: "2026-11-20 14:02 UTC" },
    });
    expect(words).not.toHaveProperty("withheld");
  });

  it("humanises clusters, each once, and leaves markings to the badges", () => {
    const about = headline(publication()).facts.filter(({ id }) => id === "about");
    expect(about.map(({ label, value }) => `${label}: ${value}`)).toEqual([
      "Threat actor: TA542",
      "Malware: Emotet",
      "Tag: source reliability: b",
    ]);
  });

  it("counts the tags that it does not list", () => {
    const tags = Array.from({ length: 50 }, (_, i) => ({ name: `tag-${i}` }));
    const { facts } = headline(entry(guarded({ event: { ...EVENT, clusters: [], tags } })));
    expect(facts.find(({ id }) => id === "about")?.value).toBe("tag-0, tag-1, tag-2 … +47");
  });

  it("counts what is withheld", () => {
    expect(headline(withheld()).withheld).toBe("5 attributes withheld");
  });

  it("shows neither objects nor lines nor sightings in metadata", () => {
    const told = guarded(
      { ...metadata().guarded.alert, lines: [{ label: "Note", text: "x" }], sighting: { source: "y", seenAt: 0 } },
      { form: "metadata" },
    );
    expect(headline(entry(told)).facts.map(({ label }) => label)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/Note|Sighted/)]),
    );
  });

  it("says nothing of what nobody has judged or listed", () => {
    const told = entry(guarded({ event: { ...EVENT, threatLevel: "undefined" } }));
    expect(headline(told)).not.toHaveProperty("level");
  });

  it("tells what the analyst wrote and where there is more of it, before the rest", () => {
    const items = [
      item({ type: "link", value: "https://report.example/x", toIds: false }),
      item({ type: "text", value: "Third wave since Monday.", toIds: false }),
      item({ type: "text", value: "in an object", toIds: false, objectKey: "o1" }),
    ];
    const { facts } = headline(entry(guarded({ event: EVENT, items })));
    expect(facts.filter(({ id }) => id === "quote").map(({ label, value }) => `${label}: ${value}`)).toEqual([
      "Comment: Third wave since Monday.",
      "Reference: hxxps://report[.]example/x",
    ]);
  });

  it("says how much was taken back before it was told here", () => {
    expect(headline({ ...publication(), neverTold: 2 }).withheld).toBe("2 attributes deleted before being told here");
  });

  it("says of metadata why it is short", () => {
    expect(headline(metadata()).notice).toMatch(/^Indicators are not shown here: TLP:/);
    expect(headline(publication())).not.toHaveProperty("notice");
  });

  it.each([
    [{ keptBack: ["tlp"] }, "Indicators are not shown here: TLP:AMBER"],
    [{ keptBack: ["pap"] }, "Indicators are not shown here: PAP:RED"],
    [{ keptBack: ["tlp", "pap"] }, "Indicators are not shown here: TLP:AMBER, PAP:RED"],
    [{ keptBack: ["tlp"], tlp: "untagged" }, "Indicators are not shown here: no TLP label"],
    [{ keptBack: ["pap"], pap: "untagged" }, "Indicators are not shown here: no PAP label"],
    // Told so before, and in full to whoever hears of it now.
    [{}, "Indicators are not shown here"],
  ] as const)("names of the labels that one for which metadata is short: %j", (labels, expected) => {
    const counts = [{ type: "url", toIds: true, marking: AMBER, reach: [], n: 2 }];
    const short = { form: "metadata", tlp: "amber", pap: "red", ...labels } as const;
    expect(headline(entry(guarded({ event: EVENT, counts }, short))).notice).toBe(expected);
  });

  it("says nothing of indicators where there are none", () => {
    const short = { form: "metadata", tlp: "amber" } as const;
    expect(headline(entry(guarded({ event: EVENT }, short)))).not.toHaveProperty("notice");
    expect(headline(entry(guarded({ event: EVENT }, { ...short, keptBack: ["tlp"] }))).notice).toBe(
      "Details are not shown here: TLP:AMBER",
    );
  });

  it("says of a pointer only that it is there, of which instance, and where", () => {
    const words = headline(pointer());
    expect({ ...words, link: words.link?.href }).toEqual({
      tlp: "TLP:RED",
      title: "A restricted event was published",
      facts: [],
      place: "cert",
      origin: "cert",
      links: [],
      link: "https://misp.example.org/events/view/5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
    });
  });

  it("tells what a template made of it, line by line, in place of nothing else", () => {
    const body = "\n\nTLP:CLEAR\r\n\r\n\r\nhttps://bad.example/\u202E\n \u200B \n";
    const words = headline({ ...publication(), custom: { title: " at\nbad.example ", body } });
    expect(words.title).toBe("at bad[.]example");
    expect(words.body).toEqual(["TLP:CLEAR", "", "hxxps://bad[.]example/"]);
    expect(words).toMatchObject({ tlp: "TLP:AMBER", state: "New" });
  });

  it("takes a template's blank output for none", () => {
    const words = headline({ ...publication(), custom: { title: " \n", body: "\n \n" } });
    expect(words.title).toMatch(/^Emotet/);
    expect(words).not.toHaveProperty("body");
  });

  it("bounds what a template can make it say", () => {
    const { title, body } = headline({
      ...pointer(),
      custom: { title: "x".repeat(9999), body: "y".repeat(5000).concat("\nz".repeat(900)) },
    });
    expect([title.length, body?.[0]?.length, body?.length, body?.at(-1)]).toEqual([500, 1000, 201, "+701 more lines"]);
  });

  it("says that a template failed", () => {
    expect(headline({ ...metadata(), templateFailed: true }).notice).toMatch(/^The template failed/);
  });

  it("says how often something was sighted, as what, by whom, and when last", () => {
    const sightings = [
      { type: "false-positive", source: "analyst:bob", seenAt: 60_000 },
      { type: "sighting", source: "SIEM", seenAt: 0 },
      { type: "sighting", source: "SIEM" },
    ] as const;
    const told = entry(guarded({ kind: "sighting.added", event: EVENT, sighting: sightings[0] }, { sightings }));
    expect(headline(told).facts).toContainEqual({
      id: "sightings",
      label: "Reported",
      value: "2 sightings, 1 false positive · analyst:bob, SIEM · last 1970-01-01 00:01 UTC",
    });
    const once = entry(guarded({ kind: "sighting.added", event: EVENT, sighting: sightings[1] }));
    expect(headline(once).facts).toContainEqual({
      id: "sightings",
      label: "Sighted",
      value: "SIEM · 1970-01-01 00:00 UTC",
    });
  });

  it("counts attributes by type where none is listed", () => {
    const counts = ["ip-dst", "ip-dst", "", "url"].map((type, i) => ({ ...item(), type, toIds: i % 2 === 0, n: 3 }));
    const { facts } = headline(entry(guarded({ event: EVENT, counts }, { form: "metadata" })));
    expect(facts).toContainEqual({ id: "types", label: "Types", value: "6 ip-dst, 3 url, 3 other" });
  });

  it("bounds what one alert can say", () => {
    const lines = Array.from({ length: 100 }, (_, i) => ({ label: `Line ${i}`, text: "x".repeat(5000) }));
    const { facts } = headline(entry(guarded({ event: EVENT, lines })));
    expect(facts.find(({ id }) => id === "more")?.value).toBe("88 lines");
    expect(Math.max(...facts.map(({ value }) => value.length))).toBe(300);
  });
});

describe("labels and instants", () => {
  it("writes labels as FIRST does", () => {
    expect([formatTlp("amber+strict"), formatTlp("clear"), formatTlp("untagged"), formatPap("red")]).toEqual([
      "TLP:AMBER+STRICT",
      "TLP:CLEAR",
      "untagged",
      "PAP:RED",
    ]);
  });

  it("tells instants in the zone that was asked for, and nothing for what is none", () => {
    const at = Date.UTC(2026, 6, 1, 22, 5);
    expect(formatInstant(at, STYLE)).toBe("2026-07-01 22:05 UTC");
    expect(formatInstant(at, { timeZone: "Europe/Brussels" })).toBe("2026-07-02 00:05 CEST");
    expect([formatInstant(Number.NaN, STYLE), formatInstant(1e300, STYLE)]).toEqual([undefined, undefined]);
  });
});
