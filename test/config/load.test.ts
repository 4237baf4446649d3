import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError } from "../../src/base/problem.ts";
import { loadConfig, loadYaml } from "../../src/config/load.ts";
import { check, configOf } from "../support/checked-config.ts";

const ROUTE = (text: string) => configOf("", `\n  - { name: a, notify: [terminal], ${text} }`);
const GUARD = (text: string) =>
  configOf(`  soc: { type: console, guard: { ${text} } }`, "[{ name: a, notify: [terminal, soc] }]");

test.each([
  ["a misspelt key", GUARD("max_tpl: amber"), ['4:34: error: unknown key "max_tpl", did you mean "max_tlp"?']],
  [
    "a misspelt key at the top",
    configOf("", undefined, "stat: {}"),
    ['6:1: error: unknown key "stat", did you mean "state"?'],
  ],
  ["a key of a later release", ROUTE("snooze: {}"), ['6:36: error: unknown key "snooze"']],
  [
    "reminders where they have no place",
    ROUTE("remind: {}"),
    [
      '6:36: error: only routes of priority: high remind: what may wait needs no acknowledgement, and "remind" would ask for it',
    ],
  ],
  [
    "reminders to nobody, and too soon",
    ROUTE("priority: high, remind: { after: 5m, escalate: socc }"),
    ['6:69: error: "after" must be from 10m to 7d, is "5m"', '6:83: error: there is no destination "socc"'],
  ],
  [
    "a key that belongs deeper",
    configOf(
      "  soc: { type: console, max_tlp: red, guard: { max_tlp: red } }",
      "[{ name: a, notify: [terminal, soc] }]",
    ),
    ['4:25: error: unknown key "max_tlp", it belongs inside "guard"'],
  ],
  [
    "a missing key, at the map that lacks it",
    GUARD("max_pap: red"),
    ['4:25: error: missing key "max_tlp" in "guard" of destination "soc"'],
  ],
  [
    "a missing name",
    configOf("", "\n  - { notify: [terminal] }"),
    ['6:5: error: missing key "name" in route number 1'],
  ],
  [
    "a missing destination type",
    configOf("  soc: { guard: { max_tlp: red } }", "[{ name: a, notify: [terminal, soc] }]"),
    ['4:3: error: missing key "type" in destination "soc"'],
  ],
  ["a wrong word", GUARD("max_tlp: ambr"), ['4:43: error: "max_tlp" cannot be "ambr", did you mean "amber"?']],
  [
    "a wrong word among several unions",
    GUARD("max_tlp: red, untagged: deyn"),
    ['4:58: error: "untagged" cannot be "deyn", did you mean "deny"?'],
  ],
  ["text where a list belongs", ROUTE("kinds: event.published"), ['6:43: error: "kinds" must be a list, is text']],
  [
    "a map where text belongs",
    ROUTE("match: { tag: { a: b } }"),
    ['6:50: error: "tag" must be text, a number, true or false or a list, is a map'],
  ],
  [
    "a number where text belongs",
    configOf("", "\n  - { name: 12, notify: [terminal] }"),
    ['6:13: error: "name" must be text, is a number'],
  ],
  [
    "a number that is no text, as it was written",
    configOf("", "\n  - { name: 007, notify: [terminal] }"),
    ['6:13: error: "name" must be text, is a number'],
  ],
  ["a duration without unit", ROUTE("group: { wait: 10 }"), ['6:51: error: "wait" must have a unit']],
  [
    "a duration in words",
    ROUTE("group: { wait: 5 minutes }"),
    ['6:51: error: "wait" must be a duration such as "10s", "5m", "2h" or "7d", is "5 minutes"'],
  ],
  ["text where true belongs", ROUTE("stop: yes"), ['6:42: error: "stop" must be true or false, is text']],
  ["a number that is too small", ROUTE("group: { show: -1 }"), ['6:51: error: "show" must be at least 0']],
  [
    "a misspelt kind",
    ROUTE("kinds: [event.publishd]"),
    ['6:44: error: "event.publishd" is no kind, did you mean "event.published"?'],
  ],
  [
    "a misspelt fact, deep inside",
    ROUTE("match: { any: [{ not: { threat_lvel: x } }] }"),
    ['6:60: error: unknown key "threat_lvel", did you mean "threat_level"?'],
  ],
  [
    "a misspelt key in notify",
    configOf("", "[{ name: a, notify: [{ too: terminal }] }]"),
    ['5:32: error: unknown key "too", did you mean "to"?'],
  ],
  [
    "levels in the wrong order",
    GUARD("max_tlp: amber, metadata_up_to: green"),
    [
      '4:66: error: "metadata_up_to" must be stricter than max_tlp (amber); what is up to max_tlp is told in full, is "green"',
    ],
  ],
  ["an empty list", configOf("", "[]"), ['5:1: error: "routes" must not be empty']],
  [
    "a name with a blank",
    configOf('  "so c": { type: console, guard: { max_tlp: red } }', "[{ name: a, notify: [terminal] }]"),
    [
      '4:3: error: name "so c" must be 1 to 64 letters, digits, dots, dashes or underscores',
      '4:3: warning: destination "so c" is named by no route and will never be told anything',
    ],
  ],
  [
    "a type that does not exist",
    configOf("  soc: { type: pager }", "[{ name: a, notify: [terminal, soc] }]"),
    ['4:16: error: "type" cannot be "pager"'],
  ],
])("loadConfig() tells %s", async (_, text, expected) => {
  expect((await check(text)).problems).toEqual(expected);
});

