import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, CERTIFICATE_FILE, type HttpServer, openHttpServer } from "../support/http-server.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import {
  HAS_MANAGER,
  openServiceManager,
  type ServiceManager,
  WITH_SYSTEMD_NOTIFY,
} from "../support/service-manager.ts";
import { openSmtpServer } from "../support/smtp-server.ts";
import { SAMPLE_NAMES, sample } from "../topics/frames.ts";
import { start, workspace } from "./daemon.ts";

/** With the command that stands in for systemd's. */
const PATH = WITH_SYSTEMD_NOTIFY.at(-1)?.[1] ?? "";

type Output = () => string | Promise<string>;

/** What a command says, on both streams. */
function said(args: readonly string[], env: Readonly<Record<string, string>> = {}): Output {
  return async () => {
    const screen = openScreen({ env });
    await main(args, screen.context);
    return screen.out() + screen.errors();
  };
}

/** What `tail` says while something is published, until it is stopped. */
function tailed(publisher: TestPublisher, args: readonly string[], env: Readonly<Record<string, string>>): Output {
  return async () => {
    const screen = openScreen({ env });
    const running = main(["tail", ...args], screen.context);
    await publisher.subscribed(2); // the service is one of them
    const { topic, payload } = sample("misp_json--publish-full-event");
    await publisher.send(topic, payload);
    await eventually(() => screen.out().includes("event.published"));
    screen.stop.abort();
    await running;
    return screen.out() + screen.errors();
  };
}

/** All that the service says of itself; what it says elsewhere, too, is one more line. */
function outputsOf(service: {
  readonly log: Output;
  readonly manager: ServiceManager;
  readonly config: string;
  readonly events: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}): Readonly<Record<string, Output>> {
  const { log, manager, config, events, env } = service;
  const ask = (...args: string[]) => said([...args, "-c", config], env);
  const get = (path: string) => async () => {
    const [, port] = /"address":"127\.0\.0\.1:(\d+)"/.exec(await log()) ?? [];
    return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  };
  return {
    log,
    "what systemd is told": () => JSON.stringify(manager.told),
    "/metrics": get("/metrics"),
    "/readyz": get("/readyz"),
    "/healthz": get("/healthz"),
    status: ask("status"),
    "status --json": ask("status", "--json"),
    history: ask("history", "--limit", "10000"),
    "history --json": ask("history", "--limit", "10000", "--json"),
    "outbox list": ask("outbox", "list", "--json", "--limit", "10000"),
    ...Object.fromEntries(events.map((event) => [`explain ${event}`, ask("explain", event)])),
    "outbox show": async () => {
      const list = await ask("outbox", "list", "--json", "--limit", "1")();
      return said(["outbox", "show", /"id":"(\w+)"/.exec(list)?.[1] ?? "", "-c", config], env)();
    },
  };
}

/** Collects all outputs at once; each must have said something. */
async function collect(outputs: Readonly<Record<string, Output>>): Promise<ReadonlyMap<string, string>> {
  const texts = await Promise.all(
    Object.entries(outputs).map(async ([name, output]) => [name, await output()] as const),
  );
  for (const [name, text] of texts) {
    expect(text.length, name).toBeGreaterThan(10);
  }
  return new Map(texts);
}

/** Repeats what it was asked, headers and all, wherever an answer can have text. */
async function openEcho(status: number): Promise<HttpServer> {
  const server = await openHttpServer();
  const echo: Answer = (response) => {
    const { path = "", headers = {}, body } = server.requests.at(-1) ?? {};
    const text = `${path} ${JSON.stringify(headers)} ${body}`;
    const words = { error: text, message: text, response_metadata: { messages: [`[ERROR] ${text}`] } };
    const head = encodeURIComponent(text).slice(0, 2000);
    response
      .writeHead(status, head, { "content-type": "application/json", "x-echo": head, "retry-after": head })
      .end(JSON.stringify({ ok: false, ...words, name: text, errors: [text], code: text }));
  };
  server.answer(echo);
  return server;
}

const MARKER = "Zq7Marker";
const KEPT =
  /^(uuid|event_uuid|id|.*_id|timestamp|.*timestamp|date.*|action|type|category|distribution|published|to_ids)$/;

