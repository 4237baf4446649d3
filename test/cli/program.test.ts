import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { openHttpServer } from "../support/http-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { sample } from "../topics/frames.ts";

const FIXTURES = resolve(import.meta.dirname, "../fixtures");
const SESSION = join(FIXTURES, "session.jsonl");
const PUBLICATION = join(FIXTURES, "frames/misp_json--publish-first-time.json");
const ATTRIBUTE = join(FIXTURES, "frames/misp_json_attribute--add.json");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function config(hook = "https://hook.example.org/", endpoint = "tcp://127.0.0.1:50000"): string {
  const file = join(folder, "config.yaml");
  writeFileSync(
    file,
    `misp:
  cert: { url: "https://misp.example.org", feed: { type: zeromq, endpoints: ["${endpoint}"] } }
destinations:
  hook: { type: webhook, url: "${hook}", guard: { max_tlp: amber } }
  public: { type: console, guard: { max_tlp: clear } }
routes:
  - { name: urgent, match: { threat_level: high }, notify: hook, priority: high }
  - { name: rest, otherwise: true, kinds: ["*"], notify: [hook, public] }
`,
  );
  return file;
}

test("check says in sentences what a configuration does", async () => {
  const screen = openScreen();
  expect(await main(["check", "-c", config()], screen.context)).toBe(0);
  expect(screen.out()).toContain("is valid");
  expect(screen.out()).toContain("event.published where threat_level is high → hook; high priority.");
  expect(screen.out()).toContain("sees everything up to TLP:CLEAR; nothing of TLP:GREEN and above; more than 20");
});

test("check --json tells programs the same, and an invalid configuration is the answer no", async () => {
  const good = openScreen();
  expect(await main(["check", "--json", "-c", config()], good.context)).toBe(0);
  expect(JSON.parse(good.out())).toMatchObject({
    ok: true,
    destinations: [{ name: "hook", type: "webhook" }, { name: "public" }],
  });
  const file = join(folder, "bad.yaml");
  writeFileSync(file, "misp: {}\n");
  const bad = openScreen();
  expect(await main(["check", "--json", "-c", file], bad.context)).toBe(1);
  expect(JSON.parse(bad.out())).toMatchObject({ ok: false, problems: [{ line: 1 }, {}, {}] });
});

test("replay shows what would happen with recorded frames, and sends nothing", async () => {
  const screen = openScreen();
  expect(await main(["replay", SESSION, "-c", config()], screen.context)).toBe(0);
  expect(screen.out()).toMatch(
    /event\.published {4}2 attributes · Phishing wave against ACME \(updated\) · ACME-CERT\n {10}→ hook by rest\n {10}✗ public by rest: tlp-above-ceiling/,
  );
  expect(screen.out()).toMatch(/✗ hook by rest: already-told/);
  expect(screen.errors()).toMatch(/^109 frames, 0 of them unreadable\nkinds: .*\nwould tell: hook 7\nnot told: /);
});

test("replay reads standard input and writes JSON lines", async () => {
  const screen = openScreen({ stdin: readFileSync(PUBLICATION, "utf8") });
  expect(await main(["replay", "-", "--json", "-c", config()], screen.context)).toBe(0);
  expect(JSON.parse(screen.out())).toMatchObject({
    kind: "event.published",
    destinations: [
      { name: "hook", verdict: "owed" },
      { name: "public", verdict: "tlp-above-ceiling" },
    ],
  });
});

test("replay --send sends to the chosen destination only", async () => {
  await using server = await openHttpServer();
  const screen = openScreen();
  expect(
    await main(["replay", SESSION, "--send", "--to", "hook", "-c", config(`${server.origin}/`)], screen.context),
  ).toBe(0);
  expect(server.requests.length).toBeGreaterThan(0);
  const ended = [...screen.errors().matchAll(/^hook: (?:sent|withdrawn \(.*\)) (\d+)$/gm)].map(([, n]) => Number(n));
  // What the recording takes back has left by then, or has not.
  expect(ended.reduce((sum, n) => sum + n, 0)).toBe(7);
  expect(screen.out()).toBe("");
});

test("replay --send without --to, or to an unknown destination, is wrong usage", async () => {
  const alone = openScreen();
  expect(await main(["replay", SESSION, "--send", "-c", config()], alone.context)).toBe(2);
  expect(alone.errors()).toContain("--send and --to go together");
  const unknown = openScreen();
  expect(await main(["replay", SESSION, "--send", "--to", "soc", "-c", config()], unknown.context)).toBe(2);
  expect(unknown.errors()).toContain('There is no destination "soc"; there are hook, public');
});

