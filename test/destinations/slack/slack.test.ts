import { describe, expect, it } from "vitest";
import { DestinationEntry } from "../../../src/destinations/index.ts";
import type { Destination, GoneMessage, Outcome, Payload } from "../../../src/model/payload.ts";
import { captureLog } from "../../support/captured-log.ts";
import { describeHttpDestination, type OpenForTest, URL_SECRET } from "../../support/destination-contract.ts";
import type { Answer } from "../../support/http-server.ts";
import { CERTIFICATE_FILE } from "../../support/http-server.ts";
import {
  EVENT,
  entry,
  guarded,
  HOSTILE,
  item,
  payload,
  pointer,
  publication,
  withheld,
} from "../../support/payloads.ts";
import { CHANNEL, openSlackServer, type SlackServer, TOKEN } from "../../support/slack-server.ts";

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);

function open(options: Readonly<Record<string, unknown>>, log = captureLog().log, timeoutMs = 20_000): Destination {
  const configured = DestinationEntry.parse({
    type: "slack",
    guard: { max_tlp: "red" },
    timeout: `${timeoutMs}ms`,
    ...options,
  });
  return configured.open({ name: "soc", log, now: () => NOW, stdout: process.stdout });
}

const SURFACES = ["api", "webhook"] as const;
const POSTED = { channel: CHANNEL, ts: expect.stringMatching(/^\d+\.\d+$/) };

function optionsFor(server: SlackServer, surface: (typeof SURFACES)[number]) {
  return surface === "api"
    ? { token: TOKEN, channel: CHANNEL, api_url: server.apiUrl }
    : { webhook_url: server.webhookUrl };
}

async function post(
  surface: (typeof SURFACES)[number],
  sent: Payload = payload([publication()]),
  script: { readonly answer?: Answer; readonly options?: Readonly<Record<string, unknown>> } = {},
) {
  await using server = await openSlackServer();
  if (script.answer) {
    server.next(script.answer);
  }
  const { log, lines, find } = captureLog();
  await using destination = open({ ...optionsFor(server, surface), ...script.options }, log);
  const outcome = await destination.send(sent, new AbortController().signal);
  return { outcome, server, lines, find };
}

