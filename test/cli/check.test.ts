import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { type Chance, chancesOf } from "../../src/cli/reachability.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Kind } from "../../src/model/vocabulary.ts";
import { Planner } from "../planning/planner.ts";
import { openScreen } from "../support/screen.ts";
import { decodeSample, SAMPLE_NAMES } from "../topics/frames.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-check-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Setting {
  readonly guard?: string;
  readonly kinds?: string;
  readonly match?: string;
  readonly apiKey?: boolean;
  readonly lab?: boolean;
}

/** Whoever is not told of misp-herald itself is warned of that. */
const OPERATIONS = "  - { name: operations, kinds: [herald.*], notify: soc }";

/** A route `all` to `soc` with that guard; beside `cert` there may be the instance `lab`, which can be asked. */
function config({ guard = "", kinds = '["*"]', match = "", apiKey = false, lab = false }: Setting = {}): string {
  const file = join(folder, "config.yaml");
  const feed = 'feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] }';
  writeFileSync(
    file,
    `misp:
  cert: { url: "https://misp.example.org", ${apiKey ? "api_key: abc, " : ""}${feed} }
${lab ? `  lab: { url: "https://lab.example.org", api_key: abc, ${feed} }` : ""}
destinations:
  soc: { type: webhook, url: "https://hook.example.org/", guard: { max_tlp: red${guard} } }
routes:
  - { name: all, kinds: ${kinds}, notify: soc${match} }
${OPERATIONS}
`,
  );
  return file;
}

async function chances(setting: Setting = {}): Promise<readonly Chance[]> {
  const { config: loaded } = await loadConfig(config(setting), { env: {}, secrets: "required" });
  return loaded.routes.flatMap((route) => chancesOf(route, loaded));
}

async function checked(setting: Setting = {}): Promise<{ readonly out: string; readonly errors: string }> {
  const screen = openScreen();
  expect(await main(["check", "-c", config(setting)], screen.context)).toBe(0);
  return { out: screen.out(), errors: screen.errors() };
}

const OPEN = "users, audit, organisations, discussions, warninglists, workflows, tags";

test.each([
  ["", "up to 4 requests at once, in order within an event"],
  [", withdraw: delete", "what is withdrawn is taken away"],
  [", withdraw: ignore", "nothing is said of what is withdrawn"],
])("check says what becomes of earlier messages, and how many leave at once (%s)", async (more, sentence) => {
  expect((await checked({ guard: ` }${more}, headers: { x: y` })).out).toContain(sentence);
});

test("a route of publications needs no sentence about what cannot be told", async () => {
  expect(await chances({ kinds: "[event.published, event.edited, herald.*]" })).toEqual([]);
  expect((await checked({ kinds: "[event.published]" })).out).not.toMatch(/never|sometimes/);
});

test("check says in a sentence below the route what is never and what is sometimes told", async () => {
  const { out, errors } = await checked({ kinds: "[event.published, sighting.*, object.*, user.login]" });
  expect(out).toContain(
    "never sighting.* (the feed tells neither markings nor distribution); " +
      "never user.login (guard.also does not name it); " +
      "sometimes object.* (only about events that the feed has told of); " +
      "with an api_key for cert MISP is asked for what the feed leaves out.",
  );
  expect(errors).toContain('warning: route "all" can never tell sighting.*: the feed tells neither');
  expect(errors).toMatch(/warning: "user\.login" is never sent to "soc"/);
  expect(out).toContain("is valid, with 2 warnings");
});

test("with an api_key for all that a route is about MISP is asked, and nothing is refused for want of knowledge", async () => {
  const kinds = "[event.published, sighting.*, object.*]";
  const asked = [{ can: "asked", why: "ask-misp", unasked: [] }];
  expect(await chances({ kinds, apiKey: true })).toMatchObject(asked);
  expect(await chances({ kinds, lab: true, match: ", match: { instance: lab }" })).toMatchObject(asked);
  expect(await chances({ kinds, lab: true, match: ", match: { instance: cert }" })).toMatchObject([
    { can: "never", kinds: ["sighting.added", "sighting.deleted"] },
    { can: "sometimes" },
  ]);
  expect(await chances({ kinds, lab: true, match: ", match: [{ instance: lab }, { tag: x }]" })).toMatchObject([
    { can: "sometimes", why: "event-known", unasked: ["cert"] },
    { can: "sometimes", why: "frames-tell-too-little", unasked: ["cert"] },
  ]);
  expect((await checked({ kinds, apiKey: true })).errors).toBe("");
});

