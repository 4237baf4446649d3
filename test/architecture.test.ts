import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import { COMMON } from "../src/destinations/destination.ts";
import { DESTINATION_TYPES, REGISTRY } from "../src/destinations/index.ts";
import { ATTRIBUTE_FACTS, FACTS, KINDS } from "../src/model/vocabulary.ts";
import { Feed } from "../src/sources/index.ts";
import { TOPICS } from "../src/topics/index.ts";
import {
  ambiguousTypes,
  fileCircles,
  filesBelow,
  floorsOf,
  folderCircles,
  type Modules,
  pathsOfCode,
  placesOf,
  readModules,
  roomOf,
  shortestPath,
  usesOf,
  withLine,
  withModule,
  withoutComments,
} from "./support/source-graph.ts";

const ROOT = resolve(import.meta.dirname, "..");
const MODULES = readModules(join(ROOT, "src"));
const readText = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** What each room may import beside itself: other rooms, or what is below a path of one. Rooms that are not here put the rest together. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ["base"],
  topics: ["base", "model"],
  guard: ["base", "model"],
  alert: ["base", "model"],
  template: ["base", "model", "alert"],
  formats: ["base", "model", "alert"],
  routing: ["base", "model", "guard/marking", "pacing/schema", "template/schema"],
  planning: ["base", "model", "guard", "pacing", "routing"],
  sources: ["base", "model"],
  pacing: ["base", "model"],
  store: ["base", "model", "pacing"],
  absorbing: ["base", "model", "alert", "planning"],
  "misp-api": ["base", "model", "topics"],
  recall: ["base", "model", "guard", "planning", "absorbing"],
  destinations: [
    "base",
    "model",
    "guard/policy",
    "alert",
    "formats",
    "pacing/schema",
    "routing/schema",
    "template/schema",
  ],
  delivery: ["base", "model", "alert", "guard", "pacing", "routing", "template", "absorbing"],
  config: ["base", "model", "routing", "template", "sources", "destinations"],
  watching: ["base", "model", "routing"],
  giants: ["base", "model", "topics", "planning", "routing", "absorbing"],
  app: ["base", "model", "topics", "absorbing", "giants", "recall", "delivery"],
  operations: ["base", "model", "topics", "routing", "planning", "absorbing", "recall", "delivery", "sources", "store"],
  doors: ["base", "model", "alert", "absorbing", "delivery", "operations"],
  demo: ["base", "model", "planning", "absorbing", "config", "app"],
};
const COMPOSING = ["service", "cli", "main"];

/** Rooms that always answer the same to the same: no clock, no chance, no I/O, no process, and nothing loaded that has any. */
const PURE = ["model", "topics", "guard", "alert", "template", "formats", "routing", "pacing", "planning"];
const PURE_PACKAGES = [
  "zod",
  "croner",
  "liquidjs",
  "json-p3",
  "re2js",
  "node:crypto",
  "node:net",
  "node:url",
  "node:util",
];
const IMPURE =
  /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|setImmediate|Math\.random|randomUUID|randomBytes|process\.(?!$)|fetch\()/;

/** Imports between rooms that the table does not allow. */
function forbiddenImports(modules: Modules): readonly string[] {
  return [...modules.values()].flatMap(({ name, imports }) => {
    const room = roomOf(name);
    const allowed = MAY_IMPORT[room];
    if (!allowed) {
      return COMPOSING.includes(room) ? [] : [`${room} has no row in the table of who may import whom`];
    }
    return imports
      .filter(({ target, isLocal }) => isLocal && roomOf(target) !== room)
      .filter(({ target }) => !allowed.some((entry) => target === entry || target.startsWith(`${entry}/`)))
      .map(({ target }) => `${name} imports ${target}`);
  });
}

