import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type InitOptions, initCommand, type Place } from "../../../src/cli/init/init.ts";
import { SECRETS } from "../../../src/cli/init/unattended.ts";
import { main } from "../../../src/cli/program.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { eventually } from "../../support/eventually.ts";
import { API_KEY, openMispServer } from "../../support/misp-server.ts";
import { openPublisher } from "../../support/publisher.ts";
import { openScreen } from "../../support/screen.ts";
import { CHANNEL, openSlackServer, TOKEN } from "../../support/slack-server.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-init-"));
  file = join(folder, "config.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Somebody at a terminal, who answers what is asked. */
function openPerson(options: Partial<InitOptions> = {}, place: Place = {}) {
  const screen = openScreen({ terminal: true });
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  let seen = 0;
  const reads = (text: string) =>
    eventually(() => {
      const at = screen.out().indexOf(text, seen);
      if (at >= 0) {
        seen = at + text.length;
      }
      return at >= 0;
    });
  const done = initCommand(
    { config: file, force: false, yes: false, ...options },
    { ...screen.context, stdin },
    { listenMs: 10_000, ...place },
  );
  // Told where it is awaited.
  done.catch(() => {});
  return {
    screen,
    done,
    reads,
    async answers(...pairs: readonly (readonly [question: string, answer: string])[]) {
      for (const [question, answer] of pairs) {
        await reads(question);
        stdin.write(answer.length === 1 && answer < " " ? answer : `${answer}\r`);
      }
    },
  };
}

/** Somebody who sets up the service where it looks for its configuration, with one secret. */
async function setUp(keeping: "credential" | "file", readers: Place["readers"]) {
  await using publisher = await openPublisher({ username: "misp", password: "right" });
  const home = join(folder, "misp-herald");
  const config = join(home, "config.yaml");
  const person = openPerson({ config, endpoint: [publisher.endpoint] }, { home, ...(readers && { readers }) });
  await person.answers(["Its address", ""], ["Address of the feed", ""], ["user name", "misp"], ["password", "right"]);
  await publisher.subscribed();
  await publisher.send("misp_json_self", { status: "alive" });
  await person.answers(
    ["Number or name", "console"],
    ["Number or name", "amber"],
    ["Organisations", ""],
    ["Number or name", keeping],
    ["marked TEST", ""],
  );
  expect(await person.done).toBe(0);
  const secret = join(home, "credentials", "zmq_password");
  return { out: person.screen.out(), home, config, secret, modes: [home, config, dirname(secret), secret].map(modeOf) };
}

const OWN_GROUP = { gid: process.getgid?.() ?? 0, reachable: true };

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const CTRL_C = "\u0003";

test("init asks, tests every connection, keeps secrets in files of their own, and sends a test when told to", async () => {
  await using misp = await openMispServer();
  await using publisher = await openPublisher({ username: "misp", password: "T0P-SECRET-PASSWORD" });
  await using slack = await openSlackServer();
  const person = openPerson({ apiUrl: slack.apiUrl });
  await person.answers(
    ["Its address", misp.url.href],
    ["Address of the feed", publisher.endpoint],
    ["user name", "misp"],
    ["password", "T0P-SECRET-PASSWORD"],
  );
  await publisher.subscribed();
  await publisher.send("misp_json_self", { status: "alive" });
  await person.reads("The feed works: MISP says that it lives.");
  await person.answers(["API key", API_KEY]);
  await person.reads("MISP knows the key. Its role may also write");
  await person.answers(["Number or name", "slack"], ["Token or URL", "xoxp-somebody"]);
  await person.reads("It is no bot token: that begins with xoxb-");
  expect(slack.requests).toEqual([]);
  await person.answers(["Token or URL", "xoxb-wrong-token"]);
  await person.reads("Slack says no");
  await person.answers(["Another token?", ""], ["Token or URL", TOKEN]);
  await person.reads("Slack knows the token.");
  await person.answers(
    ["ID of the channel", CHANNEL],
    ["Number or name", "TLP:AMBER"],
    ["Organisations (Enter: none)", "CERT-XX, CERT-YY"],
    ["Number or name", "file"],
    ["marked TEST", "y"],
  );
  expect(await person.done).toBe(0);

  const { config, warnings } = await loadConfig(file, { env: {}, secrets: "required" });
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/^audience names "CERT-XX"/)]);
  expect(config.misp.misp?.api_key?.reveal()).toBe(API_KEY);
  expect(config.destinations.slack?.guard).toMatchObject({ max_tlp: "amber", audience: ["CERT-XX", "CERT-YY"] });
  expect(slack.posted).toHaveLength(1);
  expect(config.routes.find(({ name }) => name === "operations")?.notify.map(({ to }) => to)).toEqual([
    "slack",
    "console",
  ]);
  const secrets = ["misp_api_key", "slack_token", "zmq_password"].map((name) => join(folder, "credentials", name));
  expect([file, ...secrets].map(modeOf)).toEqual(["600", "600", "600", "600"]);
  expect(readFileSync(join(folder, "credentials/slack_token"), "utf8").trim()).toBe(TOKEN);
  for (const secret of [API_KEY, TOKEN, "T0P-SECRET-PASSWORD"]) {
    expect(readFileSync(file, "utf8")).not.toContain(secret);
    expect(person.screen.out()).not.toContain(secret);
  }
  expect(person.screen.out()).toContain(`misp-herald run -c ${file}`);
});

