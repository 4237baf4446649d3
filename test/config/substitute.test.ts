import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Redactor } from "../../src/base/redact.ts";
import { loadConfig } from "../../src/config/load.ts";
import { check, configOf } from "../support/checked-config.ts";

const hook = (text: string) =>
  configOf(`  hook: { type: webhook, guard: { max_tlp: red }, ${text} }`, "[{ name: a, notify: [terminal, hook] }]");
const route = (text: string) => configOf("", `\n  - { name: a, notify: [terminal], match: { ${text} } }`);

test("substitute() puts environment variables, files and credentials into any text, and files without their last newline", async () => {
  const files = { "/etc/org": "CERT-XX\n", "/run/credentials/herald/name": " lock " };
  const { loaded, problems } = await check(
    route(`org: "$\{file:/etc/org}", info: ["*$\{credential:name}*", "$$\{AMBER}"], tlp: "$\{AMBER}"`),
    { files },
  );
  expect(problems).toEqual([]);
  expect(loaded?.config.routes[0]?.match?.[0]).toEqual({
    org: ["CERT-XX"],
    info: ["*lock*", `$\{AMBER}`],
    tlp: ["amber"],
  });
});

test("substitute() takes a value as text: what looks like YAML or like another reference stays as it is", async () => {
  const files = { "/a": "[x, y]", "/b": `$\{TOKEN}`, "/c": "12" };
  const { loaded } = await check(route(`org: ["$\{file:/a}", "$\{file:/b}", "$\{file:/c}"]`), { files });
  expect(loaded?.config.routes[0]?.match?.[0]?.org).toEqual(["[x, y]", `$\{TOKEN}`, "12"]);
});

