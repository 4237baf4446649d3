import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { demoCommand } from "../src/cli/demo.ts";
import { buildProgram, main } from "../src/cli/program.ts";
import { configOf, type Daemon, openSink, start, workspace } from "./e2e/daemon.ts";
import { openPublisher } from "./support/publisher.ts";
import { openScreen } from "./support/screen.ts";
import { sample } from "./topics/frames.ts";

const ROOT = resolve(import.meta.dirname, "..");
const DOCUMENTS = [
  "README.md",
  "SECURITY.md",
  "config.yaml.example",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md") && name !== "commands.md") // which is made from the program itself
    .map((name) => `docs/${name}`),
];

/** A command line as it stands in a document, and its words without the program's name. */
interface Line {
  readonly where: string;
  readonly words: readonly string[];
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```/gm;

/** Every `misp-herald …` that a document shows as something to type: in a block of code, or in backticks. */
function linesOf(document: string, text: string): readonly Line[] {
  const blocks = [...text.matchAll(FENCE)].flatMap(([, , code = ""]) => code.replace(/\\\n/g, " ").split("\n"));
  const inline = [
    ...text
      .replace(FENCE, "")
      .replace(/\n/g, " ")
      .matchAll(/`([^`]+)`/g),
  ].map(([, code = ""]) => code);
  const comments = document.endsWith(".example")
    ? text.split("\n").flatMap((line) => COMMENT.exec(line)?.[1] ?? [])
    : [];
  return [...inline, ...blocks, ...comments].flatMap((code) => {
    const [, rest] = COMMAND.exec(code) ?? [];
    return rest === undefined
      ? []
      : alternatives(rest).map((words) => ({ where: `${document}: ${code.trim()}`, words }));
  });
}

