import { describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { openMispApi } from "../../src/misp-api/client.ts";
import { captureLog } from "../support/captured-log.ts";
import { type Answer, unusedOrigin } from "../support/http-server.ts";
import { API_KEY, FAILURES, mispError, openMispServer } from "../support/misp-server.ts";

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);
const { signal } = new AbortController();

/** What comes of all three questions, and every line that was logged. */
async function askAll(url: URL, options: { readonly caFile?: string; readonly key?: string } = {}) {
  const { log, lines } = captureLog();
  const { caFile, key = API_KEY } = options;
  await using api = openMispApi({ url, apiKey: new Secret(key), caFile, timeoutMs: 20_000, now: () => NOW, log });
  const answers = [await api.event("2", signal), await api.publishedSince(1, 1, signal), await api.whoami(signal)];
  return { answers, lines };
}

async function classify(answer: Answer) {
  await using server = await openMispServer();
  server.next(answer, answer, answer);
  const { answers, lines } = await askAll(server.url);
  const [first, ...others] = answers;
  // A failure means the same whatever was asked.
  for (const other of others) {
    expect(other).toEqual(first);
  }
  expect(server.requests).toHaveLength(3);
  const text = JSON.stringify([answers, lines]);
  for (const secret of ["MARKER", API_KEY, "localhost", "example.org"]) {
    expect(text).not.toContain(secret);
  }
  return first;
}

/** Of the answers with status 200 only the parsing tells failures; of users/view/me too. */
const ok = (body: string): Answer => ({ status: 200, headers: { "content-type": "application/json" }, body });

