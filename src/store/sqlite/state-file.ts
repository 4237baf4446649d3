import { chmod, mkdir, open, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { StoreError } from "../../base/errors.ts";
import { type Database, openDatabase } from "./driver.ts";
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from "./schema.ts";

/** https://sqlite.org/rescode.html#busy */
const BUSY = 5;

/** An open state file that no other store can open. */
export interface StateFile {
  readonly db: Database;
  /** Runs `work` as a whole or not at all. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** Opens or creates the state file at `path`; whatever makes it unusable is a StoreError, and is left as it was. */
export async function openStateFile(path: string): Promise<StateFile> {
  const given = resolve(path);
  let lock: Database | undefined;
  let db: Database | undefined;
  try {
    const file = await prepareFile(given);
    lock = await lockFor(file);
    await refuseForeign(file);
    db = await openDatabase(file);
    configure(db, file);
    await chmod(file, 0o600);
    return opened(db, file, lock);
  } catch (error) {
    db?.close();
    lock?.close();
    throw inWords(error, given);
  }
}

function opened(db: Database, file: string, lock: Database): StateFile {
  let isOpen = true;
  return {
    db,
    transaction(work) {
      try {
        db.exec("BEGIN IMMEDIATE");
        try {
          const result = work();
          db.exec("COMMIT");
          return result;
        } catch (error) {
          rollback(db);
          throw error;
        }
      } catch (error) {
        throw inWords(error, file);
      }
    },
    close() {
      if (!isOpen) {
        return;
      }
      isOpen = false;
      try {
        emptyWal(db);
        db.close();
      } finally {
        lock.close();
      }
    },
  };
}

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

function configure(db: Database, file: string): void {
  // Someone may look at the file with a tool of their own.
  db.exec("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;");
  const version = numberOf(db, "user_version");
  refuseNewer(version, file);
  const check = db.prepare<{ readonly quick_check: string }>("PRAGMA quick_check(1)").get()?.quick_check;
  if (check !== "ok") {
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
    return;
  }
  migrate(db, version);
  // The header in the file itself names the new schema at once, for an older program that reads it.
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

function numberOf(db: Database, pragma: "user_version" | "application_id"): number {
  return db.prepare<Record<typeof pragma, number>>(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0;
}

function locked(file: string, cause?: unknown): StoreError {
  return new StoreError(`Another misp-herald is using "${file}": stop it, or give this one a state.path of its own`, {
    cause,
  });
}

function damaged(file: string, what: string, cause?: unknown): StoreError {
  return new StoreError(
    `"${file}" cannot be used as state, ${what}: restore a copy, or set state.path to a new file to start empty ` +
      "(what this one owed is then not told)",
    { cause },
  );
}

/** Turns what the operating system and SQLite say (https://sqlite.org/rescode.html) into what a person can do. */
function inWords(error: unknown, file: string): unknown {
  if (error instanceof StoreError) {
    return error;
  }
  const cannot = (why: string, passing = false) =>
    new StoreError(`Cannot use state file "${file}": ${why}`, { cause: error, passing });
  switch (codeOf(error)) {
    case "EISDIR":
      return cannot("it is a directory; set state.path to a file in it");
    case "ENOTDIR":
    case "EEXIST":
      return cannot(`"${dirname(file)}" is not a directory; correct state.path`);
    case "ENOENT":
      return cannot(`"${dirname(file)}" cannot be created; correct state.path`);
    case "EACCES":
    case "EPERM":
      return cannot("permission denied; file and directory must belong to the user that runs misp-herald");
    case "EROFS":
      return cannot("its file system is read-only; set state.path to a writable place", true);
    case "ENOSPC":
      return cannot("the disk is full; free some space", true);
    case "ERR_SQLITE_ERROR":
      break;
    default:
      return error;
  }
  switch (resultCodeOf(error)) {
    case BUSY:
      return cannot("another program holds a lock on it; end that program", true);
    case 8: // READONLY
      return cannot("it is read-only; file and directory must be writable for the user that runs misp-herald", true);
    case 10: // IOERR
      return cannot("reading or writing failed; look at the disk", true);
    case 11: // CORRUPT
      return damaged(file, "it is corrupt", error);
    case 13: // FULL
      return cannot("the disk is full; free some space", true);
    case 14: // CANTOPEN
      return cannot("it cannot be opened; file and directory must belong to the user that runs misp-herald");
    case 26: // NOTADB
      return damaged(file, "it is not a database", error);
    default:
      return error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function resultCodeOf(error: unknown): number | undefined {
  // The low byte is the primary result code, the rest tells more of it.
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;
}
