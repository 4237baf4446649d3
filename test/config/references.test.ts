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

test.each([
  ["type: slack, webhook_url: https://hooks.slack.com/services/T/B/x", ["S0123456789", "here"], ["@soc"]],
  ["type: teams, webhook_url: https://localhost/x", ["alice@example.org"], ["soc"]],
  [
    "type: email, smtp: { host: localhost, require_tls: false }, from: a@example.org, to: b@example.org",
    [],
    ["bob", "b@example.org"],
  ],
  ["type: console", [], ["soc"]],
  ["type: webhook, url: https://localhost/x", ["anything"], []],
])("checkReferences() refuses a mention that the channel cannot make: %s", async (options, good, bad) => {
  const mention = [...good, ...bad].map((one) => JSON.stringify(one)).join(", ");
  const issues = await problems(
    `  - { name: a, notify: [{ to: it, mention: [${mention}] }] }`,
    `  it: { ${options}, guard: { max_tlp: red } }`,
  );
  expect(issues.filter((line) => line.includes("mention")).map((line) => line.replace(/^\d+:\d+: /, ""))).toEqual(
    bad.map((one) => `error: "it" cannot mention "${one}"`),
  );
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
  - { name: d, stop: true, match: { org: y }, notify: [terminal] }
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

test("checkValues() refuses values and patterns that a fact never has, and warns of instances that are not named", async () => {
  const text = `  - { name: a, notify: [terminal, soc], match: { threat_level: [hihg, HIGH, "h*", /x/], tlp: white, instance: crt, attribute: { to_ids: yes } } }`;
  expect(await problems(text)).toEqual([
    '6:65: error: "threat_level" is never "hihg", did you mean "high"?',
    '6:83: error: "threat_level" is never "/x/"',
    '6:94: error: "tlp" is never "white", did you mean "clear"?',
    '6:111: warning: "instance" is never "crt", did you mean "cert"?',
    '6:137: error: "to_ids" is never "yes", did you mean "true"?',
  ]);
});

test.each([
  ["tlp: tlp:ambr", '"tlp" is never "tlp:ambr", did you mean "amber"?'],
  ["tlp: TLP:AMBER", '"tlp" is never "TLP:AMBER", did you mean "amber"?'],
  ["pap: white", '"pap" is never "white", did you mean "clear"?'],
  ["pap: amber+strict", '"pap" is never "amber+strict"'],
  ["threat_level: 1", '"threat_level" is never "1", did you mean "high"?'],
  ["analysis: complete", '"analysis" is never "complete", did you mean "completed"?'],
  ["distribution: organization", '"distribution" is never "organization", did you mean "organisation"?'],
  ["distribution: inherit", '"distribution" is never "inherit"'],
  ["kind: event.publishd", '"kind" is never "event.publishd", did you mean "event.published"?'],
  ["kind: events.*", '"kind" is never "events.*"'],
  ["change: update", '"change" is never "update", did you mean "updated"?'],
  ["origin: remote", '"origin" is never "remote"'],
  ["sighting_type: false_positives", '"sighting_type" is never "false_positives", did you mean "false-positive"?'],
  ["late: yes", '"late" is never "yes", did you mean "true"?'],
  ["any: [{ not: [{ all: [{ tlp: ambr }] }] }]", '"tlp" is never "ambr", did you mean "amber"?'],
  ["attribute: { not: { any: [{ to_ids: ja }] } }", '"to_ids" is never "ja"'],
])("checkValues() refuses %s", async (match, message) => {
  const { issues } = await check(configOf("", `\n  - name: a\n    notify: [terminal]\n    match: { ${match} }`));
  const value =
    match
      .split(/[ :]/)
      .at(-1)
      ?.replace(/[^\w*+.]+/g, "") ?? "";
  expect(issues).toMatchObject([{ severity: "error", line: 8, message }]);
  expect(issues[0]?.sourceLine.slice(issues[0].mark.start)).toContain(value);
});

test("checkValues() takes what a fact has, however it is spelt, and any tag, type and organisation", async () => {
  const match =
    'tlp: [none, AMBER+strict, "amber*"], pap: /^red$/, kind: "EVENT.*", distribution: sharing_group, sighting_type: expiration, late: true, tag: "anything:goes", org: Nobody, attribute: { type: [ip-dst, "ip-*", "new-kind-of-thing"], category: "network activity", to_ids: false }';
  expect(await problems(`  - { name: a, notify: [terminal, soc], match: { ${match} } }`)).toEqual([]);
});

test.each([
  ["tag: tlp:ambr", '"tlp:ambr" is no tag that is known, did you mean "tlp:amber"?'],
  ["event_tag: PAP:ORANGE", '"PAP:ORANGE" is no tag that is known'],
  ["attribute: { tag: 'tlp: red' }", '"tlp: red" is no tag that is known, did you mean "tlp:red"?'],
  ["attribute: { type: ipdst }", '"ipdst" is no type that is known, did you mean "ip-dst"?'],
  ["attribute: { type: md55 }", '"md55" is no type that is known, did you mean "md5"?'],
  ["attribute: { category: Network }", undefined],
  ["attribute: { category: Network actvity }", '"Network actvity" is no category that is known, did you mean'],
])("checkValues() warns of %s, which may be right", async (match, message) => {
  const found = await problems(`  - { name: a, notify: [terminal, soc], match: { ${match} } }`);
  expect(found).toEqual(message === undefined ? [] : [expect.stringContaining(`warning: ${message}`)]);
});

test.each(['"tlp:*"', "tlp:white", "TLP:AMBER+STRICT", "/^pap:/", '["tlp:red", "tlp:ex:chr"]'])(
  "checkValues() takes the label %s",
  async (tag) => {
    expect(await problems(`  - { name: a, notify: [terminal, soc], match: { tag: ${tag} } }`)).toEqual([]);
  },
);

test("checkValues() does not print what a reference brought", async () => {
  const { printed } = await check(configOf("", `\n  - { name: a, notify: [terminal], match: { tlp: "$\{TOKEN}" } }`));
  expect(printed).toContain(`"tlp" is never the value of $\{TOKEN}`);
  expect(printed).not.toContain("MARKER");
});

test.each(["10.0.0.0/8", "192.0.2.0/255.255.255.0", "2001:db8::/32"])(
  "checkValues() refuses the network %s, and takes it as a text",
  async (network) => {
    const route = (value: string) =>
      `  - { name: a, notify: [terminal, soc], match: { attribute: { value: ${value} } } }`;
    const { issues } = await check(configOf(SOC, `\n${route(`[x, "${network}"]`)}`));
    expect(issues).toMatchObject([
      {
        severity: "error",
        message: `"${network}" looks like a network: it would be compared as text`,
        hint: `write value: { cidr: "${network}" } for what is in it, or { is: "${network}" } for that text itself`,
      },
    ]);
    const { loaded, problems: none } = await check(configOf(SOC, `\n${route(`[x, { is: "${network}" }]`)}`));
    expect(none).toEqual([]);
    expect(loaded?.config.routes[0]?.match?.[0]?.attribute?.[0]?.value).toEqual(["x", { is: network }]);
  },
);

test.each(["10.0.0.0/33", "/etc/passwd", "https://10.0.0.0/8", "10.0.0.0/8/x", "a/8"])(
  "checkValues() takes %s, which is no network",
  async (value) => {
    const text = `  - { name: a, notify: [terminal, soc], match: { attribute: { value: "${value}" } } }`;
    expect(await problems(text)).toEqual([]);
  },
);

test.each([
  [
    "never, below a route without a match",
    "{ name: a, notify: terminal }",
    "{ name: b, otherwise: true, notify: soc }",
    ['"otherwise" never fires: route "a" above has no match, so that it always fires'],
  ],
  [
    "never, below an otherwise that takes the rest",
    "{ name: a, match: { org: x }, notify: terminal }, { name: r, otherwise: true, notify: terminal }",
    "{ name: b, otherwise: true, notify: soc }",
    ['"otherwise" never fires: route "r" above has no match, so that it always fires'],
  ],
  [
    "never, and says so once, below one that also stops",
    "{ name: a, stop: true, notify: terminal }",
    "{ name: b, otherwise: true, notify: soc }",
    ['"otherwise" never fires: route "a" above has no match, so that it always fires'],
  ],
  [
    "always, as the first route",
    "{ name: b, otherwise: true, notify: soc }",
    "{ name: a, match: { org: x }, notify: terminal }",
    ['"otherwise" always fires: no route above is about event.published'],
  ],
  [
    "always, below routes about other kinds",
    '{ name: a, kinds: ["herald.*"], match: { kind: herald.started }, notify: terminal }',
    "{ name: b, otherwise: true, notify: soc }",
    ['"otherwise" always fires: no route above is about event.published'],
  ],
  [
    "sometimes",
    "{ name: a, match: { org: x }, notify: terminal }",
    '{ name: b, kinds: ["event.*"], otherwise: true, notify: soc }',
    [],
  ],
])("checkOrder() tells an otherwise that fires %s", async (_, first, second, messages) => {
  const { issues } = await check(configOf(SOC, `[${first}, ${second}]`));
  expect(issues.map(({ message }) => message)).toEqual(messages);
  expect(issues.every(({ severity }) => severity === "error")).toBe(true);
});

test("checkReferences() leaves names of the outside world alone", async () => {
  const guard =
    "  soc: { type: console, guard: { max_tlp: red, audience: [0d8a1f4e-3b52-4c7a-9e15-6f2b7c8d9a01], sharing_groups: [No such group] } }";
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

test.each([
  ["no rule names a list", "match: { any: [{ watch: ours }] }", true],
  ["one does", "match: { any: [{ watch: ours }, { attribute: { value: { list: ours.txt } } }] }", false],
])("checkReferences() warns of a rule about entries of watch lists where %s", async (_, match, warns) => {
  const found = await problems(`  - { name: a, notify: [soc, terminal], ${match} }`);
  expect(found.filter((line) => line.includes("no rule names a list"))).toHaveLength(warns ? 1 : 0);
  expect(found).toHaveLength(warns ? 1 : 0);
});
