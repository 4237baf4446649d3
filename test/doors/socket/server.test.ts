import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ControlError, StoreError } from "../../../src/base/errors.ts";
import { ask, askAll } from "../../../src/doors/socket/client.ts";
import { type ControlOptions, openControl } from "../../../src/doors/socket/server.ts";
import { RefusedError } from "../../../src/operations/requests.ts";
import { captureLog } from "../../support/captured-log.ts";
import { eventually } from "../../support/eventually.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-control-"));
  path = join(folder, "control.sock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const nobody = new AbortController().signal;
const STATUS = { v: 1, by: { name: "alice", uid: 1000 }, query: { command: "status" } };

async function* echo({ query, by }: Parameters<ControlOptions["answer"]>[0]) {
  yield { item: { asker: by.name } };
  yield { end: { command: query.command } };
}

function open(answer: ControlOptions["answer"] = echo, rest: Partial<ControlOptions> = {}) {
  return openControl({ path, log: captureLog().log, answer, ...rest });
}

/** What the daemon answers to these bytes, line by line, until it hangs up. */
async function say(bytes: string | Buffer): Promise<readonly unknown[]> {
  const socket = connect({ path });
  // What it hears after it was refused is its own business.
  socket.on("error", () => {});
  socket.write(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return text.trim() === ""
    ? []
    : text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
}

async function reasonOf(opening: Promise<unknown>): Promise<ControlError> {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ControlError)) {
    throw new Error(`Not a ControlError: ${error}`);
  }
  return error;
}

describe("the control socket", () => {
  test("is for its user and group only, whatever the umask, and leaves nothing else behind", async () => {
    const before = process.umask(0);
    try {
      await using control = await open();
      expect(statSync(control.path).mode & 0o777).toBe(0o660);
      expect(readdirSync(folder)).toEqual(["control.sock"]);
    } finally {
      process.umask(before);
    }
  });

  test("gives the group its right also where the umask takes it away", async () => {
    const before = process.umask(0o077);
    try {
      await using control = await open();
      expect(statSync(control.path).mode & 0o777).toBe(0o660);
    } finally {
      process.umask(before);
    }
  });

  test("needs no more than its own directory: the one above is left as it is", async () => {
    path = join(folder, "misp-herald", "control.sock");
    mkdirSync(join(folder, "misp-herald"));
    // Whatever is made or removed in it would make it new.
    utimesSync(folder, 1, 1);
    await using control = await open();
    expect(existsSync(control.path)).toBe(true);
    expect(statSync(folder).mtimeMs).toBe(1000);
  });

  test("is removed at the end, and its directory made at the beginning", async () => {
    path = join(folder, "run", "misp-herald", "control.sock");
    const control = await open();
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toHaveLength(2);
    await control[Symbol.asyncDispose]();
    expect(readdirSync(join(folder, "run", "misp-herald"))).toEqual([]);
  });

  test("replaces what a dead process left", async () => {
    const dead = createServer();
    await new Promise<void>((listening) => dead.listen(join(folder, "other.sock"), listening));
    renameSync(join(folder, "other.sock"), path);
    await new Promise((closed) => dead.close(closed));
    expect(statSync(path).isSocket()).toBe(true);
    await using _ = await open();
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toHaveLength(2);
  });

  test("leaves a live one alone, which goes on", async () => {
    await using _ = await open();
    const error = await reasonOf(open());
    expect(error.message).toMatch(/^Another misp-herald is listening at ".*control\.sock": stop it, or give this one/);
    expect(error.taken).toBe(true);
    expect(readdirSync(folder)).toEqual(["control.sock"]);
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toHaveLength(2);
  });

  test("does not touch what is no socket", async () => {
    writeFileSync(path, "mine");
    const error = await reasonOf(open());
    expect(error.message).toContain("is not a socket and was left alone");
    expect(error.taken).toBe(true);
    expect(statSync(path).size).toBe(4);
  });

  test("does not remove the socket of another that has taken its name", async () => {
    const control = await open();
    rmSync(path);
    const other = createServer();
    await new Promise<void>((listening) => other.listen(path, listening));
    await control[Symbol.asyncDispose]();
    expect(existsSync(path)).toBe(true);
    await new Promise((closed) => other.close(closed));
  });

  test("says what is wrong with its place", async () => {
    writeFileSync(join(folder, "file"), "");
    path = join(folder, "file", "control.sock");
    expect((await reasonOf(open())).message).toMatch(/is not a directory; correct control$/);
    path = join(folder, `${"long".repeat(30)}.sock`);
    const long = await reasonOf(open());
    expect(long.message).toContain("is too long for a socket");
    expect(long.taken).toBe(false);
    expect(readdirSync(folder)).toEqual(["file"]);
    mkdirSync(join(folder, "closed"));
    chmodSync(join(folder, "closed"), 0o555);
    path = join(folder, "closed", "control.sock");
    await asOrdinaryUser(async () => expect((await reasonOf(open())).message).toContain("permission denied"));
  });
});

