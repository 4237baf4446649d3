import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Answer } from "../support/http-server.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { CHANNEL, openSlackServer, type SlackServer, TOKEN } from "../support/slack-server.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, type Received, start, workspace } from "./daemon.ts";

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

function publish(publisher: TestPublisher, n: number): Promise<void> {
  return publisher.send("misp_json", { Event: { ...PUBLISHED, id: String(n), uuid: uuidOf(n) } });
}

const told = (received: readonly Received[]) =>
  received.flatMap(({ body }) => body.entries.map(({ event }) => event?.uuid));

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
const THROTTLED: Answer = { status: 429, headers: { "retry-after": "1" } };
const HANG: Answer = () => {};
const CLOSE: Answer = (_, socket) => socket.destroy();

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
    says: [/"reason":"http-429".*"retryInMs":1000,"times":1,"msg":"Destination asks us to wait"/],
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
  const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"))
    .replace(
      "destinations:\n",
      `destinations:
  soc:
    type: slack
    token: "\${TOKEN}"
    channel: ${CHANNEL}
    api_url: ${slack.apiUrl}
    timeout: 500ms
    rate: { per_second: 100, burst: 10 }
    guard: { max_tlp: red }
`,
    )
    .replace("notify: hook", "notify: [soc, hook]");
  const config = folder.write("config.yaml", text);
  await using daemon = start(["run", "-c", config], { TOKEN });
  await publisher.subscribed();

  let n = 0;
  for (const { answers, what, says, outcome } of TROUBLES) {
    n += 1;
    for (const answer of answers) slack.next(answer);
    const before = slack.requests.length;
    const startedAt = Date.now();
    await publish(publisher, n);
    await eventually(() => told(sink.received).includes(uuidOf(n)));
    for (const line of says) await daemon.logged(line);
    const wanted = answers.length + (outcome === "sent" ? 1 : 0);
    await eventually(() => slack.requests.length === before + wanted);
    if (outcome === "sent") await eventually(() => shown(slack).includes(uuidOf(n)));
    if (answers[0] === THROTTLED) expect(Date.now() - startedAt, what).toBeGreaterThanOrEqual(2000);
  }

  // Refused as a destination: it is left alone, and told everything once it is as it should be.
  slack.next(slackError("channel_not_found"));
  const before = slack.requests.length;
  await publish(publisher, n + 1);
  await daemon.logged(
    /"reason":"channel_not_found".*"hint":".*\/invite @.*"msg":"Destination suspended: it refuses us/,
  );
  for (const later of [n + 2, n + 3]) await publish(publisher, later);
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
  expect(told(sink.received).sort()).toEqual(all);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  expect(daemon.stderr()).not.toContain(TOKEN);
}, 60_000);

test("a process that stands still for a while tells all that was published meanwhile, each once", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const config = configOf(publisher.endpoint, sink.url, folder.path("state.db"), ", heartbeat: 1s");
  await using daemon = start(["run", "-c", folder.write("config.yaml", config)]);
  await publisher.subscribed();
  await publish(publisher, 1);
  await eventually(() => sink.received.length === 1);
  daemon.kill("SIGSTOP");
  const count = 200;
  for (let n = 2; n <= count; n += 1) await publish(publisher, n);
  // Longer than its heartbeat; nothing but time passes.
  await setTimeout(2_000);
  expect(sink.received).toHaveLength(1);
  daemon.kill("SIGCONT");
  await eventually(() => sink.received.length >= count);
  await publish(publisher, count + 1);
  await eventually(() => told(sink.received).includes(uuidOf(count + 1)));
  expect(told(sink.received).sort()).toEqual(Array.from({ length: count + 1 }, (_, index) => uuidOf(index + 1)));
  expect(await daemon.stop("SIGTERM")).toBe(0);
});

/** A file system of its own, of so many KiB; it takes root, and the right to mount. */
function mountSmall(path: string, kib: number): Disposable | undefined {
  mkdirSync(path);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", path]);
  if (status !== 0) return undefined;
  return { [Symbol.dispose]: () => void spawnSync("umount", ["-l", path]) };
}