/** The recorded payload with a marker in every text, or, `thoroughly`, in everything that is written as one. */
function marked(value: unknown, thoroughly: boolean, key = ""): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => marked(item, thoroughly, key));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, item]) => [name, marked(item, thoroughly, name)] as const);
    return Object.fromEntries([...entries, [`${MARKER}Key`, MARKER]]);
  }
  if (typeof value !== "string" || (!thoroughly && KEPT.test(key))) {
    return value;
  }
  return `${value} ${MARKER}<b>\u001b[31m`;
}

/** What MISP says; not what we say of ourselves. */
const KINDS =
  "event.*, attribute.*, object.*, reference.*, sighting.*, tag.*, organisation.*, user.*, discussion.*, audit.*, " +
  "warninglist.*, workflow.*";

/** A publication that every guard lets through, with markers in all that people write. */
function publication(n: number): object {
  const { Event } = sample("misp_json--publish-first-time").payload as { readonly Event: object };
  const uuid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const tags = [{ name: "tlp:clear" }, { name: `${MARKER}:tag="${MARKER}"` }];
  return { Event: { ...(marked(Event, false) as object), id: String(n), uuid, Tag: tags, distribution: "3" } };
}

test.runIf(HAS_MANAGER)(
  "text from MISP is in no log line and in no answer of a command, also when all that it is sent to repeats it",
  async () => {
    await using publisher = await openPublisher();
    await using failing = await openEcho(500);
    await using refusing = await openEcho(400);
    await using forbidding = await openEcho(403);
    await using ok = await openEcho(200);
    await using mail = await openSmtpServer({ tls: "none" });
    mail.answer({ data: 554 });
    using folder = workspace();
    const guard =
      "guard: { max_tlp: red, drafts: true, personal: true, also: [users, audit, organisations, discussions, warninglists, workflows, tags] }";
    const names = ["terminal", "failing", "refusing", "forbidding", "teams", "slack", "hook", "mail"];
    const config = folder.write(
      "config.yaml",
      `misp:
  cert: { url: https://misp.example.org, feed: { type: zeromq, endpoints: ["${publisher.endpoint}"] } }
state: { path: ${folder.path("state.db")} }
control: ${folder.path("control.sock")}
log: { level: trace }
http: { listen: 127.0.0.1:0 }
destinations:
  terminal: { type: console, ${guard} }
  failing: { type: webhook, url: "${failing.origin}/x", ${guard} }
  refusing: { type: webhook, url: "${refusing.origin}/x", template: { title: "{{ event.info | date: event.info }}" }, ${guard} }
  forbidding: { type: webhook, url: "${forbidding.origin}/x", ${guard} }
  teams: { type: teams, webhook_url: "${refusing.origin}/teams?sig=x", ${guard} }
  slack: { type: slack, token: xoxb-1, channel: C0123456789, api_url: "${ok.origin}/api/", ${guard} }
  hook: { type: slack, webhook_url: "${refusing.origin}/services/x", ${guard} }
  mail: { type: email, smtp: { host: localhost, port: ${mail.port}, require_tls: false }, from: a@example.org, to: b@example.org, ${guard} }
routes:
  - { name: all, kinds: [${KINDS}], notify: [${names.join(", ")}], group: { interval: 0s } }
`,
    );
    await using manager = await openServiceManager();
    await using daemon = start(["run", "-c", config], { PATH, NOTIFY_SOCKET: manager.socket });
    await publisher.subscribed();
    daemon.closeOutput(); // the terminal of the console destination is gone
    for (let n = 1; n <= 3; n += 1) {
      await publisher.send("misp_json", publication(n));
    }
    for (const thoroughly of [false, true]) {
      for (const name of SAMPLE_NAMES) {
        const { topic, payload } = sample(name);
        await publisher.send(topic, marked(payload, thoroughly));
      }
    }
    for (const raw of [
      `${MARKER} ${MARKER}`,
      MARKER,
      `misp_json ${MARKER}`,
      `misp_json_event {"${MARKER}": ${MARKER}}`,
    ]) {
      await publisher.sendRaw(raw);
    }
    const servers = [failing, refusing, forbidding, ok];
    const isTold = () => servers.every(({ requests }) => requests.some(({ body }) => body.includes(MARKER)));
    await eventually(isTold);
    for (const name of ["failing", "refusing", "forbidding", "teams", "slack", "hook", "mail"]) {
      await daemon.logged(new RegExp(`"destination":"${name}".*"reason"`));
    }
    await daemon.logged(/Cannot read a frame/);

    await eventually(() => manager.told.flat().some((assignment) => /^STATUS=.*SUSPENDED/.test(assignment)));
    const events = ["00000000-0000-4000-8000-000000000001"];
    const found = await collect(outputsOf({ log: daemon.stderr, manager, config, events }));
    expect(found.get("history --json")).toContain('"outcome":"dead"');
    for (const [name, text] of found) {
      expect(text, name).not.toMatch(new RegExp(MARKER, "i"));
    }
    expect(await daemon.stop("SIGTERM")).toBe(0);
    for (const text of [daemon.stderr(), JSON.stringify(manager.told)]) {
      expect(text).not.toMatch(new RegExp(MARKER, "i"));
    }
  },
);

