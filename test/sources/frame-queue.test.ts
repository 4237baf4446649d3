import { expect, test } from "vitest";
import { type FrameBatch, FrameQueue } from "../../src/sources/frame-queue.ts";

const COST = 1000; // of the frames below, with what the queue adds for the objects around them
const EVERYTHING = Number.POSITIVE_INFINITY;

/** A queue whose pages are smaller than its frames where `limit` is small, so that frames leave one by one. */
const open = (limit: number, giantAbove = EVERYTHING, giantBytes = EVERYTHING) =>
  new FrameQueue({ bytes: limit, giantAbove, giantBytes });

function push(queue: FrameQueue, topic: string, n: number, bytes = COST - 512): void {
  queue.push(Buffer.from(`${topic} ${n} `.padEnd(bytes, "x")), topic, n);
}

function names({ bytes, lengths }: FrameBatch): readonly string[] {
  let from = 0;
  return lengths.map((length) => {
    const frame = Buffer.from(bytes.subarray(from, from + length)).toString();
    from += length;
    return frame.split(" ").slice(0, 2).join(" ");
  });
}

function batches(queue: FrameQueue, window = EVERYTHING): readonly FrameBatch[] {
  const all: FrameBatch[] = [];
  for (let batch = queue.take(window); batch; batch = queue.take(window)) {
    all.push(batch);
  }
  return all;
}

const drain = (queue: FrameQueue, window?: number) => batches(queue, window).flatMap(names);

test("FrameQueue gives publications first, and otherwise keeps the order of arrival", () => {
  const queue = open(100 * COST);
  for (const [n, topic] of ["misp_json_tag", "misp_json", "misp_json", "misp_json_event", "misp_json"].entries()) {
    push(queue, topic, n);
  }
  expect(drain(queue)).toEqual(["misp_json 1", "misp_json 2", "misp_json 4", "misp_json_tag 0", "misp_json_event 3"]);
});

test("FrameQueue tells of each frame how long it is and when it came", () => {
  const queue = open(100 * COST);
  push(queue, "misp_json_tag", 1, 30);
  push(queue, "misp_json_tag", 2, 50);
  expect(batches(queue)).toMatchObject([{ lengths: [30, 50], atMs: [1, 2], cost: 80 + 2 * 512, giant: false }]);
});

test("FrameQueue puts what arrived together into one buffer, at most 512 frames, and holds no more memory than that", () => {
  const queue = open(2 ** 26);
  for (let n = 0; n < 1500; n++) {
    push(queue, "misp_json_tag", n, 100);
  }
  const taken = batches(queue);
  expect(taken.map(({ lengths }) => lengths.length)).toEqual([512, 512, 476]);
  expect(taken.map(({ bytes }) => bytes.buffer.byteLength)).toEqual([51_200, 51_200, 47_600]);
  push(queue, "misp_json_tag", 0, 2 ** 20);
  push(queue, "misp_json_tag", 1, 100);
  expect(batches(queue).map(({ bytes }) => bytes.buffer.byteLength)).toEqual([2 ** 20, 100]);
});

test("FrameQueue keeps the order over many more frames than it holds at once", () => {
  const queue = open(100 * COST);
  const taken: string[] = [];
  for (let n = 0; n < 5000; n++) {
    push(queue, "misp_json_tag", n);
    if (n % 7 !== 0) {
      continue;
    }
    for (const batch of batches(queue, 20 * COST)) {
      taken.push(...names(batch));
      queue.release(batch);
    }
  }
  taken.push(...drain(queue));
  expect(taken.map((name) => Number(name.split(" ")[1]))).toEqual(Array.from({ length: 5000 }, (_, n) => n));
});

test("FrameQueue that is full refuses what is no publication", () => {
  const queue = open(3 * COST);
  for (let n = 0; n < 5; n++) {
    push(queue, "misp_json_tag", n);
  }
  expect(queue.dropped).toEqual({ misp_json_tag: 2 });
  expect(drain(queue)).toEqual(["misp_json_tag 0", "misp_json_tag 1", "misp_json_tag 2"]);
});

