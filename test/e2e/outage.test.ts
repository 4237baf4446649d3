import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Answer } from "../support/http-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { CHANNEL, openSlackServer, type SlackServer, TOKEN } from "../support/slack-server.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";
import { publish, told, uuidOf } from "./publications.ts";

/** How often Slack has shown each event. */
function shown({ posted }: SlackServer): readonly string[] {
  return posted.map(({ message }) => {
    const { metadata } = message as { readonly metadata: { readonly event_payload: { readonly event_uuid: string } } };
    return metadata.event_payload.event_uuid;
  });
}

const slackError = (error: string): Answer => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ ok: false, error }),
});
const THROTTLED: Answer = { status: 429, headers: { "retry-after": "3" } };
const HANG: Answer = () => {};
const CLOSE: Answer = (_, socket) => socket.destroy();

/** A config that tells Slack too, of each event at once. */
function withSlack(text: string, { apiUrl }: SlackServer, timeout: string): string {
  const soc = `soc:
    type: slack
    token: "\${TOKEN}"
    channel: ${CHANNEL}
    api_url: ${apiUrl}
    timeout: ${timeout}
    rate: { per_second: 100, burst: 10 }
    guard: { max_tlp: red }
`;
  return text.replace("destinations:\n", `destinations:\n  ${soc}`).replace("notify: hook", "notify: [soc, hook]");
}

/** What Slack does instead of an honest answer, what the log says of each try, and what becomes of the alert. */
const TROUBLES: readonly {
  readonly what: string;
  readonly answers: readonly Answer[];
  readonly says: readonly RegExp[];
  readonly outcome: "sent" | "unproven";
}[] = [
  {
    what: "429 twice",
    answers: [THROTTLED, THROTTLED],
    says: [/"reason":"http-429".*"retryInMs":3000,"times":1,"msg":"Destination asks us to wait"/],
    outcome: "sent",
  },
  {
    what: "500",
    answers: [{ status: 500 }],
    says: [/"reason":"http-500".*"msg":"Delivery failed; it is tried again"/],
    outcome: "sent",
  },
  {
    what: "a hang",
    answers: [HANG],
    says: [/"reason":"timeout".*"msg":"Delivery failed; it is tried again"/],
    outcome: "sent",
  },
  {
    what: "a closed connection",
    answers: [CLOSE],
    says: [/"reason":"connection-lost".*"msg":"Delivery failed; it is tried again"/],
    outcome: "sent",
  },
  {
    what: "internal_error once",
    answers: [slackError("internal_error")],
    says: [/"reason":"internal_error".*"msg":"Delivery failed; it is tried again"/],
    outcome: "sent",
  },
  {
    what: "internal_error twice",
    answers: [slackError("internal_error"), slackError("internal_error")],
    says: [/"reason":"internal_error".*"msg":"Sent twice, and whether it arrived is unknown; it is not sent again"/],
    outcome: "unproven",
  },
];

test("Slack's troubles end as their class says: waited for, tried again, not sent a third time, or kept; a webhook beside it gets all", async () => {
  await using publisher = await openPublisher();
  await using slack = await openSlackServer();
  await using sink = await openSink();
  using folder = workspace();
  const base = configOf(publisher.endpoint, sink.url, folder.path("state.db"));
  const config = folder.write("config.yaml", withSlack(base, slack, "500ms"));
  await using daemon = start(["run", "-c", config], { TOKEN });
  await publisher.subscribed();

  let n = 0;
  for (const { answers, what, says, outcome } of TROUBLES) {
    n += 1;
    for (const answer of answers) {
      slack.next(answer);
    }
    const before = slack.requests.length;
    await publish(publisher, n);
    await eventually(() => told(sink.received).includes(uuidOf(n)));
    for (const line of says) {
      await daemon.logged(line);
    }
    const wanted = answers.length + (outcome === "sent" ? 1 : 0);
    await eventually(() => slack.requests.length === before + wanted);
    if (outcome === "sent") {
      await eventually(() => shown(slack).includes(uuidOf(n)));
    }
    if (answers[0] !== THROTTLED) {
      continue;
    }
    const at = slack.requests.slice(before).map((request) => request.at);
    for (const [index, later] of at.slice(1).entries()) {
      expect(later - (at[index] ?? 0), what).toBeGreaterThanOrEqual(3_000);
    }
  }

  // Refused as a destination: it is left alone, and told everything once it is as it should be.
  slack.next(slackError("channel_not_found"));
  const before = slack.requests.length;
  await publish(publisher, n + 1);
  await daemon.logged(
    /"reason":"channel_not_found".*"hint":".*\/invite @.*"msg":"Destination suspended: it refuses us/,
  );
  for (const later of [n + 2, n + 3]) {
    await publish(publisher, later);
  }
  const all = Array.from({ length: n + 3 }, (_, index) => uuidOf(index + 1));
  await eventually(() => told(sink.received).length >= all.length);
  expect(slack.requests).toHaveLength(before + 1);
  await using retry = start(["outbox", "retry", "-c", config, "--destination", "soc", "--yes"]);
  expect(await retry.exited, retry.stderr()).toBe(0);
  await daemon.logged(/"owed":2,"msg":"Destination recovered"/);
  await eventually(() => shown(slack).length === all.length - 1);

  await using history = start(["history", "-c", config, "--destination", "soc", "--json"]);
  expect(await history.exited, history.stderr()).toBe(0);
  const lines = history
    .stdout()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly event_uuid: string; readonly outcome: string });
  const outcomes = Object.fromEntries(lines.map(({ event_uuid, outcome }) => [event_uuid, outcome]));
  expect(outcomes).toEqual(Object.fromEntries(all.map((uuid, index) => [uuid, TROUBLES[index]?.outcome ?? "sent"])));
  expect(lines).toHaveLength(all.length);
  expect([...shown(slack)].sort()).toEqual(all.filter((_, index) => TROUBLES[index]?.outcome !== "unproven"));
  expect([...told(sink.received)].sort()).toEqual(all);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  expect(daemon.stderr()).not.toContain(TOKEN);
});

