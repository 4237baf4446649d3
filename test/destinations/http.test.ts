import { describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { classifyReply, openHttp } from "../../src/destinations/http.ts";
import { openHttpServer } from "../support/http-server.ts";

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);

describe("classifyReply()", () => {
  it("has a class for every status", () => {
    for (let status = 200; status < 600; status += 1) {
      const { kind } = classifyReply({ status }, NOW);
      expect(kind === "done" || kind === "unproven").toBe(status < 300);
    }
    expect(classifyReply({ status: 418 }, NOW)).toEqual({ kind: "message_rejected", reason: "http-418" });
    expect(classifyReply({ status: 599 }, NOW)).toEqual({ kind: "retry", down: true, reason: "http-599" });
  });

  it("tells a server that is down from one that fails at this message", () => {
    const isDown = (reply: Parameters<typeof classifyReply>[0]) => "down" in classifyReply(reply, NOW);
    expect([408, 421, 503, 521].map((status) => isDown({ status }))).toEqual([true, true, true, true]);
    expect([423, 425, 500].map((status) => isDown({ status }))).toEqual([false, false, false]);
    expect(isDown({ failure: { kind: "retry", reason: "connection-refused" } })).toBe(true);
  });

  it("lets a destination say otherwise", () => {
    expect(classifyReply({ status: 409 }, NOW, { 409: "done" })).toEqual({ kind: "done" });
    expect(classifyReply({ status: 418 }, NOW, { 418: "throttled" })).toMatchObject({ kind: "retry_after" });
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
