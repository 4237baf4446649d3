import { expect, test } from "vitest";
import { configOf, openSink, start, workspace } from "../e2e/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { parseExposition } from "../support/exposition.ts";
import { openPublisher } from "../support/publisher.ts";
import { SHAPES, shaped } from "../support/shapes.ts";
import { sample } from "../topics/frames.ts";

const BYTES = 15.5 * 2 ** 20;
/** What others notice. */
const MOST_MS = 250;
/** What is said of the event itself is one row of memory, which is written and read at once: tens of thousands of labels. */
const MOST_AROUND_MS = 600;
const AROUND = ["tags of the event", "galaxy clusters"];
const { Event: EVENT } = sample("misp_json--publish-first-time").payload as { readonly Event: Record<string, unknown> };
const LAST = "00000000-0000-4000-8000-000000000078";
const EXPRESSIONS = 'attribute: { value: ["/evil[0-9]+x*y$/", "/(foo|bar)+baz/", "/z{3,}[a-f]+q/"] }';

/** How late timers of this process come: what a loop that has nothing to do suffers on this machine. */
function ownDelay(): { readonly max: () => number } & Disposable {
  let max = 0;
  let dueAt = performance.now() + 20;
  const timer = setInterval(() => {
    max = Math.max(max, performance.now() - dueAt);
    dueAt = performance.now() + 20;
  }, 20);
  return { max: () => max, [Symbol.dispose]: () => clearInterval(timer) };
}

test.each(SHAPES)("16 MiB of %s: the event loop is never late by more than others notice", async (shape) => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"));
  const more = `  - { name: asking, match: { ${EXPRESSIONS} }, notify: hook }\nhttp: { listen: "127.0.0.1:0" }\n`;
  const [head = "", tail = ""] = text.split("control:");
  await using daemon = start(["run", "-c", folder.write("config.yaml", `${head}${more}control:${tail}`)]);
  await daemon.logged(/Listening for HTTP/);
  const [, address] = /"address":"([^"]+)","msg":"Listening for HTTP/.exec(daemon.stderr()) ?? [];
  const longestMs = async () => {
    const body = await (await fetch(`http://${address}/metrics`)).text();
    return 1000 * Number(parseExposition(body).value("misp_herald_event_loop_delay_max_seconds"));
  };
  await publisher.subscribed();
  const payload = shaped(shape, BYTES);
  await longestMs(); // what starting took
  await publisher.send("misp_json", payload);
  using idle = ownDelay();
  // All of it has been told once what comes behind it about the same event has.
  await publisher.send("misp_json", { Event: { ...EVENT, id: "78", uuid: LAST, Object: [] } });
  const isTold = (uuid: string) => {
    const about = sink.received.filter(({ body }) => body.entries.some(({ event }) => event?.uuid === uuid));
    const [last] = about.slice(-1);
    return last !== undefined && about.length >= (last.body.parts ?? 1);
  };
  const isOver = () =>
    isTold("00000000-0000-4000-8000-000000000077") || /Cannot read a frame|too much memory/.test(daemon.stderr());
  await eventually(() => isTold(LAST) && isOver(), 300_000);
  const [late, own] = [await longestMs(), idle.max()];
  process.stdout.write(
    `shapes: 16 MiB of ${shape}: the loop was late by ${late.toFixed(0)} ms at most, one beside it by ${own.toFixed(0)} ms\n`,
  );
  expect(late).toBeLessThan((AROUND.includes(shape) ? MOST_AROUND_MS : MOST_MS) + own);
});
