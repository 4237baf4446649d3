import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { knowledgeOf } from "../../src/cli/lint/knowledge.ts";
import { main } from "../../src/cli/program.ts";
import type { Fact, Matchable } from "../../src/model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, type Kind, MEASURES } from "../../src/model/vocabulary.ts";
import { Planner } from "../planning/planner.ts";
import { eventView } from "../support/messages.ts";
import { openScreen } from "../support/screen.ts";
import { decodeSample, SAMPLE_NAMES } from "../topics/frames.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-lint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const DESTINATIONS = `
  soc: { type: console, guard: { max_tlp: amber, metadata_up_to: amber+strict, pointer_up_to: red } }
  own: { type: console, guard: { max_tlp: red, distribution: [], audience: [0d8a1f4e-3b52-4c7a-9e15-6f2b7c8d9a01], untagged: deny } }`;
const OPERATIONS = "  - { name: operations, kinds: [herald.*], notify: [soc, own] }";

interface Parts {
  readonly routes?: string;
  readonly destinations?: string;
  readonly feed?: string;
  readonly more?: string;
}

function configOf({ routes = "", destinations = DESTINATIONS, feed = "", more = OPERATIONS }: Parts): string {
  return `misp:
  cert:
    feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"${feed}] }
destinations:${destinations}
routes:
${routes}
${more}
`;
}

/** What `check` says of a configuration: each warning with its place, and with its fix. */
async function warningsOf(text: string): Promise<readonly string[]> {
  const file = join(folder, "config.yaml");
  writeFileSync(file, text);
  const screen = openScreen();
  expect(await main(["check", "--json", "-c", file], screen.context), screen.errors()).toBe(0);
  const { problems } = JSON.parse(screen.out());
  return problems.map(({ line, column, message, hint }: Readonly<Record<string, unknown>>) => {
    expect(hint, String(message)).toMatch(/./);
    expect(text.split("\n")[Number(line) - 1]).toBeDefined();
    return `${line}:${column}: ${message}`;
  });
}

const CASES: readonly (readonly [what: string, parts: Parts, warning: string])[] = [
  [
    "nobody to tell that the feed is silent",
    { routes: "  - { name: all, notify: [soc, own] }", more: "" },
    "7:1: no route is about herald.feed_silent and herald.destination_suspended: nobody would be told",
  ],
  [
    "a route for it that asks for an event",
    { routes: "  - { name: all, kinds: ['*'], match: { org: X }, notify: [soc, own] }", more: "" },
    "7:1: no route is about herald.feed_silent and herald.destination_suspended: nobody would be told",
  ],
  [
    "a route below one that takes all of it",
    {
      routes: `  - { name: wide, match: { org: X }, notify: soc, stop: true }
  - { name: narrow, match: { threat_level: high, org: X }, notify: own }`,
    },
    '9:13: no message ever reaches this route: "wide" above takes all that it asks for, and stops the search',
  ],
  [
    "what is left by a route that leaves nothing",
    {
      routes: `  - { name: first, match: { org: X }, notify: soc }
  - { name: second, match: { org: X, threat_level: high }, otherwise: true, notify: own }`,
    },
    '9:13: no message ever reaches this route: it is for what no route above takes, and "first" takes all that it asks for',
  ],
  [
    "identical routes",
    {
      routes: `  - { name: first, match: { org: X, threat_level: high }, notify: [soc, own] }
  - { name: second, match: { threat_level: high, org: X }, notify: [own, soc], group: { by: [] } }`,
    },
    '9:13: this route asks and tells the same as "first": whoever both tell is told once',
  ],
  [
    "a label that a guard never shows",
    { routes: "  - { name: grave, match: { tlp: red }, notify: [own, { to: soc }] }" },
    '8:55: "soc" is never told by route "grave": its guard shows anything up to TLP:AMBER+STRICT alone, and the route asks for what is above; that there is an event is told by routes that do not ask for its label',
  ],
  [
    "the same by a tag, and of indicators",
    {
      routes: '  - { name: grave, match: { event_tag: "tlp:amber+strict", attribute: { to_ids: true } }, notify: soc }',
    },
    '8:99: "soc" is never told by route "grave": its guard shows indicators up to TLP:AMBER alone, and the route asks for what is above',
  ],
  [
    "what has no label where that is denied",
    { routes: "  - { name: bare, match: { any: [{ tlp: none }, { all: [{ tlp: none }] }] }, notify: own }" },
    '8:86: "own" is never told by route "bare": its guard denies what has no TLP label',
  ],
  [
    "indicators above a PAP",
    { routes: "  - { name: passive, match: { pap: red, attribute: { to_ids: true } }, notify: soc }" },
    '8:80: "soc" is never told by route "passive": its guard shows indicators up to PAP:AMBER alone, and the route asks for those above',
  ],
  [
    "a distribution that never passes",
    { routes: "  - { name: group, match: { distribution: [sharing_group, organisation] }, notify: soc }" },
    '8:84: "soc" is never told by route "group": nothing that is distributed to sharing_group or organisation passes its guard',
  ],
  [
    "personal values",
    { routes: "  - { name: people, match: { attribute: { type: [iban, phone-number] } }, notify: soc }" },
    '8:83: "soc" is never told by route "people": its guard withholds personal and secret values, which the route asks for',
  ],
  [
    "a kind whose frames tell too little",
    { routes: "  - { name: seen, kinds: [event.published, sighting.added], notify: soc }" },
    '8:44: route "seen" can never tell sighting.added: the feed tells neither markings nor distribution',
  ],
  [
    "a kind that has nothing of what is asked",
    {
      routes:
        "  - { name: ours, kinds: [event.published, event.edited], match: { attribute: { to_ids: true } }, notify: soc }",
    },
    '8:44: route "ours" is never true of "event.edited", which has no attributes',
  ],
  [
    "a count of sightings where no attribute is",
    {
      routes:
        "  - { name: seen, kinds: [attribute.added, event.published], match: { sightings: { min: 3, within: 24h } }, notify: soc }",
    },
    '8:44: route "seen" is never true of "event.published", which has no sightings',
  ],
  [
    "a change of what is no publication",
    {
      routes:
        "  - { name: new, kinds: [attribute.added], match: [{ change: new }, { all: [{ change: updated }] }], notify: soc }",
    },
    '8:26: route "new" is never true of "attribute.added", which has no change',
  ],
  [
    "a pattern that takes everything",
    { routes: '  - { name: any, match: { info: "/.+/" }, notify: soc }' },
    '8:33: "/.+/" is every title: it asks for nothing',
  ],
  [
    "the same of attributes",
    { routes: '  - { name: any, match: { attribute: { type: ["*"], to_ids: true } }, notify: soc }' },
    '8:47: "*" is every type: it asks for nothing',
  ],
  [
    "a map without conditions",
    { routes: "  - { name: any, match: [{ org: X }, {}], notify: soc }" },
    "8:38: a map without conditions holds of everything",
  ],
  [
    "two destinations in one channel",
    {
      destinations: `
  soc: { type: slack, token: xoxb-1, channel: C0123456789, guard: { max_tlp: amber } }
  own: { type: slack, token: xoxb-1, channel: C0123456789, guard: { max_tlp: red } }`,
    },
    '6:47: "own" writes to the same channel as "soc": what both are told is told twice there',
  ],
  [
    "two destinations with one address",
    {
      destinations: `
  soc: { type: email, smtp: { host: localhost, port: 25, require_tls: false }, from: a@example.org, to: [b@example.org, "SOC <c@example.org>"], guard: { max_tlp: amber } }
  own: { type: email, smtp: { host: localhost, port: 25, require_tls: false }, from: a@example.org, to: C@example.org, guard: { max_tlp: red } }`,
    },
    '6:105: "own" writes to one address as "soc": what both are told is told twice there',
  ],
  [
    "two destinations by one secret that is not at hand",
    {
      destinations: `
  soc: { type: webhook, url: "\${HOOK}", guard: { max_tlp: amber } }
  own: { type: webhook, url: "\${HOOK}", guard: { max_tlp: red } }`,
    },
    '6:30: "own" writes to the same address as "soc": what both are told is told twice there',
  ],
  [
    "an endpoint in clear text",
    { feed: ', "tcp://misp.example.org:50000"' },
    "3:64: the feed travels in clear to this address: whoever is on the way can read it, and say something else",
  ],
];

test.each(CASES)("check warns of %s", async (_, parts, warning) => {
  const routes = parts.routes ?? "  - { name: all, notify: [soc, own] }";
  const found = await warningsOf(configOf({ ...parts, routes }));
  expect(found.filter((line) => !/HOOK/.test(line))).toEqual([warning]);
});

test("check warns of a label that no entry of a watch list has", async () => {
  writeFileSync(join(folder, "ours.txt"), "192.0.2.0/24\tministry-a\nbank.example\n");
  const list = (label: string) =>
    `  - { name: ours, match: { attribute: { value: { list: ours.txt, label: ${label} } } }, notify: [soc, own] }`;
  const watch = (label: string) => `${list('"*-a"')}\n  - { name: watched, match: { watch: ${label} }, notify: soc }`;
  expect(await warningsOf(configOf({ routes: list("minstry-a") }))).toEqual([
    '8:73: no entry of ours.txt is labelled "minstry-a", did you mean "ministry-a"?',
  ]);
  expect(await warningsOf(configOf({ routes: watch("[ours, minstry-*]") }))).toEqual([
    '9:45: no entry of the watch lists is labelled "minstry-*", did you mean "ministry-a"?',
  ]);
  expect(await warningsOf(configOf({ routes: watch("[ours, ministry-*]") }))).toEqual([]);
});

test("a sane configuration is warned of nothing", async () => {
  const routes = `  - { name: urgent, match: { tlp: [red, none, green], tag: "*", object: "*" }, notify: soc, stop: true }
  - { name: urgent-too, match: { tlp: green, org: X }, notify: own, stop: true }
  - { name: wide, kinds: ["*"], match: { attribute: { type: [iban, domain], to_ids: true }, tlp: amber }, notify: own }
  - { name: wide-too, kinds: ["*"], match: { any: [{ attribute: { type: [iban, "domain*"] } }, { tlp: red }] }, notify: soc }
  - { name: rest, otherwise: true, notify: [soc, own] }`;
  const destinations = `${DESTINATIONS}
  mail: { type: email, smtp: { host: localhost, port: 25, require_tls: false }, from: a@example.org, to: [b@example.org, B@example.org], guard: { max_tlp: amber } }`;
  const more = `${OPERATIONS}\n  - { name: others, match: { threat_level: high }, notify: mail }`;
  expect(await warningsOf(configOf({ routes, destinations, more }))).toEqual([]);
});

test("the example is warned of nothing but what it takes to run it", async () => {
  const text = readFileSync(new URL("../../config.yaml.example", import.meta.url), "utf8");
  const warnings = await warningsOf(text);
  expect(warnings.filter((line) => !/is not set$|cannot be read: /.test(line))).toEqual([]);
});

/** What every recorded frame tells, and when its event is known: what is unknown, what is known, and what is known to be absent. */
async function told(isKnown: boolean): Promise<ReadonlyMap<Kind, readonly Matchable[]>> {
  const found = new Map<Kind, Matchable[]>();
  for (const name of SAMPLE_NAMES.filter((sample) => !sample.startsWith("misp_json_self"))) {
    const message = decodeSample(name);
    const { event, instance } = message;
    const planner = new Planner();
    if (isKnown && event) {
      const { id, uuid } = event;
      const { id: _id, uuid: _uuid, ...view } = eventView();
      const known = {
        ...view,
        attributeCount: 3,
        ...(id !== undefined && { id }),
        ...(uuid !== undefined && { uuid }),
      };
      await planner.plan({
        ...{ kind: "event.published", instance, topic: "misp_json", receivedAt: 1, version: "1" },
        ...{ subject: { type: "event" }, event: known, attributes: [], objects: [], lines: [] },
      });
    }
    const { trace } = await planner.tell(message);
    if (trace?.kind && trace.subject) {
      found.set(trace.kind, [...(found.get(trace.kind) ?? []), trace.subject]);
    }
  }
  return found;
}

const ASKED = [...FACTS, ...MEASURES].filter((name) => name !== "watch");

/** A fact or a measure: whether all of it is known, and whether there is any. */
function stateOf(subject: Matchable, name: (typeof ASKED)[number]): "unknown" | "none" | "some" {
  const fact: Fact | undefined = (subject.facts as Readonly<Record<string, Fact>>)[name];
  if (fact) {
    return fact.complete ? (fact.values.length === 0 ? "none" : "some") : "unknown";
  }
  const measure = (subject.measures as Readonly<Record<string, Matchable["measures"]["date"]>>)[name];
  if (measure === undefined) {
    return "unknown";
  }
  return measure === "none" ? "none" : measure.complete ? "some" : "unknown";
}

test("what check says of facts holds for every recorded frame", async () => {
  const [fresh, known] = [await told(false), await told(true)];
  expect(fresh.size).toBeGreaterThan(20);
  for (const [kind, subjects] of fresh) {
    const all = [...subjects, ...(known.get(kind) ?? [])];
    for (const name of ASKED) {
      const states = all.map((subject) => stateOf(subject, name));
      const first = subjects.map((subject) => stateOf(subject, name));
      const said = knowledgeOf(kind, name);
      const where = `${kind} ${name} ${said}: ${states}`;
      if (said === "always") {
        expect(states.includes("unknown"), where).toBe(false);
      } else if (said === "never") {
        expect(
          states.every((state) => state === "unknown"),
          where,
        ).toBe(true);
      } else if (said === "absent") {
        expect(
          states.every((state) => state === "none"),
          where,
        ).toBe(true);
      } else {
        expect(first.includes("unknown"), where).toBe(true);
      }
    }
    const attributes = all.flatMap((subject) => subject.attributes);
    for (const name of ATTRIBUTE_FACTS) {
      const said = knowledgeOf(kind, `attribute.${name}`);
      const isKnown = attributes.map((attribute) => attribute[name]?.complete === true);
      const where = `${kind} attribute.${name} ${said}: ${isKnown}`;
      if (said === "absent") {
        expect(attributes, where).toEqual([]);
      } else if (said === "always") {
        expect(
          isKnown.every((one) => one),
          where,
        ).toBe(true);
      } else if (said === "never") {
        expect(
          isKnown.some((one) => one),
          where,
        ).toBe(false);
      }
    }
  }
});

test("check tells by route and kind what is known of what it asks, and which settings that takes", async () => {
  const file = join(folder, "config.yaml");
  const routes =
    "  - { name: seen, kinds: [event.published, attribute.added, sighting.added], match: { org: X, event_tag: y }, notify: soc }";
  writeFileSync(file, configOf({ routes }));
  const screen = openScreen();
  await main(["check", "-c", file], screen.context);
  expect(screen.out()).toContain(
    "What it asks for: of sighting.added only MISP knows org; of attribute.added, sighting.added event_tag is known once the feed has told of the event.".replace(
      "attribute.added, sighting.added",
      "attribute.added and sighting.added",
    ),
  );
  expect(screen.out()).toContain("Plugin.ZeroMQ_sighting_notifications_enable   for sighting.added, which seen names.");
  const json = openScreen();
  await main(["check", "--json", "-c", file], json.context);
  const { routes: told, needs } = JSON.parse(json.out());
  expect(told[0].facts).toEqual([
    { known: "sometimes", facts: ["event_tag"], kinds: ["attribute.added", "sighting.added"] },
    { known: "never", facts: ["org"], kinds: ["sighting.added"] },
  ]);
  expect(needs).toContainEqual({
    ...{ setting: "Plugin.ZeroMQ_sighting_notifications_enable", kinds: ["sighting.added"], routes: ["seen"] },
  });
});
