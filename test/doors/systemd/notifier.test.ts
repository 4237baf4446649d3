import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openNotifier } from "../../../src/doors/systemd/notifier.ts";
import { captureLog } from "../../support/captured-log.ts";
import { eventually } from "../../support/eventually.ts";
import { HAS_MANAGER, openServiceManager, WITH_SYSTEMD_NOTIFY } from "../../support/service-manager.ts";

describe.runIf(HAS_MANAGER).each(WITH_SYSTEMD_NOTIFY)("by %s", (_, PATH) => {
  test("messages arrive in the order in which they were told", async () => {
    await using manager = await openServiceManager();
    const { log, lines } = captureLog();
    const notifier = openNotifier({ NOTIFY_SOCKET: manager.socket, PATH }, log);
    const all = ["one", "two", "three"].map((word) => notifier?.tell({ STATUS: word, WATCHDOG: 1 }));
    await Promise.all(all);
    await eventually(() => manager.told.length === 3);
    expect(manager.told).toEqual(["one", "two", "three"].map((word) => [`STATUS=${word}`, "WATCHDOG=1"]));
    expect(lines).toEqual([]);
  });

  test("no text becomes an assignment of its own", async () => {
    await using manager = await openServiceManager();
    const notifier = openNotifier({ NOTIFY_SOCKET: manager.socket, PATH }, captureLog().log);
    await notifier?.tell({ STATUS: "a\r\nMAINPID=1\u2028b; $(reboot) --é" });
    await eventually(() => manager.told.length === 1);
    expect(manager.told).toEqual([["STATUS=a MAINPID=1\u2028b; $(reboot) --é"]]);
  });

  test("what cannot be told is logged once, and the next message is tried all the same", async () => {
    await using manager = await openServiceManager();
    const captured = captureLog();
    const gone = openNotifier({ NOTIFY_SOCKET: `${manager.socket}-gone`, PATH }, captured.log);
    await gone?.tell({ READY: 1 });
    await gone?.tell({ WATCHDOG: 1 });
    expect(captured.find(/cannot be told/)).toMatchObject([{ level: "warn", reason: "exit code 1" }]);
  });
});

test("without the command the service goes on, and the log names what is missing", async () => {
  const empty = mkdtempSync(join(tmpdir(), "misp-herald-test-"));
  const captured = captureLog();
  await openNotifier({ NOTIFY_SOCKET: "/nowhere", PATH: empty }, captured.log)?.tell({ READY: 1 });
  rmSync(empty, { recursive: true });
  expect(captured.find(/cannot be told/)).toMatchObject([
    { reason: "ENOENT", hint: expect.stringContaining("systemd-notify must be on the PATH") },
  ]);
});

test("where no manager listens there is nobody to tell", () => {
  const { log } = captureLog();
  expect(openNotifier({ WATCHDOG_USEC: "1000" }, log)).toBeUndefined();
  expect(openNotifier({ NOTIFY_SOCKET: "" }, log)).toBeUndefined();
});

test.each([
  ["this process", { WATCHDOG_USEC: "6000000", WATCHDOG_PID: String(process.pid) }, 6000],
  ["whoever has the variable", { WATCHDOG_USEC: "1500000" }, 1500],
  ["another process", { WATCHDOG_USEC: "6000000", WATCHDOG_PID: String(process.pid + 1) }, undefined],
  ["nobody", {}, undefined],
  ["nobody, with a value that is none", { WATCHDOG_USEC: "soon" }, undefined],
])("the watchdog counts when it watches %s", (_, env, patience) => {
  expect(openNotifier({ NOTIFY_SOCKET: "/nowhere", ...env }, captureLog().log)?.watchdogMs).toBe(patience);
});
