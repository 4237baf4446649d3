import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DestinationEntry } from "../../../src/destinations/index.ts";
import type { Destination, Payload } from "../../../src/model/payload.ts";
import { captureLog } from "../../support/captured-log.ts";
import { describeHttpDestination, type OpenForTest, URL_SECRET } from "../../support/destination-contract.ts";
import { CERTIFICATE_FILE, openHttpServer } from "../../support/http-server.ts";
import { EVENT, entry, guarded, item, payload, publication } from "../../support/payloads.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN = "Bearer T0P-SECRET-TOKEN";
const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);

function open(context: OpenForTest, options: Readonly<Record<string, unknown>> = {}): Destination {
  const configured = DestinationEntry.parse({
    type: "webhook",
    url: `${context.origin}/hooks/${URL_SECRET}?sig=1`,
    secret: SECRET,
    headers: { Authorization: TOKEN },
    guard: { max_tlp: "red" },
    timeout: `${context.timeoutMs}ms`,
    ...options,
  });
  return configured.open({ name: "soar", log: context.log, now: context.now, stdout: process.stdout });
}

async function post(sent: Payload, options: Readonly<Record<string, unknown>> = {}, tls = false) {
  await using server = await openHttpServer({ tls });
  const { log } = captureLog();
  await using destination = open({ origin: server.origin, timeoutMs: 20_000, log, now: () => NOW }, options);
  const outcome = await destination.send(sent, new AbortController().signal);
  return { outcome, request: server.requests[0] };
}

describeHttpDestination(
  "webhook",
  // One after the other, over one connection.
  (context) => open(context, { concurrency: 1 }),
  {
    // The receiver knows the batch by its id: what may have arrived may arrive again.
    "502": { kind: "retry", reason: "http-502" },
    "504": { kind: "retry", reason: "http-504" },
    "reset before an answer": { kind: "retry", reason: "connection-lost" },
    "no HTTP": { kind: "retry", reason: "bad-answer" },
    "never answers": { kind: "retry", reason: "timeout" },
  },
  [SECRET, SECRET.slice(6), "T0P-SECRET-TOKEN"],
);

describe("webhook", () => {
  it("posts JSON under the headers of Standard Webhooks, signed over the very bytes", async () => {
    const { request } = await post(payload([publication()]));
    expect(request?.method).toBe("POST");
    expect(request?.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "user-agent": expect.stringMatching(/^misp-herald\/\d+\.\d+\.\d+/),
      "webhook-id": "batch-1f2e3d",
      "webhook-timestamp": String(NOW / 1000),
      authorization: TOKEN,
    });
    const signature = createHmac("sha256", Buffer.from(SECRET.slice(6), "base64"))
      .update(`batch-1f2e3d.${NOW / 1000}.`)
      .update(request?.body ?? "")
      .digest("base64");
    expect(request?.headers["webhook-signature"]).toBe(`v1,${signature}`);
    expect(JSON.parse(request?.body.toString() ?? "")).toMatchObject({
      type: "misp-herald.alerts",
      id: "batch-1f2e3d",
    });
  });

  it("signs with plain text, too, and not at all without a secret", async () => {
    const plain = await post(payload([publication()]), { secret: "correct horse battery" });
    const signature = createHmac("sha256", "correct horse battery")
      .update(`batch-1f2e3d.${NOW / 1000}.`)
      .update(plain.request?.body ?? "")
      .digest("base64");
    expect(plain.request?.headers["webhook-signature"]).toBe(`v1,${signature}`);
    const unsigned = await post(payload([publication()]), { secret: undefined });
    expect(unsigned.request?.headers).not.toHaveProperty("webhook-signature");
  });

  it("keeps the id of a batch over attempts", async () => {
    const sent = payload([publication()]);
    const ids = [await post(sent), await post({ ...sent, minimal: true, createdAt: NOW + 60_000 })];
    expect(ids.map(({ request }) => request?.headers["webhook-id"])).toEqual(["batch-1f2e3d", "batch-1f2e3d"]);
  });

  it("trusts the authority in ca_file", async () => {
    const { outcome, request } = await post(payload([publication()]), { ca_file: CERTIFICATE_FILE }, true);
    expect(outcome).toEqual({ kind: "done" });
    expect(request?.path).toContain(URL_SECRET);
  });

  it("tries again later when ca_file cannot be read", async () => {
    const { outcome } = await post(payload([publication()]), { ca_file: "/nowhere/ca.pem" }, true);
    expect(outcome).toMatchObject({
      kind: "retry",
      reason: "ca-file-unreadable",
      hint: expect.stringContaining("ca_file"),
    });
  });
});

