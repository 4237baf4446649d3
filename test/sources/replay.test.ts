import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import type { Frame } from "../../src/model/frame.ts";
import { openReplay, type ReplayOptions } from "../../src/sources/replay/source.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures");

async function read(input: ReplayOptions["input"], options: Partial<ReplayOptions> = {}) {
  const captured = captureLog();
  const source = openReplay({ instance: "demo", input, speed: "full", now: () => 5, log: captured.log, ...options });
  const batches: (readonly Frame[])[] = [];
  for await (const batch of source.frames(new AbortController().signal)) {
    batches.push(batch);
  }
  const frames = batches.flat().map(({ topic, payload, receivedAt, instance }) => ({
    instance,
    topic,
    text: Buffer.from(payload).toString(),
    receivedAt,
  }));
  return { ...captured, batches, frames };
}

test("openReplay reads recorded frames with and without an instant", async () => {
  const { frames } = await read(
    Readable.from([
      '{"t": 1795196961.6431947, "frame": "misp_json {\\"a\\": \\"b c\\"}"}\n{"frame":"misp_json_tag {}"}\n',
    ]),
  );
  expect(frames).toEqual([
    { instance: "demo", topic: "misp_json", text: '{"a": "b c"}', receivedAt: 1795196961643 },
    { instance: "demo", topic: "misp_json_tag", text: "{}", receivedAt: 5 },
  ]);
});

test("openReplay reads topic and payload, an object or text, and raw frames, and skips blank lines", async () => {
  const { frames, lines } = await read(
    Readable.from([
      '\uFEFF{"topic":"misp_json","payload":{"a":1}}\r\n\r\n',
      '{"topic":"misp_json_event","payload":"not json","t":2}\n   \n',
      'misp_json_audit {"x": "y z"}\r\n',
      "misp_json_self {}",
    ]),
  );
  expect(frames.map(({ topic, text, receivedAt }) => [topic, text, receivedAt])).toEqual([
    ["misp_json", '{"a":1}', 5],
    ["misp_json_event", "not json", 2000],
    ["misp_json_audit", '{"x": "y z"}', 5],
    ["misp_json_self", "{}", 5],
  ]);
  expect(lines).toEqual([]);
});

