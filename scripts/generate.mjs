// Writes what the package brings beside the program; `--docs` writes docs/commands.md instead. Runs after tsc.
import { mkdirSync, writeFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { VERSION } from "../dist/base/version.js";
import { formatCommands, formatManual } from "../dist/cli/manual.js";
import { outlineOf } from "../dist/cli/outline.js";
import { buildProgram } from "../dist/cli/program.js";
import { configJsonSchema } from "../dist/config/json-schema.js";

const file = (path) => new URL(`../${path}`, import.meta.url);
const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
const context = { env: {}, stdin, stdout, stderr, signal: new AbortController().signal };
// Who builds the same again says when it was built (reproducible-builds.org).
const built = process.env.SOURCE_DATE_EPOCH ? new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000) : new Date();
const program = outlineOf(buildProgram(context, () => {}));
if (process.argv.includes("--docs")) {
  writeFileSync(file("docs/commands.md"), formatCommands(program));
} else {
  writeFileSync(file("config.schema.json"), `${JSON.stringify(configJsonSchema())}\n`);
  mkdirSync(file("man"), { recursive: true });
  writeFileSync(file("man/misp-herald.1"), formatManual(program, VERSION, built.toISOString().slice(0, 10)));
}
