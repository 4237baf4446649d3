import { describe, expect, it } from "vitest";
import { classifyError, classifyReply, openHttp, parseRetryAfter } from "../../src/destinations/http.ts";
import { Secret } from "../../src/secret.ts";
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

describe("classifyReply()", () => {
  it("has a class for every status", () => {
    for (let status = 200; status < 600; status += 1) {
      const { kind } = classifyReply({ status }, NOW);
      expect(kind === "done" || kind === "unproven").toBe(status < 300);
    }
    expect(classifyReply({ status: 418 }, NOW)).toEqual({ kind: "message_rejected", reason: "http-418" });
    expect(classifyReply({ status: 599 }, NOW)).toEqual({ kind: "retry", reason: "http-599" });
  });

  it("lets a destination say otherwise", () => {
    expect(classifyReply({ status: 409 }, NOW, { 409: "done" })).toEqual({ kind: "done" });
    expect(classifyReply({ status: 418 }, NOW, { 418: "throttled" })).toMatchObject({ kind: "retry_after" });
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

describe("openHttp()", () => {
  const post = { headers: {}, body: "x", signal: new AbortController().signal };

  it("reads the head of an answer and does not wait for its end", async () => {
    await using server = await openHttpServer();
    server.answer((response) => response.writeHead(200).write("x".repeat(100_000)));
    await using http = openHttp({ url: new Secret(server.origin), timeoutMs: 20_000, maxResponseBytes: 1000 });
    expect(await http.post(post)).toEqual({ status: 200, body: "x".repeat(1000) });
  });

  it("tells the status also when the body never comes", async () => {
    await using server = await openHttpServer();
    server.answer((response) => {
      response.writeHead(200, { "content-length": "5" });
      response.flushHeaders();
    });
    await using http = openHttp({ url: new Secret(server.origin), timeoutMs: 100 });
    expect(await http.post(post)).toEqual({ status: 200 });
  });

  it("calls a port that fetch refuses by its name", async () => {
    await using http = openHttp({ url: new Secret("http://localhost:6667/"), timeoutMs: 1000 });
    expect(await http.post(post)).toEqual({ failure: { kind: "destination_rejected", reason: "bad-port" } });
  });

  it("follows no redirect", async () => {
    await using other = await openHttpServer();
    await using server = await openHttpServer();
    server.answer({ status: 307, headers: { location: other.origin } });
    await using http = openHttp({ url: new Secret(server.origin), timeoutMs: 20_000 });
    expect(await http.post(post)).toMatchObject({ status: 307 });
    expect(other.requests).toEqual([]);
  });
});