test("tail shows what the feed says until it is stopped; what MISP wrote commands no terminal", async () => {
  await using publisher = await openPublisher();
  const screen = openScreen({ terminal: true });
  const done = main(["tail", "--endpoint", publisher.endpoint], screen.context);
  await publisher.subscribed();
  const { payload } = sample("misp_json--publish-first-time");
  await publisher.send("misp_json", {
    Event: { ...Object(payload.Event), info: "red \u001b[31m\u009b31m\u202ealert" },
  });
  await publisher.sendRaw("nonsense");
  await publisher.send("misp_json_self", { status: "alive" });
  await eventually(() => screen.out().includes("misp_json_self"));
  screen.stop.abort();
  expect(await done).toBe(0);
  expect(screen.out()).toMatch(/event\.published/);
  expect(screen.out()).toContain("(no topic): frame has no topic");
  expect(screen.out().replace(/\u001b\[\d+m/g, "")).not.toMatch(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/,
  );
});

test("tail filters by kind, and --explain tells what the routes would do", async () => {
  await using publisher = await openPublisher();
  const screen = openScreen();
  const done = main(
    ["tail", "--explain", "--kind", "event.*", "-c", config(undefined, publisher.endpoint)],
    screen.context,
  );
  await publisher.subscribed();
  for (const name of ["misp_json_attribute--add", "misp_json--publish-first-time"]) {
    const { topic, payload } = sample(name);
    await publisher.send(topic, payload);
  }
  await eventually(() => screen.out().includes("→ hook by rest"));
  screen.stop.abort();
  expect(await done).toBe(0);
  expect(screen.out()).not.toContain("attribute.added");
});

test("render prints the payload with its sizes, and draws it", async () => {
  const screen = openScreen();
  const page = join(folder, "page.html");
  expect(await main(["render", PUBLICATION, "--to", "hook", "--html", page, "-c", config()], screen.context)).toBe(0);
  expect(JSON.parse(screen.out())).toMatchObject({ type: "misp-herald.alerts", destination: "hook" });
  expect(screen.errors()).toMatch(/ of 262,144 bytes/);
  expect(screen.errors()).toContain("nothing is left out");
  expect(readFileSync(page, "utf8")).toMatch(/^<!doctype html>/i);
});

test("render to a terminal leaves nothing that a terminal obeys, and to a pipe every byte", async () => {
  const { topic, payload } = sample("misp_json--publish-first-time");
  const file = join(folder, "hostile.json");
  const event = { ...(payload as { Event: object }).Event, info: "a\u001b[2J\u009b31m\u202eb" };
  writeFileSync(file, JSON.stringify({ topic, payload: { Event: event } }));
  const args = ["render", file, "--to", "hook", "-c", config()];
  const [terminal, pipe] = [openScreen({ terminal: true }), openScreen()];
  expect(await main(args, terminal.context)).toBe(0);
  expect(await main(args, pipe.context)).toBe(0);
  expect(terminal.out()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(JSON.parse(terminal.out()).alerts).toEqual(JSON.parse(pipe.out()).alerts);
});

test("render of what the guard refuses says why, and exits with 1", async () => {
  const screen = openScreen();
  expect(await main(["render", PUBLICATION, "--to", "public", "-c", config()], screen.context)).toBe(1);
  expect(screen.errors()).toBe("event.published: public is not told, tlp-above-ceiling (rest).\n");
  const draft = openScreen();
  expect(await main(["render", ATTRIBUTE, "--to", "hook", "-c", config()], draft.context)).toBe(1);
  expect(draft.errors()).toBe("attribute.added: hook is not told, event-unknown (rest).\n");
});

test("send-test sends one alert marked TEST and says what the other side answered", async () => {
  await using server = await openHttpServer();
  const file = config(`${server.origin}/`);
  const good = openScreen();
  expect(await main(["send-test", "hook", "-c", file], good.context)).toBe(0);
  expect(good.out()).toMatch(/^hook: sent, and confirmed by the other side after \d+ ms\.\n$/);
  expect(server.requests.at(-1)?.body.toString()).toContain("TEST of misp-herald");
  server.answer({ status: 410 });
  const bad = openScreen();
  expect(await main(["send-test", "hook", "--json", "-c", file], bad.context)).toBe(1);
  expect(JSON.parse(bad.out())).toMatchObject({
    destination: "hook",
    outcome: "destination_rejected",
    reason: "http-410",
  });
});

test("a missing configuration is told with what to do", async () => {
  const screen = openScreen();
  expect(await main(["run", "-c", join(folder, "none.yaml")], screen.context)).toBe(1);
  expect(screen.errors()).toMatch(/misp-herald init -c .*none\.yaml/);
});
