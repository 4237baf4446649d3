import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { Ajv } from "ajv";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatCompletion, SHELLS } from "../../src/cli/completion.ts";
import { formatCommands, formatManual } from "../../src/cli/manual.ts";
import { destinationNames } from "../../src/cli/names.ts";
import { flattened, outlineOf } from "../../src/cli/outline.ts";
import { buildProgram, main } from "../../src/cli/program.ts";
import { openScreen } from "../support/screen.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const program = outlineOf(buildProgram(openScreen().context, () => {}));
const commands = flattened(program).filter(({ path }) => path !== "");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-generated-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function has(program: string): boolean {
  const found = spawnSync(program, ["--version"]).error === undefined;
  if (!found) {
    // biome-ignore lint/suspicious/noConsole: whoever runs the tests is told what was not tested
    console.log(`skipped: there is no ${program} here`);
  }
  return found;
}

test("the help lists every command in a group of its own kind", () => {
  expect(commands.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["init", "run", "outbox list", "completion"]),
  );
  for (const { group, path } of program.commands) {
    expect(group, path).not.toBe("");
  }
});

test("schema prints a JSON Schema", async () => {
  const screen = openScreen();
  expect(await main(["schema"], screen.context)).toBe(0);
  expect(new Ajv({ strict: false }).validateSchema(JSON.parse(screen.out()))).toBe(true);
});

test("docs/commands.md is what the program says; npm run docs writes it", () => {
  expect(readFileSync(join(ROOT, "docs/commands.md"), "utf8")).toBe(formatCommands(program));
});

describe("the manual page", () => {
  const page = formatManual(program, "1.2.3", "2026-11-28");

  test("names every command, argument and option, and what surrounds them", () => {
    const plain = page.replaceAll("\\-", "-").replaceAll("\\fB", "").replaceAll("\\fR", "");
    for (const { path, options, arguments: values, commands: inner } of commands) {
      if (inner.length > 0) {
        continue;
      }
      const [, section = ""] = plain.split(`\n.TP\n${path} [options]`);
      expect(section, path).not.toBe("");
      const own = section.split("\n.RE\n")[0] ?? "";
      for (const { flags, names } of options) {
        if (!names.includes("--help")) {
          expect(own, path).toContain(`.B ${flags}`);
        }
      }
      for (const { name } of values) {
        expect(own, path).toContain(`<${name}>`);
      }
    }
    for (const title of ["EXIT STATUS", "ENVIRONMENT", "FILES", "SIGNALS", "EXAMPLES"]) {
      expect(page).toContain(`\n.SH ${title}\n`);
    }
  });

  test.runIf(has("groff"))("is roff without a warning", () => {
    const { stderr, status } = spawnSync("groff", ["-man", "-ww", "-z", "-Tutf8"], { input: page, encoding: "utf8" });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  });

  test.runIf(has("mandoc"))("satisfies mandoc", () => {
    const { stdout, status } = spawnSync("mandoc", ["-Tlint", "-Wstyle"], { input: page, encoding: "utf8" });
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  });
});

test("destination names come from a file that need not be valid, and only names do", async () => {
  const file = join(folder, "config.yaml");
  writeFileSync(file, 'destinations: { soc: , mail-1: { url: x }, "$(reboot)": {}, "a b": {} }\n');
  expect(await destinationNames(file)).toEqual(["soc", "mail-1"]);
  writeFileSync(file, "destinations: [");
  expect(await destinationNames(file)).toEqual([]);
  expect(await destinationNames(join(folder, "none.yaml"))).toEqual([]);
});

/** What bash offers for the last of these words. */
function bashOffers(...words: readonly string[]): readonly string[] {
  const quoted = ["misp-herald", ...words].map((word) => `'${word}'`).join(" ");
  const script = `${formatCompletion(program, "bash")}
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}
_misp_herald
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const stub = join(folder, "misp-herald");
  writeFileSync(stub, '#!/bin/sh\n[ "$1 $2 $3" = "destination-names -c my.yaml" ] && echo soc mail || echo terminal\n');
  chmodSync(stub, 0o755);
  const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
  const { stdout, stderr } = spawnSync("bash", ["--norc", "--noprofile", "-c", script], {
    encoding: "utf8",
    env,
    cwd: folder,
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

describe.runIf(has("bash"))("completion in bash offers", () => {
  test.each([
    ["commands", ["rep"], ["replay"]],
    ["commands below a command", ["outbox", ""], ["list", "show", "retry", "drop"]],
    ["options", ["outbox", "list", "--sta"], ["--state"]],
    ["choices", ["outbox", "list", "--state", "wa"], ["waiting"]],
    ["destinations as argument", ["send-test", ""], ["terminal"]],
    ["destinations of the configuration that is named", ["render", "x.jsonl", "-c", "my.yaml", "--to", "s"], ["soc"]],
    ["destinations in a list", ["outbox", "list", "--destination", ""], ["terminal"]],
    ["shells", ["completion", ""], [...SHELLS]],
    ["nothing where a number is meant", ["history", "--limit", ""], []],
    ["files", ["check", "-c", "misp"], ["misp-herald"]],
  ])("%s", (_, words, expected) => {
    expect(bashOffers(...words)).toEqual(expected);
  });
});

describe.each(["zsh", "fish"] as const)("completion in %s", (shell) => {
  test.runIf(has(shell))("is code that the shell takes", () => {
    const file = join(folder, "completion");
    writeFileSync(file, formatCompletion(program, shell));
    const { stderr, status } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  });
});

test.runIf(has("fish"))("completion in fish offers commands, options and choices", () => {
  const offers = (line: string) =>
    spawnSync(
      "fish",
      ["-c", `source (echo $argv[1] | psub); complete -C '${line}'`, formatCompletion(program, "fish")],
      {
        encoding: "utf8",
      },
    ).stdout;
  expect(offers("misp-herald outbox ")).toMatch(/^list\t/m);
  expect(offers("misp-herald outbox list --sta")).toMatch(/^--state\t/m);
  expect(offers("misp-herald outbox list --state wa")).toMatch(/^waiting/m);
});