test("a guard that no event passes is told, and a kind behind a glob that tells something is not warned of", async () => {
  const closed = ", distribution: []";
  expect((await checked({ kinds: "[event.published]", guard: closed })).errors).toMatch(
    /can never tell event\.published: distribution, audience and sharing_groups of the guard are empty/,
  );
  expect(await chances({ kinds: "[event.published]", guard: `${closed}, audience: [ACME]` })).toEqual([]);
  expect((await checked({ kinds: '["*"]' })).errors).toBe("");
});

test("check --json tells programs the same by kind and destination", async () => {
  const screen = openScreen();
  expect(await main(["check", "--json", "-c", config({ kinds: "[tag.*]" })], screen.context)).toBe(0);
  expect(JSON.parse(screen.out())).toMatchObject({
    routes: [
      {
        limits: expect.stringContaining("never tag.created"),
        chances: [
          { can: "never", why: "kind-not-opened", kinds: ["tag.created", "tag.edited", "tag.deleted"] },
          { can: "sometimes", why: "event-tag", kinds: ["tag.attached", "tag.detached"], destinations: ["soc"] },
        ],
      },
      { name: "operations", chances: [] },
    ],
  });
});

test("check --strict makes a warning a no", async () => {
  const strict = async (kinds: string) => {
    const screen = openScreen();
    const code = await main(["check", "--strict", "-c", config({ kinds })], screen.context);
    const json = openScreen();
    await main(["check", "--strict", "--json", "-c", config({ kinds })], json.context);
    return { code, ok: JSON.parse(json.out()).ok, out: screen.out() };
  };
  expect(await strict("[sighting.*]")).toEqual({
    ...{ code: 1, ok: false },
    out: expect.stringContaining("is valid, with 1 warning, which --strict refuses."),
  });
  expect(await strict("[event.published]")).toMatchObject({ code: 0, ok: true });
});

test("check says once what holds of all, and fits the terminal", async () => {
  const file = join(folder, "many.yaml");
  const names = ["soc", "management", "energy"];
  writeFileSync(
    file,
    `misp: { cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } } }
destinations:
${names.map((name, i) => `  ${name}: { type: console, guard: { max_tlp: ${["clear", "amber", "red"][i]}, audience: [CERT-XX] } }`).join("\n")}
routes:
${names.map((name) => `  - { name: to-${name}, kinds: ["object.*"], notify: ${name} }`).join("\n")}
`,
  );
  const screen = openScreen({ terminal: true });
  expect(await main(["check", "-c", file], screen.context)).toBe(0);
  const lines = screen.out().split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  const words = screen.out().replace(/\s+/g, " ");
  const times = (text: string) => words.split(text).length - 1;
  expect(times("all of them per event, first at once, then every 5m.")).toBe(1);
  expect(times("sharing groups that all of them are members of")).toBe(1);
  expect(times("only about events that the feed has told of")).toBe(1);
  expect(times("As for to-soc: not all of it is told.")).toBe(2);
  expect(times("sees everything up to TLP:")).toBe(3);
  const piped = openScreen();
  expect(await main(["check", "-c", file], piped.context)).toBe(0);
  expect(piped.out().replace(/\s+/g, " ")).toBe(words);
  expect(piped.out()).toContain("  to-soc         object.* → soc.\n");
});

