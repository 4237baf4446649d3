import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";

// The thread that reads giants as it is in the package: frames above 1 MiB go there.

const ATTRIBUTES = 12_000;
const OTHERS = 30;
const { topic, payload } = sample("misp_json--publish-first-time");
const { Event: EVENT } = payload as { readonly Event: Readonly<Record<string, unknown>> };
const CHANGED_AT = Number(EVENT.timestamp);
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

function attribute(n: number) {
  const fixed = { type: "domain", category: "Network activity", to_ids: true, distribution: "5", comment: "" };
  return { ...fixed, id: String(n + 1), uuid: uuidOf(n), value: `host-${n}.example`, timestamp: String(CHANGED_AT) };
}

function publication(n: number, attributes: readonly object[]) {
  const name = { id: String(n), uuid: uuidOf(900_000 + n), info: `Event ${n}` };
  return { Event: { ...EVENT, ...name, Attribute: attributes, Object: [] } };
}

test("a giant is told whole, others pass it, and what comes about the same event is told after it", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"));
  const kinds = "kinds: [event.published, attribute.added]";
  const config = folder.write("config.yaml", text.replace("name: all,", `name: all, ${kinds},`));
  await using daemon = start(["run", "-c", config]);
  await publisher.subscribed();

  const whole = Array.from({ length: ATTRIBUTES }, (_, n) => attribute(n));
  const giant = publication(1, whole);
  expect(JSON.stringify(giant).length).toBeGreaterThan(2 * 2 ** 20);
  await publisher.send(topic, giant);
  const { Attribute: _, ...event } = giant.Event;
  const later = {
    ...attribute(ATTRIBUTES),
    event_id: event.id,
    object_id: "0",
    Tag: [],
    timestamp: String(CHANGED_AT + 1),
  };
  await publisher.send("misp_json_attribute", { Attribute: later, Event: event, action: "add" });
  for (let n = 2; n < 2 + OTHERS; n += 1) {
    await publisher.send(topic, publication(n, [attribute(n)]));
  }

  const entries = () => sink.received.flatMap(({ body }) => body.entries);
  const about = (n: number) => entries().filter(({ event }) => event?.uuid === uuidOf(900_000 + n));
  const valuesOf = (of: ReturnType<typeof entries>) =>
    of.flatMap(({ indicators = [] }) => indicators.map(({ value }) => value));
  await eventually(() => valuesOf(about(1)).length > ATTRIBUTES);
  await eventually(() => Array.from({ length: OTHERS }, (_, n) => about(2 + n).length).every((times) => times === 1));
  expect(await daemon.stop("SIGTERM")).toBe(0);

  const told = about(1);
  expect(valuesOf(told.slice(0, -1)).sort()).toEqual(whole.map(({ value }) => value).sort());
  expect(valuesOf(told.slice(-1))).toEqual([later.value]);
  // None of the others waited for it to be told whole.
  const places = entries().map(({ event }) => event?.uuid);
  expect(places.indexOf(uuidOf(900_002))).toBeLessThan(places.lastIndexOf(uuidOf(900_001)));
  expect(daemon.stderr()).not.toMatch(/"level":"?(error|fatal)/);
});
