import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/problem.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openBatch } from "../../src/delivery/payload.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Entry } from "../../src/model/payload.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openParts } from "../../src/service/parts.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import type { TemplateFailure } from "../../src/template/compile.ts";
import { SAMPLES } from "../../src/template/samples.ts";
import { TemplateOption } from "../../src/template/schema.ts";
import { viewOf } from "../../src/template/view.ts";
import { captureLog } from "../support/captured-log.ts";
import { GOLDEN_NAMES, goldenPayload } from "../support/golden.ts";
import { takeOne } from "../support/one-batch.ts";
import { EVENT, entry, guarded, item, publication } from "../support/payloads.ts";
import { decodeSample } from "../topics/frames.ts";

const NOW = Date.UTC(2026, 10, 20, 18);
const STYLE = { timeZone: "UTC", defang: true };

/** What leaves of a publication, in the words of a destination's template and of those of its routes. */
async function leaving(own: object | undefined, ofRoutes: readonly (object | undefined)[]) {
  const policy = Guard.parse({ max_tlp: "red" });
  const routes = compileRoutes(
    ofRoutes.map((template, index) =>
      RouteOptions.parse({ name: `r${index}`, notify: "soc", ...(template && { template }) }),
    ),
  );
  const message = decodeSample("misp_json--publish-first-time");
  await using store = openMemoryStore();
  const rules = { routes, destinations: new Map([["soc", { guard: policy, repeats: "changed" } as const]]) };
  await store.commit(plan([message], await store.load(keysOf([message])), NOW, rules).effects, NOW);
  const taken = await takeOne(store, "soc", NOW);
  if (!taken || !("batch" in taken)) {
    throw new Error("nothing leaves");
  }
  const failures: TemplateFailure[] = [];
  const wording = {
    template: own && TemplateOption.parse(own),
    style: STYLE,
    failed: (reason: TemplateFailure) => failures.push(reason),
  };
  const { payload } = openBatch(taken.batch, { guard: policy, routes, links: new Map(), wording }, NOW);
  return { entry: payload?.entries[0], failures };
}

describe("an alert is worded", () => {
  it("as it is built in where there is no template", async () => {
    const { entry: told } = await leaving(undefined, [undefined]);
    expect(told).not.toHaveProperty("custom");
    expect(told).not.toHaveProperty("templateFailed");
  });

  it("by the destination's template", async () => {
    const { entry: told } = await leaving({ title: "{{ instance }}", body: "{{ counts.to_ids }} for IDS" }, [
      undefined,
    ]);
    expect(told?.custom).toEqual({ title: "cert", body: "2 for IDS" });
  });

  it("by the template of its first route that has one, part by part", async () => {
    const own = { title: "own title", body: "own body" };
    const { entry: told } = await leaving(own, [undefined, { title: "of r1" }, { title: "of r2", body: "of r2" }]);
    expect(told?.custom).toEqual({ title: "of r1", body: "own body" });
  });

  it("as it is built in when a template fails, which is told and not thrown", async () => {
    // Fine for every sample, and not for this one.
    const loop = "{% for a in (1..90000) %}{{ a }}{% endfor %}";
    const body = `{% if event.info contains 'Phishing' and form == 'full' %}${loop}{% endif %}`;
    const { entry: told, failures } = await leaving({ title: "fine", body }, [undefined]);
    expect(told).not.toHaveProperty("custom");
    expect(told?.templateFailed).toBe(true);
    expect(failures).toEqual([expect.stringMatching(/limit|too-long/)]);
  });
});

const CONFIG = `
misp:
  cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } }
destinations:
  soc:
    type: console
    guard: { max_tlp: red }
    template:
      title: "{{ title }}"
      body: |
        {{ event.info }}
        BODY
routes:
  - { name: all, notify: soc }
`;

function load(body: string) {
  const options = {
    env: {},
    secrets: "optional",
    readFile: async () => Buffer.from(CONFIG.replace("BODY", body)),
  } as const;
  return loadConfig("config.yaml", options);
}

