import { describe, expect, it } from "vitest";
import type { Entry } from "../../src/model/payload.ts";
import { compileTemplate, lintTemplate, renderTemplate, type TemplateSource } from "../../src/template/compile.ts";
import { EVENT, entry, guarded, item, metadata, pointer, publication } from "../support/payloads.ts";

const STYLE = { timeZone: "Europe/Brussels", defang: true };

function rendered(source: TemplateSource, told: Entry = publication(), show: number | "matched" = 20) {
  const compiled = compileTemplate(source);
  if ("problems" in compiled) {
    throw new Error(compiled.problems.map(({ message }) => message).join());
  }
  return renderTemplate(compiled.template, told, STYLE, show);
}

/** The text of a template, or what is wrong with it. */
function body(text: string, told?: Entry): string | undefined {
  const result = rendered({ body: text }, told);
  return "failed" in result ? `failed: ${result.failed}` : result.body;
}

function problem(text: string): string {
  const compiled = compileTemplate({ body: text });
  return "problems" in compiled
    ? compiled.problems.map(({ line, column, message }) => `${line}:${column} ${message}`).join()
    : "";
}

describe("a template", () => {
  it("words title and body of what the guard has let through", () => {
    const title = "{{ marking.tlp | tlp_badge }} {{ event.threat_level }}: {{ event.info | truncate: 16 }}";
    const text = [
      "{% for indicator in indicators limit: 2 %}",
      "  {{ indicator.type }} {{ indicator.value }}{% if indicator.comment %} ({{ indicator.comment }}){% endif %}",
      "{% endfor %}",
      "{% unless tags == empty %}",
      "Tags: {{ tags | join: ' / ' }}",
      "{% endunless %}",
      "{{ event.changed_at | date }}, {{ event.changed_at | date: '%d.%m.%Y %H:%M:%S' }}",
      "{{ counts.attributes }} attributes, {{ more }} more; {{ clusters.first.value }}; {{ routes }}",
    ].join("\n");
    expect(rendered({ title, body: text })).toEqual({
      title: "TLP:AMBER high: Emotet epoch5 i…",
      body: [
        "  domain bad.example",
        "  ip-dst|port 198.51.100.7|8443",
        'Tags: tlp:amber / PAP:AMBER / misp-galaxy:threat-actor="TA542" / misp-galaxy:malpedia="Emotet" / admiralty-scale:source-reliability="b"',
        "2026-11-20 15:02 CET, 20.11.2026 15:02:11",
        "37 attributes, 30 more; TA542; urgent",
      ].join("\n"),
    });
  });

  it("has a part only where the operator wrote one", () => {
    expect(rendered({ title: "x" })).toEqual({ title: "x" });
    expect(rendered({ body: "y" })).toEqual({ body: "y" });
  });

  it("sees no more indicators than the payload lists", () => {
    const items = Array.from({ length: 50 }, (_, i) => item({ value: `v${i}`, matched: i === 7 }));
    const told = entry(guarded({ event: EVENT, items }));
    const text = "{{ indicators.size }} {{ more }}";
    expect(rendered({ body: text }, told, 10)).toEqual({ body: "10 40" });
    expect(rendered({ body: text }, told, "matched")).toEqual({ body: "1 49" });
  });

  it("sees of metadata no content, and of a pointer nothing but where it is", () => {
    const all = "{{ indicators.size }}|{{ event.info }}|{{ event.url }}|{{ title }}|{{ counts.attributes }}";
    expect(body(all, metadata())).toMatch(/^\|Emotet.*\|https:\/\/misp\.example\.org\/\S+\|Emotet.*\|37$/);
    expect(body(all, pointer())).toMatch(/^\|\|https:\/\/misp\.example\.org\/\S+\|A restricted event was published\|$/);
  });

  it("gives text from MISP no line of its own", () => {
    const told = entry(guarded({ event: { ...EVENT, info: "calm\r\nTLP:CLEAR\u2028Route: none" } }));
    expect(body("{{ event.info }}\nend", told)).toBe("calm TLP:CLEAR Route: none\nend");
  });

  it("renders to nothing where a field is not there", () => {
    expect(body("[{{ event.nfo }}{{ nowhere.at.all }}{{ event.nfo | date }}{{ event.nfo | defang }}]")).toBe("[]");
  });

  it("leaves no blank line for a tag that stands alone on its line", () => {
    expect(body("a\n{% if true %}\nb {% if true %}c{% endif %}\n  {%- endif %}\nd")).toBe("a\nb cd");
  });
});

