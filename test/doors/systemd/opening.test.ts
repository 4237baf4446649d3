import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Assignments } from "../../../src/doors/systemd/notifier.ts";
import { tellOpening } from "../../../src/doors/systemd/opening.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function listen() {
  const told: Assignments[] = [];
  return { told, notifier: { watchdogMs: undefined, tell: async (one: Assignments) => void told.push(one) } };
}

test.each([
  ["a small file", 4096, 0, 121],
  ["one of the largest that there are", 2 * 2 ** 30, 0, 120 + 1024],
  ["one with much in its log", 4096, 100 * 2 ** 20, 171],
])("for %s the manager is asked to wait by its size", async (_, bytes, wal, seconds) => {
  const path = join(folder, "state.db");
  for (const [file, size] of [
    [path, bytes],
    [`${path}-wal`, wal],
  ] as const) {
    writeFileSync(file, "");
    truncateSync(file, size);
  }
  const { told, notifier } = listen();
  await tellOpening(notifier, path);
  expect(told).toEqual([{ EXTEND_TIMEOUT_USEC: seconds * 1_000_000, STATUS: "opening the state file" }]);
});

test("for a file that is not there it is not, nor is anybody where there is no manager", async () => {
  const { told, notifier } = listen();
  await tellOpening(notifier, join(folder, "none"));
  expect(told).toEqual([]);
  await expect(tellOpening(undefined, folder)).resolves.toBeUndefined();
});
