import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { main } from "../../src/cli/program.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { sample } from "../topics/frames.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-tail-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function config(endpoint: string, feed = ""): string {
  const file = join(folder, "config.yaml");
  writeFileSync(
    file,
    `misp:
  cert: { feed: { type: zeromq, endpoints: ["${endpoint}"]${feed} } }
destinations:
  hook: { type: webhook, url: "https://hook.example.org/", secret: "\${HOOK_SECRET}", guard: { max_tlp: amber } }
routes:
  - { name: all, notify: hook }
`,
  );
  return file;
}

test.each([
  [["--kind", "event.publishd"], '--kind: "event.publishd" is no kind, did you mean "event.published"?'],
  [["--kind", "event.*", "events.*"], '--kind: "events.*" is no kind'],
  [
    ["--topic", "misp_json_atribute"],
    '--topic: "misp_json_atribute" is no MISP topic, did you mean "misp_json_attribute"?',
  ],
  [["--topic", "\u001b[2Jfoo"], "is no MISP topic; there are misp_json, misp_json_event"],
])("tail %j does not listen for what does not exist", async (options, message) => {
  const screen = openScreen();
  expect(await main(["tail", ...options, "--endpoint", "tcp://127.0.0.1:9"], screen.context)).toBe(2);
  expect(screen.errors()).toContain(message);
  expect(screen.errors()).not.toMatch(/Listening|\u001b/);
});

test("tail listens without the secrets of destinations, and says which it did without", async () => {
  await using publisher = await openPublisher();
  const screen = openScreen();
  const done = main(["tail", "-c", config(publisher.endpoint)], screen.context);
  await publisher.subscribed();
  screen.stop.abort();
  expect(await done).toBe(0);
  expect(screen.errors()).toContain("warning: environment variable HOOK_SECRET is not set");
});

test.each([[[]], [["--explain"]]])("tail %j does not listen without the password of the feed", async (options) => {
  const screen = openScreen();
  const file = config("tcp://127.0.0.1:9", `, username: herald, password: "\${FEED_PASSWORD}"`);
  expect(await main(["tail", ...options, "-c", file], screen.context)).toBe(1);
  expect(screen.errors()).toContain("error: environment variable FEED_PASSWORD is not set");
  expect(screen.errors()).not.toContain("Listening");
});

test("tail records what it hears to a new file, which only its owner may read and render takes", async () => {
  await using publisher = await openPublisher();
  const screen = openScreen();
  const file = join(folder, "recorded.jsonl");
  const done = main(["tail", "--endpoint", publisher.endpoint, "--record", file], screen.context);
  await publisher.subscribed();
  const { payload } = sample("misp_json--publish-first-time");
  await publisher.send("misp_json", payload);
  await vi.waitFor(() => expect(screen.out()).toContain("event.published"));
  screen.stop.abort();
  expect(await done).toBe(0);
  const [line = "", rest] = readFileSync(file, "utf8").split("\n");
  expect([JSON.parse(line).topic, JSON.parse(JSON.parse(line).payload), rest]).toEqual(["misp_json", payload, ""]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = openScreen();
  expect(await main(["tail", "--endpoint", publisher.endpoint, "--record", file], again.context)).toBe(1);
  expect(again.errors()).toContain("it exists already");
});
