import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { API_KEY, openMispServer } from "../support/misp-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { openSink, start, workspace } from "./daemon.ts";

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const ADDED = sample("misp_json_attribute--add");

test("a key that MISP refuses decides nothing: the alert waits across a restart, everything says so, and it is told once the key works", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using ops = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  misp.put(PUBLISHED, { published: true, publish_timestamp: PUBLISHED.timestamp });
  const config = folder.write(
    "config.yaml",
    `misp:
  cert:
    url: ${misp.url}
    api_key: "\${MISP_KEY}"
    feed: { type: zeromq, endpoints: ["${publisher.endpoint}"] }
    recall: { settle: 1ms, per_minute: 6000, patience: 1s }
state: { path: ${folder.path("state.db")} }
control: ${folder.path("control.sock")}
http: { listen: 127.0.0.1:0 }
destinations:
  hook: { type: webhook, url: "${sink.url}", guard: { max_tlp: amber } }
  ops: { type: webhook, url: "${ops.url}", guard: { max_tlp: clear } }
routes:
  - { name: all, kinds: [attribute.added], notify: hook, group: { by: [], interval: 0s } }
  - { name: ours, kinds: [herald.recall_refused], notify: ops, group: { by: [], interval: 0s } }
`,
  );
  misp.revoke();
  const env = { MISP_KEY: API_KEY };
  await using first = start(["run", "-c", config], env);
  await first.logged(/MISP refuses the API key; what it would decide waits/);
  await publisher.subscribed();
  await publisher.send(ADDED.topic, ADDED.payload);
  const [told] = await eventually(() => ops.received.length > 0 && ops.received);
  expect(JSON.stringify(told?.body)).toContain("key-not-accepted");

  const status = start(["status", "-c", config, "--json"], env);
  await status.exited;
  expect(JSON.parse(status.stdout()).asked).toMatchObject([
    { instance: "cert", key: "refused", refused: { reason: "key-not-accepted" } },
  ]);
  const at = /"address":"(127\.0\.0\.1:\d+)"/.exec(first.stderr())?.[1];
  const ready = await fetch(`http://${at}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([
    200,
    { status: "degraded", reasons: [{ reason: "api-key-refused", misp: "cert", detail: "key-not-accepted" }] },
  ]);
  expect(await (await fetch(`http://${at}/metrics`)).text()).toContain('misp_herald_api_key_refused{misp="cert"} 1');
  expect(await first.stop("SIGTERM")).toBe(0);

  misp.revoke(false);
  await using second = start(["run", "-c", config], env);
  const [alert] = await eventually(() => sink.received.length > 0 && sink.received);
  expect(JSON.stringify(alert?.body)).toContain("evil.example.com|203.0.113.7");
  await second.logged(/MISP accepts the API key again/);
  expect(await second.stop("SIGTERM")).toBe(0);
  expect(ops.received).toHaveLength(1);
  expect(second.stderr()).not.toContain(API_KEY);
});
