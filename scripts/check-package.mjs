// Installs the packed tarball as a user does, from the registry, without any script, and runs it.
// `node scripts/check-package.mjs [NODE…]` runs it with these Node binaries too.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const place = mkdtempSync(join(tmpdir(), "misp-herald-package-"));
// An empty cache, and no setting of this machine but where its registry is.
const flags = [
  "--cache",
  join(place, "cache"),
  "--fetch-retries=1",
  "--fetch-timeout=30000",
  "--no-audit",
  "--no-fund",
];
const npm = (args, cwd = root) =>
  execFileSync("npm", [...args, ...flags], {
    cwd,
    encoding: "utf8",
    timeout: 300_000,
    stdio: ["ignore", "pipe", "pipe"],
  });
// What npm says of a registry that is not there, or is broken; anything else is our own fault.
const UNREACHABLE = /code (ETIMEDOUT|ECONN\w+|ENOTFOUND|EAI_AGAIN|ERR_SOCKET_TIMEOUT|E5\d\d)\b/;

function say(text) {
  process.stdout.write(`${text}\n`);
}

function run(node, args, expected) {
  const { status, stdout, stderr } = spawnSync(node, [program, ...args], {
    cwd: place,
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0 || !expected.test(stdout)) {
    throw new Error(
      `misp-herald ${args.join(" ")} ended with ${status}:\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`,
    );
  }
}

const program = join(place, "prefix/lib/node_modules/misp-herald/dist/main.js");
try {
  if (spawnSync("npm", ["view", "zod", "name", ...flags], { cwd: place, timeout: 60_000 }).status !== 0) {
    say("check:package: skipped, the npm registry does not answer");
  } else {
    const [{ filename }] = JSON.parse(npm(["pack", "--ignore-scripts=false", "--json", "--pack-destination", place]));
    const began = performance.now();
    npm(["install", "--global", "--ignore-scripts", "--prefix", join(place, "prefix"), `./${filename}`], place);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const home = join(place, "prefix/lib/node_modules/misp-herald");
    readFileSync(join(place, "prefix/share/man/man1/misp-herald.1"));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    for (const node of [process.execPath, ...process.argv.slice(2)]) {
      const name = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
      run(node, ["--version"], new RegExp(`^${version.replaceAll(".", "\\.")}\n$`));
      run(node, ["--help"], /^Usage: misp-herald/);
      run(node, ["check", "-c", join(home, "config.yaml.example")], /mailbox +\(email\)/);
      // The demo names its next steps by the way in which it was called: here by the file.
      run(node, ["demo", "--speed", "20"], /main\.js run -c config\.yaml/);
      say(`check:package: ${filename} runs on Node ${name} (installed in ${seconds} s, without scripts)`);
    }
  }
} catch (error) {
  if (!UNREACHABLE.test(String(error.stderr))) {
    throw error;
  }
  say("check:package: skipped, the npm registry stopped answering");
} finally {
  rmSync(place, { recursive: true, force: true });
}