test.each([3, 60])(
  "FrameQueue of %i frames that is full lets a publication push out the newest of the others",
  (size) => {
    const queue = open(size * COST);
    for (let n = 0; n < size; n++) {
      push(queue, n === size - 1 ? "misp_json_audit" : "misp_json_tag", n);
    }
    push(queue, "misp_json", size);
    push(queue, "misp_json", size + 1);
    expect(queue.dropped).toEqual({ misp_json_audit: 1, misp_json_tag: 1 });
    const left = Array.from({ length: size - 2 }, (_, n) => `misp_json_tag ${n}`);
    expect(drain(queue)).toEqual([`misp_json ${size}`, `misp_json ${size + 1}`, ...left]);
  },
);

test("FrameQueue drops a publication only when publications alone fill it, and pushes nothing out in vain", () => {
  const queue = open(3 * COST);
  push(queue, "misp_json", 0);
  push(queue, "misp_json_tag", 1);
  push(queue, "misp_json", 2);
  push(queue, "misp_json", 3, 3 * COST);
  expect(queue.dropped).toEqual({ misp_json: 1 });
  expect(drain(queue)).toEqual(["misp_json 0", "misp_json 2", "misp_json_tag 1"]);
});

test("FrameQueue lets in a frame above its limit when it holds nothing else", () => {
  const queue = open(COST);
  push(queue, "misp_json", 0, 5 * COST);
  push(queue, "misp_json_tag", 1);
  expect(queue.dropped).toEqual({ misp_json_tag: 1 });
  expect(drain(queue)).toEqual(["misp_json 0"]);
});

test("FrameQueue charges what was taken until it is released", () => {
  const queue = open(2 * COST);
  push(queue, "misp_json_tag", 0);
  push(queue, "misp_json_tag", 1);
  const [first] = batches(queue, COST);
  expect(first && names(first)).toEqual(["misp_json_tag 0"]);
  push(queue, "misp_json_tag", 2);
  expect(queue.dropped).toEqual({ misp_json_tag: 1 });
  queue.release(first ?? { cost: 0, giant: false });
  push(queue, "misp_json_tag", 3);
  expect(drain(queue)).toEqual(["misp_json_tag 1", "misp_json_tag 3"]);
});

test("FrameQueue gives a giant alone, at once, and whatever the others take", () => {
  const queue = open(3 * COST, 2 * COST, 8 * COST);
  push(queue, "misp_json", 0);
  push(queue, "misp_json_tag", 1);
  push(queue, "misp_json", 2, 5 * COST);
  push(queue, "misp_json", 3);
  const [giant, ...others] = batches(queue);
  expect(giant && { ...giant, names: names(giant) }).toMatchObject({ giant: true, names: ["misp_json 2"] });
  expect(others.flatMap(names)).toEqual(["misp_json 0", "misp_json 3", "misp_json_tag 1"]);
  expect(queue.drops).toBe(0);
});

test("FrameQueue bounds giants by themselves, but refuses none for ever", () => {
  const queue = open(3 * COST, 2 * COST, 8 * COST);
  push(queue, "misp_json", 0, 20 * COST);
  push(queue, "misp_json", 1, 3 * COST);
  expect(queue.dropped).toEqual({ misp_json: 1 });
  const [giant] = batches(queue);
  queue.release(giant ?? { cost: 0, giant: true });
  push(queue, "misp_json", 2, 4 * COST);
  push(queue, "misp_json", 3, 4 * COST);
  push(queue, "misp_json", 4, 4 * COST);
  expect(queue.dropped).toEqual({ misp_json: 2 });
  expect(drain(queue)).toEqual(["misp_json 2", "misp_json 3"]);
});

test("FrameQueue counts invented topics together", () => {
  const queue = open(COST);
  push(queue, "misp_json", 0);
  for (let n = 0; n < 100; n++) {
    push(queue, `misp_json_${String.fromCharCode(97 + (n % 26))}${n > 25 ? "z" : ""}`, n);
  }
  expect(Object.keys(queue.dropped).length).toBeLessThanOrEqual(33);
  expect(queue.dropped.other).toBeGreaterThanOrEqual(1);
  expect(queue.drops).toBe(100);
});
