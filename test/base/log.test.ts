import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { openLog } from "../../src/base/log.ts";
import { chooseFormat, formatPretty } from "../../src/base/log-format.ts";
import { LogLimiter } from "../../src/base/log-limiter.ts";
import { Redactor } from "../../src/base/redact.ts";
import { workspace } from "../e2e/daemon.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";

const folder = workspace();
afterAll(() => folder[Symbol.dispose]());

describe("openLog()", () => {
  it("changes its level and what it redacts while it is in use", () => {
    const lines: string[] = [];
    const redactor = new Redactor();
    const log = openLog("info", { write: (line) => void lines.push(line) }, redactor);
    log.debug("unheard");
    log.info({ detail: "s3cret-1" }, "before");
    redactor.learn("s3cret-1");
    log.level = "debug";
    log.debug({ detail: "s3cret-1", n: 1 }, "after");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "info", detail: "s3cret-1", msg: "before" },
      { level: "debug", detail: "[redacted]", n: 1, msg: "after" },
    ]);
  });

  it("says of an error where it was, and quotes it only if we have worded it or the system has", () => {
    const { log, lines } = captureLog();
    const bug = new Error("MARKER", { cause: new SyntaxError("Unexpected MARKER in JSON") });
    log.error({ err: Object.assign(bug, { input: "MARKER" }) }, "a bug");
    log.error({ err: new StoreError("the disk is full", { cause: bug }) }, "ours");
    try {
      openSync("/nonexistent/file", "r");
    } catch (error) {
      log.error({ err: error }, "the system's");
    }
    expect(lines.join("")).not.toContain("MARKER");
    const [first, second, third] = lines.map((line) => JSON.parse(line));
    expect(first.err).toMatchObject({ type: "Error", stack: expect.stringMatching(/log\.test\.ts/) });
    expect(first.err.cause).toMatchObject({ type: "SyntaxError" });
    expect(second.err).toMatchObject({ type: "StoreError", message: "the disk is full", cause: { type: "Error" } });
    expect(third.err).toMatchObject({ code: "ENOENT", message: expect.stringContaining("/nonexistent/file") });
  });
});

describe("LogLimiter", () => {
  it("says it at once, then counts, apart by key, and adds up the alerts", () => {
    const { log, lines } = captureLog();
    let now = 0;
    const quiet = new LogLimiter(log, "It failed", () => now, 1000, "error");
    for (const key of ["a", "b", "a", "a"]) {
      quiet.say({ key, alerts: 2 }, key);
    }
    now = 1000;
    quiet.say({ key: "a", alerts: 1 }, "a");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "error", key: "a", alerts: 2, times: 1, msg: "It failed" },
      { key: "b", alerts: 2, times: 1 },
      { key: "a", alerts: 5, times: 3 },
    ]);
    expect(quiet.total).toBe(5);
  });
});

const LINE = `${JSON.stringify({
  level: "warn",
  time: new Date(2026, 10, 21, 3, 4, 5, 67).toISOString(),
  destination: "soc",
  retryInMs: 754_000,
  usedBytes: 3 * 2 ** 30,
  reason: "http-500",
  hint: "look at its log",
  msg: "Delivery failed",
})}\n`;

describe("the form of the log", () => {
  it("is readable on a terminal: aligned, with durations and sizes, and what to do below", () => {
    expect(formatPretty(LINE, false)).toBe(
      "03:04:05.067 WARN  Delivery failed                  destination=soc retryIn=12m34s used=3GiB reason=http-500\n" +
        "                   → look at its log\n",
    );
    expect(formatPretty(LINE, true)).toContain("\x1b[33mWARN \x1b[0m");
  });

  it("cannot drive the terminal", () => {
    const pretty = formatPretty(`${JSON.stringify({ level: "info", msg: "a\x1b[2J\n\u202eb", x: "\x9b2J" })}\n`, false);
    expect(pretty.trimEnd()).toMatch(/^[\x20-\x7e]*$/);
  });

  it("has the journal's priority in front and no time, if the journal reads stderr itself", () => {
    const path = folder.write("stderr", "");
    const fd = openSync(path, "w");
    const { dev, ino } = fstatSync(fd);
    const format = (JOURNAL_STREAM: string) =>
      chooseFormat({ env: { JOURNAL_STREAM }, isTTY: false, color: false, fd });
    const there = format(`${dev}:${ino}`);
    expect(there(LINE)).toMatch(/^<4>\{"level":"warn","destination":"soc".*"msg":"Delivery failed"\}\n$/);
    expect(there(LINE)).not.toContain("time");
    for (const [level, priority] of Object.entries({ trace: 7, debug: 7, info: 6, error: 3, fatal: 2 })) {
      expect(there(LINE.replace("warn", level))).toMatch(new RegExp(`^<${priority}>`));
    }
    expect(format(`${dev}:${ino + 1}`)(LINE)).toBe(LINE);
    closeSync(fd);
  });
});