/** Destination types that import another. */
function entangledDestinations(modules: Modules): readonly string[] {
  return [...modules.values()].flatMap(({ name, imports }) => {
    const [, type] = /^destinations\/([^/]+)\//.exec(name) ?? [];
    return type === undefined
      ? []
      : imports
          .filter(({ target }) => /^destinations\/[^/]+\//.test(target) && !target.startsWith(`destinations/${type}/`))
          .map(({ target }) => `${name} imports ${target}`);
  });
}

/** Files at the top of src/ that belong into a room. */
function looseFiles(modules: Modules): readonly string[] {
  return [...modules.keys()].filter((name) => !name.includes("/") && name !== "main" && name !== "app");
}

/** Why files of the pure rooms are not pure, by what they load through whichever files. */
function impurities(modules: Modules): readonly string[] {
  const faults = new Map<string, readonly string[]>();
  for (const { name, text, imports } of modules.values()) {
    const packages = imports.filter(
      ({ target, isLocal, typeOnly }) => !isLocal && !typeOnly && !PURE_PACKAGES.includes(target),
    );
    const lines = withoutComments(text)
      .split("\n")
      .filter((line) => IMPURE.test(line));
    faults.set(name, [...packages.map(({ target }) => target), ...lines.map((line) => line.trim())]);
  }
  return [...modules.keys()]
    .filter((name) => PURE.includes(roomOf(name)))
    .flatMap((name) =>
      [...pathsOfCode(modules, name)].flatMap(([reached, path]) =>
        (faults.get(reached) ?? []).map((fault) => `${path.join(" → ")}: ${fault}`),
      ),
    );
}

/** Files that touch the process, of which only `main.ts` and the commands may know. */
function processUsers(modules: Modules): readonly string[] {
  return [...modules.values()]
    .filter(({ name }) => name !== "main" && roomOf(name) !== "cli")
    .filter(({ text }) => /\bprocess\.(exit|env|argv|stdin|stdout)\b/.test(withoutComments(text)))
    .map(({ name }) => name);
}

/** What `define…` makes somewhere in a folder, and the registry does not name. */
function unregistered(
  modules: Modules,
  {
    folder,
    definition,
    names,
  }: { readonly folder: string; readonly definition: RegExp; readonly names: readonly string[] },
): readonly string[] {
  return [...modules.values()]
    .filter(({ name }) => name.startsWith(`${folder}/`))
    .flatMap(({ name, text }) =>
      [...text.matchAll(definition)].flatMap(([, defined = ""]) =>
        names.includes(defined) ? [] : [`${name} defines ${defined}, which is not registered`],
      ),
    );
}

const TOPIC_FILES = {
  folder: "topics",
  definition: /\bname: "(misp_\w+)"/g,
  names: TOPICS.map(({ name }) => name),
};
const SOURCE_FILES = {
  folder: "sources",
  definition: /defineSource\(\{\s*type: "([^"]+)"/g,
  names: Feed.options.flatMap((option) => [...(option._zod.propValues?.type ?? [])].map(String)),
};
const DESTINATION_FILES = {
  folder: "destinations",
  definition: /defineDestination\(\{\s*type: "([^"]+)"/g,
  names: DESTINATION_TYPES,
};

/** Imports of code by files whose functions run as text in a worker, where nothing that they import is at hand. */
function importsOfWorkerTexts(modules: Modules): readonly string[] {
  return [...modules.values()]
    .filter(({ text }) => /new Worker\([^)]*eval: true/.test(text))
    .flatMap(({ text, imports }) => {
      const names = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
      return imports.flatMap(({ target, isLocal }) => {
        const module = isLocal ? modules.get(target) : undefined;
        return module?.exportedValues.some((name) => names.has(name)) ? module : [];
      });
    })
    .flatMap(({ name, imports }) =>
      imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => `${name} runs as text and imports ${target}`),
    );
}

interface Docs {
  readonly example: string;
  readonly readme: string;
  /** docs/<type>.md, by type. */
  readonly pages: Readonly<Record<string, string>>;
}
const DOCS: Docs = {
  example: readText("config.yaml.example"),
  readme: readText("README.md"),
  pages: Object.fromEntries(DESTINATION_TYPES.map((type) => [type, readText(`docs/${type}.md`)])),
};

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

/** Every key that a schema knows, such as `smtp.host`; of one that holds others, these. */
function keysOf(schema: JsonSchema, prefix = ""): readonly string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const inside = keysOf(inner, `${prefix}${key}.`);
    return inside.length > 0 ? inside : [`${prefix}${key}`];
  });
  return [...own, ...(schema.anyOf ?? []).flatMap((inner) => keysOf(inner, prefix))];
}

