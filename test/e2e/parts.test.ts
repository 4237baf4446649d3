import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";

const ATTRIBUTES = 20_000;
/** It is killed at the second request, before the answer, and right after that to the fifth of its next life. */
const KILLS = [
  { request: 2, isAnswered: false },
  { request: 5, isAnswered: true },
] as const;

const { topic, payload } = sample("misp_json--publish-first-time");
const { Event: EVENT } = payload as { readonly Event: Readonly<Record<string, unknown>> };

function attribute(n: number) {
  const uuid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const fixed = {
    type: "domain",
    category: "Network activity",
    to_ids: true,
    distribution: "5",
    timestamp: "1795190000",
  };
  return { ...fixed, id: String(n + 1), uuid, value: `host-${n}.example`, comment: "seen in the campaign" };
}

test("an event of 20,000 attributes arrives whole, also where the service is killed between its parts", async () => {
  await using publisher = await openPublisher();
  let arrives: (answer: () => void) => void = (answer) => answer();
  await using sink = await openSink((_, response) => arrives(() => response.writeHead(200).end()));
  using folder = workspace();
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
  const all = Array.from({ length: ATTRIBUTES }, (_, n) => attribute(n));

  for (const [life, { request, isAnswered }] of KILLS.entries()) {
    await using daemon = start(["run", "-c", config]);
    let requests = 0;
    arrives = (answer) => {
      requests += 1;
      if (requests < request || isAnswered) {
        answer();
      }
      if (requests === request) {
        daemon.kill("SIGKILL");
      }
    };
    if (life === 0) {
      await publisher.subscribed();
      await publisher.send(topic, { Event: { ...EVENT, Attribute: all, Object: [] } });
    }
    expect(await daemon.exited, daemon.stderr()).toBe("SIGKILL");
  }
  arrives = (answer) => answer();
  await using daemon = start(["run", "-c", config]);
  const parts = sink.received[0]?.body.parts ?? 0;
  const numbers = () => new Set(sink.received.map(({ body }) => body.part));
  await eventually(() => numbers().size === parts);
  await daemon.logged(/Delivered/);
  expect(await daemon.stop("SIGTERM")).toBe(0);

  expect(parts).toBeGreaterThan(10);
  expect(numbers()).toEqual(new Set(Array.from({ length: parts }, (_, index) => index + 1)));
  // A part that comes again has the id and the content that it had: a receiver that knows the id does nothing twice.
  const bodies = new Map<string, string>();
  for (const { id, body } of sink.received) {
    expect(JSON.stringify(body)).toBe(bodies.get(id) ?? JSON.stringify(body));
    bodies.set(id, JSON.stringify(body));
  }
  expect(bodies.size).toBe(parts);
  // No more than what was under way at a kill came twice.
  expect(sink.received.length - parts).toBeLessThanOrEqual(KILLS.length);
  const once = new Map(sink.received.map(({ id, body }) => [id, body]));
  const values = [...once.values()].flatMap(({ entries }) =>
    entries.flatMap(({ indicators = [] }) => indicators.map(({ value }) => value)),
  );
  expect(values.sort()).toEqual(all.map(({ value }) => value).sort());
});
