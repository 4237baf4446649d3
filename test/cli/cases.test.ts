import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import PostalMime from "postal-mime";
import { describe, expect, it, onTestFinished, test, vi } from "vitest";
import { main } from "../../src/cli/program.ts";
import { loadConfig } from "../../src/config/load.ts";
import { captureLog } from "../support/captured-log.ts";
import { payload, publication } from "../support/payloads.ts";
import { openScreen } from "../support/screen.ts";
import { openSmtpScript } from "../support/smtp-script.ts";
import { openSmtpServer } from "../support/smtp-server.ts";

// Inputs on which a herald could be wrong, through the commands that a person would try them with.

const CASES = resolve(import.meta.dirname, "../fixtures/cases");
const CONFIG = join(CASES, "config.yaml");

async function run(...args: readonly string[]) {
  const screen = openScreen();
  const code = await main([...args], screen.context);
  return { code, out: screen.out(), errors: screen.errors() };
}

/** What one destination would get of a file, and what the command says was left out. */
async function render(name: string, to: string, config = CONFIG) {
  const { code, out, errors } = await run("render", join(CASES, name), "--to", to, "-c", config);
  expect({ code, errors: code === 0 ? "" : errors }).toEqual({ code: 0, errors: "" });
  return { payload: out, said: errors };
}

/** The mail as its reader's program opens it. */
async function mailOf(name: string) {
  const folder = mkdtempSync(join(tmpdir(), "herald-cases-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await using server = await openSmtpServer({ tls: "none" });
  const config = join(folder, "config.yaml");
  writeFileSync(config, readFileSync(CONFIG, "utf8").replace("port: 2525", `port: ${server.port}`));
  const sent = await run("replay", join(CASES, name), "--send", "--to", "mail", "-c", config);
  expect(sent).toMatchObject({ code: 0 });
  const [mail] = server.mails;
  return PostalMime.parse(mail?.raw ?? "");
}

const CHANNELS = ["hook", "mail", "slack", "teams"] as const;

test("every case is played by a test", () => {
  const folder = resolve(import.meta.dirname, "..");
  const tests = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
  const unplayed = readdirSync(CASES).filter((name) => !tests.includes(`${name.replace(/\.\w+$/, "")}`));
  expect(unplayed).toEqual([]);
});

describe.each(CHANNELS)("to %s", (to) => {
  it("all of 120 objects are counted", async () => {
    const { payload } = await render("hundred-twenty-objects.json", to);
    if (to === "hook") {
      expect(JSON.parse(payload).entries[0].counts).toMatchObject({ objects: 120, attributes: 120 });
    } else {
      expect(payload).toContain("120 objects (file)");
    }
  });

  it("a value that is a number is shown", async () => {
    const { payload } = await render("number-values.json", to);
    for (const value of ["443", "18014398509481984", "7.5"]) {
      expect(payload).toContain(value);
    }
    expect(payload).not.toContain("no value");
  });

  it("an event as MISP exports it is its publication", async () => {
    expect((await render("raw-misp-export.json", to)).payload).toContain("an event as MISP exports it");
  });

  it("what is left out of two hundred indicators is said", async () => {
    const { payload, said } = await render("two-hundred-indicators.json", to);
    if (to === "hook") {
      expect(JSON.parse(payload).entries[0].indicators).toHaveLength(200);
      expect(said).toContain("nothing is left out");
    } else {
      expect(payload).toContain("+180 more");
      expect(said).toContain("180 attributes of 200 not listed (show: 20)");
    }
  });
});

it("a file of indicators that does not hold all says so in its name, in the mail and in `render`", async () => {
  const mail = await mailOf("two-hundred-indicators.json");
  const file = mail.attachments.find(({ filename }) => filename?.endsWith(".csv"));
  const content = file?.content;
  const rows = typeof content === "string" ? content : new TextDecoder().decode(content);
  const [, held, total] = /^indicators-(\d+)-of-(\d+)\.csv$/.exec(file?.filename ?? "") ?? [];
  expect(rows.trim().split("\r\n")).toHaveLength(Number(held) + 1);
  expect(total).toBe("200");
  const missing = `${200 - Number(held)} attributes left out of ${file?.filename}`;
  expect(mail.text).toContain(missing);
  expect((await render("two-hundred-indicators.json", "mail")).said).toContain(missing);
});

it("a mail reader shows a title that looks like an encoded word as it was typed", async () => {
  const { subject = "" } = await mailOf("encoded-word-in-title.json");
  expect(subject).toContain("=?UTF-8?Q?http=3A=2F=2Fevil=2Eexample=2Flogin_=5BTLP=3ACLEAR=5D?= invoice");
  expect(subject).not.toMatch(/http:|TLP:CLEAR/);
});

it("`replay` takes an event as MISP exports it for a publication", async () => {
  const { code, out, errors } = await run("replay", join(CASES, "raw-misp-export.json"), "-c", CONFIG);
  expect(code).toBe(0);
  expect(out).toMatch(/event\.published +1 attribute · /);
  expect(errors).toContain("would tell: hook 1, mail 1, slack 1, teams 1");
});

it("digits that YAML reads as a number count as they are written", async () => {
  const { code, out } = await run("check", "-c", join(CASES, "unquoted-hash.yaml"));
  expect(code).toBe(0);
  expect(out.replace(/\s+/g, " ")).toContain(
    "value is 0e462097431906509019562988736854, 0123456789 or 1234567890123456789",
  );
});

it("a mail server that greets after 13 s gets its mail", async () => {
  let greet: (socket: Socket) => void = () => {};
  const connected = new Promise<Socket>((resolve) => {
    greet = resolve;
  });
  await using server = await openSmtpScript({ greeting: (socket) => greet(socket) });
  const text = readFileSync(join(CASES, "smtp-slow-greeting.yaml"), "utf8");
  const readFile = async () => Buffer.from(text.replace("port: 2525", `port: ${server.port}`));
  const { config } = await loadConfig("smtp-slow-greeting.yaml", { env: {}, secrets: "required", readFile });
  const { log } = captureLog();
  await using mail = config.destinations.mail?.open({ name: "mail", log, now: Date.now, stdout: process.stdout });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const sending = mail?.send(payload([publication()]), new AbortController().signal);
  const socket = await connected;
  await vi.advanceTimersByTimeAsync(13_000);
  socket.write("220 late ESMTP\r\n");
  expect(await sending).toEqual({ kind: "unproven" });
});

it("a file without a frame of MISP is no recording, and what is one is said", async () => {
  const replay = await run("replay", join(CASES, "config.yaml"), "-c", CONFIG);
  expect(replay).toMatchObject({
    code: 1,
    errors: expect.stringContaining("There is no frame of MISP in it; read are"),
  });
  const render = await run("render", join(CASES, "config.yaml"), "--to", "hook", "-c", CONFIG);
  expect(render).toMatchObject({ code: 1, errors: expect.stringContaining("There is no message in it; read are") });
  const missing = await run("replay", join(CASES, "none"), "-c", CONFIG);
  expect(missing).toMatchObject({ code: 2, errors: expect.stringContaining('none": there is no such file') });
});
