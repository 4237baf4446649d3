import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { DestinationEntry } from "../../../src/destinations/index.ts";
import { captureLog } from "../../support/captured-log.ts";
import { describeDestination } from "../../support/destination-contract.ts";
import { payload, publication } from "../../support/payloads.ts";

const FOREVER = new AbortController().signal;

function open(
  stdout: Writable & { isTTY?: boolean; columns?: number },
  options: Readonly<Record<string, unknown>> = {},
  log = captureLog().log,
) {
  const configured = DestinationEntry.parse({ type: "console", guard: { max_tlp: "red" }, ...options });
  return configured.open({ name: "terminal", log, now: () => 0, stdout });
}

function collector(isTTY: boolean) {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { isTTY, columns: 80, text: () => chunks.join("") });
}

describeDestination("console", async (otherSide) => {
  let arrived = 0;
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      arrived += 1;
      if (otherSide === "takes") {
        done();
      }
    },
  });
  const { log, lines } = captureLog();
  const destination = open(stdout, {}, log);
  return {
    destination,
    lines,
    arrived: () => arrived,
    [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
  };
});

describe("console", () => {
  it.each([
    ["auto", true, true],
    ["auto", false, false],
    ["always", false, true],
    ["never", true, false],
  ])("with color %s on a terminal (%s) is coloured: %s", async (color, isTTY, colored) => {
    const stdout = collector(isTTY);
    await using destination = open(stdout, { color });
    expect(await destination.send(payload([publication()]), FOREVER)).toEqual({ kind: "done" });
    expect(stdout.text().includes("\x1b[")).toBe(colored);
    expect(stdout.text()).toContain("Emotet epoch5 infrastructure");
  });

  it("writes JSON lines when asked to", async () => {
    const stdout = collector(true);
    await using destination = open(stdout, { format: "json" });
    await destination.send(payload([publication(), publication()]), FOREVER);
    expect(
      stdout
        .text()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).type),
    ).toEqual(["misp-herald.alert", "misp-herald.alert"]);
  });

  it("is done only when a slow reader has taken what was written", async () => {
    const stdout = new PassThrough({ highWaterMark: 1 });
    await using destination = open(stdout);
    let isDone = false;
    const first = destination.send(payload([publication()]), FOREVER);
    const second = destination.send(payload([publication()]), FOREVER).then(() => {
      isDone = true;
    });
    await new Promise(setImmediate);
    expect(isDone).toBe(false);
    stdout.resume();
    expect(await first).toEqual({ kind: "done" });
    await second;
  });

  it("says that its output is closed, and does not end the process by it", async () => {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    await using destination = open(stdout);
    const closed = { kind: "destination_rejected", reason: "stdout-closed" };
    expect(await destination.send(payload([publication()]), FOREVER)).toEqual({ ...closed, detail: "EPIPE" });
    expect(await destination.send(payload([publication()]), FOREVER)).toMatchObject(closed);
  });

  it("stops waiting for a reader when it is told to, with the reason it was given", async () => {
    const stdout = new Writable({ write() {} });
    await using destination = open(stdout);
    const control = new AbortController();
    const reason = new Error("the daemon stops");
    const sending = destination.send(payload([publication()]), control.signal);
    control.abort(reason);
    await expect(sending).rejects.toBe(reason);
    await expect(destination.send(payload([publication()]), control.signal)).rejects.toBe(reason);
  });

  it("leaves its listeners nowhere when it is closed", async () => {
    const stdout = collector(false);
    await open(stdout)[Symbol.asyncDispose]();
    expect(stdout.listenerCount("error")).toBe(0);
  });

  it("shows a preview of what a terminal would, without writing to it", async () => {
    const stdout = collector(false);
    await using destination = open(stdout);
    const told = { ...publication(), custom: { title: "</pre><script>alert(1)</script>" } };
    const { body, html, sizes, trimmed } = await destination.preview(payload([told]));
    expect(stdout.text()).toBe("");
    expect([sizes, trimmed]).toEqual([[], ["30 attributes of 37 not listed (show: 20)"]]);
    expect(body).not.toContain("\x1b");
    expect(html).not.toMatch(/\x1b|<script/);
    expect(html).toContain("default-src 'none'");
    const text = html
      .replace(/^[\s\S]*<pre>|<\/pre>[\s\S]*$|<\/?span[^>]*>/g, "")
      .replace(/&(lt|gt|quot|amp|#39);/g, plainOf);
    const words = (shown: string) => shown.replace(/[▌[\]\s]+/g, " ").trim();
    expect(words(text)).toBe(words(body));
  });

  it("shows JSON in the preview when it writes JSON", async () => {
    await using destination = open(collector(true), { format: "json" });
    const { body } = await destination.preview(payload([publication()]));
    expect(JSON.parse(body)).toMatchObject({ type: "misp-herald.alert" });
  });
});

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', amp: "&", "#39": "'" };

function plainOf(_: string, name: string): string {
  return ENTITIES[name] ?? "";
}
