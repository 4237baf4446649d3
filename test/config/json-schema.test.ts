import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { configJsonSchema } from "../../src/config/json-schema.ts";
import { loadConfig } from "../../src/config/load.ts";
import { DESTINATION_TYPES } from "../../src/destinations/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const schema = configJsonSchema();
const validate = new Ajv({ allErrors: true, strict: true, strictRequired: false, strictTypes: false }).compile(schema);

function isValid(text: string): boolean {
  return validate(parse(text, { merge: true }));
}

function errorsOf(text: string): string {
  expect(isValid(text)).toBe(false);
  return (validate.errors ?? [])
    .map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`)
    .join("\n");
}

const BASE = `misp: { cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } } }
routes: [{ name: all, notify: [soc] }]
`;
const soc = (options: string) => `${BASE}destinations: { soc: { ${options} } }\n`;
const SLACK = `type: slack, token: "\${TOKEN}", channel: C0123456789`;

const EXAMPLE = readFileSync(join(ROOT, "config.yaml.example"), "utf8");

test("config.yaml.example fits the schema that its first lines name", () => {
  expect(isValid(EXAMPLE), JSON.stringify(validate.errors)).toBe(true);
  expect(EXAMPLE).toContain("# yaml-language-server: $schema=config.schema.json");
});

/** YAML of the docs, completed to a whole configuration where it is a part of one. */
const shown = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
]
  .flatMap((file) =>
    [...readFileSync(join(ROOT, file), "utf8").matchAll(/```yaml\n([\s\S]*?)```/g)].map(
      ([, text = ""], index) => [`${file} ${index + 1}`, text] as const,
    ),
  )
  .filter(([, text]) => /^(misp|destinations|routes|defaults|state|log|control):/m.test(text));

test("there are configurations in the docs", () => {
  expect(shown.length).toBeGreaterThanOrEqual(5);
});

test.each(shown)("what %s shows fits the schema", (_, text) => {
  const part: unknown = parse(text, { merge: true });
  const whole = Object.assign(
    {},
    parse(`${BASE}defaults: { guard: { max_tlp: red } }`),
    parse("destinations: { soc: { type: console, guard: { max_tlp: red } } }"),
    part,
  );
  expect(validate(whole), JSON.stringify(validate.errors, null, 1)).toBe(true);
});

describe("refused is", () => {
  test.each([
    [
      "a misspelt key at the top",
      soc("type: console, guard: { max_tlp: red }").replace("routes:", "ruotes:"),
      "ruotes",
    ],
    ["a misspelt key of a guard", soc("type: console, guard: { max_tlp: red, audiance: [X] }"), "audiance"],
    ["a misspelt key of a destination", soc("type: slack, chanel: C0123456789, guard: { max_tlp: red }"), "chanel"],
    [
      "a misspelt key of defaults",
      `${soc("type: console, guard: { max_tlp: red }")}defaults: { timezon: UTC }`,
      "timezon",
    ],
    [
      "an option of another type in defaults",
      `${soc("type: console, guard: { max_tlp: red }")}defaults: { slack: { url: x } }`,
      '"url"',
    ],
    [
      "a marking that does not exist",
      soc("type: console, guard: { max_tlp: orange }"),
      "/destinations/soc/guard/max_tlp",
    ],
    [
      "a kind that does not exist",
      soc("type: console, guard: { max_tlp: red }").replace("name: all", "name: all, kinds: [event.publishd]"),
      "/routes/0/kinds/0",
    ],
    ["a destination type that does not exist", soc("type: pager, guard: { max_tlp: red }"), "/destinations/soc"],
    ["a missing guard", soc(SLACK), `/destinations/soc must have required property 'guard'`],
    [
      "a guard without max_tlp",
      soc(`${SLACK}, guard: { drafts: true }`),
      `/destinations/soc/guard must have required property 'max_tlp'`,
    ],
    [
      "a missing guard where defaults have only a part of one",
      `${soc(SLACK)}defaults: { guard: { audience: [X] } }`,
      "'guard'",
    ],
    [
      "a missing guard where defaults have one for another type",
      `${soc(SLACK)}defaults: { teams: { guard: { max_tlp: red } } }`,
      "'guard'",
    ],
    ["a missing required option of a type", soc("type: teams, guard: { max_tlp: red }"), "'webhook_url'"],
    [
      "a mail server without a name",
      soc("type: email, from: a@example.org, to: b@example.org, smtp: {}, guard: { max_tlp: red }"),
      "'host'",
    ],
    ["a pace without its speed", soc("type: console, guard: { max_tlp: red }, rate: { burst: 2 }"), "'per_second'"],
    [
      "a duration without a unit",
      soc("type: console, guard: { max_tlp: red }, timeout: 10"),
      "/destinations/soc/timeout",
    ],
  ])("%s", (_, text, expected) => {
    expect(errorsOf(text)).toContain(expected);
  });
});

describe("accepted is", () => {
  test.each([
    ["a guard that defaults give to all", `${soc(SLACK)}defaults: { guard: { max_tlp: amber } }`],
    ["a guard that defaults give to the type", `${soc(SLACK)}defaults: { slack: { guard: { max_tlp: amber } } }`],
    [
      "an option that defaults give to the type",
      `${soc("type: slack, channel: C0123456789, guard: { max_tlp: red }")}defaults: { slack: { token: "\${TOKEN}" } }`,
    ],
    [
      "a placeholder for a text, an enum, a duration",
      soc(
        `type: slack, token: "\${T}", channel: "\${C}", timeout: "\${D}", guard: { max_tlp: "\${TLP}", untagged: "\${U}" }`,
      ),
    ],
    ["anything under x-…", `${soc("type: console, guard: { max_tlp: red }")}x-mine: [1, { a: b }]`],
    [
      "a glob of kinds",
      soc("type: console, guard: { max_tlp: red }").replace("name: all", 'name: all, kinds: ["attribute.*"]'),
    ],
    [
      "conditions that nest",
      soc("type: console, guard: { max_tlp: red }").replace(
        "name: all",
        "name: all, match: { not: [{ any: [{ tag: x }] }], attribute: { not: { type: url } } }",
      ),
    ],
  ])("%s, as the loader accepts it", async (_, text) => {
    expect(isValid(text), JSON.stringify(validate.errors)).toBe(true);
    const env = { TOKEN: "xoxb-1", T: "xoxb-1", C: "C0123456789", D: "5s", TLP: "amber", U: "deny" };
    const readFile = async () => Buffer.from(text);
    await expect(loadConfig("config.yaml", { env, secrets: "required", readFile })).resolves.toBeDefined();
  });

  test("no placeholder for a number, or for true and false: what it brings is text", async () => {
    for (const options of [`defang: "\${D}"`, `rate: { per_second: "\${R}" }`]) {
      const text = soc(`type: console, ${options}, guard: { max_tlp: red }`);
      expect(isValid(text)).toBe(false);
      const readFile = async () => Buffer.from(text);
      const load = loadConfig("config.yaml", { env: { D: "true", R: "1" }, secrets: "required", readFile });
      await expect(load).rejects.toThrow();
    }
  });
});

/** As far as it is looked at here. */
const Node = z.looseObject({
  description: z.string().optional(),
  const: z.unknown().optional(),
  get properties() {
    return z.record(z.string(), Node).optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), Node]).optional();
  },
  get items() {
    return Node.optional();
  },
  get oneOf() {
    return z.array(Node).optional();
  },
  get anyOf() {
    return z.array(Node).optional();
  },
});
type Node = z.output<typeof Node>;

function* keysOf(node: Node, path = ""): Generator<readonly [string, string | undefined]> {
  const { properties = {}, additionalProperties: others, items, oneOf = [], anyOf = [] } = node;
  for (const [key, inner] of Object.entries(properties)) {
    yield [`${path}.${key}`, inner.description];
    yield* keysOf(inner, `${path}.${key}`);
  }
  for (const inner of [others, items, ...oneOf, ...anyOf]) {
    const type = typeof inner === "object" ? inner.properties?.type?.const : undefined;
    if (typeof inner === "object") {
      yield* keysOf(inner, anyOf.includes(inner) ? path : `${path}.${type ?? "*"}`);
    }
  }
}

test("an editor has a short text to show for every key", () => {
  const keys = [...keysOf(Node.parse(schema))];
  for (const type of DESTINATION_TYPES) {
    expect(keys.map(([path]) => path)).toContain(`.destinations.*.${type}.guard.max_tlp`);
  }
  for (const key of [
    ".misp",
    ".routes.*.notify",
    ".misp.*.feed.zeromq.endpoints",
    ".destinations.*.email.smtp.host",
    ".routes.*.notify.*.mention",
  ]) {
    expect(keys.map(([path]) => path)).toContain(key);
  }
  expect(keys.filter(([, text]) => !text).map(([path]) => path)).toEqual([]);
  expect(keys.filter(([, text]) => text && text.length > 120).map(([path]) => path)).toEqual([]);
});
