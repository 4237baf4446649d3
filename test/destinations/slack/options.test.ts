import { describe, expect, it } from "vitest";
import { DestinationEntry } from "../../../src/destinations/index.ts";
import { check, configOf } from "../../support/checked-config.ts";

const WEBHOOK = "https://hooks.slack.com/services/T0123/B0123/SENTINEL";

function problems(options: Readonly<Record<string, unknown>>): readonly string[] {
  const parsed = DestinationEntry.safeParse({ type: "slack", guard: { max_tlp: "red" }, ...options });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`.trim());
}

describe("slack's options", () => {
  it.each([
    ["a token and a channel", { token: "xoxb-1", channel: "C0123456789" }],
    ["a private channel", { token: "xoxb-1", channel: "G024BE91L" }],
    ["a conversation", { token: "xoxb-1", channel: "D024BE91L" }],
    ["another base of the API", { token: "xoxb-1", channel: "C0123456789", api_url: "https://slack-gov.com/api/" }],
    ["a gateway on this machine", { token: "xoxb-1", channel: "C0123456789", api_url: "http://localhost:8080/slack" }],
    ["a webhook", { webhook_url: WEBHOOK }],
    ["a webhook of GovSlack", { webhook_url: "https://hooks.slack-gov.com/services/T0123/B0123/x" }],
    ["a webhook on this machine", { webhook_url: "http://127.0.0.1:8080/services/x" }],
  ])("take %s", (_, options) => {
    expect(problems(options)).toEqual([]);
  });

  it.each([
    ["nothing", {}, /^needs a token and a channel, or a webhook_url$/],
    ["a token alone", { token: "xoxb-SENTINEL" }, /^needs a channel/],
    ["a channel alone", { channel: "C0123456789" }, /^needs a token and a channel, or/],
    [
      "a token beside a webhook",
      { token: "xoxb-SENTINEL", webhook_url: WEBHOOK },
      /^token does not go with webhook_url/,
    ],
    ["a channel beside a webhook", { channel: "C0123456789", webhook_url: WEBHOOK }, /^channel does not go with/],
    [
      "an API beside a webhook",
      { api_url: "https://slack.com/api", webhook_url: WEBHOOK },
      /^api_url does not go with/,
    ],
    ["an app-level token", { token: "xapp-SENTINEL", channel: "C0123456789" }, /^token is an app-level token/],
    ["a webhook as token", { token: WEBHOOK, channel: "C0123456789" }, /^token is a URL: an incoming webhook goes/],
    ["a token of two lines", { token: "xoxb-SENTINEL\n", channel: "C0123456789" }, /^token must be one word/],
    ["a channel's name", { token: "xoxb-1", channel: "#soc" }, /^channel must be the channel's ID .* stays when/],
    ["a channel's bare name", { token: "xoxb-1", channel: "soc" }, /^channel must be a channel's ID/],
    ["a person", { token: "xoxb-1", channel: "U0123456789" }, /^channel must be a channel's ID/],
    ["another host", { webhook_url: "https://hooks.example/SENTINEL" }, /^webhook_url must be at hooks\.slack\.com/],
    [
      "a host that looks alike",
      { webhook_url: "https://hooks.slack.com.SENTINEL.example/" },
      /^webhook_url must be at/,
    ],
    ["http", { webhook_url: "http://hooks.slack.com/services/SENTINEL" }, /^webhook_url must start with https/],
    ["no URL", { webhook_url: "SENTINEL" }, /^webhook_url must be a complete URL/],
    ["a workflow", { webhook_url: "https://hooks.slack.com/triggers/SENTINEL" }, /^webhook_url starts a workflow/],
    [
      "http to another machine",
      { token: "xoxb-1", channel: "C0123456789", api_url: "http://gateway.example/" },
      /^api_url must start with https/,
    ],
    [
      "a query in the base",
      { token: "xoxb-1", channel: "C0123456789", api_url: "https://gateway.example/?key=SENTINEL" },
      /^api_url must end with its path/,
    ],
  ])("refuse %s without repeating it", (_, options, expected) => {
    const found = problems(options);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
    expect(found[0]).not.toContain("SENTINEL");
  });

  it("are told at their place in the file", async () => {
    const both = await check(
      configOf(`  soc: { type: slack, token: xoxb-1, webhook_url: "${WEBHOOK}", guard: { max_tlp: red } }`),
    );
    const errors = ({ problems }: typeof both) => problems.filter((problem) => problem.includes(": error: "));
    expect(errors(both)).toEqual([expect.stringMatching(/^4:\d+: error: "token" does not go with webhook_url/)]);
    expect(both.printed).not.toContain("SENTINEL");
    const none = await check(configOf("  soc: { type: slack, guard: { max_tlp: red } }"));
    expect(errors(none)).toEqual([
      expect.stringMatching(/^4:\d+: error: .*needs a token and a channel, or a webhook_url/),
    ]);
  });

  it("are valid where a secret is not read because nothing is sent", async () => {
    const text = configOf(
      `  a: { type: slack, token: "\${UNSET_TOKEN}", channel: C0123456789, guard: { max_tlp: red } }
  b: { type: slack, webhook_url: "\${UNSET_URL}", guard: { max_tlp: red } }`,
    );
    const { loaded } = await check(text, { secrets: "optional" });
    expect(Object.keys(loaded?.config.destinations ?? {})).toEqual(["terminal", "a", "b"]);
  });
});