function json(body: object, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

// What is no answer of Slack's proves nothing, whatever its status says.
const NOT_SLACK: Outcome = { kind: "retry", down: true, reason: "not-slack" };
const DIFFERENT = { "200": NOT_SLACK, "201": { kind: "unproven" }, "10 MB in the answer": NOT_SLACK } as const;

describeHttpDestination(
  "slack with a token",
  ({ origin, log, timeoutMs }: OpenForTest) =>
    open({ token: TOKEN, channel: CHANNEL, api_url: `${origin}/${URL_SECRET}/api` }, log, timeoutMs),
  DIFFERENT,
  [TOKEN],
);

describeHttpDestination(
  "slack with a webhook",
  ({ origin, log, timeoutMs }: OpenForTest) =>
    open({ webhook_url: `${origin}/services/${URL_SECRET}` }, log, timeoutMs),
  DIFFERENT,
);

describe("slack with a token, about a message that it has posted", () => {
  const act = async (
    what: (following: NonNullable<Destination["following"]>) => Promise<Outcome | GoneMessage>,
    answer?: Answer,
  ) => {
    await using server = await openSlackServer();
    await using destination = open(optionsFor(server, "api"));
    const { following } = destination;
    if (!following) {
      throw new Error("it finds its messages again");
    }
    await destination.send(payload([publication()]), new AbortController().signal);
    if (answer) {
      server.next(answer);
    }
    return { outcome: await what(following), channel: server.channel };
  };
  const ref = { channel: CHANNEL, ts: "1763647331.000100" };
  const signal = new AbortController().signal;
  const ACTS = {
    reply: (on: NonNullable<Destination["following"]>) => on.reply(payload([publication()]), ref, false, signal),
    edit: (on: NonNullable<Destination["following"]>) => on.edit(ref, payload([publication()]), signal),
    remove: (on: NonNullable<Destination["following"]>) => on.remove(ref, signal),
  } as const;
  const refusal = (error: string) => json({ ok: false, error });

  it.each(Object.entries(ACTS))("proves what it does: %s", async (_, what) => {
    expect((await act(what)).outcome).toMatchObject({ kind: "done" });
  });

  it.each([
    ["message_not_found", "gone"],
    ["thread_not_found", "gone"],
    ["cant_update_message", "gone"],
    ["cant_delete_message", "gone"],
    ["edit_window_closed", "gone"],
    ["is_inactive", "gone"],
    ["restricted_action_thread_locked", "gone"],
    ["update_failed", "retry"],
    ["external_channel_migrating", "retry"],
    ["ratelimited", "retry_after"],
    ["block_mismatch", "message_rejected"],
    ["streaming_state_conflict", "message_rejected"],
    ["internal_error", "ambiguous"],
    ["token_revoked", "destination_rejected"],
    ["something_new", "message_rejected"],
  ] as const)("takes %s for %s", async (error, kind) => {
    for (const what of Object.values(ACTS)) {
      expect((await act(what, refusal(error))).outcome.kind).toBe(kind);
    }
  });

  it("finds none of another channel", () => {
    const destination = open({ token: TOKEN, channel: CHANNEL });
    expect(destination.following?.knows(ref)).toBe(true);
    expect(destination.following?.knows({ ...ref, channel: "C0000000001" })).toBe(false);
  });

  it("knows none that a webhook has posted", () => {
    expect(open({ webhook_url: "http://localhost/services/x" })).not.toHaveProperty("following");
  });
});

describe.each(SURFACES)("slack by %s", (surface) => {
  it("posts what Slack takes", async () => {
    const payloads = [[publication()], [pointer()], [publication(), withheld()]].map((entries) => payload(entries));
    for (const sent of [...payloads, { ...payload([publication()]), minimal: true }]) {
      const { outcome, server } = await post(surface, { ...sent, mentions: ["S012ONCALL"] });
      // A webhook does not say where it has posted.
      expect(outcome).toEqual({ kind: "done", ...(surface === "api" && { ref: POSTED }) });
      expect(server.posted).toMatchObject([{ surface, message: { unfurl_links: false, unfurl_media: false } }]);
      expect(server.requests[0]?.headers["user-agent"]).toMatch(/^misp-herald\/\d+\.\d+\.\d+$/);
    }
  });

  it("sends what its preview shows", async () => {
    await using server = await openSlackServer();
    await using destination = open(optionsFor(server, surface));
    const sent = payload([publication()], { mentions: ["here", "nobody"] });
    const { body, sizes, trimmed, html } = await destination.preview(sent);
    expect(server.requests).toHaveLength(0);
    await destination.send(sent, new AbortController().signal);
    expect(server.posted[0]?.message).toEqual(JSON.parse(body));
    for (const { used, limit } of sizes) {
      expect(used).toBeLessThanOrEqual(limit);
    }
    expect(sizes.find(({ what }) => what === "blocks")).toMatchObject({ used: 7, limit: 50, unit: "blocks" });
    expect(trimmed).toEqual(["30 attributes of 37 not listed (show: 20)", 'mention of "nobody": it is no ID of Slack']);
    expect(html).toContain("default-src 'none'");
  });

  it("draws hostile text as text", async () => {
    await using destination = open({ token: TOKEN, channel: CHANNEL });
    for (const text of HOSTILE) {
      const items = [item({ value: text, comment: text })];
      const told = entry(guarded({ event: { ...EVENT, info: text, org: { name: text } }, items }));
      const { html } = await destination.preview(payload([told], { mentions: [text] }));
      const tags = html.match(/<\/?[a-z!][^>]*>/gi) ?? [];
      expect(
        tags.filter((tag) => !/^<\/?(!doctype|html|head|meta|title|style|body|div|span|p|ul|li|code|b)\b/i.test(tag)),
      ).toEqual([]);
      expect(html).not.toMatch(/<[^>]*\b(on\w+|src|href)=/i);
    }
  });

  it("says once that a mention is none, and mentions the others", async () => {
    await using server = await openSlackServer();
    const { log, find } = captureLog();
    await using destination = open(optionsFor(server, surface), log);
    const sent = payload([publication()], { mentions: ["@oncall", "here"] });
    await destination.send(sent, new AbortController().signal);
    await destination.send(sent, new AbortController().signal);
    expect(find(/^Not mentioned/)).toMatchObject([{ destination: "soc", mention: "@oncall" }]);
    expect(JSON.stringify(server.posted)).toContain("<!here>");
  });

  it("trusts the authority in ca_file", async () => {
    await using server = await openSlackServer({ tls: true });
    await using destination = open({ ...optionsFor(server, surface), ca_file: CERTIFICATE_FILE });
    expect(await destination.send(payload([publication()]), new AbortController().signal)).toEqual({
      kind: "done",
      ...(surface === "api" && { ref: POSTED }),
    });
  });

  it("takes a lost answer for one that may have been good", async () => {
    const answer: Answer = (response, socket) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("o", () => socket.destroy());
    };
    const { outcome } = await post(surface, undefined, { answer });
    expect(outcome).toEqual({ kind: "ambiguous", reason: "answer-lost" });
  });

  it("tells the operator what to do about a proxy's page", async () => {
    const answer = { status: 200, headers: { "content-type": "text/html" }, body: "<html>Please log in</html>" };
    const { outcome } = await post(surface, undefined, { answer });
    expect(outcome).toEqual({ kind: "retry", down: true, reason: "not-slack", hint: expect.stringContaining("proxy") });
  });
});

