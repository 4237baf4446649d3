import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";
import { publish, told, uuidOf } from "./publications.ts";

/** A file system of its own, of so many KiB; it takes root, and the right to mount. */
function mountSmall(path: string, kib: number): Disposable | undefined {
  mkdirSync(path);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", path]);
  if (status !== 0) {
    return undefined;
  }
  return { [Symbol.dispose]: () => void spawnSync("umount", ["-l", path]) };
}

function probeMount(): boolean {
  using folder = workspace();
  using mounted = mountSmall(folder.path("probe"), 64);
  return mounted !== undefined;
}
const CAN_MOUNT = probeMount();
const IS_ROOT = process.getuid?.() === 0;
if (!CAN_MOUNT) {
  process.stdout.write("disk.test.ts: no full disk is tried, because this user may not mount one\n");
}

/** An ext4 in a file; its `fail()` does what the kernel does when the disk below it fails: it is read-only from then on. */
function mountFailing(folder: ReturnType<typeof workspace>) {
  const [image, path] = [folder.path("image"), folder.path("ext4")];
  const run = (command: string, ...args: readonly string[]) => spawnSync(command, args).status === 0;
  const mount = () => run("mount", "-o", "loop,errors=remount-ro", image, path);
  mkdirSync(path);
  writeFileSync(image, Buffer.alloc(16 * 2 ** 20));
  if (!run("mkfs.ext4", "-q", "-F", image) || !mount()) {
    return undefined;
  }
  return {
    path,
    fail: () => run("mount", "-o", "remount,abort", path),
    /** As after a repair. */
    mend: () => run("umount", path) && (run("fsck.ext4", "-p", image) || true) && mount(),
    [Symbol.dispose]: () => void run("umount", "-l", path),
  };
}

function probeFailing(): boolean {
  using folder = workspace();
  using mounted = mountFailing(folder);
  return mounted?.fail() === true;
}
const CAN_FAIL = CAN_MOUNT && probeFailing();
if (!CAN_FAIL) {
  process.stdout.write("disk.test.ts: no disk fails, because this user may not mount an ext4 on a file\n");
}

/** Takes all the space that is left. */
function fill(file: string): void {
  writeFileSync(file, "");
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) {
        appendFileSync(file, Buffer.alloc(size));
      }
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) {
        throw error;
      }
    }
  }
}

/** The line of a metric, from a service that listens at a free port. */
async function scrape(stderr: string, name: string): Promise<string | undefined> {
  const [, address] = /"address":"([^"]+)","msg":"Listening for HTTP/.exec(stderr) ?? [];
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return text.split("\n").find((line) => line.startsWith(`${name} `));
}
const HTTP = 'http: { listen: "127.0.0.1:0" }\n';