/** Logs lines of 1 kB to its stderr, one per number that it is told, and answers on stdout when each is done. */
const CHATTERBOX = `
  const { openFd, openLog } = await import(${JSON.stringify(resolve(import.meta.dirname, "../../dist/base/log.js"))});
  process.stderr; // as the program does, which makes a pipe one that waits
  const log = openLog("info", openFd(2));
  const { createInterface } = await import("node:readline");
  for await (const line of createInterface({ input: process.stdin })) {
    const startedAt = performance.now();
    for (let n = 0; n < Number(line); n += 1) log.info({ n, filler: "x".repeat(1000) }, "Chatter");
    process.stdout.write(Math.round(performance.now() - startedAt) + "\\n");
  }
  log.info("The last line");
  process.exit(7);
`;

function chatterbox() {
  const child = spawn(process.execPath, ["--input-type=module", "-e", CHATTERBOX], { stdio: "pipe" });
  let answers = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    answers += text;
  });
  const exited = new Promise((done) => child.once("exit", (code) => done(code)));
  return {
    child,
    exited,
    /** How long it took, in ms. */
    async say(lines: number): Promise<number> {
      const before = answers.length;
      child.stdin.write(`${lines}\n`);
      return Number(await eventually(() => answers.endsWith("\n") && answers.length > before && answers.slice(before)));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

describe("stderr", () => {
  it("that is closed ends nothing and holds up nothing", async () => {
    await using box = chatterbox();
    await box.say(1);
    box.child.stderr.destroy();
    expect(await box.say(1000)).toBeLessThan(5_000);
    box.child.stdin.end();
    expect(await box.exited).toBe(7);
  });

  it("that nobody reads holds up nothing for long, and what was lost is counted when somebody does", async () => {
    await using box = chatterbox();
    box.child.stderr.pause();
    // A pipe holds 64 KiB; the reader's own buffer some more.
    expect(await box.say(2000)).toBeLessThan(5_000);
    let text = "";
    box.child.stderr.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    box.child.stderr.resume();
    await eventually(() => text.length > 60_000);
    await box.say(1);
    box.child.stdin.end();
    expect(await box.exited).toBe(7);
    const lines = await eventually(() => text.includes("The last line") && text.trimEnd().split("\n"));
    const parsed = lines.map((line) => JSON.parse(line));
    const lost = parsed.filter(({ msg }) => msg === "Log lines were lost").reduce((sum, { lines }) => sum + lines, 0);
    const chatter = parsed.filter(({ msg }) => msg === "Chatter").length;
    expect(lost).toBeGreaterThan(1000);
    expect(chatter + lost).toBe(2001);
    expect(parsed.at(-1)).toMatchObject({ msg: "The last line" });
  });
});

describe("docs/logs.md", () => {
  const root = resolve(import.meta.dirname, "../..");
  const docs = readFileSync(join(root, "docs/logs.md"), "utf8");
  const messages = [...docs.matchAll(/^\| `([^`]+)` \| (?:info|warn|error) \|/gm)].map(([, message = ""]) => message);
  const source = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, "src", name), "utf8"))
    .join("\n");

  /** As one text or, of what is tried again, as the trouble and what follows it. */
  const isWritten = (message: string) =>
    source.includes(`"${message}"`) || message.split("; ").every((part) => source.includes(`"${part}"`));

  it("names only messages that are in the source", () => {
    expect(messages.length).toBeGreaterThan(20);
    expect(messages.filter((message) => !isWritten(message))).toEqual([]);
  });
});
