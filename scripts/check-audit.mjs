// Fails when a production dependency has a known hole of severity "high" or worse. A registry that does not answer the
// question (mirrors often do not) is said and is no failure: it tells nothing about the dependencies.
import { spawnSync } from "node:child_process";

const flags = ["--omit=dev", "--audit-level=high", "--json", "--fetch-retries=1", "--fetch-timeout=30000"];
const { status, stdout } = spawnSync("npm", ["audit", ...flags], { encoding: "utf8", timeout: 120_000 });
const report = parse(stdout ?? "");
const counts = report?.metadata?.vulnerabilities;
if (counts === undefined) {
  say(`check:audit: skipped, the npm registry does not answer: ${report?.message ?? "no report"}`);
} else {
  for (const { name, severity, range } of Object.values(report.vulnerabilities)) {
    say(`check:audit: ${severity}: ${name} ${range}, see npm audit`);
  }
  const bad = counts.high + counts.critical;
  say(`check:audit: ${counts.total} known holes in production dependencies, ${bad} of them high or critical`);
  if (bad > 0 || (status !== 0 && counts.total === 0)) {
    process.exitCode = 1;
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
