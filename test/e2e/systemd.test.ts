import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher, type TestPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import {
  HAS_MANAGER,
  openServiceManager,
  type ServiceManager,
  WITH_SYSTEMD_NOTIFY,
} from "../support/service-manager.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";

const PATH = WITH_SYSTEMD_NOTIFY.at(0)?.[1] ?? "";

let folder: ReturnType<typeof workspace>;
let publisher: TestPublisher;
let manager: ServiceManager;

describe.runIf(HAS_MANAGER)("a service that systemd has started", () => {
  beforeEach(async () => {
    folder = workspace();
    publisher = await openPublisher();
    manager = await openServiceManager();
  });
  afterEach(async () => {
    await manager[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  function configure(url: string, more = ""): string {
    const text = configOf(publisher.endpoint, url, folder.path("state.db"));
    return folder.write("config.yaml", `${text}${more}`);
  }

  const reload = (config: string) => main(["reload", "-c", config], openScreen().context);
  const has = (assignment: string) => manager.told.some((message) => message.includes(assignment));
  const lastStatus = () => manager.told.flat().findLast((assignment) => assignment.startsWith("STATUS="));

  test("systemd is told when the service runs, what it reloads and how it is, that it lives, and that it stops", async () => {
    await using sink = await openSink((_, response) => response.writeHead(403).end());
    const config = configure(sink.url);
    await using daemon = start(["run", "-c", config], {
      PATH,
      NOTIFY_SOCKET: manager.socket,
      WATCHDOG_USEC: "1000000",
    });
    await eventually(() => manager.told.length > 0);
    expect(manager.told[0]).toEqual([
      "READY=1",
      `MAINPID=${daemon.pid}`,
      expect.stringMatching(/^STATUS=cert (NOT CONNECTED|connected), 0 frames; 0 owed$/),
    ]);
    expect(daemon.stderr()).toMatch(/"msg":"Started"/);
    await eventually(() => manager.told.filter((message) => message.includes("WATCHDOG=1")).length > 2);

    await publisher.subscribed();
    const { topic, payload } = sample("misp_json--publish-first-time");
    await publisher.send(topic, payload);
    await eventually(() => lastStatus() === "STATUS=cert connected, 1 frames; 1 owed, hook SUSPENDED");

    configure(sink.url, "unknown: true\n");
    expect(await reload(config)).toBe(1);
    await eventually(() => lastStatus()?.startsWith("STATUS=new configuration REJECTED: "));
    expect(lastStatus()).toMatch(/config\.yaml:\d+:1: unknown key "unknown".*; cert connected/);
    configure(sink.url);
    expect(await reload(config)).toBe(0);
    await eventually(() => lastStatus()?.startsWith("STATUS=cert connected"));
    const order = manager.told.flat().filter((assignment) => /^(READY|RELOADING)=/.test(assignment));
    expect(order).toEqual(["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1"]);

    expect(await daemon.stop("SIGTERM")).toBe(0);
    await eventually(() => has("STOPPING=1"));
    expect(daemon.stderr()).not.toMatch(/cannot be told/);

    // Another start has a state file to open, which may take long: systemd is asked for patience before.
    const before = manager.told.length;
    await using again = start(["run", "-c", config], { PATH, NOTIFY_SOCKET: manager.socket });
    await eventually(() => manager.told.length > before + 1);
    expect(manager.told.slice(before, before + 2)).toEqual([
      ["EXTEND_TIMEOUT_USEC=121000000", "STATUS=opening the state file"],
      ["READY=1", `MAINPID=${again.pid}`, expect.stringMatching(/^STATUS=cert /)],
    ]);
  });

  test("a service that cannot open its outbox is never ready", async () => {
    const config = folder.write(
      "config.yaml",
      configOf(publisher.endpoint, "http://127.0.0.1:9/", folder.path("nowhere/state.db/x")),
    );
    folder.write("nowhere", "a file where a directory must be");
    await using daemon = start(["run", "-c", config], { PATH, NOTIFY_SOCKET: manager.socket });
    expect(await daemon.exited).toBe(1);
    expect(has("READY=1")).toBe(false);
  });
});
