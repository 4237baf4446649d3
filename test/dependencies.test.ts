import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";

const ROOT = resolve(import.meta.dirname, "..");

/** Licences that allow distribution beside BSD-3-Clause code without a condition on that code. */
const PERMISSIVE = ["0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"];

/** Packages under other licences; THIRD-PARTY.md says how their conditions are met. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  zeromq: "MIT AND MPL-2.0",
  openpgp: "LGPL-3.0+",
};

/** Packages that bring an install script, which our installation does not run, and why it need not run. */
const SCRIPTED: Readonly<Record<string, string>> = {
  zeromq: "it only compiles where the package holds no binary for the platform",
  "@photostructure/sqlite": "node-gyp-build only compiles where the package holds no binary for the platform",
};

/** Where npm takes packages from unless it is told otherwise. */
const REGISTRY = "https://registry.npmjs.org/";

const Versions = z.record(z.string(), z.string()).default({});
const Manifest = z.object({
  dependencies: Versions,
  optionalDependencies: Versions,
  devDependencies: Versions,
});
const Lock = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      link: z.boolean().default(false),
      dev: z.boolean().default(false),
      devOptional: z.boolean().default(false),
      optional: z.boolean().default(false),
      hasInstallScript: z.boolean().default(false),
    }),
  ),
});

const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), "utf8"));
const manifest = Manifest.parse(read("package.json"));
const lock = Lock.parse(read("package-lock.json"));
const nameOf = (path: string) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
const locked = Object.entries(lock.packages).filter(([path]) => path !== "");
const production = locked.filter(([, { dev, devOptional }]) => !dev && !devOptional);

/** The licence that the installed package names itself; undefined where it is not installed, as on other platforms. */
function installedLicence(path: string): string | undefined {
  const file = join(ROOT, path, "package.json");
  if (!existsSync(file)) {
    return undefined;
  }
  return z.object({ license: z.string() }).parse(JSON.parse(readFileSync(file, "utf8"))).license;
}

test("every dependency is pinned to one version, and the lock file says the same", () => {
  const root = z.object({ packages: z.object({ "": Manifest }) }).parse(read("package-lock.json"));
  expect(root.packages[""]).toEqual(manifest);
  for (const versions of Object.values(manifest)) {
    for (const [name, version] of Object.entries(versions)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  }
});

test("every locked package has a strong checksum and comes from the npm registry", () => {
  expect(locked.length).toBeGreaterThan(50);
  const wrong = locked.flatMap(([path, { integrity, resolved, link }]) =>
    !link && integrity?.startsWith("sha512-") && (resolved ?? REGISTRY).startsWith(REGISTRY) ? [] : [path],
  );
  expect(wrong).toEqual([]);
  expect(existsSync(join(ROOT, "npm-shrinkwrap.json")), "npm would take it for the lock file").toBe(false);
});

test("only production packages that are known to need none bring an install script", () => {
  const scripted = production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
  expect(scripted.sort()).toEqual(Object.keys(SCRIPTED).sort());
  expect(readFileSync(join(ROOT, ".npmrc"), "utf8")).toMatch(/^ignore-scripts=true$/m);
});

test("every production package has a licence that goes with ours", () => {
  const wrong = production.flatMap(([path, { license }]) => {
    const allowed = [...PERMISSIVE, EXCEPTIONS[nameOf(path)]];
    return [license, installedLicence(path) ?? license].every((found) => found && allowed.includes(found))
      ? []
      : [`${path}: ${license}`];
  });
  expect(wrong).toEqual([]);
});

test("copyleft beyond single files stays optional", () => {
  expect(lock.packages["node_modules/openpgp"]?.optional).toBe(true);
  expect(Object.keys(manifest.dependencies)).not.toContain("openpgp");
});

test("THIRD-PARTY.md lists every production package with its licence, and no other", () => {
  const text = readFileSync(join(ROOT, "THIRD-PARTY.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+?) \|/gm)].map(([, name, licence]) => `${name} ${licence}`);
  const needed = new Set(production.map(([path, { license }]) => `${nameOf(path)} ${license}`));
  expect(rows.sort()).toEqual([...needed].sort());
});
