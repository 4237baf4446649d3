import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LoadedList } from "../../src/watching/load.ts";
import { Watches } from "../../src/watching/watches.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-lists-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

let changes = 0;
function write(lines: readonly string[], name = "ours.txt"): void {
  const path = join(folder, name);
  writeFileSync(path, lines.join("\n"));
  // A file system may date two changes alike.
  changes += 1;
  utimesSync(path, 1_000_000 + changes, 1_000_000 + changes);
}

const FILE = () => ({ name: "ours.txt", path: join(folder, "ours.txt") });
const isHit = (watch: Watches, value: string) => watch.hits({ value: { values: [value], complete: true } }).length > 0;
const keptOf = (lists: readonly LoadedList[] | undefined) =>
  lists?.map((list) => ("kept" in list ? list.kept : "failed" in list ? list.failed : undefined));

async function opened(): Promise<{ readonly watch: Watches; readonly lists: readonly LoadedList[] }> {
  const watch = new Watches(join(folder, "copies"));
  const read = await watch.read([FILE()]);
  watch.use(read);
  return { watch, lists: read.lists };
}

it("takes a list anew once its file has changed, and only then", async () => {
  write(["a.example", "b.example"]);
  const { watch } = await opened();
  expect(isHit(watch, "www.a.example")).toBe(true);
  expect(await watch.refresh()).toBeUndefined();
  write(["b.example", "c.example"]);
  expect(await watch.refresh()).toMatchObject([{ entries: 2 }]);
  expect([isHit(watch, "a.example"), isHit(watch, "c.example")]).toEqual([false, true]);
});

it("keeps a list that shrank by more than half, also over a restart, until it is accepted", async () => {
  write(["a.example", "b.example", "c.example"]);
  const { watch } = await opened();
  write(["a.example"]);
  expect(keptOf(await watch.refresh())).toEqual([{ why: "shrunk", from: 3, to: 1 }]);
  expect(isHit(watch, "c.example")).toBe(true);
  const again = await opened();
  expect(keptOf(again.lists)).toEqual([{ why: "shrunk", from: 3, to: 1 }]);
  expect(isHit(again.watch, "c.example")).toBe(true);
  again.watch.use(await again.watch.read([FILE()], true));
  expect(isHit(again.watch, "c.example")).toBe(false);
  expect(keptOf((await opened()).lists)).toEqual([undefined]);
});

it("keeps a list whose file is gone, and fails for one that never was", async () => {
  write(["a.example"]);
  const { watch } = await opened();
  rmSync(FILE().path);
  expect(keptOf(await watch.refresh())).toEqual([
    { why: "unreadable", reason: expect.stringContaining("no such file") },
  ]);
  expect(isHit(watch, "a.example")).toBe(true);
  const { lists } = await watch.read([{ name: "never.txt", path: join(folder, "never.txt") }]);
  expect(lists).toMatchObject([{ failed: expect.stringContaining("no such file") }]);
});

it("keeps a list that cannot be read as it is in force, also without a copy, and takes the others", async () => {
  write(["a.example\tour own", "/^never$/"]);
  write(["b.example"], "other.txt");
  const watch = new Watches();
  const files = [FILE(), { name: "other.txt", path: join(folder, "other.txt") }];
  watch.use(await watch.read(files));
  const label = () => watch.hits({ value: { values: ["www.a.example"], complete: true } }).map((one) => one.label);
  const before = label();
  rmSync(FILE().path);
  write(["c.example"], "other.txt");
  const refreshed = await watch.refresh();
  expect(keptOf(refreshed)).toEqual([
    { why: "unreadable", reason: expect.stringContaining("no such file") },
    undefined,
  ]);
  expect([before, label()]).toEqual([["our own"], ["our own"]]);
  expect(["a.example", "b.example", "c.example"].map((value) => isHit(watch, value))).toEqual([true, false, true]);
  // Nothing has changed since.
  expect(await watch.refresh()).toBeUndefined();
  write(["d.example"]);
  expect(keptOf(await watch.refresh())).toEqual([undefined]);
  expect([isHit(watch, "a.example"), isHit(watch, "d.example")]).toEqual([false, true]);
});

it("forgets what was kept of lists that no rule names any more", async () => {
  write(["a.example"]);
  write(["b.example"], "other.txt");
  const copies = join(folder, "copies");
  const watch = new Watches(copies);
  const other = { name: "other.txt", path: join(folder, "other.txt") };
  watch.use(await watch.read([FILE(), other]));
  writeFileSync(join(copies, "00000000-0000-4000-8000-000000000000.new"), "cut short");
  writeFileSync(join(copies, "README"), "not ours");
  expect(readdirSync(copies)).toHaveLength(4);
  watch.use(await watch.read([other]));
  await watch.tidy();
  expect(readdirSync(copies)).toHaveLength(2);
  expect(keptOf((await new Watches(copies).read([other])).lists)).toEqual([undefined]);
  await new Watches(join(folder, "nowhere")).tidy();
});

it("carries its table to another thread without a copy of it", async () => {
  write(["a.example"]);
  const { watch } = await opened();
  expect(watch.plain.units.buffer).toBeInstanceOf(SharedArrayBuffer);
});
