import { expect, test } from "vitest";
import { check, configOf } from "../support/checked-config.ts";

/** Organisations by UUID: a name, which others can take, is warned of. */
const A = "5f1b2c3d-0000-4000-8000-00000000000a";
const B = "5f1b2c3d-0000-4000-8000-00000000000b";
const TWO = `  soc: { type: webhook, url: "https://soc.example/x" }
  two: { type: webhook, url: "https://two.example/x", guard: { max_tlp: green, audience: [${B}] }, headers: { A: own } }`;
const config = (defaults: string, destinations = TWO) =>
  `defaults:\n${defaults}\n${configOf(destinations, "[{ name: a, notify: [terminal, soc, two] }]")}`;

test("applyDefaults() merges maps key by key and replaces lists; own keys win over the type's, those over the common ones", async () => {
  const { loaded, problems } = await check(
    config(
      `  timeout: 1s\n  timezone: Asia/Tokyo\n  guard: { audience: [${A}], max_pap: red, untagged: deny }\n  webhook: { timeout: 2s, guard: { max_tlp: amber, untagged: red } }`,
    ),
  );
  expect(problems).toEqual([]);
  const { terminal, soc, two } = loaded?.config.destinations ?? {};
  expect(terminal).toMatchObject({
    timeout: 1000,
    timezone: "Asia/Tokyo",
    guard: { max_tlp: "red", audience: [A], untagged: "deny" },
  });
  expect(soc).toMatchObject({
    timeout: 2000,
    guard: { max_tlp: "amber", max_pap: "red", audience: [A], untagged: "red" },
  });
  expect(two).toMatchObject({ guard: { max_tlp: "green", max_pap: "red", audience: [B] } });
  expect(loaded?.config.defaults).toBeUndefined();
});

test("a wrong value in defaults is told once, where it stands", async () => {
  const { problems } = await check(config("  guard: { max_tlp: amber, max_pap: rod }"));
  expect(problems).toEqual(['2:37: error: "max_pap" cannot be "rod", did you mean "red"?']);
});

test("a misspelt key in defaults is told once, whether or not a destination uses it", async () => {
  expect((await check(config("  guard: { max_tlp: red, audince: [] }"))).problems).toEqual([
    '2:26: error: unknown key "audince", did you mean "audience"?',
  ]);
  expect((await check(config("  console: { colr: auto }"))).problems).toContain(
    '2:14: error: unknown key "colr", did you mean "color"?',
  );
  const unused = config("  webhook: { sceret: MARKER, guard: { max_pop: red } }", "").replace(", soc, two", "");
  const { problems, printed } = await check(unused);
  expect(problems).toEqual([
    '2:14: error: unknown key "sceret", did you mean "secret"?',
    '2:39: error: unknown key "max_pop", did you mean "max_pap"?',
  ]);
  expect(printed).not.toContain("MARKER");
});

test("a key of defaults that is neither common nor a type is told with the nearest one", async () => {
  const { problems } = await check(config("  webhok: {}\n  guard: { max_tlp: red }\n  max_body: 64KiB"));
  expect(problems).toEqual([
    '2:3: error: unknown key "webhok", did you mean "webhook"?',
    '4:3: error: unknown key "max_body", it belongs inside "webhook"',
  ]);
});

test("a key that is missing after defaults is told at the destination, not at the defaults", async () => {
  const { problems } = await check(config("  guard: { max_pap: red }"));
  expect(problems).toEqual(['6:3: error: missing key "max_tlp" in "guard" of destination "soc"']);
});

test.each([
  ["defaults", "defaults: 5", '1:1: error: "defaults" must be a map'],
  ["a section", "defaults: { webhook: 5 }", '1:13: error: "webhook" must be a map'],
])("%s that is no map is told", async (_, text, expected) => {
  expect((await check(`${text}\n${configOf("")}`)).problems).toEqual([expected]);
});
