import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { DESTINATION_TYPES } from "../../src/destinations/index.ts";
import { Feed } from "../../src/sources/index.ts";

const EXAMPLE = new URL("../../config.yaml.example", import.meta.url).pathname;
const TEXT = readFileSync(EXAMPLE, "utf8");
/** What the example takes from elsewhere, in its order: `NAME` of the environment, `credential:name`. */
const TAKEN = TEXT.split("\n").flatMap((line) =>
  line.trimStart().startsWith("#") ? [] : [...line.matchAll(/(?<!\$)\$\{([^}]+)\}/g)].map(([, taken = ""]) => taken),
);
const NAMES = TAKEN.filter((taken) => !taken.includes(":"));
/** A value that may stand anywhere: every URL that is a secret may point there, and as a text it is long enough. */
const envOf = (value: (name: string) => string) => ({
  ...Object.fromEntries(NAMES.map((name) => [name, value(name)])),
  CREDENTIALS_DIRECTORY: "/run/credentials/misp-herald",
});
const ENV = envOf((name) => `https://placeholder.invalid/${name}`);

const readFile = async (path: string) =>
  path === EXAMPLE ? readFileSync(path) : Buffer.from("a-secret-of-more-than-16-bytes\n");

test("config.yaml.example is a valid configuration without warnings", async () => {
  const { config, warnings, file, digest } = await loadConfig(EXAMPLE, { env: ENV, secrets: "required", readFile });
  expect(warnings).toEqual([]);
  expect(file).toBe(EXAMPLE);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(config.misp.cert?.url?.href).toBe("https://misp.example.org/");
  expect(config.misp.cert?.api_key?.reveal()).toBe("a-secret-of-more-than-16-bytes");
  expect(config.state).toEqual({
    path: "/var/lib/misp-herald/state.db",
    max_size: 2 ** 31,
    retention: 90 * 86_400_000,
  });
  expect(config.destinations.terminal?.guard.audience).toEqual(["0d8a1f4e-3b52-4c7a-9e15-6f2b7c8d9a01"]);
  expect(config.destinations.terminal?.timezone).toBe("Europe/Brussels");
  expect(config.destinations.soar?.timeout).toBe(15_000);
  expect(config.routes[0]?.match?.[1]?.org).toEqual(["ThreatFox", "URLhaus"]);
});

test("config.yaml.example can be checked where none of its secrets is at hand, with a warning for each", async () => {
  const { config, warnings } = await loadConfig(EXAMPLE, { env: {}, secrets: "optional" });
  expect(TAKEN.length).toBeGreaterThan(5);
  expect(warnings.map(({ severity, message }) => `${severity}: ${message}`)).toEqual(
    TAKEN.map((taken) =>
      taken.includes(":")
        ? `warning: $\{${taken}} cannot be read: CREDENTIALS_DIRECTORY is not set`
        : `warning: environment variable ${taken} is not set`,
    ),
  );
  const types = Object.values(config.destinations).map(({ type }) => type);
  expect(types.sort()).toEqual([...DESTINATION_TYPES].sort());
});

test("config.yaml.example shows every destination type and every source type", () => {
  const text = readFileSync(EXAMPLE, "utf8");
  const sources = Feed.options.flatMap((option) => [...(option._zod.propValues?.type ?? [])]);
  for (const type of [...DESTINATION_TYPES, ...sources]) {
    expect(text).toMatch(new RegExp(`^ +type: ${String(type)}$`, "m"));
  }
  expect(sources).toContain("zeromq");
});

test("a loaded configuration does not print the secrets in it", async () => {
  const env = envOf((name) => `https://placeholder.invalid/MARKER/${name}`);
  const { config } = await loadConfig(EXAMPLE, { env, secrets: "required", readFile });
  expect(JSON.stringify(config)).not.toContain("MARKER");
});
