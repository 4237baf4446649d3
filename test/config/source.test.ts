import { expect, test } from "vitest";
import { formatProblems } from "../../src/base/problem.ts";
import { check, configOf } from "../support/checked-config.ts";

const hook = (text: string) => configOf(`  hook: ${text}`, "[{ name: a, notify: [terminal, hook] }]");

test.each([
  [
    "a secret beside a wrong key",
    hook("{ type: webhook, url: https://x.example/MARKER, secret: MARKER-MARKER-MARKER, gard: { max_tlp: red } }"),
    4,
  ],
  ["a secret that is itself wrong", hook("{ type: webhook, url: MARKER, secret: MARKER, guard: { max_tlp: red } }"), 4],
  ["a secret under a misspelt key", hook("{ type: webhook, ulr: MARKER, secrte: MARKER, guard: { max_tlp: red } }"), 4],
  [
    "a secret in a header",
    hook("{ type: webhook, headers: { X-Key: MARKER, Host: MARKER }, guard: { max_tlp: red } }"),
    4,
  ],
  [
    "a secret that is a number",
    hook("{ type: webhook, url: 1, secret: 712345, guard: { max_tlp: red } }").replaceAll("712345", "7654321"),
    4,
  ],
  [
    "a secret of a type that does not exist",
    hook("{ type: slack, token: MARKER, webhook_url: https://x.example/MARKER }"),
    4,
  ],
  ["a user in a URL", configOf("").replace("cert: {", "cert: { url: https://MARKER:MARKER@x.example,"), 1],
  ["a secret that is a comment", hook("\n    type: webhook\n    secret: #MARKER"), 6],
  [
    "the rest of a secret that # has cut off",
    hook("\n    type: webhook\n    url: https://x.example\n    secret: aaa #MARKER\n    guard: { max_tlp: red }"),
    7,
  ],
  [
    "a secret that is an alias",
    hook("{ type: webhook, url: https://x.example, secret: *MARKER, guard: { max_tlp: red } }"),
    4,
  ],
  [
    "a secret with a reserved character",
    hook("{ type: webhook, url: https://x.example, secret: @MARKER, guard: { max_tlp: red } }"),
    4,
  ],
  [
    "a secret that is a tag",
    hook("{ type: webhook, url: https://x.example, secret: !MARKER , guard: { max_tlp: red } }"),
    4,
  ],
  ["a secret without closing quote", 'secret: "MARKER\n  MARKER\n', 1],
  ["a secret in a broken line", "a: { secret: MARKER: [ }\n", 1],
  ["a secret in several lines", "a:\n  password: |\n    MARKER\n   MARKER: [\n", 4],
])("%s is not printed", async (_, text, line) => {
  const { issues, printed } = await check(text);
  expect(issues.some((it) => it.line === line)).toBe(true);
  expect(JSON.stringify(issues) + printed + formatProblems(issues, { color: true })).not.toMatch(/MARKER|7654321/);
});

test("a reference in the place of a secret is printed, since it tells which one is meant", async () => {
  const { printed } = await check(hook(`{ type: webhook, url: "$\{NOT_A_URL}", guard: { max_tlp: red } }`));
  expect(printed).toContain(`  4 |   hook: { type: webhook, url: "$\{NOT_A_URL}", guard: { max_tlp: red } }
    |                               ^^^^^^^^^^^^^^`);
});

test("the mark stays under its place behind a masked secret", async () => {
  const { printed } = await check(
    hook("{ type: webhook, url: https://x.example/aaaaaaaaaaaaaaaaaaaaaa, timout: 1s, guard: { max_tlp: red } }"),
  );
  expect(printed).toContain(`
  4 |   hook: { type: webhook, url: [secret], timout: 1s, guard: { max_tlp: red } }
    |                                         ^^^^^^`);
});

test("a long line is cut around the marked place", async () => {
  const { issues } = await check(
    configOf(
      "",
      `[{ name: a, notify: [terminal], match: { org: [${"x, ".repeat(200)}x], threat_lvl: a, info: [${"x, ".repeat(200)}x] } }]`,
    ),
  );
  const { sourceLine, mark } = issues[0] ?? { sourceLine: "", mark: { start: 0, width: 0 } };
  expect(sourceLine.length).toBeLessThan(150);
  expect(sourceLine.slice(mark.start, mark.start + mark.width)).toBe("threat_lvl");
});

test("escape sequences and direction marks of a file do not reach the terminal", async () => {
  const { issues } = await check(configOf(`  "a\u202eb\u009b31m": { type: console, guard: { max_tlp: red } }`));
  expect(formatProblems(issues, { color: false })).not.toMatch(/[\u0080-\u009f\u202e]/);
});

test("lines that end in CRLF have the same places", async () => {
  const { problems, issues } = await check(hook("{ type: console, gard: {} }").replaceAll("\n", "\r\n"));
  expect(problems).toEqual(['4:26: error: unknown key "gard", did you mean "guard"?']);
  expect(issues[0]?.sourceLine).not.toContain("\r");
});

test("formatProblems() paints only where asked", async () => {
  const { issues } = await check(hook("{ type: console, gard: {} }"));
  expect(formatProblems(issues, { color: true })).toContain("\u001b[1;31merror\u001b[0m");
  expect(formatProblems(issues, { color: false })).not.toContain("\u001b");
});

test("a mistake that stands in a thousand routes does not fill the screen, and warnings hide no error", async () => {
  const { issues } = await check(hook("{ type: console, gard: {} }"));
  const [error] = issues;
  if (!error) {
    throw new Error("there is no problem");
  }
  const many = [...Array.from({ length: 999 }, () => ({ ...error, severity: "warning" as const })), error];
  const printed = formatProblems(many, { color: false });
  expect(printed.split("\n\n")).toHaveLength(51);
  expect(printed).toContain("error: unknown key");
  expect(printed).toMatch(/1 error, 999 warnings, 950 of them not shown$/);
});