/** The options of every destination type, by type; those that all have are under `common`. */
function optionsOf(registry: Readonly<Record<string, z.ZodType>>): ReadonlyMap<string, readonly string[]> {
  const keys = Object.entries(registry).map(([type, schema]): [string, readonly string[]] => [
    type,
    keysOf(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema).filter(
      (key) => key !== "type",
    ),
  ]);
  const isCommon = (key: string) => Object.hasOwn(COMMON, key.split(".")[0] ?? key);
  const common = new Set(keys.flatMap(([, all]) => all.filter(isCommon)));
  return new Map([
    ["common", [...common]],
    ...keys.map(([type, all]) => [type, all.filter((key) => !isCommon(key))] as const),
  ]);
}

/** Options that the example does not show where it shows their destination, or that no page explains. */
function undocumentedOptions(
  options: ReadonlyMap<string, readonly string[]>,
  { example, readme, pages }: Docs,
): readonly string[] {
  const entries = example.split(/\n(?=\S|(?: {2}\S))/);
  return [...options].flatMap(([type, keys]) => {
    const shown = type === "common" ? example : entries.filter((entry) => entry.includes(`type: ${type}\n`)).join("\n");
    const explained = type === "common" ? [readme, ...Object.values(pages)].join("\n") : (pages[type] ?? "");
    return keys.flatMap((key) => {
      const last = key.split(".").at(-1) ?? key;
      return [
        ...(new RegExp(`(^ *(# *)?|[{,] ?)${last}:`, "m").test(shown) ? [] : [`config.yaml.example: ${type} ${key}`]),
        ...(new RegExp(`[\`.{ ]${last}(\`|: )`).test(explained) ? [] : [`docs: ${type} ${key}`]),
      ];
    });
  });
}

/** What README's list of facts has too little or too much. */
function factsAmiss(readme: string, facts: readonly string[], ofAttributes: readonly string[]): readonly string[] {
  const list = (pattern: RegExp) => (pattern.exec(readme)?.[1] ?? "").split(/\s+/);
  const amiss = (what: string, told: readonly string[], known: readonly string[]) => [
    ...known.filter((name) => !told.includes(name)).map((name) => `README lacks ${what} ${name}`),
    ...told.filter((name) => !known.includes(name)).map((name) => `README invents ${what} ${name}`),
  ];
  return [
    ...amiss("fact", list(/Facts: `([a-z_\s]+)`/), facts),
    ...amiss("fact of attributes", list(/hold together on one attribute: `([a-z_\s]+)`/), ofAttributes),
  ];
}

/** Words of README's glossary. */
function wordsOf(readme: string): readonly string[] {
  const tables = readme.split(/^\| Word \| Meaning \|\n/m).slice(1);
  return tables.flatMap((table) => {
    const rows = table.split("\n\n")[0] ?? "";
    return [...rows.matchAll(/^\| ([a-z]+) \|/gm)].map(([, word = ""]) => word);
  });
}

function repeated(words: readonly string[]): readonly string[] {
  return words.filter((word, place) => words.indexOf(word) !== place);
}

/** Words that the glossary has and the code does not. */
function wordsWithoutPlace(readme: string, modules: Modules): readonly string[] {
  const places = placesOf(modules);
  return wordsOf(readme).filter((word) => !places.has(word));
}

/** Words of the model, but for MISP's own, that the glossary does not explain. */
function wordsUnexplained(readme: string, modules: Modules): readonly string[] {
  const words = wordsOf(readme);
  return [...modules.values()]
    .filter(
      ({ name }) => roomOf(name) === "model" && !["misp", "vocabulary", "brand"].some((file) => name.endsWith(file)),
    )
    .flatMap(({ exportedTypes }) => exportedTypes)
    .filter((type) => /^[A-Z][a-z]+$/.test(type) && !words.includes(type.toLowerCase()));
}

/** Words of our own that gave way to the field's terms: worker, breaker, rate limiter, liveness, wakeup, planner … */
const REPLACED = ["desk", "lane", "sight", "books", "gate", "bell", "estate", "oracle", "chronicle", "pulse", "course"];

