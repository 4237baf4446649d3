import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { type Database, openDatabase } from "../../src/store/sqlite/driver.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { settleOne } from "../support/one-batch.ts";
import { describeStore } from "../support/store-contract.ts";
import { delivery, eventMemory, group, NOW, owing, settledAs, takeBatch } from "./samples.ts";

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "herald-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A database beside ours, closed when `use` returns. */
async function inDatabase<T>(path: string, use: (db: Database) => T): Promise<T> {
  const db = await openDatabase(path);
  try {
    return use(db);
  } finally {
    db.close();
  }
}

/** A closed state file that owes one delivery. */
async function stateFile(): Promise<string> {
  const path = join(await temporaryDirectory(), "state.db");
  await using store = await openSqliteStore({ path });
  await store.commit(owing(delivery("a")), NOW);
  return path;
}

async function refusal(path: string): Promise<string> {
  const outcome: unknown = await openSqliteStore({ path }).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StoreError);
  return outcome instanceof StoreError ? outcome.message : "";
}

describeStore("sqlite store", async (clock) => {
  const directory = await temporaryDirectory();
  const path = join(directory, "state.db");
  const store = await openSqliteStore({ path, clock });
  onTestFinished(() => store[Symbol.asyncDispose]());
  let newest = path;
  const reopen = async () => {
    // What a killed process leaves behind: the files as they are, while the first store still has them open.
    const copy = `${newest}-copy`;
    await copyFile(newest, copy);
    // One that was closed has left none.
    if (existsSync(`${newest}-wal`)) {
      await copyFile(`${newest}-wal`, `${copy}-wal`);
    }
    newest = copy;
    return openSqliteStore({ path: copy });
  };
  return { store, reopen };
});

describe("sqlite store: the file", () => {
  it("is created with its directory, for nobody else to read", async () => {
    const path = join(await temporaryDirectory(), "lib", "herald", "state.db");
    await using store = await openSqliteStore({ path });
    await store.commit(owing(delivery("a")), NOW);
    const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);
    expect(await modeOf(join(path, ".."))).toBe("700");
    expect(await modeOf(join(path, "../.."))).toBe("700");
    expect(await modeOf(path)).toBe("600");
    expect(await modeOf(`${path}-wal`)).toBe("600");
  });

  it("is written to by a probe, which changes nothing in it", async () => {
    const path = await stateFile();
    await using store = await openSqliteStore({ path });
    await store.ledger.probe();
    const before = (await stat(`${path}-wal`)).size;
    await store.ledger.probe();
    expect((await stat(`${path}-wal`)).size).toBeGreaterThan(before);
    expect(await takeBatch(store, NOW)).toMatchObject({ entries: [{ delivery: { id: "a" } }] });
  });

  it("is made private when it is not, and a directory that exists stays as it is", async () => {
    const path = await stateFile();
    const directory = join(path, "..");
    await chmod(path, 0o644);
    await chmod(directory, 0o755);
    await using _ = await openSqliteStore({ path });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o755);
  });

  it("holds everything again after a proper close", async () => {
    const path = await stateFile();
    await using store = await openSqliteStore({ path });
    expect(await store.owed()).toEqual([{ destination: "soc", owed: 1, oldestAt: NOW }]);
  });

  it("may be closed twice", async () => {
    const store = await openSqliteStore({ path: await stateFile() });
    await store[Symbol.asyncDispose]();
    await expect(store[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });

  it("holds an alert once, and none without a delivery", async () => {
    const path = await stateFile();
    {
      await using store = await openSqliteStore({ path });
      const both = [delivery("b", { alert: "one" }), delivery("c", { alert: "one", destination: "mail" })];
      await store.commit(owing(...both), NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      await store.commit(owing(delivery("a")), NOW);
    }
    const alerts = await inDatabase(path, (db) => db.prepare<{ id: string }>("SELECT id FROM alerts").all());
    expect(alerts.map((row) => row.id)).toEqual(["one"]);
  });

  it("is synced at every commit, and overwrites what it deletes", async () => {
    const path = await stateFile();
    const marker = "very-secret-marker";
    {
      await using store = await openSqliteStore({ path });
      const { alerts, ...rest } = owing(delivery("b"));
      await store.commit({ ...rest, alerts: alerts.map((one) => ({ ...one, version: marker })) }, NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
    }
    expect((await readFile(path)).includes(marker)).toBe(false);
    expect((await readFile(path)).includes("event.published")).toBe(true);
  });

  it("keeps any number that MISP's clock may show", async () => {
    await using store = await openSqliteStore({ path: await stateFile() });
    const changes = [0.5, -1, Number.MAX_VALUE];
    for (const [n, changedAt] of changes.entries()) {
      const event = eventMemory({ key: `u${n}`, event: { id: `k${n}`, uuid: `u${n}`, changedAt } });
      const owed = owing(delivery(`n${n}`, { changedAt, eventUuid: `u${n}`, destination: `d${n}` }));
      await store.commit({ ...owed, events: [event] }, NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW, `d${n}`), "sent"), NOW);
      const { told } = await store.load({ events: [{ instance: "cert", uuid: `u${n}` }], parts: [] });
      expect(told).toEqual([{ instance: "cert", eventUuid: `u${n}`, destination: `d${n}`, changedAt }]);
    }
  });
});