test("loadConfig() tells all problems at once, in the order of the file, references among them", async () => {
  const { problems } =
    await check(`misp: { cert: { url: "ftp://x.example", feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:1"] } } }
log: { level: loud }
destinations:
  terminal: { type: console, guard: { max_tlp: purple } }
routes:
  - { name: a, notify: [terminl], match: { info: '/(?=x)/' } }
  - { name: a, notify: [terminal], prioriti: high }
`);
  expect(problems).toEqual([
    '1:22: error: "url" must be an http or https URL without a user, such as https://misp.example.org, is "ftp://x.example"',
    '2:15: error: "level" cannot be "loud"',
    '4:48: error: "max_tlp" cannot be "purple"',
    '6:25: error: there is no destination "terminl", did you mean "terminal"?',
    "6:50: error: this is not a regular expression that can be used: invalid or unsupported Perl syntax: `(?=`",
    '7:13: error: another route is called "a" too',
    '7:36: error: unknown key "prioriti", did you mean "priority"?',
  ]);
});

test("loadConfig() prints what a person needs at night: place, line, mark and fix", async () => {
  const { printed } = await check(GUARD("max_tlp: ambr"));
  expect(printed).toBe(`config.yaml:4:43: error: "max_tlp" cannot be "ambr", did you mean "amber"?
  4 |   soc: { type: console, guard: { max_tlp: ambr } }
    |                                           ^^^^
    = one of clear, green, amber, amber+strict, red

1 error`);
});

test("loadConfig() says with ConfigError.message where the problems are", async () => {
  const readFile = async () => Buffer.from(GUARD("max_tlp: ambr"));
  await expect(loadConfig("config.yaml", { env: {}, secrets: "required", readFile })).rejects.toThrow(
    'config.yaml:4:43: "max_tlp" cannot be "ambr"',
  );
});

describe("the file itself", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "herald-config-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function load(path: string) {
    try {
      await loadConfig(path, { env: {}, secrets: "required" });
    } catch (error) {
      if (error instanceof ConfigError) {
        return error.issues.map(({ line, message, hint }) => ({ line, message, hint }));
      }
      throw error;
    }
    throw new Error("no error");
  }

  test("loadConfig() says what to do when there is no such file", async () => {
    const path = join(directory, "none.yaml");
    expect(await load(path)).toEqual([
      {
        line: 0,
        message: "the file cannot be read: there is no such file",
        hint: `misp-herald init -c ${path} makes it by a few questions; another file is named with -c FILE`,
      },
    ]);
  });

  test("loadConfig() says that a directory is a directory", async () => {
    expect(await load(directory)).toMatchObject([{ line: 0, message: "the file cannot be read: it is a directory" }]);
  });

  test.each([
    ["empty", "", "the file is empty"],
    ["only comments", "# nothing\n", "the file is empty"],
    ["not UTF-8", Buffer.from([0xff, 0xfe, 0x61, 0x00]), "the file is not UTF-8 text"],
    ["binary", "a: \0b", "the file is not UTF-8 text"],
    ["larger than 64 MiB", `# ${"x".repeat(64 * 2 ** 20)}`, "the file is larger than 64 MiB"],
  ])("loadConfig() refuses a file that is %s", async (_, content, message) => {
    const path = join(directory, "config.yaml");
    await writeFile(path, content);
    expect(await load(path)).toMatchObject([{ line: 0, message }]);
  });
});

test("loadYaml() loads any file by any schema and ignores x- keys at the top only", async () => {
  const schema = z.strictObject({ base: z.strictObject({ n: z.number() }) });
  const options = { env: {}, secrets: "required" } as const;
  const good = await loadYaml("x-a: &a { n: 1 }\nbase: *a\n", "f.yaml", schema, options);
  expect(good.value).toEqual({ base: { n: 1 } });
  await expect(loadYaml("base: { n: 1, x-b: 2 }", "f.yaml", schema, options)).rejects.toThrow(
    'f.yaml:1:15: unknown key "x-b"',
  );
});

test("loadConfig() reads a number as it is written wherever text is meant", async () => {
  const { loaded, problems } = await check(
    ROUTE(
      "match: { event_id: 007, attribute: { value: [0e462097431906509019562988736854, 0123456789, 1234567890123456789, 0x1F, 1.0, { is: 1e3 }] } }, group: { show: 007 }",
    ),
  );
  expect(problems).toEqual([]);
  const [route] = loaded?.config.routes ?? [];
  expect(route?.match?.[0]).toEqual({
    event_id: ["007"],
    attribute: [
      {
        value: ["0e462097431906509019562988736854", "0123456789", "1234567890123456789", "0x1F", "1.0", { is: "1e3" }],
      },
    ],
  });
  expect(route?.group.show).toBe(7);
});

test("loadConfig() proposes the quoted spelling of a number as it was written", async () => {
  const { issues } = await check(ROUTE("template: { title: 0012 }"));
  expect(issues[0]?.hint).toBe('put it in quotes: "0012"');
});

test("loadConfig() says which map belongs where one text stands", async () => {
  const { issues } = await check(
    configOf('  soc: { type: console, guard: { max_tlp: red }, quiet: { when: "22-7" } }'),
  );
  expect(issues.map(({ hint }) => hint)).toContain("write { days: …, from: …, to: … }");
});

test("loadConfig() reads a file with thousands of routes", async () => {
  const routes = Array.from(
    { length: 5000 },
    (_, i) => `  - { name: r${i}, match: { org: [o${i}] }, notify: [terminal] }`,
  );
  const { loaded } = await check(configOf("", `\n${routes.join("\n")}`));
  expect(loaded?.config.routes).toHaveLength(5000);
});