describe("the control server", () => {
  test("answers one request with items and an end, and hangs up", async () => {
    await using _ = await open();
    const request = JSON.stringify(STATUS);
    const reply = [
      { v: 1, item: { asker: "alice" } },
      { v: 1, end: { command: "status" } },
    ];
    expect(await say(`${request}\n`)).toEqual(reply);
    expect(await say(`${request}\n${request}\n`)).toEqual(reply);
  });

  test.each([
    ["no JSON", "status\n"],
    ["an empty line", "\n"],
    ["a list", "[]\n"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
    ["an unknown command", `${JSON.stringify({ ...STATUS, query: { command: "shutdown" } })}\n`],
    ["nobody", `${JSON.stringify({ v: 1, query: STATUS.query })}\n`],
    ["a name that would command a terminal", `${JSON.stringify({ ...STATUS, by: { name: "\u001b[2J", uid: 0 } })}\n`],
    ["a key too many", `${JSON.stringify({ ...STATUS, more: 1 })}\n`],
    ["nesting without end", `${"[".repeat(60_000)}\n`],
  ])("answers %s with an error, and goes on", async (_, bytes) => {
    await using _control = await open();
    expect(await say(bytes)).toEqual([{ v: 1, error: { code: "wrong", message: expect.any(String) } }]);
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toHaveLength(2);
  });

  test("answers a request of another version with its own", async () => {
    await using _ = await open();
    expect(await say(`${JSON.stringify({ v: 2, wish: "new" })}\n`)).toEqual([
      { v: 1, error: { code: "version", message: "the daemon speaks version 1 of the protocol" } },
    ]);
  });

  test("refuses a request that is too long, however it comes", async () => {
    await using _ = await open();
    const refusal = [{ v: 1, error: { code: "wrong", message: "a request has at most 65536 bytes" } }];
    expect(await say(`${" ".repeat(65_536)}{}\n`)).toEqual(refusal);
    expect(await say("x".repeat(300_000))).toEqual(refusal);
    expect(await say(`${JSON.stringify(STATUS).padEnd(65_536)}\n`)).toHaveLength(2);
  });

  test("ends a connection on which nothing comes, or nothing is read", async () => {
    let taken = 0;
    async function* flood() {
      for (;;) {
        taken += 1;
        yield { item: { text: "x".repeat(65_536) } };
      }
    }
    await using _ = await open(flood, { patienceMs: 50 });
    expect(await say("")).toEqual([]);
    expect(await say('{"v":1')).toEqual([]);
    const deaf = connect({ path });
    deaf.on("error", () => {});
    const closed = new Promise((resolve) => deaf.once("close", resolve));
    deaf.pause();
    deaf.write(`${JSON.stringify(STATUS)}\n`);
    await eventually(() => taken > 0);
    // The kernel holds a little; the rest is not made.
    let before = -1;
    await eventually(() => {
      const still = taken === before;
      before = taken;
      return still;
    });
    expect(taken).toBeLessThan(100);
    deaf.destroy();
    await closed;
  });

  test("stops working for whom nobody waits any more", async () => {
    let aborted = false;
    async function* wait(_: unknown, signal: AbortSignal) {
      yield { item: {} };
      await new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
      aborted = true;
    }
    await using _ = await open(wait);
    const socket = connect({ path });
    socket.write(`${JSON.stringify(STATUS)}\n`);
    await new Promise((arrived) => socket.once("data", arrived));
    socket.destroy();
    await eventually(() => aborted);
  });

  test("talks to many at once, and tells the next one to come back", async () => {
    let release = () => {};
    const held = new Promise<void>((done) => {
      release = done;
    });
    async function* wait() {
      await held;
      yield { end: {} };
    }
    await using _ = await open(wait);
    const sockets: Socket[] = [];
    const ends: Promise<void>[] = [];
    for (let n = 0; n < 16; n += 1) {
      const socket = connect({ path });
      sockets.push(socket);
      ends.push(
        new Promise((done) =>
          socket.once("data", (chunk) => {
            expect(JSON.parse(String(chunk))).toEqual({ v: 1, end: {} });
            done();
          }),
        ),
      );
      await new Promise((connected) => socket.once("connect", connected));
      socket.write(`${JSON.stringify(STATUS)}\n`);
    }
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toMatchObject([{ error: { code: "busy" } }]);
    release();
    await Promise.all(ends);
    for (const socket of sockets) {
      socket.destroy();
    }
    const until = Date.now() + 60_000;
    let replies = await say(`${JSON.stringify(STATUS)}\n`);
    while (JSON.stringify(replies).includes("busy") && Date.now() < until) {
      replies = await say(`${JSON.stringify(STATUS)}\n`);
    }
    expect(replies).toEqual([{ v: 1, end: {} }]);
  });

  test("does not call it a bug when the state file cannot be written", async () => {
    const { log, find } = captureLog();
    await using _ = await open(
      // biome-ignore lint/correctness/useYield: it fails before it has anything to say
      async function* () {
        throw new StoreError("Cannot use state file: the disk is full; free some space", { passing: true });
      },
      { log },
    );
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toEqual([
      { v: 1, error: { code: "failed", message: "the daemon failed to do it; see its log" } },
    ]);
    expect(find(/by a bug/)).toEqual([]);
    const [line] = find(/A command failed by the state file/);
    expect(JSON.stringify(line)).toContain("free some space");
  });

  test("tells the asker of a bug nothing but that there is one, and the log where it is", async () => {
    const { log, find } = captureLog();
    await using _ = await openControl({
      path,
      log,
      // biome-ignore lint/correctness/useYield: it fails before it has anything to say
      async *answer() {
        throw new Error("inner detail");
      },
    });
    expect(await say(`${JSON.stringify(STATUS)}\n`)).toEqual([
      { v: 1, error: { code: "failed", message: "the daemon failed to do it; see its log" } },
    ]);
    const logged = JSON.stringify(find(/command failed/));
    expect(logged).toContain("server.test.ts");
    // The message of an error that nobody has worded may quote what it was about.
    expect(logged).not.toContain("inner detail");
  });

  test("ends every conversation when it is closed", async () => {
    const control = await open();
    const idle = connect({ path });
    const closed = new Promise((done) => idle.once("close", done));
    await new Promise((connected) => idle.once("connect", connected));
    idle.resume();
    await control[Symbol.asyncDispose]();
    await closed;
  });
});

describe("the control client", () => {
  const line = () => ({ path, signal: nobody });
  const Item = z.object({ asker: z.string() });
  const End = z.object({ command: z.string() });

  test("gives items and the end, and says who asks", async () => {
    await using _ = await open();
    const replies = askAll(line(), { command: "status" }, Item, End);
    const first = await replies.next();
    expect(first.value).toEqual({ asker: expect.stringMatching(/.+/) });
    expect(await replies.next()).toEqual({ done: true, value: { command: "status" } });
    expect(await ask(line(), { command: "status" }, End)).toEqual({ command: "status" });
  });

  test("says that nobody runs, in every way in which nobody does", async () => {
    expect((await reasonOf(ask(line(), { command: "status" }, End))).message).toContain(
      `misp-herald is not running: there is no socket at "${path}"`,
    );
    writeFileSync(path, "");
    expect((await reasonOf(ask(line(), { command: "status" }, End))).message).toContain("is not a socket");
  });

  test("names the group that may talk to it", async () => {
    await using control = await open();
    chmodSync(folder, 0o755);
    if (process.getuid?.() !== 0) {
      return;
    }
    const ask1 = () => reasonOf(ask(line(), { command: "status" }, End));
    chownSync(control.path, 0, 4);
    await asOrdinaryUser(async () =>
      expect((await ask1()).message).toMatch(/join the group adm \(sudo usermod -aG adm /),
    );
    chownSync(control.path, 0, 61_999);
    await asOrdinaryUser(async () => expect((await ask1()).message).toContain("the group with the id 61999 may"));
    chownSync(control.path, 0, 0);
    await asOrdinaryUser(async () => expect((await ask1()).message).toContain("only root may"));
    chmodSync(folder, 0o750);
    chownSync(folder, 0, 4);
    await asOrdinaryUser(async () => expect((await ask1()).message).toContain("join the group adm"));
  });

  test("passes on why the daemon refuses", async () => {
    await using _ = await open(
      // biome-ignore lint/correctness/useYield: it refuses
      async function* () {
        throw new RefusedError("unknown", "no delivery is owed");
      },
    );
    await expect(ask(line(), { command: "status" }, End)).rejects.toMatchObject({
      name: "UsageError",
      message: "No delivery is owed",
      exitCode: 1,
    });
  });

  test("notices a reply that was cut, that is of another version, or of another program", async () => {
    const bytes = { text: "" };
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(bytes.text));
    });
    await new Promise<void>((listening) => server.listen(path, listening));
    const said = async (text: string) => {
      bytes.text = text;
      return (await reasonOf(ask(line(), { command: "status" }, End))).message;
    };
    expect(await said("")).toContain("hung up before it had answered");
    expect(await said('{"v":1,"item":{}}\n{"v":1,"en')).toContain("hung up before it had answered");
    expect(await said("HTTP/1.1 400 Bad Request\n")).toContain("is not a misp-herald");
    expect(await said('{"v":1,"end":{"other":1}}\n')).toContain("of another version");
    expect(await said('{"v":7,"error":{"code":"version","message":"the daemon speaks version 7"}}\n')).toContain(
      "different versions",
    );
    await new Promise((closed) => server.close(closed));
  });

  test("ends when it is asked to stop", async () => {
    async function* wait(_: unknown, signal: AbortSignal) {
      yield { item: {} };
      await new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
    }
    await using _ = await open(wait);
    const stop = new AbortController();
    const asked = reasonOf(ask({ path, signal: stop.signal }, { command: "status" }, End));
    stop.abort();
    expect((await asked).message).toContain("Stopped before");
  });
});

/** Permissions do not stop root: its effective user changes while `act` runs. */
async function asOrdinaryUser(act: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0 || !process.seteuid || !process.setegid) {
    return act();
  }
  process.setegid(65534);
  process.seteuid(65534);
  try {
    await act();
  } finally {
    process.seteuid(0);
    process.setegid(0);
  }
}