/** At the beginning, behind what sets a variable, another user or a container, and up to a comment, a pipe or a redirection. */
const COMMAND =
  /^\s*(?:[A-Z_]+=\S+ +|runuser -u \S+ -- |docker (?:compose )?(?:run|exec) (?:\S+ )*?)*misp-herald(?: node \S+\/dist\/main\.js)?( [a-z-][^#;&>]*)/;
/** In the example, a command stands at the end of a comment, or before what it is for. */
const COMMENT = /^# .*?\b(misp-herald (?:check|schema)[^#]*)/;

/** As a shell reads them, as far as documents quote: a whole word, or none of it. */
function wordsOf(text: string): readonly string[] {
  return (text.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^(['"])(.*)\1$/, "$2"));
}

/** `completion bash|zsh` is two command lines. */
function alternatives(text: string): readonly (readonly string[])[] {
  const words = wordsOf(text);
  const choice = words.findIndex((word) => word.includes("|"));
  return choice < 0
    ? [words]
    : (words[choice]?.split("|") ?? []).flatMap((one) =>
        alternatives(
          words
            .with(choice, one)
            .map((word) => (word.includes(" ") ? `"${word}"` : word))
            .join(" "),
        ),
      );
}

/** The program as it is, but nothing happens. */
function parse(words: readonly string[]): Promise<string> {
  const screen = openScreen();
  const program = buildProgram(screen.context, () => {});
  const still = (command: Command) => {
    command.action(() => {});
    command.commands.forEach(still);
  };
  program.commands.forEach(still);
  return program.parseAsync([...words], { from: "user" }).then(
    () => "",
    (error: Error & { readonly exitCode?: number }) => (error.exitCode === 0 ? "" : screen.errors()),
  );
}

const LINES = DOCUMENTS.flatMap((name) => linesOf(name, readFileSync(join(ROOT, name), "utf8")));
/** Names in capitals, and paths and destinations of the documents' own, as what there is in this test. */
const NAMES: Record<string, string> = {
  DESTINATION: "hook",
  DEST: "hook",
  FILE: "page.html",
  MESSAGE: "recorded.jsonl",
  FIXTURE: join(ROOT, "docs/fixtures/grave.yaml"),
  EVENT: "1",
  "cert:4711": "cert:1",
  mailbox: "hook",
  management: "hook",
  soar: "hook",
  soc: "hook",
};

test("the documents name the commands that people begin with", () => {
  const named = new Set(LINES.map(({ words }) => words[0]));
  expect([...named]).toEqual(
    expect.arrayContaining(["init", "check", "replay", "run", "render", "send-test", "status", "history", "reload"]),
  );
});

test.each(LINES.map(({ where, words }) => [where, words] as const))(
  "%s is a command line that is understood",
  async (_, words) => {
    // `COMMAND --help` stands for any.
    expect(await parse(words.map((word) => (word === "COMMAND" ? "check" : word)))).toBe("");
  },
);

/** What takes a machine of its own, or Docker. `scripts/test-systemd.sh` runs all of docs/systemd.md as root. */
const OTHERS = ["docker build -t misp-herald .", "install -d -o 10001 -g 10001 -m 0750 config"];

test("every other line to be typed is a script of the package, or runs where such a machine is", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const systemd = readFileSync(join(ROOT, "scripts/test-systemd.sh"), "utf8");
  const runsThere = [...systemd.matchAll(/^ *page (.+)$/gm)].flatMap(([, names = ""]) => wordsOf(names));
  const blocksOf = (text: string) => [...text.matchAll(FENCE)].filter(([, language]) => language === "sh");
  for (const name of [...DOCUMENTS, "CONTRIBUTING.md"].filter((one) => one.endsWith(".md"))) {
    const text = readFileSync(join(ROOT, name), "utf8");
    const npm = [...text.matchAll(/\bnpm (?:run (?<script>[\w:]+)|(?<word>test|ci|install|root|uninstall)\b)/g)];
    expect(npm.filter(({ groups }) => groups?.script && !Object.hasOwn(scripts, groups.script)).map(String)).toEqual(
      [],
    );
    if (name === "docs/systemd.md") {
      const sections = text.split(/^## /m).filter((section) => blocksOf(section).length > 0);
      expect(sections.map((section) => section.split("\n")[0])).toEqual(runsThere);
      continue;
    }
    const typed = blocksOf(text).flatMap(([, , code = ""]) => code.trim().split("\n"));
    expect(typed.filter((line) => !(COMMAND.test(line) || /^npm /.test(line) || OTHERS.includes(line)))).toEqual([]);
  }
});

test("every command line of the demo's last screen is understood, and names the program as it was called", async () => {
  const screen = openScreen();
  await demoCommand({ speed: 1000 }, { ...screen.context, self: "node dist/main.js" });
  const [, last = ""] = screen.out().split("Now with your MISP");
  const lines = [...last.matchAll(/^ {2}(\S.*)$/gm)].map(([, line = ""]) => line);
  expect(lines.map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual(
    ["tail", "init", "check", "run"].map((command) => `node dist/main.js ${command}`.split(" ").slice(0, 3).join(" ")),
  );
  for (const line of lines) {
    expect(await parse(line.split(" ").slice(2)), line).toBe("");
  }
});

test("in a clone, what the demo prints to be copied runs as it is", () => {
  const sh = (line: string) => spawnSync("sh", ["-c", line], { cwd: ROOT, encoding: "utf8" });
  const { stdout } = sh("node dist/main.js demo --speed 1000");
  const [, line = ""] = /^ {2}(\S.*init -c config\.yaml)$/m.exec(stdout) ?? [];
  expect(line).toBe("node dist/main.js init -c config.yaml");
  expect(sh(`${line} --help`)).toMatchObject({ status: 0, stdout: expect.stringContaining("--endpoint") });
});

/** These ask questions at a terminal, go on until they are stopped, or are the daemon itself: tests of their own run them. */
const ALONE = new Set(["init", "tail", "demo", "run"]);

describe("against a service that runs", () => {
  let folder: ReturnType<typeof workspace>;
  let daemon: Daemon;
  let publisher: Awaited<ReturnType<typeof openPublisher>>;
  let sink: Awaited<ReturnType<typeof openSink>>;
  let config: string;
  beforeAll(async () => {
    folder = workspace();
    publisher = await openPublisher();
    sink = await openSink((_, response) => response.writeHead(200).end());
    config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
    const { topic, payload } = sample("misp_json--publish-first-time");
    folder.write("recorded.jsonl", `${JSON.stringify({ topic, payload })}\n`);
    daemon = start(["run", "-c", config]);
    await publisher.subscribed();
    await publisher.send(topic, payload);
    await daemon.logged(/Delivered/);
    const screen = openScreen();
    const silence = ["silence", "add", "--route", "all", "--for", "1h", "--reason", "x", "--json", "-c", config];
    expect(await main(silence, screen.context), screen.errors()).toBe(0);
    NAMES.ID = JSON.parse(screen.out()).id;
    vi.stubEnv("MISP_HERALD_CONFIG", config);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await daemon[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const different = new Map(
    LINES.filter(({ words: [first = ""] }) => !ALONE.has(first) && !first.startsWith("-")).map(({ where, words }) => [
      words.join(" "),
      { where, words },
    ]),
  );
  test.each([...different.values()].map(({ where, words }) => [where, words] as const))(
    "%s does its work",
    async (_, words) => {
      const screen = openScreen();
      const args = words
        .map((word) => NAMES[word] ?? word)
        .map((word) => {
          const isFile = word === "recorded.jsonl" || word.endsWith(".html");
          return isFile || word.endsWith("config.yaml") ? folder.path(word.split("/").at(-1) ?? "") : word;
        });
      const code = await main(args, screen.context);
      // Where nothing is owed, that is the answer of what would change it.
      if (code === 1 && words.join(" ") === "outbox retry") {
        expect(screen.out()).toBe("There is nothing such to change.\n");
        return;
      }
      expect({ code, errors: code === 0 ? "" : screen.errors() }).toEqual({ code: 0, errors: "" });
    },
  );
});
