import { expect, test } from "vitest";
import { configOf, openSink, type Received, start, workspace } from "../e2e/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";

const AUDIT_LINES = 4_000;
/** As of a password that is tried again within the same second. */
const EQUAL = 4;
const BURST = 7_588;
const WAIT_MS = 120_000;

const { payload: publication } = sample("misp_json--publish-first-time");
const { Event: EVENT } = publication as { readonly Event: Readonly<Record<string, unknown>> };

const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const entriesOf = (received: readonly Received[]) => received.flatMap(({ body }) => body.entries);

/** What a webhook gets of frames that all wait in one group, as the built service sends it. */
async function burst(
  frames: readonly (readonly [topic: string, payload: unknown])[],
  kinds: string,
  guard: string,
): Promise<readonly Received[]> {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"))
    .replace("guard: { max_tlp: red }", guard)
    .replace(
      "notify: hook, group: { interval: 0s }",
      `kinds: ${kinds}, notify: hook, group: { by: [], wait: 5s, interval: 5s }`,
    );
  await using daemon = start(["run", "-c", folder.write("config.yaml", text)]);
  await publisher.subscribed();
  for (const [topic, payload] of frames) {
    await publisher.send(topic, payload);
  }
  await eventually(() => entriesOf(sink.received).length >= frames.length, WAIT_MS);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  return sink.received;
}

test(`${AUDIT_LINES} audit lines, four of each kind equal, arrive each by itself`, async () => {
  const titleOf = (n: number) => `Failed login ${Math.floor(n / EQUAL)}`;
  const frames = Array.from({ length: AUDIT_LINES }, (_, n) => {
    const line = { id: 0, model: "User", model_id: 7, action: "auth_fail", title: titleOf(n) };
    return ["misp_json_audit", { Log: line, action: "log" }] as const;
  });
  const received = await burst(frames, "[audit.logged]", "guard: { max_tlp: red, also: [audit] }");
  const told = new Map<string, number>();
  for (const entry of entriesOf(received)) {
    const [, title = "none"] = /"(Failed login \d+)"/.exec(JSON.stringify(entry.lines)) ?? [];
    told.set(title, (told.get(title) ?? 0) + 1);
  }
  const whole = [...told.values()].filter((count) => count === EQUAL).length;
  process.stdout.write(
    `whole: ${entriesOf(received).length} of ${AUDIT_LINES} audit lines in ${received.length} requests, ` +
      `${whole} of ${AUDIT_LINES / EQUAL} that were sent ${EQUAL} times arrived as often\n`,
  );
  expect([entriesOf(received).length, whole]).toEqual([AUDIT_LINES, AUDIT_LINES / EQUAL]);
});

test(`a burst of ${BURST} publications arrives, an entry for each`, async () => {
  const frames = Array.from({ length: BURST }, (_, n) => {
    return ["misp_json", { Event: { ...EVENT, id: String(n + 1), uuid: uuidOf(n + 1) } }] as const;
  });
  const received = await burst(frames, "[event.published]", "guard: { max_tlp: red }");
  const events = entriesOf(received).map(({ event }) => event?.uuid);
  process.stdout.write(`whole: ${events.length} of ${BURST} entries in ${received.length} requests\n`);
  expect(events.sort()).toEqual(Array.from({ length: BURST }, (_, n) => uuidOf(n + 1)));
});
