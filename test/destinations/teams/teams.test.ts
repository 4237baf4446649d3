import { describe, expect, it } from "vitest";
import { DestinationEntry } from "../../../src/destinations/index.ts";
import type { Destination } from "../../../src/model/payload.ts";
import { captureLog } from "../../support/captured-log.ts";
import { describeHttpDestination, type OpenForTest, URL_SECRET } from "../../support/destination-contract.ts";
import { CERTIFICATE_FILE, openHttpServer } from "../../support/http-server.ts";
import { payload, publication } from "../../support/payloads.ts";
import { judgeMessage } from "../../support/teams-card.ts";
import { openTeamsServer } from "../../support/teams-server.ts";

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);

function configure(options: Readonly<Record<string, unknown>>) {
  return DestinationEntry.parse({ type: "teams", guard: { max_tlp: "red" }, ...options });
}

function open({ origin, timeoutMs, log, now }: OpenForTest, options: Readonly<Record<string, unknown>> = {}) {
  return configure({
    webhook_url: `${origin}/workflows/x/triggers/manual/paths/invoke?api-version=1&sig=${URL_SECRET}`,
    timeout: `${timeoutMs}ms`,
    ...options,
  }).open({ name: "soc", log, now, stdout: process.stdout });
}

function openAt(webhook_url: string, log = captureLog().log): Destination {
  return configure({ webhook_url }).open({ name: "soc", log, now: () => NOW, stdout: process.stdout });
}

describeHttpDestination("teams", open, {
  // That a flow was asked to run says nothing of whether it has posted.
  "200": { kind: "unproven" },
  "201": { kind: "unproven" },
  "10 MB in the answer": { kind: "unproven" },
  "429": { kind: "retry_after", afterMs: 60_000, reason: "http-429" },
  "429, nonsense": { kind: "retry_after", afterMs: 60_000, reason: "http-429" },
});

describe("teams", () => {
  it("posts what a flow takes and Teams shows, to the very URL", async () => {
    await using server = await openTeamsServer("SIGNATURE%2F-_x");
    await using destination = openAt(server.url);
    const { signal } = new AbortController();
    expect(await destination.send(payload([publication()]), signal)).toEqual({ kind: "unproven" });
    expect(await destination.send(payload([publication(), publication()]), signal)).toEqual({ kind: "unproven" });
    expect(server.runs.map(({ problems }) => problems)).toEqual([[], []]);
  });

  it("is suspended, with advice, when the signature is not the flow's", async () => {
    await using server = await openTeamsServer("RIGHT");
    await using destination = openAt(server.url.replace("RIGHT", "WRONG"));
    expect(await destination.send(payload([publication()]), new AbortController().signal)).toMatchObject({
      kind: "destination_rejected",
      reason: "http-401",
      detail: "DirectApiAuthorizationRequired",
      hint: expect.stringContaining("Anyone"),
    });
    expect(server.runs).toEqual([]);
  });

  it("trusts the authority in ca_file", async () => {
    await using server = await openHttpServer({ tls: true });
    server.answer({ status: 202 });
    const { log } = captureLog();
    const context = { origin: server.origin, timeoutMs: 20_000, log, now: () => NOW };
    await using destination = open(context, { ca_file: CERTIFICATE_FILE });
    expect(await destination.send(payload([publication()]), new AbortController().signal)).toEqual({
      kind: "unproven",
    });
  });

  it("mentions people of the configuration, and says once of any other that Teams cannot", async () => {
    await using server = await openTeamsServer("S");
    const captured = captureLog();
    await using destination = openAt(server.url, captured.log);
    const sent = payload([publication()], { mentions: ["alice@example.org", "S012ONCALL"] });
    await destination.send(sent, new AbortController().signal);
    await destination.send(sent, new AbortController().signal);
    expect(server.runs.map(({ problems }) => problems)).toEqual([[], []]);
    expect(JSON.parse(server.runs[0]?.body ?? "").attachments[0].content.msteams).toEqual({
      width: "Full",
      entities: [{ type: "mention", text: "<at>alice</at>", mentioned: { id: "alice@example.org", name: "alice" } }],
    });
    expect(captured.find(/^Mention left out/)).toMatchObject([{ destination: "soc", mention: "S012ONCALL" }]);
  });

  it("keeps the pace that a flow bears unless told otherwise", () => {
    const webhook_url = "http://localhost/hook";
    expect(configure({ webhook_url })).toMatchObject({ rate: { per_second: 0.5, burst: 4 }, timeout: 20_000 });
    expect(configure({ webhook_url, rate: { per_second: 2 } }).rate).toEqual({ per_second: 2, burst: 1 });
  });
});