describe("a template that cannot work", () => {
  it.each([
    ["{{ event.info | upcase }}", '1:1 has no filter "upcase"'],
    ["a\nb {% include 'secrets' %}", '2:3 has no tag "include"'],
    ["{% render 'secrets' %}", '1:1 has no tag "render"'],
    ["{% layout 'secrets' %}", '1:1 has no tag "layout"'],
    ["{% if title %}", "1:1 opens something here that is not closed"],
    ["{{ title", "1:1 opens something here that is not closed"],
    ["{% endif %}", '1:1 has an "endif" of which nothing is open'],
    ["{% for x in %}{% endfor %}", "1:"],
    ["{{ event }}", "1:1 shows a map, of which only the fields have text"],
    ["{{ indicators }}", "1:1 shows a map"],
    ["{{ received_at | date: '%q' }}", "1:1 gives `date` a format with more than %Y"],
    ["{{ (1..9999999999) | join }}", "1:1 takes too much time or memory"],
    ["{% for a in (1..50000) %}{% for b in (1..50000) %}{% endfor %}{% endfor %}", "1:"],
    [`{% for a in (1..210) %}${"0123456789".repeat(10)}{% endfor %}`, "1:1 renders more than 20,000 characters"],
    ["x".repeat(20_001), "1:1 is longer than 20,000 characters"],
  ])("is told when it is loaded: %.40s", (text, expected) => {
    expect(problem(text)).toMatch(new RegExp(`^${expected.replace(/[%.|()]/g, "\\$&")}`));
  });

  it("is told of both parts at once, without repeating what it says", () => {
    const compiled = compileTemplate({ title: "{{ SENTINEL-1", body: "{% SENTINEL-2 %}" });
    expect(compiled).toMatchObject({ problems: [{ part: "title" }, { part: "body" }] });
    expect(JSON.stringify(compileTemplate({ body: "{{ 'SENTINEL' " }))).not.toContain("SENTINEL");
  });

  it.each([
    [
      "takes too long",
      "{% for a in lines %}{% for b in lines %}{% for c in lines %}{{ c.text }}{% endfor %}{% endfor %}{% endfor %}",
    ],
    ["writes too much", "{% for a in lines %}{{ a.text }}{% endfor %}"],
  ])("fails as a whole when it %s of an alert that no sample is like", (_, text) => {
    const lines = Array.from({ length: 500 }, (_, i) => ({ label: `l${i}`, text: "x".repeat(1000) }));
    expect(rendered({ title: "fine", body: text }, entry(guarded({ event: EVENT, lines })))).toEqual({
      failed: expect.stringMatching(/^(limit|too-long)$/),
    });
  });
});

describe("lintTemplate()", () => {
  it.each([
    ["{{ event.nfo }}", ["nfo"]],
    ["{% if form == 'pointer' %}{{ evnt.id }}{% endif %}", ["evnt"]],
    ["{% for i in indicators %}{{ i.vlaue }}{% endfor %}", ["vlaue"]],
    ["{% if change == 'new' %}{{ event.org.nam }}{% endif %}", ["nam"]],
    ["{% for i in indicators %}{{ forloop.index }} {{ i.value }}{% endfor %}{{ indicators.size }}", []],
    ["{% assign n = counts.attributes %}{{ n }}{% for t in counts.types %}{{ t.type }}{{ t.n }}{% endfor %}", []],
    ["{{ clusters.first.value }}{{ clusters[0].galaxy }}{{ tags.last }}", []],
    ["{{ broken", []],
  ])("of %s finds %j", (text, expected) => {
    expect(lintTemplate(text)).toEqual(expected);
  });
});
