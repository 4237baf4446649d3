import { readFile, truncate, writeFile } from "node:fs/promises";
import { type Database, openDatabase } from "../../src/store/sqlite/driver.ts";

// What a bad disk, a full one, or a careless hand does to a state file that nobody has open.

/** Changes a state file by what no program of ours may do. */
export async function tamper(path: string, work: (db: Database) => void): Promise<void> {
  const db = await openDatabase(path);
  // What no program of ours may do, and a bad disk does.
  (db as Database & { enableDefensive?: (active: boolean) => void }).enableDefensive?.(false);
  db.exec("PRAGMA foreign_keys = OFF");
  work(db);
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

/** An index keeps what it had before `change`: it is out of the schema while its table changes. */
export async function leaveBehind(path: string, index: string, change: string): Promise<void> {
  const fields = "type, name, tbl_name, rootpage, sql";
  let row: Readonly<Record<string, string | number>> | undefined;
  await tamper(path, (db) => {
    db.exec("PRAGMA writable_schema = ON");
    row = db
      .prepare<Readonly<Record<string, string | number>>>(`SELECT ${fields} FROM sqlite_schema WHERE name = ?`)
      .get(index);
    db.prepare("DELETE FROM sqlite_schema WHERE name = ?").run(index);
    db.exec("PRAGMA schema_version = 1001");
  });
  await tamper(path, (db) => db.exec(change));
  await tamper(path, (db) => {
    db.exec("PRAGMA writable_schema = ON");
    db.prepare(`INSERT INTO sqlite_schema (${fields}) VALUES (?, ?, ?, ?, ?)`).run(...Object.values(row ?? {}));
    db.exec("PRAGMA schema_version = 1002");
  });
}

/** Pages that are none. */
export async function overwritePages(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.fill(0xa5, 4096, 12 * 4096);
  await writeFile(path, bytes);
}

/** A file that ends in the middle of a page. */
export async function cutShort(path: string): Promise<void> {
  await truncate(path, 5 * 4096 + 100);
}

/** A schema that says that it is ours, and is not. */
export async function replaceTable(path: string): Promise<void> {
  await tamper(path, (db) => db.exec("DROP TABLE alerts; CREATE TABLE alerts (other)"));
}
