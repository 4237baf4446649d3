import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { describe, expect, it, onTestFinished } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { historyOf } from "../support/history.ts";
import { delivery, NOW, owing, takeBatch } from "./samples.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Owes and settles in a loop, and says each time what the store has acknowledged. */
const WRITER = `
  import { writeSync } from "node:fs";
  import { openSqliteStore } from "./src/store/sqlite/store.js";
  import { delivery, NOW, owing, settledAs, takeBatch } from "./test/store/samples.js";
  const [path, round] = process.argv.slice(2);
  const store = await openSqliteStore({ path });
  for (let n = 0; ; n++) {
    const id = round + "-" + n;
    const sent = delivery("sent-" + id, { destination: "mail", groups: [{ key: id, waitMs: 0, intervalMs: 0, show: 1 }] });
    await store.commit(owing(delivery("owed-" + id), sent), NOW);
    writeSync(1, "owed " + id + "\\n");
    const batch = await takeBatch(store, NOW, "mail");
    await store.settle([settledAs(batch, "sent")], NOW);
    for (const { delivery } of batch.entries) writeSync(1, "sent " + delivery.id + "\\n");
  }`;

/** The store as JavaScript that a process of its own can run. */
async function compiledStore(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "herald-crash-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  await writeFile(join(directory, "writer.js"), WRITER);
  const below = async (folder: string) =>
    (await readdir(join(ROOT, folder), { recursive: true }))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`);
  const store = (await Promise.all(["src/store", "src/pacing", "src/model"].map(below))).flat();
  for (const source of ["src/base/errors.ts", "test/store/samples.ts", "test/support/one-batch.ts", ...store]) {
    const { outputText } = ts.transpileModule(await readFile(join(ROOT, source), "utf8"), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
      fileName: pathToFileURL(source).href,
    });
    const file = join(directory, source.replace(/\.ts$/, ".js"));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, outputText);
  }
  return directory;
}

/** Kills the writer the moment it has acknowledged `count` lines; returns all that it acknowledged until it was dead. */
async function acknowledgedUntilKilled(writer: ChildProcessWithoutNullStreams, count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    lines.push(line);
    if (lines.length === count) {
      writer.kill("SIGKILL");
    }
  }
  return lines;
}

describe("sqlite store: killed with SIGKILL", () => {
  it("owes all that it acknowledged, knows all that it settled, and is locked only while the process lives", async () => {
    const directory = await compiledStore();
    const path = join(directory, "state", "state.db");
    const owed: string[] = [];
    const sent: string[] = [];
    for (const [round, count] of [1, 40, 151].entries()) {
      const writer = spawn(process.execPath, [join(directory, "writer.js"), path, String(round)]);
      onTestFinished(() => void writer.kill("SIGKILL"));
      let complaint = "";
      writer.stderr.on("data", (chunk) => {
        complaint += chunk;
      });
      const exited = once(writer, "exit");
      await Promise.race([once(writer.stdout, "readable"), exited]);
      await expect(openSqliteStore({ path }), complaint).rejects.toThrow(StoreError);
      for (const line of await acknowledgedUntilKilled(writer, count)) {
        const [what, id = ""] = line.split(" ");
        if (what === "owed") {
          owed.push(`owed-${id}`);
        } else {
          sent.push(id);
        }
      }
      expect(await exited).toEqual([null, "SIGKILL"]);

      await using store = await openSqliteStore({ path });
      const history = (await historyOf(store, 100_000)).map((record) => record.delivery);
      expect(history).toEqual(expect.arrayContaining(sent));
      expect(new Set(history).size).toBe(history.length);
      // One that was settled is not owed again, and each of the others is there once.
      await store.commit(owing(...sent.map((id) => delivery(id, { destination: "again" }))), NOW);
      expect((await store.owed()).map((one) => one.destination)).not.toContain("again");
      const found = (await store.owed()).find((one) => one.destination === "soc")?.owed ?? 0;
      expect(found).toBeGreaterThanOrEqual(owed.length);
    }
    expect(sent.length).toBeGreaterThan(50);

    await using store = await openSqliteStore({ path });
    const found = new Set<string>();
    for (let now = NOW; (await store.owed()).some((one) => one.destination === "soc" && one.owed > found.size); ) {
      for (const entry of (await takeBatch(store, now)).entries) {
        found.add(entry.delivery.id);
      }
      now += 300_000;
    }
    expect([...found]).toEqual(expect.arrayContaining(owed));
  });
});