describe("slack by api", () => {
  it("authorises by header only, and names the batch and the event for programs", async () => {
    const { server } = await post("api");
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(server.requests[0]?.body.toString()).not.toContain(TOKEN);
    expect(server.posted[0]?.message).toMatchObject({
      channel: CHANNEL,
      metadata: {
        event_type: "misp_herald_alert",
        event_payload: { batch: "batch-1f2e3d", event_uuid: "5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f" },
      },
    });
  });

  it("names no event in the metadata of a pointer, of a digest, or where the UUID is none", async () => {
    const hostile = publication();
    const odd = { ...hostile.guarded.alert, event: { uuid: "<!here>" } };
    const told = [
      [pointer()],
      [publication(), withheld()],
      [{ ...hostile, guarded: { ...hostile.guarded, alert: odd } }],
    ];
    for (const entries of told) {
      const { server } = await post("api", payload(entries));
      expect(server.posted[0]?.message.metadata).toEqual({
        event_type: "misp_herald_alert",
        event_payload: { batch: "batch-1f2e3d" },
      });
    }
  });

  it.each([
    ["internal_error", { kind: "ambiguous", reason: "internal_error" }],
    ["fatal_error", { kind: "ambiguous", reason: "fatal_error" }],
    ["service_unavailable", { kind: "retry", down: true, reason: "service_unavailable" }],
    ["request_timeout", { kind: "retry", down: true, reason: "request_timeout" }],
    ["team_added_to_org", { kind: "retry", down: true, reason: "team_added_to_org" }],
    ["ratelimited", { kind: "retry_after", reason: "ratelimited", afterMs: 30_000 }],
    [
      "message_limit_exceeded",
      { kind: "retry_after", reason: "message_limit_exceeded", afterMs: 3_600_000, hint: expect.any(String) },
    ],
    ["invalid_blocks", { kind: "message_rejected", reason: "invalid_blocks" }],
    ["msg_too_long", { kind: "message_rejected", reason: "msg_too_long" }],
    ["msg_blocks_too_long", { kind: "message_rejected", reason: "msg_blocks_too_long" }],
    ["metadata_too_large", { kind: "message_rejected", reason: "metadata_too_large" }],
    [
      "not_in_channel",
      { kind: "destination_rejected", reason: "not_in_channel", hint: expect.stringContaining("/invite") },
    ],
    [
      "channel_not_found",
      { kind: "destination_rejected", reason: "channel_not_found", hint: expect.stringContaining("channel's ID") },
    ],
    ["is_archived", { kind: "destination_rejected", reason: "is_archived", hint: expect.stringContaining("archived") }],
    ["invalid_auth", { kind: "destination_rejected", reason: "invalid_auth", hint: expect.stringContaining("xoxb-") }],
    [
      "token_revoked",
      { kind: "destination_rejected", reason: "token_revoked", hint: expect.stringContaining("xoxb-") },
    ],
    [
      "account_inactive",
      { kind: "destination_rejected", reason: "account_inactive", hint: expect.stringContaining("xoxb-") },
    ],
    [
      "missing_scope",
      { kind: "destination_rejected", reason: "missing_scope", hint: expect.stringContaining("chat:write") },
    ],
    [
      "restricted_action",
      { kind: "destination_rejected", reason: "restricted_action", hint: expect.stringContaining("administrator") },
    ],
    ["a_code_of_tomorrow", { kind: "message_rejected", reason: "slack-error", detail: "a_code_of_tomorrow" }],
    ["constructor", { kind: "message_rejected", reason: "slack-error", detail: "constructor" }],
    ["<b>bad.example</b>", { kind: "retry", down: true, reason: "not-slack", hint: expect.any(String) }],
  ] as const)("classifies the error %s", async (error, expected) => {
    const { outcome, server } = await post("api", undefined, { answer: json({ ok: false, error }) });
    expect(outcome).toEqual(expected);
    expect(server.requests).toHaveLength(1);
  });

  it("says which block Slack finds wrong, and nothing of what Slack says of it", async () => {
    const messages = ["[ERROR] must be shorter than: bad.example [json-pointer:/blocks/3/text]", "[WARN] bad.example"];
    const answer = json({ ok: false, error: "invalid_blocks", response_metadata: { messages } });
    const { outcome, lines } = await post("api", undefined, { answer });
    expect(outcome).toEqual({ kind: "message_rejected", reason: "invalid_blocks", detail: "/blocks/3/text" });
    expect(lines.join("")).not.toContain("bad.example");
  });

  it("waits as long as it is told to, by whichever kind of answer", async () => {
    const limited = json({ ok: false, error: "ratelimited" }, 429, { "retry-after": "17" });
    expect((await post("api", undefined, { answer: limited })).outcome).toEqual({
      kind: "retry_after",
      afterMs: 17_000,
      reason: "ratelimited",
    });
    const page = { status: 429, headers: { "retry-after": "5" }, body: "<html>Slow down</html>" };
    expect((await post("api", undefined, { answer: page })).outcome).toEqual({
      kind: "retry_after",
      afterMs: 5000,
      reason: "http-429",
    });
  });

  it("reads a long answer to its end: Slack repeats the message in it", async () => {
    const answer = json({ ok: true, ts: "1.1", message: { text: "x".repeat(300_000) } });
    expect((await post("api", undefined, { answer })).outcome).toEqual({ kind: "done" });
  });

  it("is told apart from Slack by a text that is no JSON", async () => {
    const { outcome } = await post("api", undefined, { answer: { status: 200, body: "ok" } });
    expect(outcome).toMatchObject({ kind: "retry", reason: "not-slack" });
  });
});