test("a Slack that hangs holds nobody up: a webhook beside it is told of everything meanwhile", async () => {
  await using publisher = await openPublisher();
  await using slack = await openSlackServer();
  await using sink = await openSink();
  using folder = workspace();
  const base = configOf(publisher.endpoint, sink.url, folder.path("state.db"));
  const config = folder.write("config.yaml", withSlack(base, slack, "60s"));
  await using daemon = start(["run", "-c", config], { TOKEN });
  await publisher.subscribed();
  slack.next(HANG);
  await publish(publisher, 1);
  await eventually(() => slack.requests.length === 1);
  const count = 50;
  for (let n = 2; n <= count; n += 1) {
    await publish(publisher, n);
  }
  await eventually(() => told(sink.received).length === count);
  // It has hung all the time: nothing was given up and nothing else was tried.
  expect(slack.requests).toHaveLength(1);
  expect(daemon.stderr()).not.toMatch(/"destination":"soc"/);
  await using list = start(["outbox", "list", "-c", config, "--destination", "soc", "--limit", "100", "--json"]);
  expect(await list.exited, list.stderr()).toBe(0);
  expect(list.stdout().trim().split("\n")).toHaveLength(count);
});

test("a process that stands still for longer than silent_after tells all that was published meanwhile, each once, and not that the feed was silent", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const base = configOf(publisher.endpoint, sink.url, folder.path("state.db"), ", heartbeat: 1s, silent_after: 2s");
  const route = "  - { name: own, kinds: [herald.feed_silent], notify: hook, group: { interval: 0s } }\n";
  await using daemon = start([
    "run",
    "-c",
    folder.write("config.yaml", base.replace("routes:\n", `routes:\n${route}`)),
  ]);
  await publisher.subscribed();
  let n = 0;
  /** The feed is never quiet for long, until this is so. */
  const publishUntil = async (isDone: () => boolean) => {
    const until = Date.now() + 20_000;
    while (!isDone() && Date.now() < until) {
      n += 1;
      await publish(publisher, n);
      await setTimeout(20);
    }
  };
  const silent = () => sink.received.filter(({ body }) => body.entries.some(({ event }) => event === undefined)).length;
  await publishUntil(() => told(sink.received).length > 0);
  daemon.kill("SIGSTOP");
  // Longer than its heartbeat, than the silence that it tells of, and than it looks twice before it does.
  const continueAt = Date.now() + 4_000;
  const before = n;
  await publishUntil(() => Date.now() > continueAt);
  const missed = n;
  expect(missed - before).toBeGreaterThan(50);
  expect(told(sink.received).length).toBeLessThan(missed - 50);
  daemon.kill("SIGCONT");
  const continuedAt = Date.now();
  // Also for as long as it would take to notice a silence.
  await publishUntil(() => told(sink.received).includes(uuidOf(missed)) && Date.now() > continuedAt + 3_000);
  // MISP goes on to say that it is there while what is owed leaves, however long that takes.
  while (told(sink.received).length < n) {
    await publisher.send("misp_json_self", {});
    await setTimeout(20);
  }
  expect(silent()).toBe(0);
  expect([...told(sink.received)].sort()).toEqual(Array.from({ length: n }, (_, index) => uuidOf(index + 1)));
  // Whoever is told of a silence is told of a real one.
  await eventually(() => silent() === 1);
  expect(await daemon.stop("SIGTERM")).toBe(0);
});
