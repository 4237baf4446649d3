import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize, resolve } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";

const ROOT = resolve(import.meta.dirname, "..");

/** What a user needs; whatever else the tarball held would be there by mistake. */
const WANTED = [
  /^docs\/(alerts(\.test)?\.yml|grafana-dashboard\.json)$/,
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|THIRD-PARTY\.md|config\.yaml\.example|config\.schema\.json)$/,
  /^man\/misp-herald\.1$/,
  /^docs\/[a-z-]+\.md$/,
  /^docs\/sample\.jsonl$/,
  /^docs\/fixtures\/[a-z-]+\.(yaml|txt|csv)$/,
  /^systemd\/[a-z-]+\.(service|socket|(sysusers\.)?conf)$/,
  /^dist\/([a-z-]+\/)*[a-z-]+\.js$/,
];

const Packed = z.tuple([
  z.object({ unpackedSize: z.number(), files: z.array(z.object({ path: z.string(), mode: z.number() })) }),
]);

/** What `npm pack` would pack of the present dist/; it asks no registry. */
function pack() {
  const cache = mkdtempSync(join(tmpdir(), "misp-herald-test-"));
  try {
    const args = ["pack", "--dry-run", "--json", "--offline", "--ignore-scripts", "--cache", cache];
    return Packed.parse(JSON.parse(execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: "pipe" })))[0];
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

const { files, unpackedSize } = pack();
const paths = files.map(({ path }) => path);

test("the tarball holds what a user needs and nothing else", () => {
  expect(paths.filter((path) => !WANTED.some((wanted) => wanted.test(path)))).toEqual([]);
  for (const needed of [
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "THIRD-PARTY.md",
    "config.yaml.example",
    "config.schema.json",
    "man/misp-herald.1",
    "systemd/misp-herald.service",
    "systemd/misp-herald.sysusers.conf",
    "docs/security.md",
    "docs/sample.jsonl",
    "dist/main.js",
    "dist/sources/zeromq/worker.js",
  ]) {
    expect(paths).toContain(needed);
  }
  expect(unpackedSize).toBeLessThan(2_700_000);
});

test("every module that a packed module imports is packed or declared", () => {
  const { dependencies, optionalDependencies } = z
    .object({ dependencies: z.record(z.string(), z.string()), optionalDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
  const declared = [...Object.keys(dependencies), ...Object.keys(optionalDependencies)];
  const wrong = paths
    .filter((path) => path.endsWith(".js"))
    .flatMap((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      const imported = [
        ...text.matchAll(/^(?:import|export)\s(?:[\w\s{},*$]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"\)/gm),
      ];
      return imported
        .map(([, fixed, late]) => fixed ?? late ?? "")
        .filter((target) =>
          target.startsWith(".")
            ? !paths.includes(normalize(join(dirname(path), target)))
            : !target.startsWith("node:") && !declared.some((name) => target === name || target.startsWith(`${name}/`)),
        )
        .map((target) => `${path} imports ${target}`);
    });
  expect(wrong).toEqual([]);
});

test("a packed document points only to documents that exist, and that are packed unless they are for contributors", () => {
  const wrong = paths
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) => {
      const links = [...readFileSync(join(ROOT, path), "utf8").matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)];
      return links
        .map(([, target = ""]) => normalize(join(dirname(path), target)))
        .filter(
          (target) =>
            !existsSync(join(ROOT, target)) ||
            !(paths.includes(target) || /^docs\/images\/|^CONTRIBUTING/.test(target)),
        )
        .map((target) => `${path} → ${target}`);
    });
  expect(wrong).toEqual([]);
});

test("npm install -g brings the command and the manual page", () => {
  const place = mkdtempSync(join(tmpdir(), "misp-herald-global-"));
  try {
    // As packed, but without dependencies: no registry is asked.
    const { name, version, bin, man } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const home = join(place, "package");
    mkdirSync(home);
    writeFileSync(join(home, "package.json"), JSON.stringify({ name, version, bin, man }));
    cpSync(join(ROOT, "man"), join(home, "man"), { recursive: true });
    cpSync(join(ROOT, "dist/main.js"), join(home, "dist/main.js"));
    const npm = (...args: readonly string[]) =>
      execFileSync("npm", [...args, "--offline", "--ignore-scripts", "--cache", join(place, "cache")], {
        cwd: place,
        encoding: "utf8",
        stdio: "pipe",
      });
    npm("pack", home, "--pack-destination", place);
    npm(
      "install",
      "--global",
      "--no-audit",
      "--no-fund",
      "--prefix",
      join(place, "prefix"),
      `./${name}-${version}.tgz`,
    );
    expect(readFileSync(join(place, "prefix/bin/misp-herald"), "utf8")).toMatch(/^#!/);
    expect(readFileSync(join(place, "prefix/share/man/man1/misp-herald.1"), "utf8")).toMatch(/^\.TH MISP/);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test("the command can be run as it is", () => {
  expect(readFileSync(join(ROOT, "dist/main.js"), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
});
