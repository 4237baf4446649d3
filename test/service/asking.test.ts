import { expect, test } from "vitest";
import type { Answer } from "../../src/misp-api/answer.ts";
import type { ThreadFacts } from "../../src/misp-api/read.ts";
import { askThread } from "../../src/service/asking.ts";

test.each<readonly [string, Answer<ThreadFacts>, string]>([
  ["MISP does not have it", { kind: "not-found", reason: "not-visible" }, "refused"],
  ["the key's user may not see it", { kind: "forbidden", reason: "no-permission" }, "refused"],
  ["MISP says so with another status", { kind: "retry", reason: "user-not-ready", detail: "http-405" }, "refused"],
  ["MISP refuses the key", { kind: "forbidden", reason: "key-not-accepted" }, "forbidden"],
  ["something before MISP refuses us", { kind: "forbidden", reason: "http-403" }, "forbidden"],
  ["MISP fails", { kind: "retry", reason: "http-500" }, "retry"],
  ["MISP tells it", { kind: "thread", thread: { id: "1" } }, "thread"],
])("a discussion that the key does not see says nothing of the key: %s", async (_, answer, kind) => {
  const told = await askThread({ thread: async () => answer }, "1", new AbortController().signal);
  expect(told.kind).toBe(kind);
});
