import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askInstances } from "../../src/cli/check-online.ts";
import { SETTINGS } from "../../src/cli/notifications.ts";
import { main } from "../../src/cli/program.ts";
import { loadConfig } from "../../src/config/load.ts";
import { unusedOrigin } from "../support/http-server.ts";
import { API_KEY, FAILURES, type MispServer, openMispServer } from "../support/misp-server.ts";
import { openScreen } from "../support/screen.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-online-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ALL_ON = Object.fromEntries(SETTINGS.map((name) => [name, true]));
const ADMIN = { name: "admin", perm_site_admin: true, perm_add: false, perm_modify: false };
const UUID = "5f0a7a4e-8d6c-4f7e-9a57-0d0a0a000001";

function event(publishedAtS: number) {
  return {
    ...{ id: "5", uuid: UUID, info: "MARKER title", timestamp: String(publishedAtS - 60) },
    ...{ publish_timestamp: String(publishedAtS), published: true, Tag: [], Attribute: [], Object: [] },
  };
}

interface Setting {
  readonly url?: string;
  readonly kinds?: string;
  readonly recall?: string;
  readonly key?: string;
}

function config({
  url = "",
  kinds = "[event.published]",
  recall = "{}",
  key = `"\${MISP_KEY}"`,
}: Setting = {}): string {
  const file = join(folder, "config.yaml");
  const asked = url === "" ? "" : `url: "${url}", api_key: ${key}, recall: ${recall}, `;
  writeFileSync(
    file,
    `misp: { cert: { ${asked}feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } } }
destinations: { soc: { type: webhook, url: "https://hook.example.org/\${HOOK}", guard: { max_tlp: red } } }
routes: [{ name: all, kinds: ${kinds}, notify: soc }]
`,
  );
  return file;
}

async function check(server: MispServer | undefined, setting: Setting = {}, args: readonly string[] = []) {
  const screen = openScreen({ env: { MISP_KEY: API_KEY } });
  const file = config({ ...(server && { url: server.url.href }), ...setting });
  const code = await main(["check", "--online", "-c", file, ...args], screen.context);
  const said = screen.out() + screen.errors();
  expect(said).not.toContain(API_KEY);
  expect(said).not.toContain("MARKER");
  return { code, out: screen.out(), errors: screen.errors(), said: said.replace(/\s+/g, " ") };
}

test("check --online says who a site admin's key is, what it sees, which MISP it is and what is on", async () => {
  await using server = await openMispServer({ role: ADMIN, settings: ALL_ON });
  server.put(event(Math.floor(Date.now() / 1000) - 3600));
  const { code, said } = await check(server);
  expect(code).toBe(0);
  expect(said).toContain(`${server.url.href} is MISP 2.5.1`);
  expect(said).toContain('user 7\'s, of role "admin" in organisation "CERT-XX", a site admin, and so sees every event');
  expect(said).toContain("publications are confirmed before they are told");
  expect(said).toContain("it sees 1 event published in the last 30 days");
  expect(said).toMatch(/notifications that are on: enable, event, attribute, .*warninglist; that are off: none/);
});

test("check --online says what a key without site admin sees, and that MISP does not tell it what is on", async () => {
  await using server = await openMispServer();
  server.put(event(Math.floor(Date.now() / 1000) - 3600));
  const { code, said } = await check(server);
  expect(code).toBe(0);
  expect(said).toContain(
    "no site admin, and so sees what CERT-XX has, and what distribution and sharing groups let it see",
  );
  expect(said).toContain("MISP tells only site admins which notifications are on");
  expect(said).toContain("a read-only key is enough");
  expect(server.requests.filter(({ path }) => path.includes("getSetting"))).toHaveLength(1);
});

test("check --online names each switch that is off though routes or guards need it, with the fix; --strict refuses", async () => {
  const off = Object.fromEntries(SETTINGS.map((name) => [name, name === "Plugin.ZeroMQ_enable"]));
  await using server = await openMispServer({ role: ADMIN, settings: off });
  server.put(event(Math.floor(Date.now() / 1000) - 3600));
  const kinds = "[event.published, event.deleted, sighting.*, audit.logged]";
  const { code, errors } = await check(server, { kinds });
  expect(code).toBe(0);
  expect(errors).toContain("MISP does not announce event.deleted, which routes name; that an event is edited");
  expect(errors).toContain("MISP does not announce sighting.added, sighting.deleted, which routes name");
  expect(errors).toContain("= switch on Plugin.ZeroMQ_sighting_notifications_enable in MISP");
  expect(errors).toContain("every publication is confirmed");
  expect(errors).not.toContain("Plugin.ZeroMQ_user_notifications_enable");
  expect((await check(server, { kinds }, ["--strict"])).code).toBe(1);
});

test("check --online says that a MISP which publishes nothing is wrong", async () => {
  await using server = await openMispServer({ role: ADMIN, settings: { ...ALL_ON, "Plugin.ZeroMQ_enable": false } });
  const { code, errors } = await check(server);
  expect(code).toBe(1);
  expect(errors).toContain("error: misp.cert: MISP publishes no feed at all");
});