test("init says what is wrong with a feed, and asks again", async () => {
  await using publisher = await openPublisher({ username: "misp", password: "right" });
  const person = openPerson({ endpoint: [publisher.endpoint] });
  await person.answers(["Its address", ""], ["Address of the feed", "misp:50000"]);
  await person.reads("It must be an address to connect to");
  await person.answers(["Address of the feed", ""], ["user name", "misp"], ["password", ""], ["password", "wrong"]);
  await person.reads("MISP refused the ZeroMQ user name or password.");
  await person.answers(["Other answers?", "y"], ["Address of the feed", ""], ["user name", ""], ["password", "right"]);
  await publisher.subscribed();
  await publisher.send("misp_json_self", { status: "alive" });
  await person.reads("The feed works");
  await person.answers(["Number or name", CTRL_C]);
  await expect(person.done).rejects.toThrow("stopped; nothing was written");
});

test("init tells a silent feed from one that is not there, and goes on with it when told to", async () => {
  await using publisher = await openPublisher();
  const person = openPerson({ endpoint: [publisher.endpoint] }, { listenMs: 1500 });
  await person.answers(["Its address", ""], ["Address of the feed", ""], ["user name", ""]);
  await person.reads("Connected, but nothing was said");
  await person.answers(
    ["Other answers?", "n"],
    ["Number or name", "console"],
    ["Number or name", "5"],
    ["Organisations", ""],
    ["marked TEST", ""],
  );
  expect(await person.done).toBe(0);
  expect(readdirSync(folder)).toEqual(["config.yaml"]);
  const { config } = await loadConfig(file, { env: {}, secrets: "required" });
  expect(config.destinations.console?.guard.max_tlp).toBe("red");
});

test("where the service looks, its group may read the configuration, and secrets only where systemd does not hand them over", async () => {
  const handed = await setUp("credential", async () => OWN_GROUP);
  expect(handed.modes).toEqual(["750", "640", "700", "600"]);
  expect(handed.out).toContain(`Written: ${handed.config} (only you and the group misp-herald may read it)`);
  expect(handed.out).toContain(`Written: ${handed.secret} (only you may read it)`);
  expect(handed.out).toContain(`    LoadCredential=zmq_password:${handed.secret}\n`);
  expect(handed.out).not.toMatch(/chown|chmod/);
  const [, manual = ""] = /As a service, as root; (\S+) has every step/.exec(handed.out) ?? [];
  expect(readFileSync(manual, "utf8")).toContain("# Install under systemd");
  rmSync(handed.home, { recursive: true });

  const read = await setUp("file", async () => OWN_GROUP);
  expect(read.modes).toEqual(["750", "640", "750", "640"]);
  expect(read.out).not.toContain("LoadCredential=zmq_password");
});

test("where init cannot give files to the service's group, it says by which commands root does", async () => {
  const { out, home, config, modes } = await setUp("credential", async () => ({ gid: 1, reachable: false }));
  expect(modes).toEqual(["700", "600", "700", "600"]);
  expect(out).toContain(`  chown root:misp-herald ${home} ${config}\n  chmod 0750 ${home}\n  chmod 0640 ${config}\n`);
  rmSync(home, { recursive: true });
  const without = await setUp("file", async () => undefined);
  expect(without.out).toMatch(/There is no group misp-herald yet: follow "Install" there/);
  expect(without.out).toContain(`  chmod 0640 ${without.config} ${without.secret}\n`);
});

test("Ctrl-C leaves nothing behind, also while a connection is tested", async () => {
  await using publisher = await openPublisher();
  const person = openPerson({ endpoint: [publisher.endpoint] }, { listenMs: 60_000 });
  await person.answers(["Its address", ""], ["Address of the feed", ""], ["user name", ""], ["Listening", CTRL_C]);
  await expect(person.done).rejects.toThrow("stopped; nothing was written");
  expect(readdirSync(folder)).toEqual([]);
});

test("init replaces a file only when told to", async () => {
  writeFileSync(file, "mine\n");
  const person = openPerson();
  await person.answers(["Replace it at the end?", ""]);
  await expect(person.done).rejects.toThrow("stays as it is");
  expect(readFileSync(file, "utf8")).toBe("mine\n");
});