test("openReplay reads events as MISP exports them as their publications", async () => {
  const one = await read(join(FIXTURES, "cases/raw-misp-export.json"));
  expect(one.frames).toMatchObject([{ topic: "misp_json", text: expect.stringMatching(/^\{"Event":\{"id":"4711"/) }]);
  const event = { Event: { id: "1" } };
  const several = await read(Readable.from([JSON.stringify({ response: [event, event] }, null, 2), "\n"]));
  expect(several.frames.map(({ topic, text }) => [topic, text])).toEqual(
    Array(2).fill(["misp_json", JSON.stringify(event)]),
  );
  const part = await read(Readable.from(['{"Event":{"id":"1"},"action":"add"}\n{"Event":"x"}\n{"response":[1]}\n']));
  expect(part.frames).toEqual([]);
});

test("openReplay keeps the bytes of a raw frame that is not UTF-8", async () => {
  const source = openReplay({
    instance: "demo",
    input: Readable.from([Buffer.from("misp_json \xff\xfe\n", "latin1")]),
    speed: "full",
    now: Date.now,
    log: captureLog().log,
  });
  for await (const [frame] of source.frames(new AbortController().signal)) {
    expect(Buffer.from(frame?.payload ?? []).toString("hex")).toBe("fffe");
  }
  expect.assertions(1);
});

test("openReplay reads documents that are printed over several lines, one after the other", async () => {
  const document = { topic: "misp_json", payload: { Event: { info: "}\n{", Attribute: [{ value: 1 }, {}, []] } } };
  const pretty = JSON.stringify(document, null, 2);
  const { frames, lines } = await read(Readable.from([`${pretty}\n\n${pretty}`]));
  expect(frames.map(({ topic, text }) => [topic, JSON.parse(text)])).toEqual([
    ["misp_json", document.payload],
    ["misp_json", document.payload],
  ]);
  expect(lines).toEqual([]);
});

test("openReplay cuts the input anywhere", async () => {
  const text =
    'misp_json {"a":"\u00e9"}\n{\n  "topic": "misp_json_tag",\n  "payload": {"b": 2}\n}\n{"t":1,"frame":"misp_json_self {}"}\n';
  const { frames } = await read(Readable.from([...Buffer.from(text)].map((byte) => Buffer.of(byte))));
  expect(frames.map(({ topic, text: payload }) => [topic, payload])).toEqual([
    ["misp_json", '{"a":"\u00e9"}'],
    ["misp_json_tag", '{"b":2}'],
    ["misp_json_self", "{}"],
  ]);
});

test("openReplay skips what is no frame, and logs line numbers without what is in them", async () => {
  const { frames, lines, find } = await read(
    Readable.from([
      'misp_json {"n":1}\n', // 1
      '{"t":1,"frame":"cut-marker\n', // 2
      'misp_json {"n":2}\n', // 3
      '{"marker":1}\n', // 4
      "[]\n", // 5
      "marker\n", // 6
      '{"t":"now","frame":"misp_json {}"}\n', // 7
      '{"topic":"misp_json","payload":{"n":3}}\n', // 8
      '{\n  "marker": [\n', // 9
    ]),
  );
  expect(frames.map(({ text }) => text)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  const logged = find(/no frames/);
  expect(logged.map(({ lines, line }) => [lines, line])).toEqual([
    [1, 2],
    [5, 9],
  ]);
  expect(lines.join("")).not.toContain("marker");
});

test("openReplay keeps the recorded gaps, whatever time the consumer takes", async () => {
  let clock = 1000;
  const waits: number[] = [];
  const delay = async (ms: number) => {
    waits.push(ms);
    clock += ms;
  };
  const lines = [10, 10, 12.5, 12, 20].map((t, n) => `{"t":${t},"frame":"misp_json ${n}"}\n`).join("");
  const options = { now: () => clock, delay };
  const recorded = await read(Readable.from([lines]), { ...options, speed: "recorded" });
  expect(waits).toEqual([2500, 7500]);
  expect(recorded.batches.map((batch) => batch.length)).toEqual([2, 2, 1]);
  expect(recorded.frames.map(({ receivedAt }) => receivedAt)).toEqual([10_000, 10_000, 12_500, 12_000, 20_000]);

  waits.length = 0;
  await read(Readable.from([lines]), { ...options, speed: 10 });
  expect(waits).toEqual([250, 750]);

  waits.length = 0;
  const slow = openReplay({
    instance: "demo",
    input: Readable.from([lines]),
    speed: "recorded",
    log: captureLog().log,
    ...options,
  });
  for await (const _ of slow.frames(new AbortController().signal)) {
    clock += 4000;
  }
  expect(waits).toEqual([6000 - 4000]);
});

test("openReplay at full speed yields batches of at most 64 and lets others run", async () => {
  let turns = 0;
  let running = true;
  const turn = () => {
    turns++;
    if (running) {
      setImmediate(turn);
    }
  };
  setImmediate(turn);
  const text = Array.from({ length: 50_000 }, (_, n) => `{"t":${n},"frame":"misp_json ${n}"}\n`).join("");
  const { frames, batches } = await read(Readable.from([Buffer.from(text)]));
  running = false;
  expect(frames.map(({ text: n }) => Number(n))).toEqual(Array.from({ length: 50_000 }, (_, n) => n));
  expect(Math.max(...batches.map((batch) => batch.length))).toBe(64);
  expect(turns).toBeGreaterThan(3);
});

test("openReplay yields what a live input has said without waiting for more, and ends quietly on abort", async () => {
  const input = new Readable({ read() {} });
  const stop = new AbortController();
  const source = openReplay({ instance: "demo", input, speed: "recorded", now: Date.now, log: captureLog().log });
  const frames: Frame[] = [];
  const ended = (async () => {
    for await (const batch of source.frames(stop.signal)) {
      frames.push(...batch);
    }
  })();
  input.push("misp_json {}\nmisp_json_tag {}\nmisp");
  await eventually(() => frames.length === 2);
  stop.abort();
  await ended;
  expect(input.destroyed).toBe(true);
});

test("openReplay ends quietly when aborted between two recorded frames", async () => {
  const stop = new AbortController();
  const source = openReplay({
    instance: "demo",
    input: Readable.from(['{"t":0,"frame":"misp_json 1"}\n{"t":86400,"frame":"misp_json 2"}\n']),
    speed: "recorded",
    now: () => 0,
    log: captureLog().log,
  });
  let count = 0;
  for await (const batch of source.frames(stop.signal)) {
    count += batch.length;
    setImmediate(() => stop.abort());
  }
  expect(count).toBe(1);
});

test("openReplay reads a file, and says which one it cannot read", async () => {
  const { frames, lines } = await read(join(FIXTURES, "session.jsonl"));
  expect(frames.length).toBeGreaterThan(100);
  expect(lines).toEqual([]);
  await expect(read("/nowhere/session.jsonl")).rejects.toThrow(UsageError);
  await expect(read("/nowhere/session.jsonl")).rejects.toThrow(/Cannot read "\/nowhere\/session.jsonl"/);
});
