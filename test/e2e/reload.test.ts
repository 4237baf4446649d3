import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { sample } from "../topics/frames.ts";
import { openSink, start, workspace } from "./daemon.ts";

const PUBLICATION = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
type Sink = Awaited<ReturnType<typeof openSink>>;

let folder: ReturnType<typeof workspace>;
let publisher: TestPublisher;
let first: Sink;
let second: Sink;
/** What the first webhook does with a request; by default it takes it. */
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  answer = (response) => response.writeHead(200).end();
  folder = workspace();
  publisher = await openPublisher();
  first = await openSink((_, response) => answer(response));
  second = await openSink();
});
afterEach(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await publisher[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Publications for these destinations at once, our own kinds for the second. */
function configure(destinations: readonly ("first" | "second")[], more = ""): string {
  const entries = destinations.map((name) => {
    const { url } = name === "first" ? first : second;
    return `  ${name}: { type: webhook, url: "${url}", guard: { max_tlp: red } }`;
  });
  return folder.write(
    "config.yaml",
    `misp:
  cert:
    url: https://misp.example.org
    feed: { type: zeromq, endpoints: ["${publisher.endpoint}"] }
state: { path: ${folder.path("state.db")} }
control: ${folder.path("control.sock")}
destinations:
${entries.join("\n")}
routes:
  - { name: all, notify: [${destinations.join(", ")}], group: { interval: 0s } }
  - { name: ours, kinds: [herald.config_rejected], notify: [${destinations.join(", ")}] }
${more}`,
  );
}

async function startDaemon(config: string) {
  const daemon = start(["run", "-c", config]);
  await publisher.subscribed();
  return daemon;
}

function publish(n: number): Promise<void> {
  return publisher.send("misp_json", { Event: { ...PUBLICATION.Event, id: String(n), uuid: uuidOf(n) } });
}

async function command(...args: readonly string[]) {
  const screen = openScreen();
  const code = await main([...args, "-c", folder.path("config.yaml")], screen.context);
  return { code, out: screen.out(), errors: screen.errors() };
}

const eventsAt = (sink: Sink) => sink.received.map(({ body }) => body.entries[0]?.event?.uuid).filter(Boolean);

test("SIGHUP brings a new destination into force; the feed stays connected, and what is in flight ends as it began", async () => {
  const held: ServerResponse[] = [];
  answer = (response) => void held.push(response);
  await using daemon = await startDaemon(configure(["first"]));
  await publish(1);
  await eventually(() => first.received.length === 1);

  configure(["first", "second"]);
  daemon.kill("SIGHUP");
  await daemon.logged(/Configuration reloaded/);
  await publish(2);
  await eventually(() => eventsAt(second).includes(uuidOf(2)));
  // The loop that takes the place of the first one's waits for the attempt that is in flight.
  expect(eventsAt(first)).toEqual([uuidOf(1)]);
  answer = (response) => response.writeHead(200).end();
  for (const response of held) {
    response.writeHead(200).end();
  }
  await eventually(() => first.received.length === 2);
  expect(eventsAt(first)).toEqual([uuidOf(1), uuidOf(2)]);
  expect(eventsAt(second)).toEqual([uuidOf(2)]);
  expect(daemon.stderr().match(/Connected to MISP's ZeroMQ feed/g)).toHaveLength(1);
  expect(await daemon.stop("SIGTERM")).toBe(0);
});

test("a configuration that is wrong is refused with its line, told, and shown until one is accepted; the one before goes on", async () => {
  await using daemon = await startDaemon(configure(["first", "second"]));
  configure(["first", "second"], "  - { name: wrong, notify: nobody }\n");
  const refused = await command("reload");
  expect(refused.code).toBe(1);
  expect(refused.errors).toMatch(/config\.yaml:13:\d+/);
  expect(refused.errors).toContain("stays in force");
  await daemon.logged(/The new configuration is rejected; the one before stays in force/);
  await eventually(() => second.received.some(({ body }) => JSON.stringify(body).includes("herald.config_rejected")));
  expect((await command("status")).out).toMatch(/REJECTED .*: 1 problem, the first at .*config\.yaml:13:/);
  await publish(1);
  await eventually(() => eventsAt(first).includes(uuidOf(1)));

  configure(["first"]);
  const accepted = await command("reload", "--json");
  expect(JSON.parse(accepted.out)).toMatchObject({ warnings: [], restart: [] });
  expect((await command("status")).out).not.toMatch(/REJECTED/);
  await publish(2);
  await eventually(() => eventsAt(first).includes(uuidOf(2)));
  expect(eventsAt(second)).toEqual([uuidOf(1)]);
});

test("what a destination asked us to wait for holds after a reload, and what a removed one is owed waits for its return", async () => {
  answer = (response) => response.writeHead(429, { "retry-after": "600" }).end();
  await using daemon = await startDaemon(configure(["first", "second"]));
  await publish(1);
  await daemon.logged(/asks us to wait/);

  expect((await command("reload")).code).toBe(0);
  await publish(2);
  await eventually(() => eventsAt(second).includes(uuidOf(2)));
  expect(eventsAt(first)).toEqual([uuidOf(1)]);

  configure(["second"]);
  expect((await command("reload")).code).toBe(0);
  await daemon.logged(/does not name destinations that are owed something.*|"owed":\{"first":2\}/);
  expect(daemon.stderr()).toMatch(/"owed":\{"first":2\}/);
  expect((await command("status")).out).toMatch(/first .*not in the configuration since .*kept for 24 h/);
  expect((await command("outbox", "list", "--state", "unnamed")).out.match(/first/g)).toHaveLength(2);

  answer = (response) => response.writeHead(200).end();
  configure(["first", "second"]);
  expect((await command("reload")).code).toBe(0);
  expect((await command("outbox", "retry", "--destination", "first", "--yes")).code).toBe(0);
  await eventually(() => first.received.length === 3);
  expect(eventsAt(first).sort()).toEqual([uuidOf(1), uuidOf(1), uuidOf(2)]);
  expect((await command("status")).out).not.toMatch(/not in the configuration/);
});

test("a file that is no YAML any more is refused by the service, which is asked all the same", async () => {
  await using daemon = await startDaemon(configure(["first", "second"]));
  configure(["first", "second"], "broken: [\n");
  const refused = await command("reload");
  expect(refused.code).toBe(1);
  expect(refused.errors).toMatch(/stays in force[\s\S]*config\.yaml:\d+:\d+/);
  await daemon.logged(/The new configuration is rejected/);
  await eventually(() => second.received.some(({ body }) => JSON.stringify(body).includes("herald.config_rejected")));
  expect((await command("status")).out).toMatch(/REJECTED/);
});

test("SIGHUP at any moment of the start ends nothing, and is obeyed", async () => {
  const config = configure(["first"]);
  await using daemon = start(["run", "-c", config]);
  // Node has its handlers once anything is said.
  await daemon.logged(/Listening for commands|Started/);
  daemon.kill("SIGHUP");
  await daemon.logged(/Configuration reloaded/);
  await publisher.subscribed();
  await publish(1);
  await eventually(() => eventsAt(first).includes(uuidOf(1)));
  expect(await daemon.stop("SIGTERM")).toBe(0);
});

test("a key that counts only at the start is named, and the rest is in force", async () => {
  await using daemon = await startDaemon(configure(["first"]));
  const config = configure(["second"]);
  folder.write("config.yaml", readFileSync(config, "utf8").replace("state.db", "other.db"));
  const { out, errors, code } = await command("reload");
  expect(code).toBe(0);
  expect(errors).toMatch(/state\.path counts only after a restart/);
  expect(out).toMatch(/in force/);
  await daemon.logged(/need a restart/);
  await publish(1);
  await eventually(() => eventsAt(second).includes(uuidOf(1)));
});

test("a large configuration is read in a thread: what is wrong with it is told, and what is good comes into force", async () => {
  const many = (match: string) =>
    Array.from(
      { length: 1_500 },
      (_, n) => `  - { name: r${n}, notify: [first], match: { ${match}: Customer ${n} }, stop: true }\n`,
    ).join("");
  await using daemon = await startDaemon(configure(["first"]));

  configure(["first", "second"], many("org").replace("r7,", "r7, mach: {},"));
  const refused = await command("reload");
  expect(refused.code).toBe(1);
  expect(refused.errors).toContain('unknown key "mach", did you mean "match"?');

  configure(["first", "second"], many("org"));
  daemon.kill("SIGHUP");
  await daemon.logged(/"routes":1502,.*Configuration reloaded/);
  await publish(1);
  await eventually(() => eventsAt(second).includes(uuidOf(1)));
});