test("without a terminal, init names the example and is wrong usage", async () => {
  const screen = openScreen();
  expect(await main(["init", "-c", file], screen.context)).toBe(2);
  expect(screen.errors()).toContain("config.yaml.example");
  expect(existsSync(file)).toBe(false);
});

test("init --yes takes its answers from the command line, and secrets from the environment, where they stay", async () => {
  const env = { MISP_HERALD_SLACK_TOKEN: TOKEN, MISP_HERALD_MISP_API_KEY: API_KEY };
  const args = ["init", "--yes", "-c", file, "--endpoint", "tcp://misp:50000", "--url", "https://misp.example.org"];
  const missing = openScreen();
  expect(await main([...args, "--max-tlp", "green", "--type", "slack", "--channel", CHANNEL], missing.context)).toBe(2);
  expect(missing.errors()).toContain("MISP_HERALD_SLACK_TOKEN");
  expect(await main(args, openScreen().context)).toBe(2);
  const wrong = openScreen({ env });
  const bad = [...args, "--max-tlp", "green", "--type", "slack", "--channel", "#soc"];
  expect(await main(bad, wrong.context)).toBe(1);
  expect(wrong.errors()).toContain("must be the channel's ID");
  expect(readdirSync(folder)).toEqual([]);
  const screen = openScreen({ env });
  const good = [...args, "--max-tlp", "green", "--type", "slack", "--channel", CHANNEL];
  expect(await main(good, screen.context)).toBe(0);
  expect(readdirSync(folder)).toEqual(["config.yaml"]);
  expect(readFileSync(file, "utf8")).not.toMatch(new RegExp(`${TOKEN}|${API_KEY}`));
  expect(screen.out()).toContain(`Written: ${file} (only you may read it)`);
  expect(screen.out()).toContain("These need MISP_HERALD_MISP_API_KEY and MISP_HERALD_SLACK_TOKEN in the environment");
  expect(screen.out()).not.toMatch(new RegExp(`${TOKEN}|${API_KEY}`));
  const { config } = await loadConfig(file, { env, secrets: "required" });
  expect(config.destinations.slack?.guard.max_tlp).toBe("green");
  expect(await main(good, openScreen({ env }).context)).toBe(1);
});

test("init --yes sets up email, and its help names every variable and what it is for", async () => {
  const env = { MISP_HERALD_SMTP_PASSWORD: "T0P-SECRET-PASSWORD" };
  const args = [
    "init",
    "--yes",
    "-c",
    file,
    "--endpoint",
    "tcp://misp:50000",
    "--type",
    "email",
    "--max-tlp",
    "TLP:GREEN",
  ];
  const missing = openScreen({ env });
  expect(await main(args, missing.context)).toBe(2);
  expect(missing.errors()).toContain("--type email needs --smtp-host, --from and --to");
  const to = [
    "--smtp-host",
    "mail.example.org",
    "--from",
    "herald@example.org",
    "--to",
    "a@example.org",
    "b@example.org",
  ];
  const user = ["--smtp-username", "herald", "--smtp-port", "2525"];
  const without = openScreen();
  expect(await main([...args, ...to, ...user], without.context)).toBe(2);
  expect(without.errors()).toContain("MISP_HERALD_SMTP_PASSWORD");
  const screen = openScreen({ env });
  expect(await main([...args, ...to, ...user], screen.context)).toBe(0);
  expect(readFileSync(file, "utf8")).not.toContain("T0P-SECRET");
  const { config, warnings } = await loadConfig(file, { env, secrets: "required" });
  expect(warnings).toEqual([]);
  expect(config.destinations.email).toMatchObject({ type: "email", guard: { max_tlp: "green" } });
  const help = openScreen();
  expect(await main(["init", "--help"], help.context)).toBe(0);
  for (const { name } of SECRETS) {
    expect(help.out()).toMatch(new RegExp(`  MISP_HERALD_${name.toUpperCase()} +with --`));
  }
  expect(await main([...args, ...to, "--max-tlp", "purple"], openScreen({ env }).context)).toBe(2);
});

test("init --yes says how systemd gives the service what stays in the environment", async () => {
  const screen = openScreen({ env: { MISP_HERALD_WEBHOOK_URL: "https://hook.example.org/x" } });
  const options = { config: file, force: false, yes: true, endpoint: ["tcp://misp:50000"], maxTlp: "green" } as const;
  const place = { home: folder, readers: async () => OWN_GROUP };
  expect(await initCommand({ ...options, type: "webhook" }, screen.context, place)).toBe(0);
  expect([folder, file].map(modeOf)).toEqual(["750", "640"]);
  expect(screen.out()).toContain(
    `cat > ${folder}/environment)   # a line NAME=value for each of MISP_HERALD_WEBHOOK_URL`,
  );
  expect(screen.out()).toContain(`    EnvironmentFile=${folder}/environment\n`);
});