function probeMount(): boolean {
  using folder = workspace();
  using mounted = mountSmall(folder.path("probe"), 64);
  return mounted !== undefined;
}
const CAN_MOUNT = probeMount();
const IS_ROOT = process.getuid?.() === 0;
if (!CAN_MOUNT) process.stdout.write("outage.test.ts: no full disk is tried, because this user may not mount one\n");

/** Takes all the space that is left. */
function fill(file: string): void {
  writeFileSync(file, "");
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }
}

test.runIf(CAN_MOUNT)(
  "a full disk: the service says so and sends nothing over and over; with space again and a start, all that is owed leaves",
  async () => {
    await using publisher = await openPublisher();
    let release: (() => void) | undefined;
    let holds = false;
    await using sink = await openSink((_, response) => {
      const answer = () => void response.writeHead(200).end();
      if (holds) release = answer;
      else answer();
    });
    using folder = workspace();
    using mounted = mountSmall(folder.path("disk"), 2_048);
    expect(mounted).toBeDefined();
    const disk = folder.path("disk");
    // The socket is elsewhere: a full disk must be the state file's trouble alone.
    const text = configOf(publisher.endpoint, sink.url, `${disk}/state.db`).replace(
      /^control: .*$/m,
      `control: ${folder.path("control.sock")}`,
    );
    const config = folder.write("config.yaml", text);
    const count = (n: number) => told(sink.received).filter((uuid) => uuid === uuidOf(n)).length;

    await using daemon = start(["run", "-c", config]);
    await publisher.subscribed();
    await publish(publisher, 1);
    await daemon.logged(/Delivered/);
    holds = true;
    await publish(publisher, 2);
    await publish(publisher, 3);
    await eventually(() => release);
    fill(`${disk}/ballast`);
    release?.();
    await daemon.logged(/the disk is full; free some space.*Cannot write down what became of a delivery/);
    expect(told(sink.received)).toEqual([1, 2].map(uuidOf));
    await publish(publisher, 4);
    expect(await daemon.exited).toBe(1);
    expect(daemon.stderr()).toMatch(/^misp-herald: .*the disk is full; free some space/m);
    expect(told(sink.received)).toEqual([1, 2].map(uuidOf));

    // Started on the full disk, as systemd does, each start repeats at most the one that could not be settled.
    holds = false;
    fill(`${disk}/more`); // closing the state file has freed some
    await using early = start(["run", "-c", config]);
    expect(await Promise.race([early.exited, early.logged(/the disk is full/)])).not.toBe(0);
    await early.stop("SIGKILL");
    expect(early.stderr()).toMatch(/the disk is full; free some space/);
    const repeats = count(2);
    expect(repeats).toBeLessThanOrEqual(2);

    for (const ballast of ["ballast", "more"]) rmSync(`${disk}/${ballast}`);
    await publisher.restart();
    await using after = start(["run", "-c", config]);
    await publisher.subscribed();
    await publish(publisher, 4);
    await eventually(() => [2, 3, 4].every((n) => count(n) > 0));
    expect(await after.stop("SIGTERM")).toBe(0);
    expect(after.stderr()).toMatch(/"owed":0,"msg":"Stopped/);
    expect([count(1), count(3), count(4)]).toEqual([1, 1, 1]);
    expect(count(2)).toBeLessThanOrEqual(repeats + 1);
  },
  60_000,
);

test.runIf(CAN_MOUNT || !IS_ROOT)("a state directory that cannot be written is an error with exit code 1", async () => {
  using folder = workspace();
  const directory = folder.path("state");
  using mounted = IS_ROOT ? mountSmall(directory, 64) : undefined;
  if (IS_ROOT) {
    expect(mounted).toBeDefined();
    expect(spawnSync("mount", ["-o", "remount,ro", directory]).status).toBe(0);
  } else {
    mkdirSync(directory);
    chmodSync(directory, 0o555);
  }
  const text = configOf("tcp://127.0.0.1:50000", "https://127.0.0.1:9/", `${directory}/state.db`);
  await using daemon = start(["run", "-c", folder.write("config.yaml", text)]);
  expect(await daemon.exited).toBe(1);
  expect(daemon.stderr()).toContain(`misp-herald: Cannot use state file "${directory}/state.db": `);
  expect(daemon.stderr()).toMatch(IS_ROOT ? /read-only; set state.path to a writable place/ : /permission denied/);
  expect(daemon.stderr()).not.toMatch(/^\s+at /m);
});
