import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { formatRows, type Row } from "./row.ts";

// `npm run bench`: every benchmark, each in a process of its own and one after the other, as one table.

/** One line for each benchmark; it is a file beside this one. */
const BENCHES: readonly string[] = ["load", "routes", "intake", "flow", "owed", "webhook", "refused"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean", default: false }, runs: { type: "string" } },
});
const rows: Row[] = [];
for (const name of positionals.length > 0 ? positionals : BENCHES) {
  process.stderr.write(`${name} …\n`);
  const file = new URL(`./${name}.js`, import.meta.url).pathname;
  const args = [file, "--json", ...(values.smoke ? ["--smoke"] : []), ...(values.runs ? ["--runs", values.runs] : [])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
  rows.push(...JSON.parse(stdout.trim().split("\n").at(-1) ?? "[]"));
}
process.stdout.write(formatRows(rows));
