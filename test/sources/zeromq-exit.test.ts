import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPublisher } from "../support/publisher.ts";

// The compiled program, as it is shipped, since it is the end of a process that is tested; inside node_modules it finds
// its packages.
const root = join(import.meta.dirname, "../..");
let compiled = "";

beforeAll(async () => {
  compiled = await mkdtemp(join(root, "node_modules/.exit-test-"));
  await writeFile(join(compiled, "package.json"), '{"type":"module"}');
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", compiled, "--noCheck"];
  await promisify(execFile)(process.execPath, args, { cwd: root });
  // The compiler may wait for a busy machine.
}, 180_000);

afterAll(async () => {
  await rm(compiled, { recursive: true, force: true });
});

/** Runs `script` beside a feed that is connected and has a receive pending, and tells how the process ended. */
async function run(script: string) {
  await using publisher = await openPublisher();
  const program = `
    import { Feed } from ${JSON.stringify(join(compiled, "sources/index.js"))};
    import { openLog } from ${JSON.stringify(join(compiled, "base/log.js"))};
    const source = Feed.parse({ type: "zeromq", endpoints: [${JSON.stringify(publisher.endpoint)}] })
      .open({ instance: "cert", log: openLog("silent"), now: Date.now });
    const stop = new AbortController();
    async function received() { ${script} }
    for await (const frames of source.frames(stop.signal)) { console.log("received"); void received(); }
    console.log("ended");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const exited = once(child, "exit");
  child.stderr.resume();
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  await publisher.subscribed();
  await publisher.send("misp_json", {});
  const [code, signal] = await exited;
  return { code, signal, ended: lines.includes("ended") };
}

test("zeromq leaves the exit code alone when the process exits while it receives", async () => {
  expect(await run("process.exit(7)")).toEqual({ code: 7, signal: null, ended: false });
});

test("zeromq leaves the exit code alone when the process ends by an error", async () => {
  expect(await run('throw new Error("a bug")')).toEqual({ code: 1, signal: null, ended: false });
});

test("zeromq does not keep a process alive after its signal aborted", async () => {
  expect(await run("stop.abort()")).toEqual({ code: 0, signal: null, ended: true });
});

test("zeromq leaves the exit code alone when the process exits while it closes", async () => {
  expect(await run("stop.abort(); process.exit(7)")).toEqual({ code: 7, signal: null, ended: false });
});

test("zeromq leaves the exit code alone at a second signal", async () => {
  const script = 'process.on("SIGINT", () => (stop.signal.aborted ? process.exit(130) : stop.abort()));';
  const { code, signal } = await run(
    `${script} process.kill(process.pid, "SIGINT"); process.kill(process.pid, "SIGINT");`,
  );
  expect({ code, signal }).toEqual({ code: 130, signal: null });
});
