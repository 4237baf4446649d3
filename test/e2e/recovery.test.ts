import { expect, test } from "vitest";
import { ask } from "../../src/doors/socket/client.ts";
import { Status } from "../../src/operations/documents.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";
import { publish, told, uuidOf } from "./publications.ts";

const OWED = 1_000;
/** As many are watched: enough for several seconds. */
const WATCHED = 300;
const PER_SECOND = 50;
const BURST = 10;

test(`${OWED} that were owed to a destination that refused leave in order and at its pace once it takes them`, async () => {
  await using publisher = await openPublisher();
  let status = 401;
  const arrivedAt: number[] = [];
  await using sink = await openSink((_, response) => {
    if (status === 200) {
      arrivedAt.push(performance.now());
    }
    response.writeHead(status).end();
  });
  using folder = workspace();
  const state = folder.path("state.db");
  // With several requests under way at once, only what is about one event is in order.
  const rate = `concurrency: 1, rate: { per_second: ${PER_SECOND}, burst: ${BURST} }, guard:`;
  const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, state).replace("guard:", rate));
  await using daemon = start(["run", "-c", config]);
  await publisher.subscribed();
  await publish(publisher, 1);
  await daemon.logged(/Destination suspended/);
  for (let n = 2; n <= OWED; n += 1) {
    await publish(publisher, n);
  }
  const line = { path: `${state}.sock`, signal: AbortSignal.timeout(60_000) };
  let owed = 0;
  while (owed < OWED) {
    owed = (await ask(line, { command: "status" }, Status)).destinations[0]?.owed ?? 0;
  }
  expect(sink.received).toHaveLength(1);

  status = 200;
  await using retry = start(["outbox", "retry", "-c", config, "--destination", "hook", "--yes"]);
  expect(await retry.exited, retry.stderr()).toBe(0);
  await eventually(() => arrivedAt.length >= WATCHED);
  const order = told(sink.received).slice(1, WATCHED + 1);
  expect(order).toEqual(Array.from({ length: WATCHED }, (_, index) => uuidOf(index + 1)));
  // The one that opens a second may have left, and waited for its answer, before it began.
  const busiest = Math.max(
    ...arrivedAt.map((from) => arrivedAt.filter((at) => at >= from && at < from + 1_000).length),
  );
  expect(busiest).toBeLessThanOrEqual(PER_SECOND + BURST + 1);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  const left = OWED - (sink.received.length - 1);
  expect(daemon.stderr()).toContain(`"owed":${left},"msg":"Stopped`);
});
