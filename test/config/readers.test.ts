import { expect, test } from "vitest";
import { check } from "../support/checked-config.ts";

const UUID = "0d8a1f4e-3b52-4c7a-9e15-6f2b7c8d9a01";

function file(guard: string, more = "", defaults = ""): string {
  const feed = 'feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] }';
  return `misp: { cert: { ${feed} }${more && `, ${more}: { ${feed} }`} }
destinations:
  a: { type: console, guard: { max_tlp: red${guard} } }
  b: { type: console, guard: { max_tlp: red } }
routes: [{ name: all, notify: [a, b] }]
${defaults}`;
}

test("a sharing group's bare number means the only instance, and the new spelling is named", async () => {
  const { loaded, problems, issues } = await check(file(', sharing_groups: ["7", "cert:8", "Banks"]'));
  expect(problems).toEqual(['3:63: warning: sharing group 7 is read as "cert:7": each MISP has its own numbers']);
  expect(issues[0]?.hint).toBe('write "cert:7", or the group\'s UUID');
  expect(loaded?.config.destinations.a?.guard.sharing_groups).toEqual(["cert:7", "cert:8", "Banks"]);
});

test("of several instances it could be any, which is an error", async () => {
  const { loaded, problems, issues } = await check(file(', sharing_groups: ["7"]', "isac"));
  expect(problems).toEqual([
    "3:63: error: sharing group 7 may be another one on each instance: each MISP has its own numbers",
  ]);
  expect(issues[0]?.hint).toBe('write "cert:7" or "isac:7", or the group\'s UUID');
  expect(loaded).toBeUndefined();
});

test("what stands in defaults is said once, and holds everywhere", async () => {
  const { loaded, problems } = await check(
    file("", "", 'defaults: { guard: { sharing_groups: ["7"], audience: [ACME] } }'),
  );
  expect(problems).toEqual([
    '6:39: warning: sharing group 7 is read as "cert:7": each MISP has its own numbers',
    '6:56: warning: audience names "ACME": whoever takes that name on an instance counts as it',
  ]);
  expect(Object.values(loaded?.config.destinations ?? {}).map(({ guard }) => guard.sharing_groups)).toEqual([
    ["cert:7"],
    ["cert:7"],
  ]);
});

test.each([
  [`[${UUID}]`, []],
  [`["${UUID.toUpperCase()}", CERT-XX, OTHER]`, ['"CERT-XX"']],
])("an audience %s is warned of where it is a name: others can take it", async (audience, named) => {
  const { problems } = await check(file(`, audience: ${audience}`));
  expect(problems.map((problem) => /audience names (.*):/.exec(problem)?.[1])).toEqual(named);
});
