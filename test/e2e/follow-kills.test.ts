import { expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { CHANNEL, openSlackServer, type ShownMessage, TOKEN } from "../support/slack-server.ts";
import { sample } from "../topics/frames.ts";
import { configOf, start, workspace } from "./daemon.ts";

// A kill between what Slack has done with a message and writing that down.

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>> & { readonly timestamp: string };
};

type Frame = readonly [topic: string, payload: object];

const tagged = (on: "attribute" | "event", fields: object = {}): Frame => [
  "misp_json_tag",
  {
    Tag: { id: "9", name: "tlp:red", exportable: true, event_id: PUBLISHED.id, ...fields },
    action: `attached to ${on}`,
  },
];
const HIDES = tagged("attribute", { attribute_id: "1" });
const WITHDRAWS = tagged("event");
const UPDATES: Frame = ["misp_json", { Event: { ...PUBLISHED, timestamp: String(Number(PUBLISHED.timestamp) + 60) } }];

const textOf = (shown: ShownMessage | undefined) => JSON.stringify(shown?.message);
const batchOf = (shown: ShownMessage | undefined) =>
  (shown?.message as { readonly metadata?: { readonly event_payload: { readonly batch: string } } } | undefined)
    ?.metadata?.event_payload.batch;

/** Whether the service owes nothing, and has no message to change. */
async function isDone(config: string): Promise<boolean> {
  const screen = openScreen();
  const code = await main(["status", "--json", "-c", config], screen.context);
  const { destinations } = JSON.parse(code === 0 ? screen.out() : "{}");
  return destinations?.every(
    (one: { readonly owed: number; readonly changes?: object }) => one.owed === 0 && !one.changes,
  );
}

/** Tells of an event, and then of `frame`; is killed once Slack has done `method`, and started again until all is done. */
async function killedAt(method: string, frame: Frame, options: string): Promise<readonly ShownMessage[]> {
  await using publisher = await openPublisher();
  await using slack = await openSlackServer();
  using folder = workspace();
  const rest = `guard: { max_tlp: amber }, rate: { per_second: 100, burst: 10 }${options}`;
  const soc = `{ type: slack, token: ${TOKEN}, channel: ${CHANNEL}, api_url: ${slack.apiUrl}, ${rest} }`;
  const text = configOf(publisher.endpoint, "http://127.0.0.1:1/", folder.path("state.db"));
  const config = folder.write("config.yaml", text.replace(/^ {2}hook: .*$/m, `  hook: ${soc}`));
  const asked = () => slack.requests.filter(({ path }) => path === `/api/${method}`).length;
  {
    await using first = start(["run", "-c", config]);
    await publisher.subscribed();
    await publisher.send("misp_json", { Event: PUBLISHED });
    await first.logged(/"msg":"Delivered"/);
    slack.keepSilent(method);
    const before = asked();
    await publisher.send(...frame);
    await eventually(() => asked() > before);
    expect(await first.stop("SIGKILL")).toBe("SIGKILL");
  }
  for (const again of [1, 2]) {
    const before = asked();
    await using next = start(["run", "-c", config]);
    await next.logged(/Started/);
    await eventually(() => again === 2 || asked() > before);
    for (const until = Date.now() + 60_000; !(await isDone(config)); ) {
      expect(Date.now()).toBeLessThan(until);
    }
    expect(await next.stop("SIGTERM")).toBe(0);
    expect(asked() - before).toBe(again === 1 ? 1 : 0);
  }
  return slack.channel;
}

test("what hides something in a message is done again, and is the same change", async () => {
  const [root, ...more] = await killedAt("chat.update", HIDES, "");
  expect(more).toEqual([]);
  expect(root?.edits).toBe(2);
  expect(textOf(root)).toContain("login");
  expect(textOf(root)).not.toContain("evil[.]example[.]com|");
});

test("what is told in the place of a message is told again there", async () => {
  const [root, ...more] = await killedAt("chat.update", UPDATES, ", updates: edit");
  expect(more).toEqual([]);
  expect(root?.edits).toBe(2);
  expect(textOf(root)).toContain("Updated");
  expect(textOf(root)).toContain("login");
});

// Slack has no way to say that a message is the same one: whoever reads the channel by program knows it by its batch.
test("what is told below a message is told there once more, under the same id", async () => {
  const [root, reply, same, ...more] = await killedAt("chat.postMessage", UPDATES, "");
  expect(more).toEqual([]);
  expect([reply?.thread, same?.thread]).toEqual([root?.ts, root?.ts]);
  expect(batchOf(reply)).toBeDefined();
  expect(batchOf(same)).toBe(batchOf(reply));
  expect(root?.edits).toBe(1);
});

test("that all is taken back is said once more, and marked", async () => {
  const [root, said, same, ...more] = await killedAt("chat.postMessage", WITHDRAWS, "");
  expect(more).toEqual([]);
  expect(said?.thread).toBe(root?.ts);
  expect(batchOf(same)).toBe(batchOf(said));
  for (const shown of [root, said, same]) {
    expect(textOf(shown)).toContain("not meant for this place any more");
    expect(textOf(shown)).not.toMatch(/login|evil/);
  }
});

test("that all is taken back is marked again, and not said again", async () => {
  const [root, said, ...more] = await killedAt("chat.update", WITHDRAWS, "");
  expect(more).toEqual([]);
  expect([root?.edits, said?.edits]).toEqual([2, 0]);
  expect(textOf(root)).toContain("not meant for this place any more");
});

test("what was deleted already is not there to be deleted again", async () => {
  const [root, said, ...more] = await killedAt("chat.delete", WITHDRAWS, ", withdraw: delete");
  expect(more).toEqual([]);
  expect([root?.isDeleted, said?.isDeleted]).toEqual([true, undefined]);
});