test("substitute() reads a relative file beside the configuration", async () => {
  const directory = await mkdtemp(join(tmpdir(), "herald-"));
  try {
    await writeFile(join(directory, "org"), "CERT-YY\n");
    await writeFile(join(directory, "c.yaml"), route(`org: "$\{file:org}"`));
    const { config } = await loadConfig(join(directory, "c.yaml"), { env: {}, secrets: "required" });
    expect(config.routes[0]?.match?.[0]?.org).toEqual(["CERT-YY"]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.each([
  [
    "an unset variable, with the fix",
    `$\{TOKN}`,
    "6:50: error: environment variable TOKN is not set",
    "there is a TOKEN",
  ],
  [
    "a missing file",
    `$\{file:/nope/x}`,
    `6:50: error: $\{file:/nope/x} cannot be read: there is no such file`,
    "/nope/x",
  ],
  ["a directory", `$\{file:/}`, `6:50: error: $\{file:/} cannot be read: it is a directory`, ""],
  ["a file without end", `$\{file:/dev/zero}`, `6:50: error: $\{file:/dev/zero} is larger than 64 KiB`, ""],
  [
    "a missing credential",
    `$\{credential:none}`,
    `6:50: error: $\{credential:none} cannot be read: there is no such file`,
    "LoadCredential=none:",
  ],
  [
    "a credential with a path",
    `$\{credential:../x}`,
    `6:50: error: $\{credential:../x} does not name a credential`,
    "",
  ],
  ["what is no reference", `$\{A:-b}`, `6:50: error: "$\{A:-b}" is not understood`, ""],
  ["an unclosed reference", `$\{A`, `6:50: error: "$\{" has no closing "}"`, ""],
])("substitute() tells %s", async (_, text, message, hint) => {
  const { problems, printed } = await check(route(`org: "${text}"`), {
    files: { "/dev/zero": "x".repeat(70_000) },
  });
  expect(problems).toEqual([message]);
  expect(printed).toContain(hint);
});

test("a credential outside systemd says which variable is missing", async () => {
  const readFile = async () => Buffer.from(route(`org: "$\{credential:x}"`));
  await expect(loadConfig("config.yaml", { env: {}, secrets: "required", readFile })).rejects.toThrow(
    "CREDENTIALS_DIRECTORY is not set",
  );
});

test.each([
  [
    "a URL",
    hook(`url: "$\{NOT_A_URL}"`),
    `the value of $\{NOT_A_URL} must be a complete URL such as https://soar.example.org/hook`,
  ],
  [
    "one of a few words",
    hook(`url: "https://x.example", include_values: "$\{NOT_A_URL}"`),
    `"include_values" cannot be the value of $\{NOT_A_URL}`,
  ],
  [
    "a time zone",
    hook(`url: "https://x.example", timezone: "$\{NOT_A_URL}"`),
    `the value of $\{NOT_A_URL} must be a time zone such as "Europe/Brussels" or "UTC"`,
  ],
  [
    "a boolean",
    configOf("", `[{ name: a, notify: [terminal], stop: "$\{NOT_A_URL}" }]`),
    `"stop" must be true or false, and $\{NOT_A_URL} is always text`,
  ],
  [
    "a kind",
    configOf("", `[{ name: a, notify: [terminal], kinds: ["$\{NOT_A_URL}"] }]`),
    `the value of $\{NOT_A_URL} is no kind`,
  ],
  [
    "a destination",
    configOf("", `[{ name: a, notify: ["$\{TOKEN}"] }]`),
    `the value of $\{TOKEN} names no destination`,
  ],
  [
    "a regular expression",
    route(`info: "/$\{BROKEN_REGEX}/"`),
    `the value of $\{BROKEN_REGEX} is not a regular expression that can be used`,
  ],
  ["a threat level", route(`threat_level: "$\{TOKEN}"`), `"threat_level" is never the value of $\{TOKEN}`],
  [
    "a header",
    hook(`url: "https://x.example", headers: { "A": "x$\{file:/two}" }`),
    `must be one line of Latin-1 text`,
  ],
])("a value from outside that is not %s is told without the value", async (_, text, message) => {
  const { issues, printed } = await check(text, { files: { "/two": "MARKER\nMARKER" } });
  expect(issues.map((it) => it.message)).toEqual([expect.stringContaining(message)]);
  expect(printed).not.toContain("MARKER");
});

test("with optional secrets what is missing is a warning, and the rest is checked as if it were there", async () => {
  const text = configOf(
    `  hook:
    type: webhook
    url: "$\{A_URL}"
    secret: "$\{A_SECRET}"
    timezone: "UTC"
    include_values: "$\{A_WORD}"
    headers: { Authorization: "Bearer $\{A_TOKEN}" }
    guard: { max_tlp: red }`,
    "[{ name: a, notify: [terminal, hook] }]",
  ).replace("cert: {", `cert: { url: "$\{A_MISP}",`);
  const { loaded, problems } = await check(text, { secrets: "optional" });
  expect(problems.map((it) => it.replace(/^.*variable /, ""))).toEqual(
    ["A_MISP", "A_URL", "A_SECRET", "A_WORD", "A_TOKEN"].map((name) => `${name} is not set`),
  );
  expect(loaded?.config.misp.cert?.url?.protocol).toBe("https:");
  expect((await check(text)).loaded).toBeUndefined();
});

test("with optional secrets a problem elsewhere is still an error", async () => {
  const { loaded, problems } = await check(hook(`url: "$\{A_URL}", timout: 5s`), { secrets: "optional" });
  expect(loaded).toBeUndefined();
  expect(problems).toEqual([
    "4:56: warning: environment variable A_URL is not set",
    '4:68: error: unknown key "timout", did you mean "timeout"?',
  ]);
});

test("what cannot be checked without its value says so", async () => {
  const text = configOf("", `[{ name: a, notify: ["$\{A_NAME}"] }]`);
  expect((await check(text, { secrets: "optional" })).problems).toEqual([
    "5:30: warning: environment variable A_NAME is not set",
    `5:30: error: "notify" cannot be checked without $\{A_NAME}`,
  ]);
});

test("a missing value is told once and not also as wrong", async () => {
  const { problems } = await check(hook(`url: "$\{A_URL}", include_values: "$\{A_WORD}"`));
  expect(problems).toEqual([
    "4:56: error: environment variable A_URL is not set",
    "4:84: error: environment variable A_WORD is not set",
  ]);
});

test("loadConfig() teaches the redactor what is secret, also when the file is refused, and not what the environment puts elsewhere", async () => {
  const redactor = new Redactor();
  const files: Readonly<Record<string, string>> = {
    "/token": "from-a-file\n",
    "/credentials/key": "from-a-credential",
  };
  const text = hook(
    `url: "https://$\{HOST}/$\{PART}", headers: { A: "Bearer $\{file:/token}", B: in-the-file, C: "$\{credential:key}" }, oops: 1`,
  );
  const readFile = async (path: string) => new TextEncoder().encode(path === "config.yaml" ? text : files[path]);
  const env = { HOST: "soar.example.org", PART: "from-the-environment", CREDENTIALS_DIRECTORY: "/credentials" };
  const loading = loadConfig("config.yaml", { env, secrets: "required", readFile, redactor });
  await expect(loading).rejects.toThrow("oops");
  for (const secret of ["from-a-file", "from-a-credential", "in-the-file", "from-the-environment"]) {
    expect(redactor.redact(`a ${secret} b`), secret).toBe("a [redacted] b");
  }
  expect(redactor.redact("/credentials terminal")).toBe("/credentials terminal");
});