describe("teams' preview", () => {
  it("tells the size against the limit, and what was left out", async () => {
    await using destination = openAt("http://localhost/hook");
    const { body, sizes, trimmed } = await destination.preview(payload([publication()]));
    expect(JSON.parse(body)).toMatchObject({ type: "message" });
    const posted = JSON.stringify(JSON.parse(body));
    expect(sizes).toEqual([{ what: expect.any(String), used: 2 * posted.length, limit: 26_000, unit: "bytes" }]);
    expect(trimmed).toEqual(["30 attributes of 37 not listed (show: 20)"]);
  });
});

describe("teams' options", () => {
  const HOST = "0a1b2c.3d.environment.api.powerplatform.com";
  const PATH = "/powerautomate/automations/direct/workflows/0f1e/triggers/manual/paths/invoke";
  const QUERY = "?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SENTINEL";
  const problems = (webhook_url: string) => {
    const parsed = DestinationEntry.safeParse({ type: "teams", webhook_url, guard: { max_tlp: "red" } });
    return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
  };

  it.each([
    `https://${HOST}${PATH}${QUERY}`,
    `https://${HOST}:443${PATH}/${QUERY}`,
    `https://0a1b2c.3.environment.api.gov.powerplatform.microsoft.us${PATH}${QUERY}`,
    `https://company.azure-api.net/teams?subscription-key=x`,
    "http://127.0.0.1:8080/hook",
    "https://localhost:8443/hook",
  ])("take %s", (url) => {
    expect(problems(url)).toEqual([]);
  });

  it.each([
    ["https://contoso.webhook.office.com/webhookb2/SENTINEL", /switched off.*Workflows webhook.*docs\/teams\.md/],
    ["https://outlook.office.com/webhook/SENTINEL", /switched off.*Workflows webhook/],
    [`https://prod-12.westeurope.logic.azure.com:443/workflows/0f1e${QUERY}`, /copy its new URL/],
    [`https://${HOST}${PATH}?api-version=1`, /cut off.*sig=/],
    ["https://SENTINEL.example.org/hook?sig=x", /\.api\.powerplatform\.com/],
    [`https://api.powerplatform.com.evil.example${PATH}${QUERY}`, /is not of a Workflows webhook/],
    [`https://evilapi.powerplatform.com${PATH}${QUERY}`, /is not of a Workflows webhook/],
    [`http://${HOST}${PATH}${QUERY}`, /must start with https/],
    [`https://user:SENTINEL@${HOST}${PATH}${QUERY}`, /must not hold a user/],
    ["SENTINEL", /complete URL/],
  ])("refuse %s with a way out, without repeating it", (url, expected) => {
    const found = problems(url);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
    expect(found[0]).not.toContain("SENTINEL");
  });
});

describe("what stands in for Teams in these tests", () => {
  const card = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    msteams: { width: "Full" },
    fallbackText: "x",
    body: [{ type: "RichTextBlock", inlines: [{ type: "TextRun", text: "x" }] }],
  };
  const judge = (content: unknown, envelope: Readonly<Record<string, unknown>> = {}) =>
    judgeMessage(
      JSON.stringify({
        type: "message",
        summary: "x",
        attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content }],
        ...envelope,
      }),
    );
  const run = { type: "TextRun", text: "x" };

  it("takes a card that is right", () => {
    expect(judge(card)).toEqual([]);
  });

  it.each([
    ["a bare text", judgeMessage('{"text":"x"}')],
    ["no attachments", judge(card, { attachments: undefined })],
    ["a later version", judge({ ...card, version: "1.5" })],
    ["a table", judge({ ...card, body: [{ type: "Table", columns: [], rows: [] }] })],
    ["a property that 1.4 does not know", judge({ ...card, body: [{ ...card.body[0], wrap: true }] })],
    ["an empty run", judge({ ...card, body: [{ type: "RichTextBlock", inlines: [{ ...run, text: "" }] }] })],
    ["an unknown size", judge({ ...card, body: [{ type: "RichTextBlock", inlines: [{ ...run, size: "Huge" }] }] })],
    ["a button without a link", judge({ ...card, actions: [{ type: "Action.OpenUrl", title: "x" }] })],
    ["another scheme", judge({ ...card, actions: [{ type: "Action.OpenUrl", title: "x", url: "javascript:x" }] })],
    ["nothing to toggle", judge({ ...card, actions: [{ type: "Action.ToggleVisibility", targetElements: ["y"] }] })],
    ["a mention of nobody", judge({ ...card, body: [{ type: "TextBlock", text: "<at>x</at>" }] })],
    ["a mention in a run", judge({ ...card, body: [{ type: "RichTextBlock", inlines: [{ ...run, text: "<at>x" }] }] })],
    ["too much", judge({ ...card, fallbackText: "x".repeat(14_000) })],
  ])("refuses %s", (_, problems) => {
    expect(problems).not.toEqual([]);
  });
});
