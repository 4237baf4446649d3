import { expect, test } from "vitest";
import { check, configOf } from "../support/checked-config.ts";

const SOC = "  soc: { type: console, guard: { max_tlp: red, also: [audit] } }";
const problems = (routes: string, destinations = SOC) =>
  check(configOf(destinations, `\n${routes}`)).then((it) => it.problems);

test("checkReferences() suggests the destination that was meant", async () => {
  expect(await problems("  - { name: a, notify: [sco, { to: termnal }] }")).toEqual([
    '6:25: error: there is no destination "sco", did you mean "soc"?',
    '6:36: error: there is no destination "termnal", did you mean "terminal"?',
  ]);
});

test("checkReferences() lists the destinations where none is near", async () => {
  const { issues } = await check(configOf(SOC, "[{ name: a, notify: nobody }]"));
  expect(issues[0]?.hint).toBe("destinations are terminal, soc");
});

test("checkReferences() warns of a destination that no route names", async () => {
  expect(await problems("  - { name: a, notify: terminal }")).toEqual([
    '4:3: warning: destination "soc" is named by no route and will never be told anything',
  ]);
});

test("checkReferences() does not warn of destinations while a name is misspelt", async () => {
  expect(await problems("  - { name: a, notify: sic }")).toEqual([
    '6:24: error: there is no destination "sic", did you mean "soc"?',
  ]);
});

test("checkReferences() warns of a route that an unconditional stop above keeps from every message", async () => {
  expect(
    await problems(`  - { name: a, kinds: ["attribute.*"], stop: true, notify: [soc] }
  - { name: b, kinds: [attribute.added], notify: [terminal] }
  - { name: c, kinds: [attribute.added, event.published], notify: [terminal] }
  - { name: d, stop: true, otherwise: true, notify: [terminal] }
  - { name: e, stop: true, match: { org: x }, notify: [terminal] }
  - { name: f, notify: [terminal] }`),
  ).toEqual(['7:13: warning: no message ever reaches this route: route "a" above has no match and stops the search']);
});

test("checkReferences() warns of sensitive kinds that a guard does not allow", async () => {
  const { issues } = await check(
    configOf(SOC, `\n  - { name: a, kinds: [user.login, audit.logged, "tag.*", "*"], notify: [soc, terminal] }`),
  );
  expect(issues.map((it) => `${it.line}:${it.column}: ${it.message} = ${it.hint}`)).toEqual([
    '6:24: "user.login" is never sent to "soc", whose guard does not allow it = kinds about people and the platform need also: [users] in its guard',
    '6:24: "user.login" is never sent to "terminal", whose guard does not allow it = kinds about people and the platform need also: [users] in its guard',
    '6:36: "audit.logged" is never sent to "terminal", whose guard does not allow it = kinds about people and the platform need also: [audit] in its guard',
  ]);
});

test.each([
  ["look-around", "/(?<!a)b/", "invalid named capture"],
  ["a back-reference", "/(a)\\1/", "invalid escape sequence"],
  ["an unclosed bracket", "/[a/", "missing closing ]"],
])("checkReferences() tells a regular expression with %s, deep inside a match", async (_, regex, message) => {
  const { issues } = await check(
    configOf(
      SOC,
      `\n  - { name: a, notify: [terminal, soc], match: { any: [{ attribute: { not: { value: ['${regex}'] } } }] } }`,
    ),
  );
  expect(issues).toMatchObject([
    { severity: "error", line: 6, column: 86, hint: expect.stringContaining("linear time") },
  ]);
  expect(issues[0]?.message).toContain(message);
});

test("checkReferences() warns of values that a fact never has", async () => {
  const text = `  - { name: a, notify: [terminal, soc], match: { threat_level: [hihg, HIGH, "h*", /x/], tlp: white, instance: crt, attribute: { to_ids: yes } } }`;
  expect(await problems(text)).toEqual([
    '6:65: warning: "threat_level" is never "hihg", did you mean "high"?',
    '6:94: warning: "tlp" is never "white"',
    '6:111: warning: "instance" is never "crt", did you mean "cert"?',
    '6:137: warning: "to_ids" is never "yes"',
  ]);
});

test("checkReferences() leaves names of the outside world alone", async () => {
  const guard =
    "  soc: { type: console, guard: { max_tlp: red, audience: [Nobody], sharing_groups: [No such group] } }";
  expect(
    await problems("  - { name: a, notify: [terminal, soc], match: { sharing_group: Nope, org: Nobody } }", guard),
  ).toEqual([]);
});

test.each([
  ["http://misp.example.org", true],
  ["http://192.0.2.7/misp", true],
  ["https://misp.example.org", false],
  ["http://localhost:8080", false],
  ["http://127.0.0.1", false],
  ["http://[::1]:8080", false],
])("checkReferences() warns where an api_key would travel in clear: %s", async (url, warns) => {
  const file = (key: string) => `misp:
  cert: { url: "${url}", ${key}feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } }
destinations:
  terminal: { type: console, guard: { max_tlp: red } }
routes: [{ name: a, notify: terminal }]
`;
  const { problems: found, issues } = await check(file("api_key: some-key, "));
  expect(found).toEqual(
    warns
      ? [
          "2:16: warning: `api_key` travels in clear to this address: whoever is on the way can read it, and MISP with it",
        ]
      : [],
  );
  expect(issues[0]?.hint).toBe(warns ? "use https://, with `ca_file` for an authority of your own" : undefined);
  expect((await check(file(""))).problems).toEqual([]);
});
