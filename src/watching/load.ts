import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf } from "../base/file-reason.ts";
import type { PlainTable } from "../routing/watch.ts";
import { type ReadList, TableBuilder } from "./table.ts";

/** A list that is to be read. */
export interface ListFile {
  /** As rules name it. */
  readonly name: string;
  readonly path: string;
}

/** Which lists are read, and how. */
export interface LoadRequest {
  readonly lists: readonly ListFile[];
  /** Where what was accepted last is kept; absent: nowhere. */
  readonly copies?: string;
  /** Lists are taken however much they have shrunk. */
  readonly accept?: boolean;
  /** What is in force: a list that cannot be read stays as it is there. */
  readonly inForce?: PlainTable;
}

/** Why the list of before stays in force. */
export type Kept =
  | { readonly why: "shrunk"; readonly from: number; readonly to: number }
  | { readonly why: "unreadable"; readonly reason: string };

/** What became of one list. */
export type LoadedList = { readonly name: string; readonly path: string; readonly stamp: string } & (
  | (ReadList & { readonly kept?: Kept })
  | { readonly failed: string }
);

/** What was read of all of them. */
export interface Loaded {
  readonly table: PlainTable;
  readonly lists: readonly LoadedList[];
}

const MAX_BYTES = 256 * 2 ** 20;

/** Reads lists into one table, each from its file, or as it was accepted last where the file is gone or less than half of that. */
export async function loadLists({ lists, ...how }: LoadRequest): Promise<Loaded> {
  const builder = new TableBuilder();
  const loaded: LoadedList[] = [];
  for (const list of lists) {
    loaded.push(await loadOne(list, builder, how));
  }
  return { table: builder.build(), lists: loaded };
}

/** Tells whether a file is the same as before. */
export async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    return reasonOf(error);
  }
}

async function loadOne(
  { name, path }: ListFile,
  builder: TableBuilder,
  { copies, accept = false, inForce }: Omit<LoadRequest, "lists">,
): Promise<LoadedList> {
  const common = { name, path, stamp: await stampOf(path) };
  const copy = copies === undefined ? undefined : new Copy(copies, path);
  const before = await copy?.read();
  let text: string;
  let count: number;
  try {
    text = await readText(path);
    // Whether it is to be taken is known once it was read; a builder that only counts is thrown away.
    count = before === undefined || accept ? 1 : new TableBuilder().add(name, text, path).entries;
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : reasonOf(error);
    if (before === undefined) {
      const carried = inForce && builder.carry(name, inForce);
      return carried ? { ...common, ...carried, kept: { why: "unreadable", reason } } : { ...common, failed: reason };
    }
    return { ...common, ...builder.add(name, before.text, path), kept: { why: "unreadable", reason } };
  }
  if (before !== undefined && !accept && 2 * count < before.entries) {
    const kept = { why: "shrunk", from: before.entries, to: count } as const;
    return { ...common, ...builder.add(name, before.text, path), kept };
  }
  try {
    const read = builder.add(name, text, path);
    await copy?.write(text, read.entries);
    return { ...common, ...read };
  } catch (error) {
    return { ...common, failed: error instanceof Error ? error.message : String(error) };
  }
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) {
    throw new SyntaxError(`it is larger than ${MAX_BYTES / 2 ** 20} MiB`);
  }
  return (await readFile(path)).toString("utf8");
}

/** Copies, and what a write that was cut short has left. */
const NAMES = /^[0-9a-f]{32}$|^[0-9a-f-]{36}\.new$/;

/** Removes what is kept of lists that are not among these any more. */
export async function dropOldCopies(folder: string, lists: readonly Pick<ListFile, "path">[]): Promise<void> {
  const kept = new Set(lists.map(({ path }) => copyName(path)));
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => NAMES.test(one) && !kept.has(one))) {
    await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

function copyName(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 32);
}

/** A list as it was accepted last: its number of entries in the first line, then its text. */
class Copy {
  readonly #folder: string;
  readonly #path: string;

  constructor(folder: string, path: string) {
    this.#folder = folder;
    this.#path = join(folder, copyName(path));
  }

  async read(): Promise<{ readonly text: string; readonly entries: number } | undefined> {
    let whole: string;
    try {
      whole = await readText(this.#path);
    } catch {
      return undefined; // there is none, or none that can be read
    }
    const end = whole.indexOf("\n");
    const entries = /^\d+$/.test(whole.slice(0, end)) ? Number(whole.slice(0, end)) : undefined;
    return entries === undefined ? undefined : { text: whole.slice(end + 1), entries };
  }

  async write(text: string, entries: number): Promise<void> {
    const next = join(this.#folder, `${randomUUID()}.new`);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(next, `${entries}\n${text}`, { mode: 0o600 });
      await rename(next, this.#path);
    } catch {
      // The list counts all the same; only a restart does not know how long it was.
      await rm(next, { force: true }).catch(() => {});
    }
  }
}