/** What a check finds in a mutation, beyond what it finds in the code as it is. */
function caught(check: (modules: Modules) => readonly string[], mutation: Modules): readonly string[] {
  const known = new Set(check(MODULES));
  return check(mutation).filter((fault) => !known.has(fault));
}

describe("words", () => {
  it("name one exported type each", () => {
    expect(ambiguousTypes(MODULES)).toEqual([]);
    const again = withModule(MODULES, "cli/parcel", "export interface Payload {}");
    expect(caught(ambiguousTypes, again)).toEqual([expect.stringContaining("cli/parcel")]);
  });

  it("of the glossary have a place in the code, and those of the model one in the glossary", () => {
    expect(wordsOf(DOCS.readme).length).toBeGreaterThan(40);
    expect(repeated(wordsOf(DOCS.readme))).toEqual([]);
    expect(repeated(["route", "word", "route"])).toEqual(["route"]);
    expect(wordsWithoutPlace(DOCS.readme, MODULES)).toEqual([]);
    expect(wordsUnexplained(DOCS.readme, MODULES)).toEqual([]);
    const renamed = DOCS.readme.replace("| departure |", "| voyage |");
    expect(wordsWithoutPlace(renamed, MODULES)).toEqual(["voyage"]);
    const model = withModule(MODULES, "model/parcel", "export interface Parcel {}");
    expect(wordsUnexplained(DOCS.readme, model)).toEqual(["Parcel"]);
  });

  it("that were replaced are not used again", () => {
    expect(usesOf(REPLACED, MODULES)).toEqual([]);
    const again = withModule(MODULES, "base/desk", "export const openPulses = (bell: Bell) => chime(bell);");
    expect(usesOf(REPLACED, again)).toEqual(["base/desk: desk", "base/desk: pulses", "base/desk: bell"]);
  });
});

/** Rooms without a row in the contributor's table, and rows without a room. */
function roomsAmiss(contributing: string, modules: Modules): readonly string[] {
  const table = contributing.split("| Room | Holds |")[1]?.split("\n\n")[0] ?? "";
  const rows = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, room = ""]) => room);
  const rooms = [...new Set([...modules.keys()].map(roomOf))];
  return [
    ...rooms.filter((room) => !rows.includes(room)).map((room) => `no row for ${room}`),
    ...rows.filter((room) => !rooms.includes(room)).map((room) => `no room ${room}`),
  ];
}

describe("rooms", () => {
  it("are in the contributor's table, all of them", () => {
    const contributing = readText("CONTRIBUTING.md");
    expect(roomsAmiss(contributing, MODULES)).toEqual([]);
    expect(roomsAmiss(contributing.replace("| `guard` |", "| `gate` |"), MODULES)).toEqual([
      "no row for guard",
      "no room gate",
    ]);
  });

  it("stand on floors: each imports only what is below it", () => {
    const floors = floorsOf(MODULES);
    process.stdout.write(`${floors.map((floor, n) => `${String(n).padStart(2)}  ${floor.join(" ")}`).join("\n")}\n`);
    expect(floors[0]).toContain("base");
    expect(floors.at(-1)).toEqual(["main"]);
    expect(floors.flat().sort()).toEqual([...Object.keys(MAY_IMPORT), ...COMPOSING].sort());
    expect(() => floorsOf(withLine(MODULES, "model/frame", 'import "../config/schema.ts";'))).toThrow("circle");
  });

  it("import only what the table allows", () => {
    expect(forbiddenImports(MODULES)).toEqual([]);
    const guards = withLine(MODULES, "destinations/slack/format", 'import type { guard } from "../../guard/guard.ts";');
    expect(caught(forbiddenImports, guards)).toEqual(["destinations/slack/format imports guard/guard"]);
    const extra = withModule(MODULES, "extras/one", "export const one = 1;");
    expect(caught(forbiddenImports, extra)).toEqual(["extras has no row in the table of who may import whom"]);
  });

  it.each([
    ["recall/reconcile", "../destinations/slack/client.ts"],
    ["recall/recall", "../destinations/destination.ts"],
    ["demo/play", "../destinations/console/format.ts"],
    ["app", "./config/schema.ts"],
    ["app", "./store/sqlite/store.ts"],
    ["base/http", "../model/frame.ts"],
    ["doors/socket/server", "../../config/schema.ts"],
  ])("catch %s that imports %s", (name, target) => {
    expect(caught(forbiddenImports, withLine(MODULES, name, `import type {} from "${target}";`))).toHaveLength(1);
  });

  it("hold no destination type that imports another", () => {
    expect(entangledDestinations(MODULES)).toEqual([]);
    const text = 'import { LIMITS } from "../slack/blocks.ts";';
    expect(caught(entangledDestinations, withLine(MODULES, "destinations/teams/fit", text))).toHaveLength(1);
  });

  it("are where every file is, but for main.ts and app.ts", () => {
    expect(looseFiles(MODULES)).toEqual([]);
    expect(caught(looseFiles, withModule(MODULES, "misc", "export {};"))).toEqual(["misc"]);
  });
});

