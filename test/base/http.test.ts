import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { classifyError, openConnections, parseRetryAfter } from "../../src/base/http.ts";
import { openHttpServer } from "../support/http-server.ts";

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);

function failure(code: string, extra: Readonly<Record<string, unknown>> = {}): Error {
  const cause = Object.assign(new Error("to https://hooks.example/SENTINEL"), { code, ...extra });
  return new TypeError("fetch failed: https://hooks.example/SENTINEL", { cause });
}

describe("classifyError()", () => {
  it.each([
    ["ENOTFOUND", "retry", "dns"],
    ["EAI_AGAIN", "retry", "dns"],
    ["ECONNREFUSED", "retry", "connection-refused"],
    ["UND_ERR_CONNECT_TIMEOUT", "retry", "connect-timeout"],
    ["EHOSTUNREACH", "retry", "unreachable"],
    ["ENETUNREACH", "retry", "unreachable"],
    ["EMFILE", "retry", "out-of-sockets"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "retry", "tls"],
    ["CERT_HAS_EXPIRED", "retry", "tls"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "retry", "tls"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "retry", "tls"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "retry", "tls"],
    ["UND_ERR_SOCKET", "ambiguous", "connection-lost"],
    ["ECONNRESET", "ambiguous", "connection-lost"],
    ["EPIPE", "ambiguous", "connection-lost"],
    ["UND_ERR_HEADERS_TIMEOUT", "ambiguous", "timeout"],
    ["UND_ERR_BODY_TIMEOUT", "ambiguous", "timeout"],
    ["ETIMEDOUT", "ambiguous", "timeout"],
    ["UND_ERR_HEADERS_OVERFLOW", "ambiguous", "bad-answer"],
  ])("%s is %s, %s", (code, kind, reason) => {
    expect(classifyError(failure(code))).toEqual({ kind, reason, detail: code });
  });

  it("looks into the failures of several addresses", () => {
    const each = Object.assign(new Error("connect"), { code: "ECONNREFUSED", syscall: "connect" });
    expect(classifyError(new TypeError("fetch failed", { cause: new AggregateError([each, each]) }))).toEqual({
      kind: "retry",
      reason: "connection-refused",
      detail: "ECONNREFUSED",
    });
  });

  it("knows that nothing was sent when connecting failed", () => {
    expect(classifyError(failure("ETIMEDOUT", { syscall: "connect" }))).toMatchObject({
      kind: "retry",
      reason: "timeout",
    });
    expect(classifyError(failure("ECONNRESET", { syscall: "connect" }))).toMatchObject({ kind: "retry" });
  });

  it("assumes the worst of what it does not know, and repeats nothing of it", () => {
    for (const error of [failure("https://SENTINEL"), new Error("SENTINEL"), "SENTINEL", undefined]) {
      expect(classifyError(error)).toEqual({ kind: "ambiguous", reason: "network" });
    }
  });
});

describe("parseRetryAfter()", () => {
  it.each([
    ["7", 7000],
    ["0", 1000],
    ["999999999999", 3_600_000],
    ["Fri, 20 Nov 2026 14:03:11 GMT", 60_000],
    ["Fri, 20 Nov 2020 14:03:11 GMT", 1000],
    ["Mon, 20 Nov 2056 14:03:11 GMT", 3_600_000],
    ["-5", undefined],
    ["1e9", undefined],
    ["soon", undefined],
    ["", undefined],
  ])("%s", (text, expected) => {
    expect(parseRetryAfter(text, NOW)).toBe(expected);
  });
});

describe("openConnections()", () => {
  const { signal } = new AbortController();

  it("says why a body broke off, beside the status", async () => {
    await using server = await openHttpServer();
    server.answer((response, socket) => {
      response.writeHead(200, { "content-length": "5" });
      response.write("ab", () => socket.destroy());
    });
    await using connections = openConnections({ timeoutMs: 20_000, connections: 1 });
    expect(
      await connections.request({ method: "GET", url: server.origin, headers: {}, maxBytes: 10, signal }),
    ).toMatchObject({ status: 200, broken: { kind: "ambiguous", reason: "connection-lost" } });
  });

  it("reads no more than it was asked to, also of a body that was sent compressed", async () => {
    await using server = await openHttpServer();
    const body = gzipSync("x".repeat(100_000));
    server.answer({ status: 200, headers: { "content-encoding": "gzip" }, body });
    await using connections = openConnections({ timeoutMs: 20_000, connections: 1 });
    const answer = await connections.request({ method: "GET", url: server.origin, headers: {}, maxBytes: 500, signal });
    expect("body" in answer && answer.body.toString()).toBe("x".repeat(500));
    expect(body.length).toBeLessThan(500);
  });

  it("takes off what a body was compressed by several times, and leaves what is so too often", async () => {
    await using server = await openHttpServer();
    await using connections = openConnections({ timeoutMs: 20_000, connections: 1 });
    const ask = async (times: number, said = times) => {
      const body = Array.from({ length: times }).reduce<Buffer>((inner) => gzipSync(inner), Buffer.from("plain"));
      server.answer({ status: 200, headers: { "content-encoding": Array(said).fill("gzip").join(", ") }, body });
      const answer = await connections.request({
        method: "GET",
        url: server.origin,
        headers: {},
        maxBytes: 500,
        signal,
      });
      return "body" in answer ? answer.body.toString() : undefined;
    };
    expect(await ask(2)).toBe("plain");
    expect(await ask(0, 2_000)).toBe("plain");
  });

  it("gives a header in any case, and tells the server who we are", async () => {
    await using server = await openHttpServer();
    server.answer({ status: 204, headers: { "X-Thing": "a" } });
    await using connections = openConnections({ timeoutMs: 20_000, connections: 1 });
    const answer = await connections.request({ method: "GET", url: server.origin, headers: {}, maxBytes: 5, signal });
    expect("header" in answer && [answer.header("x-thing"), answer.header("x-other")]).toEqual(["a", undefined]);
    expect(server.requests[0]?.headers).toMatchObject({
      "user-agent": expect.stringMatching(/^misp-herald\/\d/),
      "accept-encoding": "identity",
    });
  });
});
