import { dirname } from "node:path";
import { StoreError } from "../../base/errors.ts";
import { UnreadableRow } from "./rows.ts";

/** https://sqlite.org/rescode.html#busy */
export const BUSY = 5;
/** https://sqlite.org/rescode.html#error: what was asked makes no sense for what is there. */
const ERROR = 1;

/** Another process, or another store of this one, has the file. */
export function locked(file: string, cause?: unknown): StoreError {
  return new StoreError(`Another misp-herald is using "${file}": stop it, or give this one a state.path of its own`, {
    cause,
  });
}

/** The file cannot be mended. */
export function damaged(file: string, what: string, cause?: unknown): StoreError {
  return new StoreError(
    `"${file}" cannot be used as state, ${what}: restore a copy, or set state.path to a new file to start empty ` +
      "(what this one owed is then not told)",
    { cause },
  );
}

/** Turns what the operating system and SQLite say (https://sqlite.org/rescode.html) into what a person can do. */
export function inWords(error: unknown, file: string): unknown {
  if (error instanceof StoreError) {
    return error;
  }
  if (error instanceof UnreadableRow) {
    return damaged(file, "a row cannot be read");
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

/** The same of what happens while a file is opened: where SQLite does not know a table or column, it is not one of ours. */
export function inWordsAtOpening(error: unknown, file: string): unknown {
  return resultCodeOf(error) === ERROR
    ? damaged(file, "its tables are not those of its schema", error)
    : inWords(error, file);
}

/** What Node.js calls an error. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** What SQLite says where its number is not passed on. */
const CODES: Readonly<Record<string, number>> = {
  "database is locked": BUSY,
  "attempt to write a readonly database": 8,
  "disk I/O error": 10,
  "database disk image is malformed": 11,
  "database or disk is full": 13,
  "unable to open database file": 14,
  "file is not a database": 26,
};

/** SQLite's primary result code; undefined: it is not SQLite's error. */
export function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  // The low byte is the primary result code, the rest tells more of it.
  return "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : CODES[error.message];
}
