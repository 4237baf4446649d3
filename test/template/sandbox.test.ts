import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headline } from "../../src/alert/headline.ts";
import type { AlertId } from "../../src/model/alert.ts";
import type { DeliveryId } from "../../src/model/outbox.ts";
import { compileTemplate, renderTemplate } from "../../src/template/compile.ts";
import { EVENT, entry, guarded, HOSTILE, item, publication } from "../support/payloads.ts";

const CANARY = "CANARY";
const STYLE = { timeZone: "UTC", defang: true };

function render(text: string, told = publication()): string {
  const compiled = compileTemplate({ body: text });
  if ("problems" in compiled) {
    return "";
  }
  const result = renderTemplate(compiled.template, told, STYLE, 20);
  return "failed" in result ? "" : (result.body ?? "");
}

// Where a climb may start, the rungs it may take, and tricks that have worked on template engines.
const ROOTS = [
  "event",
  "indicators",
  "title",
  "tags",
  "counts",
  "forloop",
  "this",
  "self",
  "globalThis",
  "process",
  "empty",
  "blank",
  "nil",
  "x",
  "(1..3)",
  "'a'",
];
const RUNGS = [
  "constructor",
  "__proto__",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "__defineGetter__",
  "call",
  "apply",
  "bind",
  "map",
  "liquid",
  "context",
  "environments",
  "opts",
  "style",
  "missing",
  "length",
  "size",
  "first",
  "last",
  "name",
  "toLiquid",
  "liquidMethodMissing",
  "next",
  "index",
];
const FILTERS = [
  "defang",
  "truncate: 5",
  "join",
  "join: title",
  "date",
  "tlp_badge",
  "raw",
  "constructor",
  "valueOf",
  "toString",
  "map: 'constructor'",
  "where: 'a'",
  "jsonify",
  "inspect",
  "json",
];

const path = fc
  .tuple(fc.constantFrom(...ROOTS), fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...RUNGS)), { maxLength: 4 }))
  .map(([root, rungs]) => root + rungs.map(([dotted, woken]) => (dotted ? `.${woken}` : `["${woken}"]`)).join(""));
const expression = fc
  .tuple(path, fc.array(fc.constantFrom(...FILTERS), { maxLength: 2 }))
  .map(([start, filters]) => [start, ...filters].join(" | "));
const climb = fc.oneof(
  expression.map((inside) => `{{ ${inside} }}`),
  fc.tuple(expression, path).map(([first, second]) => `{% assign x = ${first} %}{{ ${second} }}`),
  fc.tuple(path, path).map(([list, inside]) => `{% for x in ${list} %}{{ ${inside} }}{% endfor %}`),
  fc.tuple(path, path).map(([a, b]) => `{% assign x = ${a} %}{{ event[x] }}{{ indicators[0][${b}] }}`),
);

describe("a template reads nothing but the view", () => {
  it("whatever it asks for", () => {
    // Near the view, and not in it.
    const told = entry(
      guarded({
        event: { ...EVENT, org: { name: "ACME", id: CANARY }, owner: { id: CANARY } },
        items: [
          item({
            id: CANARY,
            objectKey: CANARY,
            sharingGroup: { name: CANARY },
            reach: [{ sharingGroup: { name: CANARY } }],
          } as object),
        ],
        id: CANARY as AlertId,
        version: CANARY,
      }),
      { deliveries: [CANARY as DeliveryId] },
    );
    Object.assign(globalThis, { x: CANARY });
    fc.assert(
      fc.property(climb, (text) => {
        expect(render(text, told)).not.toMatch(/CANARY|=>|function|native|\[object|class |Error|node_modules|\/work/);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    "{{ event.constructor }}",
    "{{ event.__proto__ }}",
    "{{ event['constructor'].constructor }}",
    "{{ indicators.constructor.name }}",
    "{{ title.constructor.name }}{{ title.__proto__ }}",
    "{{ constructor }}{{ __proto__ }}{{ globalThis }}{{ process.env.HOME }}",
    "{% for i in indicators %}{{ forloop.constructor }}{{ forloop.__proto__.constructor.name }}{{ forloop.toString }}{% endfor %}",
    "{% for i in indicators %}{% assign k = 'constructor' %}{{ forloop[k] }}{{ i[k] }}{% endfor %}",
    "{{ empty.constructor }}{{ blank.__proto__ }}{{ nil.constructor }}",
    "{{ (1..2).constructor.name }}",
  ])("not even by %s", (text) => {
    expect(render(text)).toBe("");
    expect(compileTemplate({ body: text })).toHaveProperty("template");
  });

  it.each([
    "{% include '/etc/passwd' %}",
    "{% include title %}",
    "{% render '../../etc/passwd' %}",
    "{% layout 'x' %}",
    "{% block x %}{% endblock %}",
    "{% liquid include 'x' %}",
    "{% increment n %}",
    "{% capture a %}x{% endcapture %}",
    "{% tablerow i in tags %}{% endtablerow %}",
    "{% echo title %}",
    "{% constructor %}",
  ])("and nothing beside it: %s is no tag", (text) => {
    expect(compileTemplate({ body: text })).toHaveProperty("problems");
  });
});

describe("what a template writes", () => {
  it("is hostile text again: no live link, no control, no line that the template has not written", () => {
    const hostile = fc.oneof(
      fc.constantFrom(...HOSTILE, "https://evil.example/x", "evil.example"),
      fc.string({ unit: "binary", maxLength: 80 }),
    );
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const told = entry(
          guarded({ event: { ...EVENT, info: a, org: { name: b } }, items: [item({ value: b, comment: a })] }),
        );
        const compiled = compileTemplate({
          title: "{{ event.info }}{{ event.org.name }}",
          body: "{{ event.info }}{{ event.org.name }}\nhttp{{ ':' }}//{{ indicators.first.value }}",
        });
        if (!("template" in compiled)) {
          throw new Error("does not compile");
        }
        const custom = renderTemplate(compiled.template, told, STYLE, 20);
        // Whoever stands still for 100 ms in the middle gets the built-in alert.
        fc.pre(!("failed" in custom && custom.failed === "limit"));
        if ("failed" in custom) {
          throw new Error(custom.failed);
        }
        const words = headline({ ...told, custom }, STYLE);
        for (const line of [words.title, ...(words.body ?? [])]) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Surrogate}\u2028\u2029]/u);
          expect(line).not.toMatch(/https?:\/\/|\bevil\.example(?![\p{L}\p{N}_.-])/u);
        }
        expect((words.body ?? []).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 300 },
    );
  });

  it("ends in time, whatever loops it has", () => {
    const nest = (depth: number) => `${"{% for a in (1..9999) %}".repeat(depth)}{{ a }}${"{% endfor %}".repeat(depth)}`;
    for (const depth of [1, 2, 3, 5, 50]) {
      expect(compileTemplate({ body: nest(depth) })).toMatchObject({
        problems: [{ message: expect.stringMatching(/too much time or memory|more than 20,000/) }],
      });
    }
    expect(
      compileTemplate({ body: "{% for i in (1..20) %}{% assign a = 'ab,cd' | join: a %}{% endfor %}x" }),
    ).toHaveProperty("template");
  });
});
