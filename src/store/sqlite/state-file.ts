import { chmod, mkdir, open, realpath, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { StoreError } from "../../base/errors.ts";
import { Damage, type Found } from "../damage.ts";
import { type Database, openDatabase } from "./driver.ts";
import { CHECKED_BYTES, checkAll, checkBeside, noteOf } from "./integrity.ts";
import { setAside } from "./quarantine.ts";
import { UnreadableRow } from "./rows.ts";
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from "./schema.ts";
import { BUSY, codeOf, damaged, inWords, inWordsAtOpening, locked, resultCodeOf } from "./state-errors.ts";

/** An open state file that no other store can open. */
export interface StateFile {
  readonly db: Database;
  readonly damage: Damage;
  /** Runs `work` as a whole or not at all; once more, when it has come upon rows that cannot be read and are set aside. */
  transaction<T>(work: () => T): T;
  /** Rejects when the file was deleted or replaced: what is written to it then is lost. */
  assertPresent(): Promise<void>;
  close(): void;
}

/**
 * Opens or creates the state file at `path`; whatever makes it unusable is a StoreError, and is left as it was. A file of
 * up to `checkedBytes` is checked before it is used, a larger one beside that, after a stop that was not clean.
 */
export async function openStateFile(
  path: string,
  now: () => number = Date.now,
  checkedBytes = CHECKED_BYTES,
): Promise<StateFile> {
  const given = resolve(path);
  let lock: Database | undefined;
  let db: Database | undefined;
  try {
    const file = await prepareFile(given);
    lock = await lockFor(file);
    await refuseForeign(file);
    const isUnclean = (await sizeOf(`${file}-wal`)) > 0;
    const isLarge = (await sizeOf(file)) + (await sizeOf(`${file}-wal`)) > checkedBytes;
    const isNoted = (await stat(noteOf(file)).catch(() => undefined)) !== undefined;
    db = await openDatabase(file);
    const damage = new Damage();
    configure(db, file, { checksFirst: !isLarge || isNoted, damage, now });
    await rm(noteOf(file), { force: true });
    await chmod(file, 0o600);
    const { ino } = await stat(file);
    return new OpenFile({ db, file, lock, damage, now, ino, checksBeside: isLarge && isUnclean });
  } catch (error) {
    db?.close();
    lock?.close();
    throw inWordsAtOpening(error, given);
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

class OpenFile implements StateFile {
  readonly db: Database;
  readonly damage: Damage;
  readonly #file: string;
  readonly #lock: Database;
  readonly #now: () => number;
  readonly #ino: number;
  readonly #closing = new AbortController();
  #isOpen = true;

  constructor(opened: {
    readonly db: Database;
    readonly file: string;
    readonly lock: Database;
    readonly damage: Damage;
    readonly now: () => number;
    readonly ino: number;
    readonly checksBeside: boolean;
  }) {
    this.db = opened.db;
    this.damage = opened.damage;
    this.#file = opened.file;
    this.#lock = opened.lock;
    this.#now = opened.now;
    this.#ino = opened.ino;
    if (opened.checksBeside) {
      void this.#checkBeside();
    }
  }

  transaction<T>(work: () => T): T {
    try {
      return this.#once(work);
    } catch (error) {
      if (!(error instanceof UnreadableRow)) {
        throw inWords(error, this.#file);
      }
    }
    try {
      this.damage.found(this.#once(() => setAside(this.db, this.#now())));
      return this.#once(work);
    } catch (error) {
      throw inWords(error, this.#file);
    }
  }

  async assertPresent(): Promise<void> {
    const found = await stat(this.#file).catch(() => undefined);
    if (found?.ino !== this.#ino) {
      throw new StoreError(
        `"${this.#file}" was deleted or replaced while it was in use: restart misp-herald; what became owed since then is not told`,
      );
    }
  }

  close(): void {
    if (!this.#isOpen) {
      return;
    }
    this.#isOpen = false;
    this.#closing.abort();
    try {
      emptyWal(this.db);
      this.db.close();
    } finally {
      this.#lock.close();
    }
  }

  #once<T>(work: () => T): T {
    this.db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.db.exec("COMMIT");
      return result;
    } catch (error) {
      rollback(this.db);
      throw error;
    }
  }

  /** What it finds is mended at the next start, when no reader waits: the start reads the whole file then. */
  async #checkBeside(): Promise<void> {
    const isSound = await checkBeside(this.#file, this.#closing.signal);
    if (isSound || !this.#isOpen) {
      return;
    }
    this.transaction(() => this.db.prepare(NOTE_CHECK).run(this.#now()));
    this.damage.found({ rows: 0, lines: [], unrepaired: true });
  }
}

const NOTE_CHECK = "INSERT INTO damaged (at, origin) VALUES (?, 'check')";

function emptyWal(db: Database): void {
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // On a full disk the changes stay in the WAL, where the next one to open the file finds them.
  }
}

function rollback(db: Database): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // On a full disk or an I/O error SQLite has rolled back by itself, and there is no transaction left to end.
  }
}

/** Makes directory and file where they are missing; returns the file's real path, one for all links to it. */
async function prepareFile(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await create(file);
  const found = await stat(file);
  if (found.isDirectory()) {
    throw new StoreError(
      `"${file}" is a directory: set state.path to a file in it, such as "${join(file, "state.db")}"`,
    );
  }
  if (!found.isFile()) {
    throw new StoreError(`"${file}" is not a regular file: set state.path to another path`);
  }
  return realpath(file);
}

/**
 * Locks the state file for this process by an empty database beside it, until that is closed or the process ends, in
 * whatever way. A lock on the state file itself would not do: looking at its header would lift it, since POSIX locks
 * fall with any descriptor of the file, and it could outlive the closing (see `openDatabase`).
 */
async function lockFor(file: string): Promise<Database> {
  const path = `${file}.lock`;
  await create(path);
  const lock = await openDatabase(path);
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    throw resultCodeOf(error) === BUSY ? locked(file, error) : inWords(error, path);
  }
}

async function create(file: string): Promise<void> {
  try {
    const handle = await open(file, "wx", 0o600);
    await handle.chmod(0o600);
    await handle.close();
  } catch (error) {
    if (codeOf(error) !== "EEXIST") {
      throw error;
    }
  }
}

/** Reads the header itself (https://sqlite.org/fileformat2.html 1.3), since SQLite may write to a file that it opens. */
async function refuseForeign(file: string): Promise<void> {
  const header = Buffer.alloc(100);
  const handle = await open(file, "r+");
  try {
    // Empty: made just now, or by one that was stopped before its first write.
    if ((await handle.read(header, 0, header.length, 0)).bytesRead === 0) {
      return;
    }
  } finally {
    await handle.close();
  }
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") {
    throw damaged(file, "it is not a database");
  }
  if (header.readUInt32BE(68) !== APPLICATION_ID) {
    throw new StoreError(
      `"${file}" is the database of another program and was left alone: set state.path to a path of its own`,
    );
  }
  refuseNewer(header.readUInt32BE(60), file);
}

function refuseNewer(version: number, file: string): void {
  if (version <= SCHEMA_VERSION) {
    return;
  }
  throw new StoreError(
    `"${file}" was written by a newer misp-herald (schema ${version}, this one knows ${SCHEMA_VERSION}): ` +
      "install that version again, or set state.path to a new file",
  );
}

function configure(
  db: Database,
  file: string,
  how: { readonly checksFirst: boolean; readonly damage: Damage; readonly now: () => number },
): void {
  // Someone may look at the file with a tool of their own.
  db.exec("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;");
  const version = numberOf(db, "user_version");
  refuseNewer(version, file);
  const verdict = how.checksFirst || wasFoundDamaged(db, version) ? checkAll(db) : "sound";
  if (verdict === "corrupt") {
    throw damaged(file, "it is corrupt");
  }
  // Only of an empty file can it be said that it may shrink.
  db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  // First write of all: from here on the file is known as ours, whenever we are killed.
  if (numberOf(db, "application_id") !== APPLICATION_ID) {
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  }
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
  if (version === SCHEMA_VERSION) {
    // What can be read but not written would be sent, and then not written down, at every start anew.
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  } else {
    migrate(db, version);
    // The header in the file itself names the new schema at once, for an older program that reads it.
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  if (verdict !== "sound") {
    how.damage.found(mend(db, file, how.now()));
  }
}

function wasFoundDamaged(db: Database, version: number): boolean {
  return version === SCHEMA_VERSION && db.prepare("SELECT 1 FROM damaged WHERE origin = 'check'").get() !== undefined;
}

/** Builds the indexes anew and sets aside what cannot be read; throws when that is not all. */
function mend(db: Database, file: string, now: number): Found {
  db.exec("BEGIN IMMEDIATE; REINDEX; DELETE FROM damaged WHERE origin = 'check';");
  try {
    const found = setAside(db, now);
    db.exec("COMMIT");
    if (checkAll(db) !== "sound") {
      throw damaged(file, "it is corrupt");
    }
    return { ...found, indexes: true };
  } catch (error) {
    rollback(db);
    throw error;
  }
}

function numberOf(db: Database, pragma: "user_version" | "application_id"): number {
  return db.prepare<Record<typeof pragma, number>>(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0;
}