/** A secret by what it is for, with what must be escaped in JSON, URLs and YAML. */
const SECRETS = {
  feed: 'feed-pass"w\\rd/+ä&',
  key: "RestKeyRestKeyRestKeyRestKeyRestKey12345",
  token: "xoxb-secret-of-the-slack-app",
  slackPath: "T0123/B0123/SlackPathSecret",
  teamsSignature: "TeamsSignatureSecret-_x",
  hookPath: "HookPathSecret",
  hookSigning: "hook-signing-secret-32-characters",
  hookHeader: "HookHeaderSecret+/=",
  smtp: 'Smtp"Pass\\word/+&',
} as const;

/** What `init --yes` says and writes with all secrets in the environment. */
function unattended(type: string, folder: string): Output {
  const config = `${folder}/config.yaml`;
  const env = {
    MISP_HERALD_MISP_API_KEY: SECRETS.key,
    MISP_HERALD_ZMQ_PASSWORD: SECRETS.feed,
    MISP_HERALD_SLACK_TOKEN: SECRETS.token,
    MISP_HERALD_TEAMS_WEBHOOK_URL: `https://x.environment.api.powerplatform.com/workflows/x?sig=${SECRETS.teamsSignature}`,
    MISP_HERALD_WEBHOOK_URL: `https://hook.example.org/${SECRETS.hookPath}`,
    MISP_HERALD_WEBHOOK_SECRET: SECRETS.hookSigning,
  };
  const access = ["--url", "https://misp.example.org", "--endpoint", "tcp://misp:50000", "--username", "misp"];
  const options = ["--type", type, ...(type === "slack" ? ["--channel", "C0123456789"] : []), "--max-tlp", "amber"];
  return async () => {
    const words = await said(["init", "--yes", "-c", config, ...access, ...options], env)();
    expect(words).toContain(`Written: ${config}`);
    return words + readFileSync(config, "utf8");
  };
}

function formsOf(secret: string): readonly string[] {
  const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "").slice(0, -1);
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64];
}

