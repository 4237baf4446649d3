import { expect, test } from "vitest";
import { FrameQueue, type QueuedFrame } from "../../src/sources/frame-queue.ts";

const COST = 1000; // of the frames below, with what the queue adds for the objects around them
const frame = (topic: string, n: number) => Buffer.from(`${topic} ${n} `.padEnd(COST - 512, "x"));
const names = (frames: readonly QueuedFrame[]) =>
  frames.map(({ bytes }) => Buffer.from(bytes).toString().split(" ").slice(0, 2).join(" "));
const drain = (queue: FrameQueue) => names(queue.take(1000, Number.POSITIVE_INFINITY));

test("FrameQueue keeps the order of arrival across kinds", () => {
  const queue = new FrameQueue(100 * COST);
  const order = ["misp_json_tag 0", "misp_json 1", "misp_json 2", "misp_json_event 3", "misp_json 4"];
  for (const name of order) {
    queue.push(Buffer.from(`${name} `), 0);
  }
  expect(drain(queue)).toEqual(order);
});

test("FrameQueue keeps the order over many more frames than it holds at once", () => {
  const queue = new FrameQueue(100 * COST);
  const taken: string[] = [];
  for (let n = 0; n < 5000; n++) {
    queue.push(frame(n % 3 === 0 ? "misp_json" : "misp_json_tag", n), 0);
    if (n % 7 !== 0) {
      continue;
    }
    const frames = queue.take(50, Number.POSITIVE_INFINITY);
    for (const { cost } of frames) {
      queue.release(cost);
    }
    taken.push(...names(frames));
  }
  taken.push(...drain(queue));
  expect(taken.map((name) => Number(name.split(" ")[1]))).toEqual(Array.from({ length: 5000 }, (_, n) => n));
});

test("FrameQueue that is full refuses what is no publication", () => {
  const queue = new FrameQueue(3 * COST);
  for (let n = 0; n < 5; n++) {
    queue.push(frame("misp_json_tag", n), 0);
  }
  expect(queue.dropped).toEqual({ misp_json_tag: 2 });
  expect(drain(queue)).toEqual(["misp_json_tag 0", "misp_json_tag 1", "misp_json_tag 2"]);
});

test("FrameQueue that is full lets a publication push out the newest of the others", () => {
  const queue = new FrameQueue(3 * COST);
  queue.push(frame("misp_json_tag", 0), 0);
  queue.push(frame("misp_json_event", 1), 0);
  queue.push(frame("misp_json_audit", 2), 0);
  queue.push(frame("misp_json", 3), 0);
  queue.push(frame("misp_json", 4), 0);
  expect(queue.dropped).toEqual({ misp_json_audit: 1, misp_json_event: 1 });
  expect(drain(queue)).toEqual(["misp_json_tag 0", "misp_json 3", "misp_json 4"]);
});

test("FrameQueue drops a publication only when publications alone fill it, and pushes nothing out in vain", () => {
  const queue = new FrameQueue(3 * COST);
  queue.push(frame("misp_json", 0), 0);
  queue.push(frame("misp_json_tag", 1), 0);
  queue.push(frame("misp_json", 2), 0);
  queue.push(Buffer.alloc(3 * COST, "misp_json 3 "), 0);
  expect(queue.dropped).toEqual({ misp_json: 1 });
  expect(drain(queue)).toEqual(["misp_json 0", "misp_json_tag 1", "misp_json 2"]);
});

test("FrameQueue lets in a frame above its limit when it holds nothing else", () => {
  const queue = new FrameQueue(COST);
  queue.push(Buffer.alloc(5 * COST, "misp_json 0 "), 0);
  queue.push(frame("misp_json_tag", 1), 0);
  expect(queue.dropped).toEqual({ misp_json_tag: 1 });
  expect(drain(queue)).toEqual(["misp_json 0"]);
});

test("FrameQueue charges what was taken until it is released", () => {
  const queue = new FrameQueue(2 * COST);
  queue.push(frame("misp_json_tag", 0), 0);
  queue.push(frame("misp_json_tag", 1), 0);
  expect(names(queue.take(64, COST))).toEqual(["misp_json_tag 0"]);
  expect(queue.take(64, COST)).toEqual([]);
  queue.push(frame("misp_json_tag", 2), 0);
  expect(queue.dropped).toEqual({ misp_json_tag: 1 });
  queue.release(COST);
  queue.push(frame("misp_json_tag", 3), 0);
  expect(drain(queue)).toEqual(["misp_json_tag 1", "misp_json_tag 3"]);
});

test("FrameQueue counts invented topics together", () => {
  const queue = new FrameQueue(COST);
  queue.push(frame("misp_json", 0), 0);
  for (let n = 0; n < 100; n++) {
    queue.push(frame(`misp_json_${String.fromCharCode(97 + (n % 26))}${n > 25 ? "z" : ""}`, n), 0);
  }
  queue.push(Buffer.from("<script>alert(1)</script> {}"), 0);
  queue.push(Buffer.from([0xff, 0x00]), 0);
  expect(Object.keys(queue.dropped).length).toBeLessThanOrEqual(33);
  expect(Object.keys(queue.dropped).every((name) => /^misp_json_[a-z]+$|^other$/.test(name))).toBe(true);
  expect(queue.dropped.other).toBeGreaterThanOrEqual(2);
  expect(queue.drops).toBe(102);
});