test.each<[string, string, boolean]>([
  ["everything", "", true],
  ["all but what a condition broadly leaves", ", match: { distribution: community, not: { org: TEST } }", true],
  ["one of two alternatives without a limit", ", match: [{ max_age: 30d }, { change: new }]", true],
  ["what was changed lately", ", match: { max_age: 30d }", false],
  ["what was made here", ", match: { not: { origin: [pulled, feed] } }", false],
  ["what is large", ", match: { all: [{ attributes: { min: 5 } }] }", false],
  ["what somebody cares for", ", match: { any: [{ tag: watched }, { threat_level: high }] }", false],
  ["no publications", ", kinds: [event.edited]", false],
])("check advises brakes for a route to people that tells %s: %s", async (_, rest, isAdvised) => {
  const file = join(folder, "config.yaml");
  const yaml = (type: string) => `misp:
  cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } }
destinations:
  soc: { ${type}, guard: { max_tlp: red } }
routes:
  - { name: all, notify: soc${rest} }
${OPERATIONS}
`;
  const adviceOf = async (type: string) => {
    writeFileSync(file, yaml(type));
    const screen = openScreen();
    expect(await main(["check", "--strict", "-c", file], screen.context)).toBe(0);
    return screen.out().includes("all tells people of nearly every publication");
  };
  expect(await adviceOf("type: slack, token: xoxb-1, channel: C0123456789")).toBe(isAdvised);
  expect(await adviceOf('type: webhook, url: "https://hook.example.org/"')).toBe(false);
});

/** What a guard that is as open as can be makes of each recorded frame, by its kind, when nothing is remembered. */
async function verdicts(drafts: boolean, isKnown: boolean): Promise<ReadonlyMap<Kind, readonly string[]>> {
  const found = new Map<Kind, string[]>();
  for (const name of SAMPLE_NAMES.filter((sample) => !sample.startsWith("misp_json_self"))) {
    const message = decodeSample(name);
    const { kind, event, instance } = message;
    if (!kind) {
      continue;
    }
    const reader = event?.owner?.name ?? "ACME";
    const guard = {
      ...{ max_tlp: "red", max_pap: "red", drafts, personal: true, also: OPEN.split(", ") },
      ...{ audience: [reader], sharing_groups: [`${instance}:${event?.sharingGroup?.id ?? "1"}`] },
    };
    const planner = new Planner({ destinations: { soc: { guard } } });
    if (isKnown && event) {
      const { id, uuid } = event;
      const known = { ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) };
      await planner.plan({
        ...{ kind: "event.published", instance, topic: "misp_json", receivedAt: 1, version: "1" },
        subject: { type: "event", ...known },
        event: { ...known, owner: { name: reader }, distribution: "community", changedAt: 1, tags: [] },
        ...{ attributes: [], objects: [], lines: [] },
      });
    }
    const verdict = (await planner.tell(message)).trace?.destinations[0]?.verdict ?? "nobody";
    found.set(kind, [...(found.get(kind) ?? []), verdict]);
  }
  return found;
}

const UNKNOWN = ["match-unknown", "event-unknown", "distribution-unknown", "tlp-unknown"];

test.each([false, true])("what check says holds for every recorded frame, drafts: %s", async (drafts) => {
  const said = await chances({ guard: `, drafts: ${drafts}, also: [${OPEN}]` });
  const canBe = (kind: Kind) => said.find(({ kinds }) => kinds.includes(kind))?.can ?? "always";
  const [fresh, known] = [await verdicts(drafts, false), await verdicts(drafts, true)];
  for (const [kind, ofFresh] of fresh) {
    const ofKnown = known.get(kind) ?? [];
    const all = [...ofFresh, ...ofKnown];
    const isUnknown = (verdict: string) => UNKNOWN.includes(verdict);
    if (canBe(kind) === "always") {
      expect(all.filter(isUnknown), kind).toEqual([]);
    }
    if (canBe(kind) === "never") {
      expect(all.every(isUnknown), kind).toBe(true);
    }
    if (canBe(kind) === "sometimes") {
      expect(all.some(isUnknown), kind).toBe(true);
    }
    // No recorded attribute.added has a tag: MISP attaches them afterwards.
    if (canBe(kind) === "sometimes" && kind !== "attribute.added") {
      expect(ofKnown, kind).toContain("owed");
    }
  }
});
