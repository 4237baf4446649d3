import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, it, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { openScreen } from "../support/screen.ts";

const DOCS = resolve(import.meta.dirname, "../../docs");
const FIXTURES = join(DOCS, "fixtures");
const SHIPPED = readdirSync(FIXTURES).filter((name) => name.endsWith(".yaml") && name !== "config.yaml");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-fixtures-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(...args: readonly string[]) {
  const screen = openScreen();
  const code = await main(["test", ...args], screen.context);
  return { code, output: screen.out(), errors: screen.errors() };
}

test("the wishes of the documentation are told as they say", async () => {
  expect(SHIPPED.length).toBeGreaterThanOrEqual(20);
  const { code, output } = await run(...SHIPPED.map((name) => join(FIXTURES, name)));
  expect(output.split("\n").filter((line) => !line.startsWith("✓") && line !== "")).toEqual([]);
  expect(code).toBe(0);
});

test("each wish stands in the documentation as it stands in its configuration", () => {
  const page = readFileSync(join(DOCS, "rules.md"), "utf8");
  const config = readFileSync(join(FIXTURES, "config.yaml"), "utf8");
  const shown = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
  expect(shown.length).toBe(SHIPPED.length);
  expect(shown.filter((text) => !config.includes(text))).toEqual([]);
  expect(SHIPPED.filter((name) => !page.includes(`(fixtures/${name})`))).toEqual([]);
});

/** A fixture of the documentation, changed. */
function changed(from: string, to: string): string {
  const file = join(folder, "fixture.yaml");
  const text = readFileSync(join(FIXTURES, "grave.yaml"), "utf8");
  expect(text).toContain(from);
  writeFileSync(file, text.replace("config.yaml", join(FIXTURES, "config.yaml")).replace(from, to));
  return file;
}

it("says what is different, and what left instead", async () => {
  const junit = join(folder, "junit.xml");
  const { code, output, errors } = await run(
    changed("grave: 1", "grave: { payloads: 2, routes: rest }"),
    "--junit",
    junit,
  );
  expect(code).toBe(1);
  expect(output).toContain("✗ Whatever is grave");
  expect(output).toContain("1s grave: payloads: expected 2, found 1");
  expect(output).toContain("routes: expected rest, found grave");
  expect(output).toContain('left: event.published "Phishing wave"');
  expect(errors).toContain("1 of 1 failed.");
  const xml = readFileSync(junit, "utf8");
  expect(xml).toContain('tests="1" failures="1"');
  expect(xml).toContain("<failure message=");
});

it("compares what was withheld, in which form, and as which change", async () => {
  const full = "grave: { payloads: 1, alerts: 1, withheld: 0, change: new, form: full, routes: grave }";
  expect((await run(changed("grave: 1", full))).code).toBe(0);
});

it.each([
  ["a destination that there is not", "grave: 1", "graev: 1", 1, "there is no destination graev"],
  ["a timeline that goes back", "at: 2h", "at: 1ms", 1, "goes back in time"],
  [
    "an instance that there is not",
    "start:",
    "instance: other\nstart:",
    1,
    'There is no instance "other"; there are cert',
  ],
  [
    "a topic that there is not",
    '"topic": "misp_json"',
    '"topic": "misp_jsn"',
    1,
    "There is no frame of MISP in a message of the timeline (unknown topic)",
  ],
  [
    "a file without frames",
    '{"topic": "misp_json",',
    `["${join(FIXTURES, "ours.txt")}"] # {`,
    1,
    "There is no frame of MISP in",
  ],
  ["a key that it does not know", "at: 2h", "att: 2h", 1, 'unknown key "att"'],
])("refuses %s", async (_, from, to, expected, message) => {
  const { code, output, errors } = await run(changed(from, to));
  expect(code).toBe(expected);
  expect(output + errors).toContain(message);
});

it("fails a fixture that cannot be played, and plays the others", async () => {
  const junit = join(folder, "junit.xml");
  const broken = join(folder, "broken.yaml");
  writeFileSync(broken, "timeline: [{ at: 0s, message: missing.json }]");
  const args = [broken, join(folder, "none.yaml"), join(FIXTURES, "grave.yaml"), "--junit", junit];
  const { code, output, errors } = await run(...args, "-c", join(FIXTURES, "config.yaml"));
  expect(code).toBe(1);
  expect(output).toMatch(/✗ broken\.yaml\n {4}.*missing\.json/);
  expect(output).toMatch(/✗ none\.yaml\n {4}Cannot read .*none\.yaml/);
  expect(output).toContain("✓ Whatever is grave");
  expect(errors).toContain("2 of 3 failed.");
  const xml = readFileSync(junit, "utf8");
  expect(xml).toContain('tests="3" failures="2"');
  expect(xml.match(/<failure/g)?.length).toBe(2);
});

it("makes a fixture of a recording, which passes", async () => {
  const file = join(folder, "recorded.yaml");
  const config = join(FIXTURES, "config.yaml");
  const recording = resolve(DOCS, "sample.jsonl");
  expect((await run("--record", recording, file, "-c", config)).code).toBe(0);
  expect((await run(file)).code).toBe(0);
});

test("explain names what keeps a route from firing, and what a guard withholds", async () => {
  const message = join(folder, "message.json");
  const [, frame = ""] = /message: (\{.*\})/.exec(readFileSync(join(FIXTURES, "grave.yaml"), "utf8")) ?? [];
  writeFileSync(message, frame);
  const screen = openScreen();
  const args = ["explain", message, "-c", join(FIXTURES, "config.yaml"), "--at", "2026-11-20T18:00:00Z"];
  expect(await main(args, screen.context)).toBe(0);
  const text = screen.out();
  expect(text).toContain("✓ grave");
  expect(text).toContain(
    "✗ our-networks: attribute.value is evil[.]example (asked for: in 192.0.2.0/24 or 2001:db8::/32)",
  );
  expect(text).toContain("✗ from-partners: not.org is ACME-CERT (asked for: not { org: ACME-CERT })");
  expect(text).toContain("✗ ministry-a: watch is none (asked for: ministry-a)");
  expect(text).toContain("→ grave by grave: leaves at once");
  const json = openScreen();
  await main([...args, "--json"], json.context);
  const { verdicts, destinations } = JSON.parse(json.out());
  expect(verdicts).toContainEqual({ name: "grave", verdict: "matched" });
  const group = JSON.stringify(["grave", [["event", ["1a87fd96-a4d3-4d6c-84dc-000000000001"]]]]);
  expect(destinations).toContainEqual({
    ...{ name: "grave", routes: ["grave"], verdict: "owed", form: "full", withheld: 0 },
    leaves: { at: "2026-11-20T18:00:00.000Z", with: "group", group, priority: "normal" },
  });
});
