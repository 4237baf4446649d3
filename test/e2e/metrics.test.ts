import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Exposition, parseExposition } from "../support/exposition.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { configOf, type Daemon, openSink, start, workspace } from "./daemon.ts";

const PUBLICATION = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const TITLE = String(PUBLICATION.Event.info);
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

let folder: ReturnType<typeof workspace>;
let publisher: TestPublisher;
let sink: Awaited<ReturnType<typeof openSink>>;
/** What the webhook answers, one after the other, and then 200. */
let answers: number[];

beforeEach(async () => {
  answers = [];
  folder = workspace();
  publisher = await openPublisher();
  sink = await openSink((_, response) => response.writeHead(answers.shift() ?? 200).end());
});
afterEach(async () => {
  await sink[Symbol.asyncDispose]();
  await publisher[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function configure(rest = 'http: { listen: "127.0.0.1:0" }', feed = ""): string {
  return folder.write(
    "config.yaml",
    `${configOf(publisher.endpoint, sink.url, folder.path("state.db"), feed)}${rest}\n`,
  );
}

async function startDaemon(config: string): Promise<{ readonly daemon: Daemon; readonly origin: string }> {
  const daemon = start(["run", "-c", config]);
  await daemon.logged(/Listening for HTTP/);
  const [, address] = /"address":"([^"]+)","msg":"Listening for HTTP/.exec(daemon.stderr()) ?? [];
  await publisher.subscribed();
  return { daemon, origin: `http://${address}` };
}

function publish(n: number): Promise<void> {
  return publisher.send("misp_json", { Event: { ...PUBLICATION.Event, id: String(n), uuid: uuidOf(n) } });
}

/** The first scrape that is as wanted. */
async function scraped(origin: string, wanted: (exposition: Exposition) => boolean): Promise<Exposition> {
  const until = Date.now() + 20_000;
  for (;;) {
    const text = await (await fetch(`${origin}/metrics`)).text();
    const exposition = parseExposition(text);
    if (wanted(exposition)) {
      return exposition;
    }
    if (Date.now() > until) {
      throw new Error(`Not as wanted:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("metrics tell what was received, tried, delivered and owed, before and after a reload", async () => {
  answers = [503, 400, 400];
  const { daemon, origin } = await startDaemon(configure());
  await using _daemon = daemon;
  const before = await scraped(origin, ({ value }) => value("misp_herald_feed_connected") === 1);
  expect(before.value("misp_herald_deliveries_delivered_total", { destination: "hook", outcome: "sent" })).toBe(0);
  expect(before.value("misp_herald_build_info")).toBe(1);

  await publisher.sendRaw("nonsense");
  await publisher.send("misp_json_self", { uptime: 1 });
  await publisher.send("made_up_topic", {});
  await publish(1);
  const failed = await scraped(
    origin,
    ({ value }) => value("misp_herald_attempts_failed_total", { destination: "hook", class: "retry" }) === 1,
  );
  expect(failed.value("misp_herald_deliveries_owed", { destination: "hook" })).toBe(1);
  await publish(2); // refused, and its title and link too
  const { value } = await scraped(
    origin,
    (it) =>
      it.value("misp_herald_deliveries_delivered_total", { destination: "hook", outcome: "sent" }) === 1 &&
      it.value("misp_herald_deliveries_dead_total", { destination: "hook" }) === 1,
  );
  const values = {
    "misp_herald_feed_frames_total misp_json": value("misp_herald_feed_frames_total", { topic: "misp_json" }),
    "misp_herald_feed_frames_total misp_json_self": value("misp_herald_feed_frames_total", { topic: "misp_json_self" }),
    "misp_herald_feed_frames_total other": value("misp_herald_feed_frames_total", { misp: "cert", topic: "other" }),
    misp_herald_frames_unreadable_total: value("misp_herald_frames_unreadable_total"),
    "misp_herald_messages_total event.published": value("misp_herald_messages_total", { kind: "event.published" }),
    misp_herald_route_matches_total: value("misp_herald_route_matches_total", { route: "all", truth: "true" }),
    misp_herald_deliveries_owed: value("misp_herald_deliveries_owed", { destination: "hook" }),
    misp_herald_oldest_owed_seconds: value("misp_herald_oldest_owed_seconds", { destination: "hook" }),
    "misp_herald_attempts_failed_total message_rejected": value("misp_herald_attempts_failed_total", {
      class: "message_rejected",
    }),
    misp_herald_attempt_duration_seconds_count: value("misp_herald_attempt_duration_seconds_count"),
    misp_herald_destination_suspended: value("misp_herald_destination_suspended", { destination: "hook" }),
    misp_herald_stuck_loops: value("misp_herald_stuck_loops"),
    misp_herald_config_last_reload_successful: value("misp_herald_config_last_reload_successful"),
  };
  expect(values).toEqual({
    "misp_herald_feed_frames_total misp_json": 2,
    "misp_herald_feed_frames_total misp_json_self": 1,
    "misp_herald_feed_frames_total other": 2,
    misp_herald_frames_unreadable_total: 1,
    "misp_herald_messages_total event.published": 2,
    misp_herald_route_matches_total: 2,
    misp_herald_deliveries_owed: 0,
    misp_herald_oldest_owed_seconds: 0,
    "misp_herald_attempts_failed_total message_rejected": 1,
    misp_herald_attempt_duration_seconds_count: 3,
    misp_herald_destination_suspended: 0,
    misp_herald_stuck_loops: 0,
    misp_herald_config_last_reload_successful: 1,
  });
  const now = Date.now() / 1000;
  for (const name of ["misp_herald_feed_last_frame_timestamp_seconds", "misp_herald_last_delivery_timestamp_seconds"]) {
    expect(Math.abs((value(name) ?? 0) - now)).toBeLessThan(60);
  }

  // Another feed takes the place of the one before; what was counted stays.
  const config = configure(undefined, ", silent_after: 59s");
  daemon.kill("SIGHUP");
  await daemon.logged(/Configuration reloaded/);
  const after = await scraped(origin, (it) => it.value("misp_herald_feed_connected") === 1);
  expect(after.value("misp_herald_feed_frames_total", { topic: "misp_json" })).toBe(2);
  expect(after.value("misp_herald_deliveries_dead_total", { destination: "hook" })).toBe(1);
  expect(after.value("misp_herald_attempt_duration_seconds_count")).toBe(3);
  folder.write("config.yaml", `${readFileSync(config, "utf8")}nonsense: 1\n`);
  daemon.kill("SIGHUP");
  await scraped(origin, (it) => it.value("misp_herald_config_last_reload_successful") === 0);

  const text = await (await fetch(`${origin}/metrics`)).text();
  for (const secret of [TITLE, uuidOf(1), sink.url, "made_up_topic"]) {
    expect(text).not.toContain(secret);
  }
  const ready = await fetch(`${origin}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: "ready", reasons: [], information: [{ configuration: "rejected", at: expect.any(String) }] },
  ]);
  expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  expect(await daemon.stop("SIGTERM")).toBe(0);
});

test("promtool finds nothing wrong with a scrape", async (context) => {
  if (spawnSync("promtool", ["--version"]).status !== 0) {
    process.stdout.write("Skipped: promtool is not installed (Debian: prometheus)\n");
    context.skip();
  }
  const { daemon, origin } = await startDaemon(configure());
  await using _daemon = daemon;
  await publish(1);
  await scraped(origin, ({ value }) => value("misp_herald_attempt_duration_seconds_count") === 1);
  const input = await (await fetch(`${origin}/metrics`)).text();
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([0, "", ""]);
});

test("an address that is taken ends the start with exit code 1 and what to do", async () => {
  const { port } = new URL(sink.url);
  const daemon = start(["run", "-c", configure(`http: { listen: "127.0.0.1:${port}" }`)]);
  expect(await daemon.exited).toBe(1);
  expect(daemon.stderr()).toContain(
    `misp-herald: Cannot listen for HTTP at 127.0.0.1:${port}: another program listens there; end it, or set http.listen`,
  );
});