describe("templates in a configuration", () => {
  it("are compiled when it is loaded, and rendered by the parts that send", async () => {
    const { config, warnings } = await load("{{ marking.tlp | tlp_badge }}");
    expect(warnings).toEqual([]);
    const { log, lines } = captureLog();
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
    const clock = { now: () => NOW, monotonic: () => NOW, sleep: async () => {}, random: () => 0 };
    await using store = openMemoryStore();
    await using parts = openParts(config, { log, clock, stdout }, { store, sources: [] });
    const sending = parts.workers[0]?.sending;
    expect(Object.keys(sending?.wording?.template ?? {})).toEqual(["title", "body"]);
    for (let i = 0; i < 5; i += 1) {
      sending?.wording?.failed("limit");
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("A template failed");
  });

  it("stand at their place when they are wrong", async () => {
    const problems = await load("{{ event.info | upcase }}").then(
      () => [],
      (error: unknown) => (error instanceof ConfigError ? error.issues : []),
    );
    expect(problems).toMatchObject([
      { severity: "error", line: 10, message: expect.stringContaining('no filter "upcase"') },
    ]);
    expect(problems[0]?.message).toContain("line 2, column 1");
  });

  it("are warned of when they read what no alert has", async () => {
    const { warnings } = await load("{{ event.treat_level }}");
    expect(warnings).toMatchObject([
      {
        severity: "warning",
        line: 10,
        message: 'the template reads "treat_level", which no alert has, did you mean "threat_level"?',
      },
    ]);
  });
});

/** Every field's path; lists are looked into. */
function pathsOf(value: unknown, prefix = ""): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap((one) => pathsOf(one, prefix));
  }
  if (typeof value !== "object" || value === null) {
    return [prefix];
  }
  return [prefix, ...Object.entries(value).flatMap(([name, inside]) => pathsOf(inside, `${prefix}.${name}`))];
}

describe("the samples that templates are tried with", () => {
  const known = new Set(pathsOf(SAMPLES[0]));

  it("have every field that a real alert has", async () => {
    const real: Entry[] = [everything()];
    for (const name of GOLDEN_NAMES) {
      real.push(...(await goldenPayload(name)).entries);
    }
    const unknown = real.flatMap((told) => pathsOf(viewOf(told, STYLE, 20))).filter((path) => !known.has(path));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it("have no field that no alert can have", () => {
    const possible = new Set(pathsOf(viewOf(everything(), STYLE, 1)));
    expect([...known].filter((path) => !possible.has(path))).toEqual([]);
    for (const sample of SAMPLES) {
      expect(pathsOf(sample).filter((path) => !known.has(path))).toEqual([]);
    }
  });
});

/** An entry in which nothing is left out. */
function everything(): Entry {
  const { alert } = publication().guarded;
  const full = item({
    comment: "C2",
    tags: ["a"],
    objectKey: "o1",
    relation: "url",
    matched: true,
    changedAt: NOW,
    news: "added",
  });
  const told = guarded({
    ...alert,
    event: {
      ...EVENT,
      distribution: "sharing_group",
      sharingGroup: { uuid: "u", name: "n" },
      owner: { name: "o", uuid: "u" },
      origin: "local",
      extendsUuid: "x",
    },
    items: [full, full, { ...full, withdrawn: "deleted" }],
    counts: [
      ...alert.counts,
      { type: "url", toIds: true, marking: full.marking, reach: [], withdrawn: "deleted", n: 3 },
    ],
    objects: [
      { key: "o1", uuid: "o1", name: "file", comment: "c", changedAt: NOW, reach: [] },
      { key: "o2", uuid: "o2", name: "file", comment: "c", deleted: true, reach: [] },
    ],
    sighting: { type: "sighting", source: "s", seenAt: NOW },
    tag: { name: "t", on: "attribute", attributeId: "1" },
    lines: [{ label: "l", text: "t" }],
  });
  const all = { ...told, keptBack: ["tlp" as const] };
  return entry(all, {
    since: NOW - 1,
    compared: { toldAt: NOW, added: 1, changed: 0, removed: 3, unchanged: 5 },
    changes: { title: true, threatLevel: false, tagsAdded: ["tlp:amber"], tagsRemoved: 1 },
    because: ["threat level is high"],
    neverTold: 1,
    reminder: { n: 1, of: 3, since: NOW, escalatedFrom: "soc" },
    links: [{ label: "Runbook", url: new URL("https://wiki.example.org/") }],
  });
}
