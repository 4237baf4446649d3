import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";
import { sendAtFullSpeed } from "./full-speed.ts";

const PUBLICATION = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const UUID = String(PUBLICATION.Event.uuid);

/** The recorded publication as that of another event. */
function publish(publisher: TestPublisher, n: number): Promise<void> {
  return publisher.send("misp_json", { Event: { ...PUBLICATION.Event, id: String(n), uuid: uuidOf(n) } });
}

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

test("run tells a webhook of a published event", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  await using daemon = start([
    "run",
    "-c",
    folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state/state.db"))),
  ]);
  await publisher.subscribed();
  await publisher.send("misp_json", PUBLICATION);
  const first = await eventually(() => sink.received[0]);
  expect(first.body.entries[0]?.event?.uuid).toBe(UUID);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  expect(daemon.stderr()).toMatch(/Stopped; what is owed is kept/);
});

test("run says in its log that MISP refuses the ZeroMQ password, and never says the password", async () => {
  await using publisher = await openPublisher({ username: "misp", password: "right" });
  using folder = workspace();
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the config's own placeholder
  const feed = ', username: misp, password: "${ZMQ_PASSWORD}"';
  const config = folder.write(
    "config.yaml",
    configOf(publisher.endpoint, "https://127.0.0.1:9/", folder.path("state.db"), feed),
  );
  await using daemon = start(["run", "-c", config], { ZMQ_PASSWORD: "wrong-marker" });
  await daemon.logged(/MISP refused the ZeroMQ user name or password/);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  expect(daemon.stderr()).not.toContain("wrong-marker");
});

test("run loses nothing that the publisher sends after it came back", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  await using daemon = start([
    "run",
    "-c",
    folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db"))),
  ]);
  await publisher.subscribed();
  await publish(publisher, 1);
  await eventually(() => sink.received.length === 1);
  await publisher.restart();
  await publisher.subscribed();
  for (let n = 2; n <= 20; n += 1) {
    await publish(publisher, n);
  }
  const uuids = await eventually(() => {
    const all = sink.received.flatMap(({ body }) => body.entries.map(({ event }) => event?.uuid));
    return all.length >= 20 ? all : undefined;
  });
  expect(uuids.sort()).toEqual(Array.from({ length: 20 }, (_, index) => uuidOf(index + 1)));
  expect(await daemon.stop("SIGTERM")).toBe(0);
});

test("what was committed but not settled when the process was killed is delivered after a restart, under the same id", async () => {
  await using publisher = await openPublisher();
  let hang = true;
  await using sink = await openSink((_, response) => {
    if (!hang) {
      response.writeHead(200).end();
    }
  });
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
  await using first = start(["run", "-c", config]);
  await publisher.subscribed();
  await publisher.send("misp_json", PUBLICATION);
  await eventually(() => sink.received.length === 1);
  expect(await first.stop("SIGKILL")).toBe("SIGKILL");
  hang = false;
  await using second = start(["run", "-c", config]);
  await eventually(() => sink.received.length === 2);
  expect(sink.received[1]).toEqual(sink.received[0]);
  await second.logged(/Delivered/);
  expect(await second.stop("SIGTERM")).toBe(0);
  // Settled: a third start owes nothing.
  await using third = start(["run", "-c", config]);
  await third.logged(/"owed":0.*Started/);
  expect(await third.stop("SIGTERM")).toBe(0);
  expect(sink.received).toHaveLength(2);
});

test("SIGTERM exits with 0 and keeps what is owed; a second one ends at once", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink(() => {}); // never answers
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
  await using daemon = start(["run", "-c", config]);
  await publisher.subscribed();
  await publisher.send("misp_json", PUBLICATION);
  await eventually(() => sink.received.length === 1);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  await using again = start(["run", "-c", config]);
  await again.logged(/"owed":1.*Started/);
  await eventually(() => sink.received.length === 2);
  again.kill("SIGTERM");
  await again.logged(/Stopping/);
  expect(await again.stop("SIGTERM")).toBe(1);
});

test("a flood neither delays the first alert until it ends, nor a stop", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
  await using daemon = start(["run", "-c", config]);
  await publisher.subscribed();
  const flood = 20_000;
  for (let n = 1; n <= flood; n += 1) {
    await publish(publisher, n);
  }
  await eventually(() => sink.received.length > 0);
  daemon.kill("SIGTERM");
  expect(await daemon.exited).toBe(0);
  // It stopped in the middle of the flood, so that the first alert did not wait for its end.
  expect(sink.received.length).toBeLessThan(flood);
  await using again = start(["run", "-c", config]);
  await again.logged(/"owed":[1-9]\d*.*Started/);
});

test("a broken config exits with 1 and names file, line and column", async () => {
  using folder = workspace();
  const text = configOf("tcp://127.0.0.1:50000", "https://127.0.0.1:9/", "/nonexistent/state.db").replace(
    "notify:",
    "notifi:",
  );
  const file = folder.write("config.yaml", text);
  for (const command of ["run", "check"]) {
    await using daemon = start([command, "-c", file]);
    expect(await daemon.exited).toBe(1);
    expect(daemon.stderr()).toContain(`${file}:9:18: error: unknown key "notifi"`);
    expect(daemon.stderr()).toContain('did you mean "notify"?');
  }
});

test("a state file that another process uses is an error with exit code 1", async () => {
  await using publisher = await openPublisher();
  using folder = workspace();
  const config = folder.write(
    "config.yaml",
    configOf(publisher.endpoint, "https://127.0.0.1:9/", folder.path("state.db")),
  );
  await using daemon = start(["run", "-c", config]);
  await daemon.logged(/Started/);
  await using second = start(["run", "-c", config]);
  expect(await second.exited).toBe(1);
  expect(second.stderr()).toMatch(/another/i);
});

test("wrong usage exits with 2, help with 0", async () => {
  await using wrong = start(["rnu"]);
  expect(await wrong.exited).toBe(2);
  expect(wrong.stderr()).toMatch(/Did you mean run/);
  await using help = start(["--help"]);
  expect(await help.exited).toBe(0);
  expect(help.stdout()).toMatch(/demo/);
});

test("2,000 frames at full speed: every publication is delivered once, and nothing else", () => sendAtFullSpeed(100));
