import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ConfigError } from "../../src/base/problem.ts";
import { Redactor } from "../../src/base/redact.ts";
import { loadConfig } from "../../src/config/load.ts";
import { takeConfig } from "../../src/config/load-away.ts";
import { ConfigReading } from "../../src/config/reading.ts";
import { configOf } from "../support/checked-config.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "load-away-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const HOOK = `  hook: { type: webhook, url: "$\{HOOK}", guard: { max_tlp: red }, secret: "whsec_$\{TOKEN}" }`;
const ENV = {
  HOOK: "https://hooks.example.org/T0PSECRET00000000",
  TOKEN: "bW9yZSB0aGFuIGVub3VnaCBieXRlcyBmb3IgYSBrZXk=",
};
const many = (more: string) =>
  Array.from(
    { length: 2_000 },
    (_, at) =>
      `\n  - { name: r${at}, notify: [terminal, hook], match: { org: Customer ${at}, tlp: { at_most: amber } } }`,
  ).join("") + more;

/** As a thread does it: what goes over is copied, and what cannot be is refused. */
function away(file: string, redactor: Redactor) {
  const reading = new ConfigReading();
  let slices = 0;
  const reader = {
    read: async (request: Parameters<ConfigReading["read"]>[0]) =>
      structuredClone(await reading.read(structuredClone(request))),
    next: async () => {
      slices += 1;
      return structuredClone(reading.next());
    },
  };
  return takeConfig(file, { env: ENV, secrets: "required", redactor }, reader).then((loaded) => ({ loaded, slices }));
}

test("takeConfig() makes of a config that was read away what loadConfig() makes of it, in slices", async () => {
  const file = join(FOLDER, "good.yaml");
  writeFileSync(file, configOf(HOOK, many(""), "x-note: 1"));
  const redactor = new Redactor();
  const { loaded, slices } = await away(file, redactor);
  const expected = await loadConfig(file, { env: ENV, secrets: "required" });

  const plain = (value: unknown) => JSON.stringify(value);
  expect(plain(loaded)).toBe(plain(expected));
  expect(loaded.config.routes).toHaveLength(2_000);
  expect(slices).toBeGreaterThan(4);
  expect(redactor.redact(`sent to ${ENV.HOOK} with ${ENV.TOKEN}`)).toBe("sent to [redacted] with [redacted]");
});

test("takeConfig() tells all that is wrong, as loadConfig() does, and learns the secrets of what it refuses", async () => {
  const file = join(FOLDER, "bad.yaml");
  writeFileSync(file, configOf(HOOK, many("\n  - { name: r1, notify: [nobody], mach: {} }")));
  const redactor = new Redactor();
  const issuesOf = (error: unknown) => (error instanceof ConfigError ? error.issues : error);
  const issues = issuesOf(await away(file, redactor).catch((error) => error));

  expect(issues).toEqual(issuesOf(await loadConfig(file, { env: ENV, secrets: "required" }).catch((error) => error)));
  expect(issues).toHaveLength(3);
  expect(redactor.redact(ENV.HOOK)).toBe("[redacted]");
});

test("takeConfig() says of a file that is not there what loadConfig() says", async () => {
  const error = await away(join(FOLDER, "none.yaml"), new Redactor()).catch((cause) => cause);
  expect(error).toBeInstanceOf(ConfigError);
  expect(error.issues[0].message).toContain("no such file");
});