it.each([401, 403, 404, 410, 413])("webhook tells the operator what to do about %i", async (status) => {
  await using server = await openHttpServer();
  server.answer({ status });
  const { log } = captureLog();
  await using destination = open({ origin: server.origin, timeoutMs: 20_000, log, now: () => NOW });
  const outcome = await destination.send(payload([publication()]), new AbortController().signal);
  expect(outcome).toMatchObject({ reason: `http-${status}`, hint: expect.stringMatching(/`\w+`/) });
});

describe("webhook's preview", () => {
  const preview = async (sent: Payload, options: Readonly<Record<string, unknown>> = {}) => {
    const { log } = captureLog();
    await using destination = open({ origin: "http://127.0.0.1:9", timeoutMs: 1000, log, now: () => NOW }, options);
    return destination.preview(sent);
  };

  it("is the request that would be sent, without connecting, and with no secret", async () => {
    const { request } = await post(payload([publication()]));
    const shown = await preview(payload([publication()]));
    expect(JSON.parse(shown.body)).toEqual(JSON.parse(request?.body.toString() ?? ""));
    expect(shown.sizes).toEqual([{ what: "body", used: request?.body.length, limit: 262_144, unit: "bytes" }]);
    expect(shown.trimmed).toEqual(["30 attributes of 37 not listed (show: 20)"]);
    expect(shown.html).toContain(String(request?.headers["webhook-signature"]));
    for (const secret of [SECRET, SECRET.slice(6), "T0P-SECRET-TOKEN", URL_SECRET]) {
      expect(JSON.stringify(shown)).not.toContain(secret);
    }
  });

  it("is a page that loads and runs nothing, whatever an alert says", async () => {
    const told = entry(
      guarded({ event: { ...EVENT, info: `"</pre><script>alert(1)</script><img src=x onerror=y>&\\"` } }),
    );
    const { html } = await preview(payload([told]));
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
    expect(html.match(/<(?!\/)[a-z]+/g)?.filter((tag) => !PAGE_TAGS.has(tag))).toEqual([]);
    expect(html).not.toMatch(/<script|<img|https?:\/\/[^<]*"\s*>/);
  });

  it("says in words what was left out", async () => {
    const items = Array.from({ length: 500 }, (_, i) => item({ value: `https://bad.example/${i}` }));
    const { trimmed, sizes } = await preview(payload([entry(guarded({ event: EVENT, items }))], { show: 500 }), {
      max_body: "8KiB",
    });
    const indicators = expect.stringMatching(/^4\d\d indicators left out$/);
    expect(trimmed).toEqual(["5 tags left out", "1 cluster left out", indicators]);
    expect(sizes[0]?.used).toBeLessThanOrEqual(8192);
  });
});

const PAGE_TAGS = new Set("<html <head <meta <title <style <body <dl <dt <dd <pre <span".split(" "));

describe("webhook's options", () => {
  const problems = (options: Readonly<Record<string, unknown>>) => {
    const parsed = DestinationEntry.safeParse({
      type: "webhook",
      url: "https://soar.example.org/hook",
      guard: { max_tlp: "red" },
      ...options,
    });
    return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
  };

  it.each([
    ["https", { url: "https://soar.example.org/hook" }],
    ["http towards this machine", { url: "http://127.0.0.1:8080/hook" }],
    ["http towards this machine over IPv6", { url: "http://[::1]:8080/hook" }],
    ["a secret of Standard Webhooks", { secret: SECRET }],
    ["headers", { headers: { "X-Team": "soc" } }],
    ["sizes", { max_body: "8KiB" }],
  ])("take %s", (_, options) => {
    expect(problems(options)).toEqual([]);
  });

  it.each([
    ["no URL", { url: "SENTINEL" }, /^url must be a complete URL/],
    ["http over the network", { url: "http://SENTINEL.example/hook" }, /^url must start with https/],
    ["http towards what only looks like this machine", { url: "http://localhost.example/SENTINEL" }, /^url must start/],
    ["another scheme", { url: "file:///SENTINEL" }, /^url must start with https/],
    ["a password in the URL", { url: "https://user:SENTINEL@soar.example.org" }, /^url must not hold a user/],
    ["a short secret", { secret: "SENTINEL" }, /^secret must be at least 16 bytes/],
    ["a secret that is no base64", { secret: "whsec_SENTINEL!?" }, /^secret must have base64/],
    ["a header of two lines", { headers: { "X-Team": "SENTINEL\r\nHost: x" } }, /^headers.X-Team must be one line/],
    ["a header that is ours", { headers: { "Webhook-Id": "SENTINEL" } }, /^headers.Webhook-Id is set by/],
    ["a name that is no header's", { headers: { "X Team": "SENTINEL" } }, /^headers.X Team/],
    ["too small a size", { max_body: "1KiB" }, /^max_body must be at least 8KiB/],
  ])("refuse %s without repeating it", (_, options, expected) => {
    const found = problems(options);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
    expect(found[0]).not.toContain("SENTINEL");
  });
});