test.runIf(CAN_MOUNT)(
  "a full disk: the service says so, waits and sends nothing over and over, also when it is started on it; with space again, all that is owed leaves",
  async () => {
    await using publisher = await openPublisher();
    let release: (() => void) | undefined;
    let holds = false;
    await using sink = await openSink((_, response) => {
      const answer = () => void response.writeHead(200).end();
      if (holds) {
        release = answer;
      } else {
        answer();
      }
    });
    using folder = workspace();
    using mounted = mountSmall(folder.path("disk"), 2_048);
    expect(mounted).toBeDefined();
    const disk = folder.path("disk");
    // The socket is elsewhere: a full disk must be the state file's trouble alone.
    const text = configOf(publisher.endpoint, sink.url, `${disk}/state.db`).replace(
      /^control: .*$/m,
      `control: ${folder.path("control.sock")}`,
    );
    // One after the other: which of them has left is known.
    const config = folder.write("config.yaml", `${text.replace("guard:", "concurrency: 1, guard:")}${HTTP}`);
    const count = (n: number) => told(sink.received).filter((uuid) => uuid === uuidOf(n)).length;

    await using daemon = start(["run", "-c", config]);
    await publisher.subscribed();
    await publish(publisher, 1);
    await daemon.logged(/Delivered/);
    holds = true;
    await publish(publisher, 2);
    await publish(publisher, 3);
    await eventually(() => release);
    fill(`${disk}/ballast`);
    release?.();
    await daemon.logged(/the disk is full; free some space.*"destination":"hook".*Cannot write to the state file/);
    expect(told(sink.received)).toEqual([1, 2].map(uuidOf));
    await publish(publisher, 4);
    await daemon.logged(/the disk is full; free some space.*"loop":"feed cert".*Cannot write to the state file/);
    expect(await scrape(daemon.stderr(), "misp_herald_state_writable")).toBe("misp_herald_state_writable 0");
    expect(told(sink.received)).toEqual([1, 2].map(uuidOf));
    // What waits in it is the owed one that has left but cannot be settled, and the frame.
    await daemon.stop("SIGKILL");

    // Started on the full disk, as systemd does, each start repeats at most the one that could not be settled.
    holds = false;
    fill(`${disk}/more`); // closing the state file has freed some
    await using early = start(["run", "-c", config]);
    expect(await Promise.race([early.exited, early.logged(/the disk is full/)])).not.toBe(0);
    await early.stop("SIGKILL");
    expect(early.stderr()).toMatch(/the disk is full; free some space/);
    const repeats = count(2);
    expect(repeats).toBeLessThanOrEqual(2);

    for (const ballast of ["ballast", "more"]) {
      rmSync(`${disk}/${ballast}`);
    }
    await publisher.restart();
    await using after = start(["run", "-c", config]);
    await publisher.subscribed();
    await publish(publisher, 4);
    await eventually(() => [2, 3, 4].every((n) => count(n) > 0));
    expect(await after.stop("SIGTERM")).toBe(0);
    expect(after.stderr()).toMatch(/"owed":0,"msg":"Stopped/);
    expect([count(1), count(3), count(4)]).toEqual([1, 1, 1]);
    expect(count(2)).toBeLessThanOrEqual(repeats + 1);
  },
  60_000,
);

test.runIf(CAN_MOUNT || !IS_ROOT)("a state directory that cannot be written is an error with exit code 1", async () => {
  using folder = workspace();
  const directory = folder.path("state");
  using mounted = IS_ROOT ? mountSmall(directory, 64) : undefined;
  if (IS_ROOT) {
    expect(mounted).toBeDefined();
    expect(spawnSync("mount", ["-o", "remount,ro", directory]).status).toBe(0);
  } else {
    mkdirSync(directory);
    chmodSync(directory, 0o555);
  }
  const text = configOf("tcp://127.0.0.1:50000", "https://127.0.0.1:9/", `${directory}/state.db`);
  await using daemon = start(["run", "-c", folder.write("config.yaml", text)]);
  expect(await daemon.exited).toBe(1);
  expect(daemon.stderr()).toContain(`misp-herald: Cannot use state file "${directory}/state.db": `);
  expect(daemon.stderr()).toMatch(IS_ROOT ? /read-only; set state.path to a writable place/ : /permission denied/);
  expect(daemon.stderr()).not.toMatch(/^\s+at /m);
});

test.runIf(CAN_FAIL)(
  "a file system that turns read-only while the service runs is said and waited for; once it is mended, a start tells all that is owed",
  async () => {
    await using publisher = await openPublisher();
    let status = 503;
    await using sink = await openSink((_, response) => void response.writeHead(status).end());
    using folder = workspace();
    using disk = mountFailing(folder);
    if (!disk) {
      throw new Error("It could be mounted a moment ago");
    }
    const text = configOf(publisher.endpoint, sink.url, `${disk.path}/state.db`).replace(
      /^control: .*$/m,
      `control: ${folder.path("control.sock")}`,
    );
    const config = folder.write("config.yaml", `${text}${HTTP}`);
    await using daemon = start(["run", "-c", config]);
    await publisher.subscribed();
    await publish(publisher, 1);
    await eventually(() => sink.received.length > 0);
    expect(disk.fail()).toBe(true);
    await publish(publisher, 2);
    await daemon.logged(/read-only|look at the disk/);
    await daemon.logged(/"loop":"feed cert".*Cannot write to the state file/);
    expect(await scrape(daemon.stderr(), "misp_herald_state_writable")).toBe("misp_herald_state_writable 0");
    await daemon.stop("SIGKILL");
    expect(told(sink.received)).not.toContain(uuidOf(2));

    expect(disk.mend()).toBe(true);
    status = 200;
    await publisher.restart();
    await using after = start(["run", "-c", config]);
    await after.logged(/Delivered/);
    expect(new Set(told(sink.received))).toEqual(new Set([uuidOf(1)]));
    expect(await after.stop("SIGTERM")).toBe(0);
    expect(after.stderr()).toMatch(/"owed":0,"msg":"Stopped/);
  },
);