describe("secrets", () => {
  test.runIf(HAS_MANAGER)("are in no log, answer, error, state file, or payload to anybody else", async () => {
    await using publisher = await openPublisher({ username: "misp", password: SECRETS.feed });
    await using misp = await openEcho(403);
    await using slack = await openEcho(200);
    await using incoming = await openEcho(403);
    await using teams = await openEcho(401);
    await using hook = await openEcho(400);
    await using mail = await openSmtpServer({ login: { user: "herald", password: "another" } });
    using folder = workspace();
    const env = {
      CREDENTIALS_DIRECTORY: folder.path("."),
      ZMQ_PASSWORD: SECRETS.feed,
      SLACK_URL: `${incoming.origin}/services/${SECRETS.slackPath}`,
      HOOK: SECRETS.hookPath,
    };
    folder.write("misp_key", `${SECRETS.key}\n`);
    folder.write("teams_url", `${teams.origin}/workflows/x/triggers/manual/paths/invoke?sig=${SECRETS.teamsSignature}`);
    folder.write("hook_secret", SECRETS.hookSigning);
    for (const name of ["token", "hookHeader", "smtp"] as const) {
      folder.write(name, SECRETS[name]);
    }
    const text = `misp:
  cert:
    url: ${misp.origin}
    api_key: "\${credential:misp_key}"
    recall: { confirm: never }
    feed: { type: zeromq, endpoints: ["${publisher.endpoint}"], username: misp, password: "\${ZMQ_PASSWORD}" }
state: { path: ${folder.path("state.db")} }
control: ${folder.path("control.sock")}
log: { level: trace }
http: { listen: 127.0.0.1:0 }
defaults: { guard: { max_tlp: red } }
destinations:
  slack: { type: slack, token: "\${file:token}", channel: C0123456789, api_url: "${slack.origin}/api/" }
  incoming: { type: slack, webhook_url: "\${SLACK_URL}" }
  teams: { type: teams, webhook_url: "\${credential:teams_url}" }
  hook:
    type: webhook
    url: "${hook.origin}/\${HOOK}"
    secret: "\${credential:hook_secret}"
    headers: { Authorization: "Bearer \${file:hookHeader}" }
  mail:
    type: email
    smtp: { host: localhost, port: ${mail.port}, username: herald, password: "\${file:smtp}", ca_file: ${CERTIFICATE_FILE} }
    from: a@example.org
    to: b@example.org
routes:
  - { name: all, notify: [slack, incoming, teams, hook, mail], group: { interval: 0s } }
`;
    const config = folder.write("config.yaml", text);
    const broken = text
      .replace("http://", "ftp://")
      .replace("notify:", "notifi:")
      // In clear, beside what is wrong.
      .replace(
        /secret: .*/,
        `secret: ${JSON.stringify(SECRETS.hookSigning)}\n    sicret: ${JSON.stringify(SECRETS.hookSigning)}`,
      )
      .replace(/\{ type: slack, token.*channel/, `{ type: slack, token: ${SECRETS.token}, chanel`);
    const wrong = folder.write("wrong.yaml", broken);
    await using manager = await openServiceManager();
    await using daemon = start(["run", "-c", config], { ...env, PATH, NOTIFY_SOCKET: manager.socket });
    await publisher.subscribed();
    const { topic, payload } = sample("misp_json--publish-first-time");
    await publisher.send(topic, payload);
    const names = ["slack", "incoming", "teams", "hook", "mail"];
    for (const name of names) {
      await daemon.logged(new RegExp(`"destination":"${name}".*"reason"`));
    }
    await daemon.logged(/Delivery is dead/);
    await daemon.logged(/MISP does not say what it published/);

    folder.write("config.yaml", broken);
    const rejected = await said(["reload", "-c", config], env)();
    folder.write("config.yaml", text);
    expect(rejected).toMatch(/The configuration before stays in force[\s\S]*sicret/i);
    await eventually(() => manager.told.flat().some((assignment) => /^STATUS=.*REJECTED/.test(assignment)));

    const { Event } = payload as { readonly Event: { readonly uuid: string } };
    const found = await collect({
      ...outputsOf({ log: daemon.stderr, manager, config, events: [Event.uuid], env }),
      "a rejected reload": () => rejected,
      tail: tailed(publisher, ["--explain", "-c", config], env),
      ...Object.fromEntries(
        ["slack", "teams", "webhook"].map((type) => [`init --yes --type ${type}`, unattended(type, folder.path(type))]),
      ),
      check: said(["check", "-c", config], env),
      "check of a wrong file": said(["check", "-c", wrong], env),
      "run of a wrong file": said(["run", "-c", wrong], env),
      "a second run": said(["run", "-c", config], env),
      ...Object.fromEntries(names.map((name) => [`send-test ${name}`, said(["send-test", name, "-c", config], env)])),
      "state file": () => readState(folder.path("state.db")),
    });
    expect(await daemon.stop("SIGTERM")).toBe(0);
    const texts = [
      ...found,
      ["what systemd was told to the end", JSON.stringify(manager.told)] as const,
      ["log to the end", daemon.stderr()] as const,
      ["state file after the end", readState(folder.path("state.db"))] as const,
    ];
    for (const [name, text] of texts) {
      for (const [secret, value] of Object.entries(SECRETS)) {
        for (const form of formsOf(value)) {
          expect(text.includes(form), `${secret} in ${name}`).toBe(false);
        }
      }
    }

    // Who has sent what: each server may know its own secrets, and nothing else.
    const owners: Readonly<Record<string, readonly [HttpServer, readonly (keyof typeof SECRETS)[]]>> = {
      misp: [misp, ["key"]],
      slack: [slack, ["token"]],
      incoming: [incoming, ["slackPath"]],
      teams: [teams, ["teamsSignature"]],
      hook: [hook, ["hookPath", "hookHeader"]],
    };
    for (const [name, [server, own]] of Object.entries(owners)) {
      const sent = server.requests
        .map(({ path, headers, body }) => `${path} ${JSON.stringify(headers)} ${body}`)
        .join();
      const known = Object.entries(SECRETS).flatMap(([secret, value]) =>
        formsOf(value).some((form) => sent.includes(form)) ? [secret] : [],
      );
      expect(known, name).toEqual(own);
    }
  });
});

function readState(path: string): string {
  return [path, `${path}-wal`]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"))
    .join();
}