describe("a failure is told by a stable reason and what to do about it", () => {
  it.each([
    ["a redirect to the login page", FAILURES.login, "retry", "login-page", /key is not accepted/],
    [
      "a see-other to the login page of a MISP below a path",
      { status: 303, headers: { location: "https://misp.example.org/misp/users/login?MARKER" } },
      "retry",
      "login-page",
      /maintenance/,
    ],
    ["a redirect to the terms of use", FAILURES.terms, "retry", "user-not-ready", /log in once/],
    ["a redirect elsewhere", FAILURES.moved, "retry", "redirect", /set `url` to its own address/],
    ["a redirect to nowhere", { status: 302 }, "retry", "redirect", /set `url`/],
    ["a key that MISP does not know", FAILURES.badKey, "forbidden", "key-not-accepted", /check `api_key`/],
    ["a key for another address", FAILURES.otherAddress, "forbidden", "key-not-accepted", /allowed from this address/],
    ["a permission that is missing", FAILURES.noPermission, "forbidden", "no-permission", /role of the key's user/],
    ["a firewall that refuses", FAILURES.blocked, "forbidden", "http-403", /proxy or firewall/],
    ["a user who is gone", FAILURES.unknownUser, "forbidden", "http-401", /no longer knows the key's user/],
    ["MISP's own not found", FAILURES.notFound, "not-found", "not-visible", /deleted, or hidden/],
    ["a not found of somebody else", FAILURES.noMisp, "retry", "http-404", /there is no MISP at this address/],
    [
      "a gateway's not found in JSON",
      { status: 404, body: '{"message":"no Route matched with those values"}' },
      "retry",
      "http-404",
      /check `url`/,
    ],
    ["maintenance", FAILURES.maintenance, "retry", "user-not-ready", /in maintenance/],
    ["too many questions", FAILURES.rateLimited, "retry", "rate-limited", /recall\.per_minute/],
    ["a crash", FAILURES.crashed, "retry", "http-500", /error\.log/],
    ["a gateway without MISP", { status: 502, body: "MARKER" }, "retry", "http-502", /does not reach it/],
    ["a gateway that waited", { status: 504 }, "retry", "http-504", /too long/],
    ["a bad request", mispError(400, "MARKER"), "retry", "http-400", /address of MISP itself/],
    ["a page in place of data", FAILURES.html, "retry", "html-answer", /login portal or proxy/],
    ["PHP's warnings before the data", ok('<br />\n<b>Warning</b> {"response":[]}'), "retry", "html-answer", /PHP/],
    ["an error in a good answer", FAILURES.errorInAnswer, "retry", "error-in-answer", /error\.log/],
    ["errors that were not saved", ok('{"saved":false,"errors":"MARKER"}'), "retry", "error-in-answer", /error\.log/],
    ["no JSON", ok("MARKER"), "retry", "not-json", /cut/],
    ["half of the JSON", ok('{"response":[{"Event":'), "retry", "not-json", /cut/],
    ["nothing", ok(""), "retry", "not-json", /cut/],
    ["JSON of another shape", ok('{"MARKER":1}'), "retry", "unreadable", /shape/],
    ["JSON that is a list", ok("[]"), "retry", "unreadable", /shape/],
    ["JSON that is null", ok("null"), "retry", "unreadable", /shape/],
  ] as const satisfies readonly (readonly [string, Answer, string, string, RegExp])[])(
    "%s",
    async (_, answer, kind, reason, hint) => {
      expect(await classify(answer)).toMatchObject({ kind, reason, hint: expect.stringMatching(hint) });
    },
  );

  it.each([
    ["a status that nobody has heard of", { status: 299 }, "http-299"],
    ["no content", { status: 204 }, "http-204"],
    ["an unavailable MISP", { status: 503 }, "http-503"],
    ["a connection that ends", (_response, socket) => socket.destroy(), "connection-lost"],
    [
      "a body that breaks off",
      (response, socket) => void response.write("{", () => socket.destroy()),
      "connection-lost",
    ],
    ["what is not HTTP", (_response, socket) => void socket.end("MARKER\r\n\r\n"), "bad-answer"],
  ] as const satisfies readonly (readonly [string, Answer, string])[])("%s", async (_, answer, reason) => {
    expect(await classify(answer)).toMatchObject({ kind: "retry", reason });
  });

  it("a host that has no address, a port where nobody listens, and a port that is refused", async () => {
    const reasons = async (url: string, caFile?: string) => {
      const { answers, lines } = await askAll(new URL(url), caFile === undefined ? {} : { caFile });
      expect(JSON.stringify([answers, lines])).not.toMatch(/MARKER|localhost|T0PSECRET/);
      return new Set(answers.map((answer) => `${answer.kind} ${"reason" in answer && answer.reason}`));
    };
    expect(await reasons(`${await unusedOrigin()}/MARKER`)).toEqual(new Set(["retry connection-refused"]));
    expect(await reasons("http://MARKER.invalid/")).toEqual(new Set(["retry dns"]));
    expect(await reasons("http://localhost:6667/MARKER")).toEqual(new Set(["retry bad-port"]));
    expect(await reasons(await unusedOrigin(), "/nowhere/MARKER.pem")).toEqual(new Set(["retry ca-file-unreadable"]));
  });
});

describe("a failure says when it is in vain to ask again", () => {
  it.each([
    ["MISP's own header", { "X-Rate-Limit-Reset": "120" }, 120_000],
    ["Retry-After in seconds", { "Retry-After": "7", "X-Rate-Limit-Reset": "120" }, 7000],
    ["Retry-After as a date", { "Retry-After": "Fri, 20 Nov 2026 14:03:11 GMT" }, 60_000],
    ["no header", {}, 60_000],
    ["a window that has no end in Redis", { "X-Rate-Limit-Reset": "-1" }, 60_000],
    ["a window of years", { "X-Rate-Limit-Reset": "1795200000" }, 60_000],
  ])("after too many questions: %s", async (_, headers, afterMs) => {
    expect(await classify({ status: 429, headers })).toMatchObject({ reason: "rate-limited", afterMs });
  });

  it("of a MISP that is unavailable", async () => {
    expect(await classify({ status: 503, headers: { "retry-after": "30" } })).toMatchObject({ afterMs: 30_000 });
    expect(await classify({ status: 503 })).not.toHaveProperty("afterMs");
  });
});

describe("a key is a secret", () => {
  it("also when no header can carry it", async () => {
    await using server = await openMispServer();
    const { answers, lines } = await askAll(server.url, { key: "T0PSECRET\nT0PSECRET" });
    expect(answers.map(({ kind }) => kind)).toEqual(["retry", "retry", "retry"]);
    expect(JSON.stringify([answers, lines])).not.toContain("T0PSECRET");
  });

  it("also when all goes well, and the questions are logged without what was found", async () => {
    await using server = await openMispServer();
    const uuid = "f08ea639-cfcc-4812-bccc-ec57a641cf95";
    server.put({ id: "2", uuid, info: "MARKER", timestamp: "5", publish_timestamp: "7", published: true });
    const { answers, lines } = await askAll(server.url);
    expect(answers.map(({ kind }) => kind)).toEqual(["event", "page", "key"]);
    expect(lines).toHaveLength(3);
    for (const secret of [API_KEY, "MARKER", uuid, "localhost"]) {
      expect(lines.join()).not.toContain(secret);
    }
  });
});