describe("sqlite store: refuses", () => {
  it("a file that a store of the same process has open, which stays usable", async () => {
    const path = await stateFile();
    await using store = await openSqliteStore({ path });
    const link = join(path, "..", "link.db");
    await symlink(path, link);
    for (const name of [path, link]) {
      expect(await refusal(name)).toMatch(/^Another misp-herald is using ".*": stop it/);
    }
    await store.commit(owing(delivery("b")), NOW);
    expect(await store.owed()).toMatchObject([{ owed: 2 }]);
  });

  it("a directory", async () => {
    const directory = await temporaryDirectory();
    expect(await refusal(directory)).toContain(
      `is a directory: set state.path to a file in it, such as "${directory}/`,
    );
  });

  it("a path below a file", async () => {
    const file = join(await temporaryDirectory(), "file");
    await writeFile(file, "x");
    expect(await refusal(join(file, "state.db"))).toContain(`"${file}" is not a directory`);
    expect(await refusal(join(file, "deeper", "state.db"))).toContain("is not a directory");
    expect(await readFile(file, "utf8")).toBe("x");
  });

  it("a file and a directory that may not be written", async () => {
    const path = await stateFile();
    await chmod(join(path, ".."), 0o555);
    await chmod(path, 0o444);
    const before = await readFile(path);
    await asOrdinaryUser(async () => {
      expect(await refusal(path)).toContain("must belong to the user that runs misp-herald");
      expect(await refusal(join(path, "..", "new.db"))).toContain("permission denied");
    });
    await chmod(join(path, ".."), 0o777);
    await rm(`${path}.lock`);
    await asOrdinaryUser(async () => expect(await refusal(path)).toContain("permission denied"));
    expect(await readFile(path)).toEqual(before);
  });

  it.each([
    ["some text", Buffer.from("to: do\n".repeat(1000)), "it is not a database"],
    ["a few bytes", Buffer.from("x"), "it is not a database"],
  ])("%s", async (_, bytes, words) => {
    const path = join(await temporaryDirectory(), "state.db");
    await writeFile(path, bytes);
    const message = await refusal(path);
    expect(message).toContain(words);
    expect(message).toContain("set state.path to a new file");
    expect(await readFile(path)).toEqual(bytes);
  });

  it("a state file that is damaged", async () => {
    const path = await stateFile();
    const bytes = await readFile(path);
    // Past the first page, whose header still names the file as ours.
    bytes.fill(0xa5, 4096, 12 * 4096);
    await writeFile(path, bytes);
    expect(await refusal(path)).toMatch(/cannot be used as state, it is corrupt: restore a copy/);
    expect(await readFile(path)).toEqual(bytes);
  });

  it("the database of another program", async () => {
    const path = join(await temporaryDirectory(), "state.db");
    await inDatabase(path, (db) => db.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)"));
    const before = await readFile(path);
    expect(await refusal(path)).toContain("is the database of another program");
    expect(await readFile(path)).toEqual(before);
  });

  it("a schema that it does not know yet", async () => {
    const path = await stateFile();
    await inDatabase(path, (db) => db.exec("PRAGMA user_version = 99"));
    const before = await readFile(path);
    expect(await refusal(path)).toContain("was written by a newer misp-herald (schema 99");
    expect(await readFile(path)).toEqual(before);
  });

  it("no file for good: what was in the way may be removed", async () => {
    const path = join(await temporaryDirectory(), "state.db");
    await mkdir(path);
    await refusal(path);
    await rm(path, { recursive: true });
    await using store = await openSqliteStore({ path });
    expect(await store.owed()).toEqual([]);
  });
});

/** Permissions do not stop root: its effective user changes while `act` runs. */
async function asOrdinaryUser(act: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0 || !process.seteuid) {
    return act();
  }
  process.seteuid(65534);
  try {
    await act();
  } finally {
    process.seteuid(0);
  }
}

describe("what is taken", () => {
  it("is made ready by one write for many, and writes nothing after that", async () => {
    const path = join(await temporaryDirectory(), "state.db");
    await using store = await openSqliteStore({ path });
    const all = Array.from({ length: 12 }, (_, n) => delivery(`d${n}`, { groups: [group(`g${n}`)] }));
    await store.commit(owing(...all), NOW);
    const written: number[] = [];
    for (let taken = 0; taken < 12; taken += 1) {
      const before = (await stat(`${path}-wal`)).size;
      expect(await store.take("soc", NOW, { ahead: 5 })).toMatchObject({ batches: [{}] });
      written.push((await stat(`${path}-wal`)).size - before);
    }
    expect(written.filter((bytes) => bytes > 0)).toHaveLength(3);
  });
});
