import { mkdirSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { ask } from "../../src/doors/socket/client.ts";
import { SilenceDocument } from "../../src/operations/documents.ts";
import { configOf, type Daemon, openSink, start, workspace } from "../e2e/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { CHANNEL, openSlackServer, TOKEN } from "../support/slack-server.ts";
import { sample } from "../topics/frames.ts";

const PUBLICATION = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const TITLE = String(PUBLICATION.Event.info);

function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

function publish(publisher: TestPublisher, n: number): Promise<void> {
  return publisher.send("misp_json", { Event: { ...PUBLICATION.Event, id: String(n), uuid: uuidOf(n) } });
}

let folder: ReturnType<typeof workspace>;
let config: string;
let publisher: TestPublisher;
let sink: Awaited<ReturnType<typeof openSink>>;
/** What the webhook answers, from now on. */
let answer: { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

beforeEach(async () => {
  answer = { status: 200 };
  folder = workspace();
  publisher = await openPublisher();
  sink = await openSink((_, response) => response.writeHead(answer.status, { ...answer.headers }).end());
  config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
});
afterEach(async () => {
  await sink[Symbol.asyncDispose]();
  await publisher[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function startDaemon(): Promise<Daemon> {
  // One that was killed may still count as subscribed, and what is published then is heard by nobody.
  await publisher.unsubscribed();
  const daemon = start(["run", "-c", config]);
  await publisher.subscribed();
  return daemon;
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command on the daemon; `typed` is what a person at a terminal answers. */
async function run(args: readonly string[], typed?: string): Promise<Ran> {
  const screen = openScreen({ terminal: typed !== undefined });
  const stdin = Object.assign(Readable.from([Buffer.from(typed ?? "")]), { isTTY: true });
  const context = typed === undefined ? screen.context : { ...screen.context, stdin };
  const code = await main([...args, "-c", config], context);
  return { code, out: screen.out(), errors: screen.errors() };
}

async function runJson(args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { code, out, errors } = await run([...args, "--json"]);
  if (code !== 0) {
    throw new Error(`${args.join(" ")} exits with ${code}: ${errors}`);
  }
  return JSON.parse(out);
}

/** The lines of a list, as soon as they are as wanted. */
async function listOf(
  args: readonly string[],
  wanted: (lines: readonly Readonly<Record<string, unknown>>[]) => boolean,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const until = Date.now() + 60_000;
  for (;;) {
    const { out } = await run([...args, "--json"]);
    const lines = out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
    if (wanted(lines)) {
      return lines;
    }
    if (Date.now() > until) {
      throw new Error(`Not as wanted: ${out}`);
    }
  }
}

describe("status", () => {
  test("tells how feeds and destinations are, for people and for programs", async () => {
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await publisher.sendRaw("nonsense");
    await daemon.logged(/Delivered/);
    await daemon.logged(/Cannot read a frame/);
    const status = await runJson(["status"]);
    expect(status).toMatchObject({
      pid: daemon.pid,
      config: { file: config },
      state: { file: folder.path("state.db"), bytes: expect.any(Number) },
      sources: [{ name: "cert", endpoints: [{ endpoint: publisher.endpoint, connected: true }], silent: false }],
      destinations: [{ name: "hook", type: "webhook", owed: 0, last_told_at: expect.stringMatching(/Z$/) }],
      totals: { unreadable: 1, told: 1, refused: {}, dead: {} },
    });
    const { code, out } = await run(["status"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^misp-herald \S+ is running for \d+s, since .* UTC \(pid \d+\)\n/);
    expect(out).toMatch(/\ncert +tcp:\/\/127\.0\.0\.1:\d+ +connected +\d+s ago +\d+ +0\n/);
    expect(out).toMatch(/\nhook +webhook +0 +- +- +\d+s ago +ok\n/);
    expect(out).not.toContain(TITLE);
  });

  test("says which messages wait to be changed, since when and why, and explain says it of an event", async () => {
    await using slack = await openSlackServer();
    const soc = `soc: { type: slack, token: ${TOKEN}, channel: ${CHANNEL}, api_url: ${slack.apiUrl}, guard: { max_tlp: amber } }`;
    const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"));
    folder.write(
      "config.yaml",
      text.replace("destinations:\n", `destinations:\n  ${soc}\n`).replace("notify: hook", "notify: soc"),
    );
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await daemon.logged(/Delivered/);
    for (let times = 0; times < 99; times += 1) {
      slack.next({ status: 503, body: "" });
    }
    const [attribute] = PUBLICATION.Event.Attribute as readonly { readonly id: string }[];
    await publisher.send("misp_json_tag", {
      Tag: { id: "9", name: "tlp:red", exportable: true, attribute_id: attribute?.id, event_id: "1" },
      action: "attached to attribute",
    });
    const failed = (lines: readonly Readonly<Record<string, unknown>>[]) =>
      /"last_reason":"http-503"/.test(JSON.stringify(lines));
    const [{ destinations = [] } = {}] = await listOf(["status"], failed);
    const status = (destinations as readonly { readonly changes?: object }[]).find(({ changes }) => changes);
    expect(status).toMatchObject({
      ...{ name: "soc", owed: 0 },
      changes: { messages: 1, urgent: 1, oldest_at: expect.stringMatching(/Z$/), last_reason: "http-503" },
    });
    const waits =
      /\n {2}soc: 1 message waits to be changed \(to take back what it told\), the oldest for \d+s; last error: http-503\n/;
    expect((await run(["status"])).out).toMatch(waits);
    expect((await run(["explain", "1"])).out).toMatch(
      /The message of \S+ \S+ UTC to soc may show what is taken back, or hidden from its readers: it is to be changed since \d+s, due .*, tried \d+×: http-503\.\n/,
    );
  });

  test("is answered to two at once, and to a real process", async () => {
    await using _ = await startDaemon();
    const [one, two] = await Promise.all([run(["status", "--json"]), run(["status", "--json"])]);
    expect([one.code, two.code]).toEqual([0, 0]);
    await using child = start(["status", "--control", folder.path("state.db.sock")]);
    expect(await child.exited).toBe(0);
    expect(child.stdout()).toContain("is running for");
  });

  test("of a service that does not run exits with 1 and says so, whatever was left behind", async () => {
    const never = await run(["status"]);
    expect(never).toMatchObject({ code: 1, out: "" });
    expect(never.errors).toContain("misp-herald is not running: there is no socket at");
    {
      await using daemon = await startDaemon();
      await daemon.stop("SIGKILL");
    }
    const killed = await run(["status", "--json"]);
    expect(killed).toMatchObject({ code: 1, out: "" });
    expect(killed.errors).toContain("misp-herald is not running: nobody listens at");
    // What it left does not keep the next one from starting.
    await using again = await startDaemon();
    expect((await run(["status"])).code).toBe(0);
    expect(await again.stop("SIGTERM")).toBe(0);
    expect((await run(["status"])).errors).toContain("there is no socket at");
  });

  test("needs of the configuration the socket only, also where the rest is broken or secret", async () => {
    await using _ = await startDaemon();
    writeFileSync(config, `control: ${folder.path("state.db.sock")}\nmisp: []\nroutes: "\${UNSET}"\n`);
    expect((await run(["status"])).code).toBe(0);
    const missing = openScreen();
    expect(await main(["status", "-c", folder.path("none.yaml")], missing.context)).toBe(1);
    expect(missing.errors()).toContain("or name the socket itself with --control");
  });
});

describe("run", () => {
  test("refuses a control path that a live service or something else has", async () => {
    await using _ = await startDaemon();
    const text = configOf(publisher.endpoint, sink.url, folder.path("other.db"));
    const other = folder.write("other.yaml", text.replace(/^control:.*$/m, `control: ${folder.path("state.db.sock")}`));
    await using second = start(["run", "-c", other]);
    expect(await second.exited).toBe(1);
    expect(second.stderr()).toMatch(/^misp-herald: Another misp-herald is listening at/m);
    mkdirSync(folder.path("other.db.sock"));
    await using third = start(["run", "-c", folder.write("third.yaml", text)]);
    expect(await third.exited).toBe(1);
    expect(third.stderr()).toContain("is not a socket and was left alone");
  });
});

describe("ack", () => {
  test("ends reminders, by UUID or instance:id; status, outbox, explain and history say so", async () => {
    const remind = "remind: { after: 4h, times: 2, escalate: hook }";
    const text = configOf(publisher.endpoint, sink.url, folder.path("state.db")).replace(
      /^routes:$/m,
      `  people: { type: console, guard: { max_tlp: red } }\nroutes:\n  - { name: urgent, notify: people, priority: high, ${remind} }`,
    );
    writeFileSync(config, text);
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await publish(publisher, 2);
    const isReminder = (line: Readonly<Record<string, unknown>>) => line.collected === "reminder";
    const lines = await listOf(["outbox", "list"], (owed) => owed.filter(isReminder).length === 2);
    expect(lines.find(isReminder)).toMatchObject({
      destination: "people",
      state: "waiting",
      reminder: { n: 1, of: 2 },
    });
    expect((await run(["outbox", "list"])).out).toMatch(/3h 59m +0 +reminder 1 of 2/);
    const status = (await runJson(["status"])) as { readonly destinations: readonly { readonly name: string }[] };
    expect(status.destinations.find(({ name }) => name === "people")).toMatchObject({
      owed: 0,
      waiting: 0,
      next_due_at: expect.any(String),
      collected: [{ in: "reminder", n: 2 }],
    });
    expect((await run(["status"])).out).toMatch(/people +console +0 .*to be reminded of 2, due in 3h 59m/);
    expect((await run(["explain", uuidOf(1)])).out).toMatch(
      /people +event.published +waiting +due .* in 3h 59m +- +reminder 1 of 2/,
    );
    const done = await run(["ack", "cert:1"]);
    expect(done).toMatchObject({ code: 0, errors: "" });
    expect(done.out).toContain("Event 1 of cert is acknowledged. 1 reminder to people is not sent any more.");
    await daemon.logged(/An event was acknowledged/);
    expect((await run(["ack", uuidOf(1)])).out).toMatch(/had done so at .* No reminder of it was waiting/);
    expect(await runJson(["ack", uuidOf(2).toUpperCase()])).toMatchObject({
      events: [{ instance: "cert", uuid: uuidOf(2), id: "2", reminders: 1, destinations: ["people"] }],
    });
    expect((await run(["explain", uuidOf(1)])).out).toMatch(
      /muted .*reminder 1 acknowledged by .*\n.* acknowledged it on cert at/s,
    );
    expect(await listOf(["history", "--outcome", "muted"], (muted) => muted.length === 2)).toMatchObject([
      { reason: "acknowledged", reminder: { n: 1 }, by: expect.any(String) },
      { reason: "acknowledged" },
    ]);
    for (const [name, code, sentence] of [
      ["99", 1, "o event 99 is remembered; give its UUID, or instance:id"],
      ["other:1", 2, 'here is no instance "other"; there are cert'],
      ["#1", 2, "is no event: give its UUID, or its id as cert:4711"],
    ] as const) {
      const wrong = await run(["ack", name]);
      expect([wrong.code, wrong.out]).toEqual([code, ""]);
      expect(wrong.errors).toContain(sentence);
    }
  });
});

describe("silence", () => {
  test("add mutes at once and across a restart; list, history and explain say by which, why and whose; remove ends it", async () => {
    let id: string;
    {
      await using daemon = await startDaemon();
      const org = String((PUBLICATION.Event.Orgc as { readonly name: string }).name);
      const args = ["silence", "add", "--match", `org=${org}`, "--match", "tag!=none-of-these", "--for", "4h"];
      const added = await run([...args, "--reason", "exercise \u202e"]);
      expect(added).toMatchObject({ code: 2, out: "" });
      expect(added.errors).toContain("eason: must be 1 to 200 printable characters");
      const good = await run([...args, "--reason", "exercise"]);
      expect(good.errors).toBe("");
      id = /^Silence ([0-9a-f]{8}) is in force, until .* UTC \(3h 59m\)/.exec(good.out)?.[1] ?? good.out;
      await daemon.logged(/An operator added a silence/);
      expect(daemon.stderr()).not.toContain("exercise");
      await publish(publisher, 1);
      await listOf(["history", "--outcome", "muted"], (lines) => lines.length === 1);
    }
    await using _ = await startDaemon();
    await publish(publisher, 2);
    const muted = await listOf(["history", "--outcome", "muted"], (lines) => lines.length === 2);
    expect(muted[0]).toMatchObject({ reason: "silenced", silence: id, by: expect.any(String) });
    expect(sink.received).toEqual([]);
    const [listed] = await listOf(["silence", "list"], (lines) => lines.length === 1);
    expect(listed).toMatchObject({ id, muted: 2, held: [], reason: "exercise", ended: false });
    expect((await run(["silence", "list"])).out).toMatch(/in 3h 59m +2 +0 +org=\S+ .*exercise/);
    expect((await run(["explain", uuidOf(1)])).out).toMatch(
      new RegExp(`silenced ${id} by .*\\nSilence ${id} \\(until`, "s"),
    );
    expect(await runJson(["status"])).toMatchObject({ silences: [{ id, muted: 2 }], totals: { muted: 1 } });
    expect((await run(["silence", "extend", id.slice(0, 4), "--for", "1h"])).out).toContain("4h 59m");
    expect((await run(["silence", "remove", id])).out).toBe(`Silence ${id} has ended. It muted 2 alerts.\n`);
    expect((await run(["silence", "remove", id])).errors).toContain(`o silence "${id}" is in force`);
    const [ended] = await listOf(["silence", "list", "--ended"], (lines) => lines.length === 1);
    expect(ended).toMatchObject({ ended: true, changes: [{ what: "extended" }, { what: "removed" }] });
    await publish(publisher, 3);
    await eventually(() => sink.received.length === 1);
  });

  test("with --then digest holds, and tells together what it held", async () => {
    await using _ = await startDaemon();
    const args = ["silence", "add", "--destination", "hook", "--for", "1d", "--reason", "move", "--then", "digest"];
    const { id } = await runJson(args);
    await publish(publisher, 1);
    await publish(publisher, 2);
    const owed = await listOf(["outbox", "list"], (lines) => lines.length === 2);
    expect(owed).toMatchObject([{ silence: id, state: "waiting" }, { silence: id }]);
    expect((await run(["outbox", "list"])).out).toMatch(/in 23h 59m +0 +silenced/);
    expect((await run(["status"])).out).toContain("2 held by silences");
    expect((await run(["silence", "remove", String(id)])).out).toContain("2 alerts that it held follow now.");
    await eventually(() => sink.received.length === 1);
    const body = JSON.stringify(sink.received[0]?.body);
    expect([body.includes(uuidOf(1)), body.includes(uuidOf(2))]).toEqual([true, true]);
  });

  const REFUSED: readonly (readonly [what: readonly string[], message: string])[] = [
    [[], "say what to silence: --match, --event, --route or --destination"],
    [["--match", "{}"], "say what to silence"],
    [["--match", "orgg=CIRCL"], 'There is no fact "orgg"; did you mean org?'],
    [["--match", "CIRCL"], '"CIRCL" is no condition; give one such as'],
    [["--match", "{ org: [ }"], "is no map in YAML"],
    [["--match", "{ org: &a [x], tag: *a }"], "is no map in YAML"],
    [["--match", "tag=/(/"], "is not a regular expression that can be used"],
    [["--match", "threat_level=hihg"], '"threat_level" is never "hihg", did you mean "high"?'],
    [["--match", "{ any: [{ tlp: ambr }] }"], '"tlp" is never "ambr", did you mean "amber"?'],
    [["--match", "{ attribute: { value: 10.0.0.0/8 } }"], "looks like a network"],
    [["--match", "max_age=soon"], "must be a duration"],
    [["--match", `{ ${"not: { ".repeat(40)} org: x ${"}".repeat(40)} }`], "is nested too deep"],
    [["--match", `org=${"x".repeat(9000)}`], "is too long"],
    [["--event", "nobody"], "must be an event's id or UUID"],
    [["--route", "nosuch"], 'there is no route "nosuch"'],
    [["--destination", "nosuch"], 'there is no destination "nosuch"'],
  ];

  test("add is refused what it cannot do, and says why", async () => {
    await using _ = await startDaemon();
    for (const [what, message] of REFUSED) {
      const { code, out, errors } = await run(["silence", "add", ...what, "--for", "1h", "--reason", "x"]);
      expect([code, out], message).toEqual([2, ""]);
      expect(errors.toLowerCase()).toContain(message.toLowerCase());
    }
    // Whoever asks the socket without the command is refused what cannot work, too.
    const line = { path: folder.path("state.db.sock"), signal: AbortSignal.timeout(60_000) };
    const common = { command: "silence.add", for: 3_600_000, reason: "x", afterwards: "nothing" } as const;
    const query = { ...common, match: [{ tag: "/(/" }], events: [], routes: [], destinations: [] };
    await expect(ask(line, query, SilenceDocument)).rejects.toThrow("has a regular expression that cannot be used");
    expect(await listOf(["silence", "list"], () => true)).toEqual([]);
  });

  test("add says what looks misspelt, and takes it", async () => {
    await using _ = await startDaemon();
    const added = await run(["silence", "add", "--match", "tag=tlp:ambr", "--for", "1h", "--reason", "x"]);
    expect(added).toMatchObject({ code: 0, errors: expect.stringContaining('did you mean "tlp:amber"?') });
  });
});

describe("pause and resume", () => {
  test("hold a destination, also across a restart, and nothing is lost", async () => {
    {
      await using daemon = await startDaemon();
      const paused = await run(["pause", "hook"]);
      expect(paused.code).toBe(0);
      expect(paused.out).toContain("hook is paused, also across restarts");
      expect(await runJson(["pause", "hook"])).toMatchObject({ paused: true, changed: false });
      await daemon.logged(/"destination":"hook".*An operator paused a destination/);
      await publish(publisher, 1);
      await listOf(["outbox", "list"], (lines) => lines.length === 1);
      expect(await daemon.stop("SIGTERM")).toBe(0);
    }
    await using daemon = await startDaemon();
    expect((await run(["outbox", "list", "--state", "paused"])).out).toMatch(/hook +event\.published +\S+ +paused/);
    expect(await runJson(["status"])).toMatchObject({
      destinations: [{ owed: 1, paused: { by: expect.any(String) } }],
    });
    expect((await run(["status"])).out).toMatch(/hook +webhook +1 +\d+s +- +- +paused by \S+ \d+s ago/);
    expect((await run(["outbox", "retry", "--destination", "hook"])).out).toContain(
      "Paused, and sent once resumed: hook.",
    );
    expect(sink.received).toEqual([]);
    expect((await run(["resume", "hook"])).out).toBe("hook is resumed. 1 delivery owed.\n");
    await eventually(() => sink.received.length === 1);
    await daemon.logged(/Delivered/);
    expect((await run(["resume", "hook"])).out).toBe("hook was not paused.\n");
    expect((await run(["pause", "hook", "--for", "2h"])).out).toMatch(/hook is paused until \S+ \S+ UTC, also/);
    expect((await run(["status"])).out).toMatch(/paused by \S+ \d+s ago, ends in 1h 59m/);
    const short = await runJson(["pause", "hook", "--for", "1s"]);
    expect(short).toMatchObject({ changed: true, until: expect.any(String) });
    await publish(publisher, 9);
    await eventually(() => JSON.stringify(sink.received).includes(uuidOf(9)));
  });

  test("of a destination that there is not is wrong usage", async () => {
    await using _ = await startDaemon();
    for (const command of ["pause", "resume"]) {
      const { code, errors } = await run([command, "hoook"]);
      expect(code).toBe(2);
      expect(errors).toBe('misp-herald: There is no destination "hoook"; there are hook\n');
    }
  });
});

describe("outbox", () => {
  test("retry tries now, also what the other side asked to wait", async () => {
    answer = { status: 503, headers: { "retry-after": "3600" } };
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await daemon.logged(/Destination asks us to wait/);
    const [line] = await listOf(["outbox", "list"], ([first]) => first?.state === "retrying");
    expect(line).toMatchObject({ destination: "hook", event_uuid: uuidOf(1), last_reason: "http-503", attempts: 1 });
    expect((await run(["outbox", "list"])).out).toMatch(/retrying +\d+s +in \d+m( \d+s)? +1 +http-503\n$/);
    const { out: rests } = await run(["status"]);
    expect(rests).toMatch(
      /hook +webhook +1 +\d+s +in (59m( \d+s)?|1h) +- +rests, next attempt in (59m( \d+s)?|1h): http-503\n/,
    );
    const id = String(line?.id);
    expect((await run(["outbox", "show", id.slice(0, 8)])).out).toContain("last reason    http-503");
    answer = { status: 200 };
    const { code, out } = await run(["outbox", "retry", "--id", id.slice(0, 12)]);
    expect(out).toBe("1 delivery due now.\n");
    expect(code).toBe(0);
    await eventually(() => sink.received.length === 2);
    await listOf(["outbox", "list"], (lines) => lines.length === 0);
    expect((await run(["outbox", "list"])).out).toBe("Nothing is owed.\n");
    expect(await run(["outbox", "show", id])).toMatchObject({ code: 1, out: "" });
    expect(await run(["outbox", "retry"])).toMatchObject({ code: 1, out: "There is nothing such to change.\n" });
  });

  test("show tells content only when it is asked for, and writes down who looked", async () => {
    await using daemon = await startDaemon();
    await run(["pause", "hook"]);
    await publish(publisher, 1);
    const [line] = await listOf(["outbox", "list"], (lines) => lines.length === 1);
    const id = String(line?.id);
    const without = await run(["outbox", "show", id]);
    expect(without.out).toContain(`event        ${uuidOf(1)}`);
    expect(without.out).not.toContain(TITLE);
    expect(daemon.stderr()).not.toContain("looked at the content");
    const shown = await runJson(["outbox", "show", id, "--content"]);
    const { body } = Object(shown.content);
    expect(JSON.parse(body)).toMatchObject({
      destination: "hook",
      entries: [{ event: { uuid: uuidOf(1), info: TITLE } }],
    });
    await daemon.logged(/An operator looked at the content of a delivery/);
    expect((await run(["outbox", "show", id, "--content"])).out).toContain(TITLE);
  });

  test("drop settles as muted, with who wanted it, and history and explain know", async () => {
    answer = { status: 410 };
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await daemon.logged(/Destination suspended/);
    await publish(publisher, 2);
    const lines = await listOf(["outbox", "list", "--state", "suspended"], ({ length }) => length === 2);
    const { out: told } = await run(["status"]);
    expect(told).toMatch(/hook +webhook +2 +\d+s +- +- +SUSPENDED \d+s ago: http-410; next probe in 1[45]m/);
    expect(told).toMatch(/\n {2}hook: .*url/);
    expect(await runJson(["status"])).toMatchObject({
      destinations: [{ suspended: { reason: "http-410", hint: expect.any(String) }, rests: { reason: "http-410" } }],
    });
    expect((await run(["outbox", "list"])).out).toMatch(/suspended/);

    const asked = await run(["outbox", "drop", "--destination", "hook"]);
    expect(asked).toMatchObject({ code: 2, out: "" });
    expect(asked.errors).toContain(
      "Drop 2 deliveries to hook, and never send them? Nobody can be asked here: give --yes",
    );
    const everything = await run(["outbox", "drop", "--yes"]);
    expect(everything.code).toBe(2);
    const refused = await run(["outbox", "drop", "--destination", "hook"], "n\n");
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.errors).toContain("Drop 2 deliveries to hook, and never send them? [y/N]");
    expect(await runJson(["outbox", "drop", "--id", String(lines[0]?.id)])).toMatchObject({ dropped: 1 });
    expect((await run(["outbox", "drop", "--older-than", "1h", "--yes"])).out).toBe(
      "There is nothing such to change.\n",
    );
    expect((await run(["outbox", "drop", "--destination", "hook"], "yes\n")).out).toContain("1 delivery dropped");
    await daemon.logged(/An operator dropped deliveries/);

    const [second, first] = await listOf(["history"], ({ length }) => length === 2);
    expect(first).toMatchObject({ event_uuid: uuidOf(1), outcome: "muted", reason: "dropped-by-operator" });
    expect(first?.by).toBeTruthy();
    expect(second).toMatchObject({ event_uuid: uuidOf(2), destination: "hook" });
    const { out } = await run(["explain", "1"]);
    expect(out).toMatch(new RegExp(`^Event 1 · ${uuidOf(1)} of cert: published as of .* UTC, last changed .* ago\n`));
    expect(out).toMatch(/hook +event\.published +muted +\S+ \S+ +- +dropped-by-operator by \S+ +all\n$/);
    expect(await runJson(["status"])).toMatchObject({ destinations: [{ owed: 0 }], totals: { muted: 2, told: 0 } });
  });

  test("filters that are wrong are wrong usage", async () => {
    await using _ = await startDaemon();
    expect((await run(["outbox", "list", "--state", "asleep"])).code).toBe(2);
    expect((await run(["outbox", "list", "--older-than", "yesterday"])).code).toBe(2);
    expect((await run(["outbox", "list", "--limit", "0"])).code).toBe(2);
    expect((await run(["outbox", "list", "--destination", "hoook"])).code).toBe(2);
    expect((await run(["outbox", "drop", "--id", "ab"])).code).toBe(2);
    expect((await run(["outbox", "drop", "--id", "abcdef"])).code).toBe(1);
  });
});

describe("history and explain", () => {
  test("tell what was delivered, by destination, event, outcome and time", async () => {
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await publish(publisher, 2);
    await listOf(["history"], ({ length }) => length === 2);
    const of = async (...filters: readonly string[]) => listOf(["history", ...filters], () => true);
    expect(await of("--event", "2")).toMatchObject([
      { event_uuid: uuidOf(2), outcome: "sent", tlp: expect.any(String) },
    ]);
    expect(await of("--event", uuidOf(1).toUpperCase())).toMatchObject([{ event_uuid: uuidOf(1) }]);
    expect(await of("--destination", "hook", "--outcome", "sent", "--since", "1h")).toHaveLength(2);
    expect(await of("--outcome", "dead")).toEqual([]);
    expect(await of("--since", new Date(Date.now() + 60_000).toISOString())).toEqual([]);
    const limited = await run(["history", "--limit", "1"]);
    expect(limited.out.trim().split("\n")).toHaveLength(2);
    expect(limited.errors).toContain("There are more");
    expect((await run(["history", "--destination", "hoook"])).code).toBe(2);
    expect(daemon.stderr()).not.toMatch(/"level":"error"/);
  });

  test("tell who was not told, and why", async () => {
    writeFileSync(
      config,
      configOf(publisher.endpoint, sink.url, folder.path("state.db"))
        .replace("routes:", '  shy: { type: webhook, url: "https://127.0.0.1:9/", guard: { max_tlp: clear } }\nroutes:')
        .replace("notify: hook", "notify: [hook, shy]"),
    );
    await using daemon = await startDaemon();
    await publish(publisher, 1);
    await daemon.logged(/Delivered/);
    const explained = await runJson(["explain", uuidOf(1)]);
    expect(explained).toMatchObject({
      events: [{ instance: "cert", id: "1", uuid: uuidOf(1), told: [{ destination: "hook" }] }],
      owed: [],
      more: false,
    });
    const told = [explained.records].flat().map((line) => [Object(line).destination, Object(line).outcome]);
    expect(told.sort()).toEqual([
      ["hook", "sent"],
      ["shy", "refused"],
    ]);
    expect((await run(["explain", "1"])).out).toMatch(/shy +event\.published +refused +.* tlp-above-ceiling +all/);
    expect(await runJson(["status"])).toMatchObject({ totals: { told: 1, refused: { "tlp-above-ceiling": 1 } } });
  });

  test("of an event that nobody knows is the answer no, and of what is no event wrong usage", async () => {
    await using _ = await startDaemon();
    const unknown = await run(["explain", "77"]);
    expect(unknown).toMatchObject({ code: 1 });
    expect(unknown.out).toContain("Nothing is known of event 77");
    expect((await run(["history", "--event", "77"])).code).toBe(1);
    expect((await run(["explain", "seventy"])).code).toBe(2);
    expect((await run(["history", "--event", "seventy"])).code).toBe(2);
  });
});
