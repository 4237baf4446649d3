import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";
import { publish, told, uuidOf } from "./publications.ts";

/** Sends twenty frames for each of so many publications, as fast as the publisher can: each is told once, and nothing else. */
export async function sendAtFullSpeed(published: number): Promise<void> {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const config = configOf(publisher.endpoint, sink.url, folder.path("state.db"));
  await using daemon = start(["run", "-c", folder.write("config.yaml", config)]);
  await publisher.subscribed();
  const attribute = sample("misp_json_attribute--add");
  const audit = sample("misp_json_audit--classic-log-event-edit");
  for (let n = 1; n <= published; n += 1) {
    for (let other = 0; other < 9; other += 1) {
      await publisher.send(attribute.topic, attribute.payload);
      await publisher.send(audit.topic, audit.payload);
    }
    await publish(publisher, n);
    await publish(publisher, n); // the same frame once more, as by a second endpoint
  }
  const uuids = await eventually(() => {
    const all = told(sink.received);
    return all.length >= published ? all : undefined;
  });
  // The last of the feed has been read when a publication that follows it arrives.
  await publish(publisher, published + 1);
  await eventually(() => told(sink.received).includes(uuidOf(published + 1)));
  expect(uuids.toSorted()).toEqual(Array.from({ length: published }, (_, index) => uuidOf(index + 1)));
  expect(sink.received.flatMap(({ body }) => body.entries)).toHaveLength(published + 1);
  expect(new Set(sink.received.map(({ id }) => id)).size).toBe(sink.received.length);
  expect(daemon.stderr()).not.toMatch(/"level":"(warn|error)"/);
  expect(await daemon.stop("SIGTERM")).toBe(0);
}