test("an older MISP has fewer switches, which counts as off and not as trouble of ours", async () => {
  await using server = await openMispServer({ role: ADMIN, settings: { "Plugin.ZeroMQ_enable": true } });
  server.put(event(Math.floor(Date.now() / 1000) - 3600));
  const { code, out } = await check(server);
  expect(code).toBe(0);
  expect(out).toContain("warninglist");
});

test("check --online says why MISP cannot be asked, with the fix, and that its loops fail", async () => {
  await using server = await openMispServer();
  server.revoke();
  const revoked = await check(server);
  expect(revoked.code).toBe(1);
  expect(revoked.said).toContain("MISP does not tell who the key is (key-not-accepted)");
  expect(revoked.said).toContain("check `api_key`");
  server.revoke(false);
  const honest = { status: 200, headers: { "content-type": "application/json" } };
  const me = JSON.stringify({ User: { id: 7 }, Role: { name: "x", perm_site_admin: false } });
  server.next({ ...honest, body: me }, { ...honest, body: '{"version":"2.5.1"}' }, FAILURES.noPermission);
  const refused = await check(server);
  expect(refused.code).toBe(1);
  expect(refused.said).toContain("confirm, recall and reconcile fail: MISP answers no search (no-permission)");
  const gone = await check(undefined, { url: await unusedOrigin() });
  expect(gone.code).toBe(1);
  expect(gone.said).toContain("nobody listens at `url`");
});

test("check --online warns of a role whose rate limit is below what is asked, and of a key that sees nothing", async () => {
  await using server = await openMispServer({ role: { enforce_rate_limit: true, rate_limit_count: "100" } });
  const { code, said } = await check(server);
  expect(code).toBe(0);
  expect(said).toContain("permits 100 searches in 15 minutes, fewer than recall.per_minute (60) may ask for");
  expect(said).toContain("set recall.per_minute to 6");
  expect(said).toContain("the key sees nothing that was published in the last 30 days");
});

test("check --online says that publications are not confirmed where the configuration says so", async () => {
  await using server = await openMispServer();
  const { said } = await check(server, { recall: "{ confirm: never }" });
  expect(said).toContain("publications are not confirmed (recall.confirm: never)");
});

test("check --online warns of an instance without a key, and asks nothing", async () => {
  const { code, said } = await check(undefined);
  expect(code).toBe(0);
  expect(said).toContain("misp.cert: it cannot be asked: publications are not confirmed");
});

test("a key that cannot be read is an error with --online, and a secret of a destination is not", async () => {
  await using server = await openMispServer();
  const { code, errors } = await check(server, { key: `"\${NO_SUCH_KEY}"` });
  expect(code).toBe(1);
  expect(errors).toContain("error: environment variable NO_SUCH_KEY is not set");
  expect(errors).toContain("warning: environment variable HOOK is not set");
  expect(server.requests).toEqual([]);
});

test("check --online --json holds what was found, without the bytes that would command a terminal", async () => {
  await using server = await openMispServer({ role: { ...ADMIN, name: "evil\u001b[2J" }, settings: ALL_ON });
  const { out } = await check(server, {}, ["--json"]);
  expect(out).not.toContain("\u001b");
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    online: [
      {
        instance: "cert",
        version: "2.5.1",
        key: { userId: "7", role: "evil\u001b[2J", siteAdmin: true },
        asking: { confirm: "works", recall: "works", reconcile: "works" },
        visible: 0,
      },
    ],
  });
  expect((await check(server)).out).not.toContain("\u001b");
});

test("a MISP that does not answer is given up, and whoever interrupts need not wait for it", async () => {
  await using server = await openMispServer();
  server.next(FAILURES.hang);
  const { config: loaded } = await loadConfig(config({ url: server.url.href }), {
    env: { MISP_KEY: API_KEY },
    secrets: "asking",
  });
  const [finding] = await askInstances(loaded, new AbortController().signal, 50);
  expect(finding?.troubles).toMatchObject([{ severity: "error", message: expect.stringContaining("(timeout") }]);

  server.next(FAILURES.hang);
  const screen = openScreen({ env: { MISP_KEY: API_KEY } });
  const running = main(["check", "--online", "-c", config({ url: server.url.href })], screen.context);
  await new Promise<void>((resolve) => {
    const look = () => (server.requests.length >= 2 ? resolve() : setImmediate(look));
    look();
  });
  screen.stop.abort();
  expect(await running).toBe(1);
  expect(screen.errors()).toBe("misp-herald: interrupted\n");
});

test("an answer without an end is not read to the end", async () => {
  await using server = await openMispServer();
  server.next((response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536))) {}
    };
    response.on("drain", more);
    more();
  });
  const { code, said } = await check(server);
  expect(code).toBe(1);
  expect(said).toContain("(too-large)");
});
