import { connect, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { EndpointError } from "../../../src/base/errors.ts";
import { type EndpointOptions, jsonPage, openEndpoint } from "../../../src/doors/http/server.ts";
import { captureLog } from "../../support/captured-log.ts";
import { eventually } from "../../support/eventually.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
const pages: EndpointOptions["pages"] = async (path) => {
  if (path === "/broken") {
    throw new Error("a bug with a SECRET");
  }
  return path === "/there" ? jsonPage(200, { here: "ä" }) : undefined;
};

async function open(rest: Partial<EndpointOptions> = {}) {
  const { log, find } = captureLog();
  const endpoint = await openEndpoint({ listen: LOOPBACK, log, pages, ...rest });
  return Object.assign(endpoint, { find, origin: `http://127.0.0.1:${endpoint.address.port}` });
}

/** What is answered to these bytes until the other side hangs up. */
async function say(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  socket.write(bytes);
  await new Promise((closed) => socket.once("close", closed));
  return Buffer.concat(chunks).toString("utf8");
}

async function reasonOf(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EndpointError)) {
    throw new Error(`Not an EndpointError: ${error}`);
  }
  return error.message;
}

describe("the HTTP endpoint", () => {
  test("answers GET with the page, HEAD with its headers alone, whatever the query says", async () => {
    await using endpoint = await open();
    const got = await fetch(`${endpoint.origin}/there?a=b`);
    expect([got.status, got.headers.get("connection"), await got.json()]).toEqual([200, "close", { here: "ä" }]);
    const head = await fetch(`${endpoint.origin}/there`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "14", ""]);
  });

  test("says in JSON that there is nothing, that it can only be read, and that it failed, without the reason", async () => {
    await using endpoint = await open();
    const answers = [
      await fetch(`${endpoint.origin}/elsewhere`),
      await fetch(`${endpoint.origin}/there`, { method: "POST", body: "x".repeat(100_000) }),
      await fetch(`${endpoint.origin}/broken`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 405, 500]);
    expect(answers[1]?.headers.get("allow")).toBe("GET, HEAD");
    for (const answer of answers) {
      expect(Object.keys(Object(await answer.json()))).toEqual(["error"]);
    }
    expect(endpoint.find(/A request to the HTTP endpoint failed/)).toHaveLength(1);
  });

  test("answers one request per connection", async () => {
    await using endpoint = await open();
    const answer = await say(endpoint.address.port, "GET /there HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test("hangs up on who never says what they want, and on headers without end", async () => {
    await using endpoint = await open({ patienceMs: 100 });
    // Node ends a silent connection by itself, with or without a word: both are right.
    expect(await say(endpoint.address.port, "")).toMatch(/^$|^HTTP\/1\.1 408 /);
    expect(await say(endpoint.address.port, "GET /there HTTP/1.1\r\nHost: a\r\n")).not.toMatch(/200/);
    expect(await say(endpoint.address.port, `GET / HTTP/1.1\r\nA: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(/ 431 /);
  });

  test("listens to 32 at a time, and to others once these have gone", async () => {
    await using endpoint = await open();
    const { port } = endpoint.address;
    const sockets: Socket[] = [];
    for (let n = 0; n < 32; n += 1) {
      const socket = connect({ host: "127.0.0.1", port }).on("error", () => {});
      await new Promise<void>((connected) => socket.once("connect", () => connected()));
      sockets.push(socket);
    }
    expect(await say(port, "GET /there HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("");
    for (const socket of sockets) {
      socket.destroy();
    }
    let answer = "";
    const asking = setInterval(() => {
      void say(port, "GET /there HTTP/1.1\r\nHost: a\r\n\r\n").then((text) => {
        answer ||= text;
      });
    }, 20);
    await eventually(() => answer !== "").finally(() => clearInterval(asking));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("ends at once, also while somebody is connected", async () => {
    const endpoint = await open();
    const waiting = say(endpoint.address.port, "GET ");
    await endpoint[Symbol.asyncDispose]();
    expect(await waiting).toBe("");
    await expect(fetch(`${endpoint.origin}/there`)).rejects.toThrow();
  });

  test("says in words why it cannot listen", async () => {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    const taken = other.address();
    const port = typeof taken === "object" && taken ? taken.port : 0;
    const { log } = captureLog();
    const listen = (host: string, at: number) => openEndpoint({ listen: { host, port: at }, log, pages });
    expect(await reasonOf(listen("127.0.0.1", port))).toMatch(
      /another program listens there; end it, or set http\.listen/,
    );
    expect(await reasonOf(listen("192.0.2.1", 0))).toMatch(/192\.0\.2\.1:0: this machine does not have that address/);
    await new Promise((closed) => other.close(closed));
  });
});