describe("slack by webhook", () => {
  it.each([
    [400, "invalid_payload", "message_rejected", undefined],
    [400, "no_text", "message_rejected", undefined],
    [400, "too_many_attachments", "message_rejected", undefined],
    [403, "action_prohibited", "destination_rejected", "administrator"],
    [403, "posting_to_general_channel_denied", "destination_rejected", "administrator"],
    [403, "invalid_token", "destination_rejected", "make a new one"],
    [404, "no_service", "destination_rejected", "make a new one"],
    [403, "no_active_hooks", "destination_rejected", "make a new one"],
    [404, "channel_not_found", "destination_rejected", "channel"],
    [410, "channel_is_archived", "destination_rejected", "archived"],
    [404, "team_disabled", "destination_rejected", "workspace"],
    [500, "rollup_error", "retry", undefined],
  ] as const)("classifies %i %s", async (status, word, kind, hint) => {
    const { outcome } = await post("webhook", undefined, { answer: { status, body: `${word}\n` } });
    expect(outcome).toEqual({
      kind,
      reason: word,
      ...(kind === "retry" && { down: true }),
      ...(hint ? { hint: expect.stringContaining(hint) } : {}),
    });
  });

  it("waits as long as it is told to", async () => {
    const answer = { status: 429, headers: { "retry-after": "9" }, body: "rate_limited" };
    expect((await post("webhook", undefined, { answer })).outcome).toEqual({
      kind: "retry_after",
      afterMs: 9000,
      reason: "rate_limited",
    });
  });

  it("takes a word that it does not know by the status that comes with it", async () => {
    const post404 = await post("webhook", undefined, { answer: { status: 404, body: "gone_fishing" } });
    expect(post404.outcome).toMatchObject({ kind: "destination_rejected", reason: "http-404" });
    const post200 = await post("webhook", undefined, { answer: { status: 200, body: "gone_fishing" } });
    expect(post200.outcome).toEqual({ kind: "message_rejected", reason: "slack-error", detail: "gone_fishing" });
  });
});

describe("slack's pace", () => {
  it("is one message in 1.2 s after a burst of three, unless the operator sets another", () => {
    const options = { type: "slack", token: TOKEN, channel: CHANNEL, guard: { max_tlp: "red" } };
    expect(DestinationEntry.parse(options).rate).toEqual({ per_second: 1 / 1.2, burst: 3 });
    expect(DestinationEntry.parse({ ...options, rate: { per_second: 5 } }).rate).toEqual({ per_second: 5, burst: 1 });
  });
});
