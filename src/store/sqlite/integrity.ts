import { execFile } from "node:child_process";
import type { Database } from "./driver.ts";
import { sqliteModule } from "./driver.ts";

/** A larger file is checked beside the service, for reading all of it would hold up the start. */
export const CHECKED_BYTES = 64 * 2 ** 20;
/** A check that takes longer goes in a circle. */
const CHECK_MS = 600_000;

/** What can be mended without a copy: indexes are built anew, and rows of the wrong type are set aside. */
const INDEX = /missing from index|wrong # of entries in index|non-unique entry in index/;
const ROW = /\bvalue in \w+\.\w+/;

/** What a check of all tables and indexes finds. */
export type IntegrityVerdict = "sound" | "indexes" | "rows" | "corrupt";

/** Reads the whole file; what it finds is never quoted. */
export function checkAll(db: Database): IntegrityVerdict {
  const found = db.prepare<{ readonly integrity_check: string }>("PRAGMA integrity_check(100)").all();
  const complaints = found.map((row) => row.integrity_check).filter((text) => text !== "ok");
  if (complaints.length === 0) {
    return "sound";
  }
  if (complaints.every((text) => INDEX.test(text))) {
    return "indexes";
  }
  return complaints.every((text) => INDEX.test(text) || ROW.test(text)) ? "rows" : "corrupt";
}

const SOUND = "sound";
const DAMAGED = "damaged";
/** SQLITE_CORRUPT, where the file cannot even be read to its end. */
const CORRUPT = "database disk image is malformed";

/** Is there when a check has found damage: the next start reads the whole file. */
export function noteOf(file: string): string {
  return `${file}.damaged`;
}

/**
 * Runs in a process of its own, given as text: one that goes in a circle can be ended. It leaves a note of damage itself, since
 * the service may go in the same circle, and hear nothing any more.
 */
function script(specifier: string, file: string): string {
  const module = specifier === "" ? 'process.getBuiltinModule("node:sqlite")' : `import(${JSON.stringify(specifier)})`;
  return `
    process.emitWarning = () => {};
    Promise.resolve(${module}).then(({ DatabaseSync }) => {
      const db = new DatabaseSync(${JSON.stringify(file)}, { readOnly: true });
      const row = db.prepare("PRAGMA integrity_check(1)").get();
      return row.integrity_check === "ok" ? "${SOUND}" : "${DAMAGED}";
    }).catch(({ message }) => message === "${CORRUPT}" ? "${DAMAGED}" : "").then((verdict) => {
      console.log(verdict);
      if (verdict === "${DAMAGED}") {
        require("node:fs").writeFileSync(${JSON.stringify(noteOf(file))}, "", { mode: 0o600 });
      }
    });`;
}

/** Checks a file that is in use, in a process of its own; false: it is damaged. What cannot be checked is taken for sound. */
export async function checkBeside(file: string, signal: AbortSignal): Promise<boolean> {
  const text = script(await sqliteModule(), file);
  return new Promise((resolve) => {
    const options = { signal, timeout: CHECK_MS, killSignal: "SIGKILL", env: {} } as const;
    execFile(process.execPath, ["-e", text], options, (error, stdout) => {
      const isEndless = error?.killed === true && !signal.aborted;
      resolve(stdout.trim() !== DAMAGED && !isEndless);
    });
  });
}