describe("no circle", () => {
  it("of files", () => {
    expect(fileCircles(MODULES)).toEqual([]);
    const mutated = withLine(MODULES, "planning/identity", 'import type { plan } from "./plan.ts";');
    expect(caught(fileCircles, mutated)).not.toEqual([]);
  });

  it("of folders", () => {
    expect(folderCircles(MODULES)).toEqual([]);
    const rooms = withLine(MODULES, "guard/limits", 'import type { plan } from "../planning/plan.ts";');
    expect(caught(folderCircles, rooms)).not.toEqual([]);
    // None of the files imports in a circle, but the two folders do.
    const within = withModule(
      withModule(MODULES, "store/memory/a", 'import "../sqlite/driver.ts";'),
      "store/sqlite/b",
      'import "../memory/rows.ts";',
    );
    expect(caught(fileCircles, within)).toEqual([]);
    expect(caught(folderCircles, within)).toEqual(["store/memory → store/sqlite → store/memory"]);
  });
});

describe("the flow", () => {
  it.each([
    ["planned", "absorbing/absorb", /\bplan\(/],
    ["sent", "delivery/deliver", /\bdestination\.send\(/],
  ])("is read from main.ts to the first message that is %s in three files", (_, target, call) => {
    expect(shortestPath(MODULES, "main", target)).toEqual(["main", "app", target]);
    expect(MODULES.get(target)?.text).toMatch(call);
    const detour = withModule(MODULES, "main", 'import { main } from "./cli/program.ts";\nmain();');
    expect(shortestPath(detour, "main", target)?.length ?? Number.POSITIVE_INFINITY).toBeGreaterThan(3);
  });
});

describe("purity", () => {
  it("holds for the inner rooms and all that they load", () => {
    expect(impurities(MODULES)).toEqual([]);
  });

  it.each([
    ["undici through another file", "base/schema", 'import { fetch } from "undici";', "undici"],
    ["the disk", "guard/limits", 'import { readFileSync } from "node:fs";', "node:fs"],
    ["the clock", "planning/trim", "export const at = Date.now();", "Date.now"],
    ["a timer through another room", "model/brand", "setTimeout(() => {}, 1);", "setTimeout"],
    ["chance", "topics/values", "export const chance = Math.random();", "Math.random"],
    ["the process", "routing/pattern", "export const id = process.pid;", "process.pid"],
  ])("catches %s", (_, name, line, fault) => {
    const found = caught(impurities, withLine(MODULES, name, line));
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((text) => text.includes(name) && text.includes(fault))).toBe(true);
  });

  it("lets a type of something impure be named", () => {
    expect(caught(impurities, withLine(MODULES, "guard/limits", 'import type { Dispatcher } from "undici";'))).toEqual(
      [],
    );
  });
});

test("only main.ts and the command line touch the process", () => {
  expect(processUsers(MODULES)).toEqual([]);
  expect(caught(processUsers, withLine(MODULES, "base/clock", "process.exit(1);"))).toEqual(["base/clock"]);
});

test("what runs as text in a worker imports types only", () => {
  expect(importsOfWorkerTexts(MODULES)).toEqual([]);
  for (const name of ["sources/zeromq/worker", "sources/frame-queue"]) {
    const mutated = withLine(MODULES, name, 'import { systemClock } from "../base/clock.ts";');
    expect(caught(importsOfWorkerTexts, mutated)).toHaveLength(1);
  }
});

describe("registries", () => {
  it("name every topic", () => {
    expect(unregistered(MODULES, { ...TOPIC_FILES, names: [] })).toHaveLength(TOPICS.length);
    expect(unregistered(MODULES, TOPIC_FILES)).toEqual([]);
    const text = 'export const decaying = defineTopic({\n  name: "misp_json_decaying",\n  read: () => undefined,\n});';
    expect(unregistered(withModule(MODULES, "topics/decaying", text), TOPIC_FILES)).toEqual([
      "topics/decaying defines misp_json_decaying, which is not registered",
    ]);
  });

  it("name every source type", () => {
    expect(unregistered(MODULES, { ...SOURCE_FILES, names: [] })).toHaveLength(SOURCE_FILES.names.length);
    expect(unregistered(MODULES, SOURCE_FILES)).toEqual([]);
    const text = 'export const kafka = defineSource({\n  type: "kafka",\n  shape: {},\n});';
    expect(unregistered(withModule(MODULES, "sources/kafka/source", text), SOURCE_FILES)).toEqual([
      "sources/kafka/source defines kafka, which is not registered",
    ]);
  });

  it("name every destination type", () => {
    const folders = readdirSync(join(ROOT, "src/destinations")).filter((name) =>
      statSync(join(ROOT, "src/destinations", name)).isDirectory(),
    );
    expect([...DESTINATION_TYPES].sort()).toEqual(folders.sort());
    expect(unregistered(MODULES, DESTINATION_FILES)).toEqual([]);
    const text = 'export const pager = defineDestination({\n  type: "pager",\n  shape: {},\n});';
    expect(unregistered(withModule(MODULES, "destinations/pager/index", text), DESTINATION_FILES)).toEqual([
      "destinations/pager/index defines pager, which is not registered",
    ]);
  });
});

describe("documents", () => {
  it("have every destination type: a test, the example, the README and a page", () => {
    const tests = filesBelow(join(ROOT, "test/destinations")).map((path) =>
      relative(join(ROOT, "test/destinations"), path),
    );
    for (const type of DESTINATION_TYPES) {
      expect(DOCS.example).toMatch(new RegExp(`type: ${type}\\b`));
      expect(DOCS.readme).toContain(`[docs/${type}.md](docs/${type}.md)`);
      expect(
        tests.some((path) => path.startsWith(`${type}/`) && path.endsWith(".test.ts")),
        `a test of ${type}`,
      ).toBe(true);
    }
  });

  it("have every option of every destination", () => {
    const options = optionsOf(REGISTRY);
    expect(undocumentedOptions(options, DOCS)).toEqual([]);
    for (const [type, keys] of options) {
      const more = new Map(options).set(type, [...keys, "brand_new"]);
      expect(undocumentedOptions(more, DOCS)).toEqual([
        `config.yaml.example: ${type} brand_new`,
        `docs: ${type} brand_new`,
      ]);
    }
    const shape = z.strictObject({ type: z.literal("pager"), beep: z.strictObject({ loud: z.boolean() }).optional() });
    expect(optionsOf({ pager: shape }).get("pager")).toEqual(["beep.loud"]);
  });

  it("have every fact", () => {
    expect(factsAmiss(DOCS.readme, FACTS, ATTRIBUTE_FACTS)).toEqual([]);
    expect(factsAmiss(DOCS.readme, [...FACTS, "weather"], ATTRIBUTE_FACTS)).toEqual(["README lacks fact weather"]);
    expect(factsAmiss(DOCS.readme, FACTS.slice(1), [...ATTRIBUTE_FACTS, "uuid"])).toEqual([
      "README invents fact kind",
      "README lacks fact of attributes uuid",
    ]);
  });

  it("have every topic and every kind", () => {
    for (const name of [...TOPICS.map((topic) => topic.name), ...KINDS]) {
      expect(DOCS.readme).toContain(`\`${name}\``);
    }
  });
});
