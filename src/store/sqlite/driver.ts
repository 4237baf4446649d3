import { StoreError } from "../../base/errors.ts";

/** What a column of ours holds and a parameter may be. */
export type Cell = string | number | null;

/** A prepared statement over rows of ours; `Row` is what its SELECT lists. */
export interface Statement<Row> {
  run(...parameters: readonly Cell[]): { readonly changes: number | bigint };
  get(...parameters: readonly Cell[]): Row | undefined;
  all(...parameters: readonly Cell[]): readonly Row[];
}

/** The part of `node:sqlite`'s DatabaseSync that the store uses. */
export interface Database {
  exec(sql: string): void;
  prepare<Row>(sql: string): Statement<Row>;
  close(): void;
}

interface Sqlite {
  readonly DatabaseSync: new (path: string) => Database;
}

/**
 * Opens the database file at `path` with Node's own SQLite, or with the optional dependency that has the same API; a
 * StoreError where there is neither. With the latter a closed file stays open and locked until the garbage collector
 * has taken the last statement that was prepared.
 */
export async function openDatabase(path: string): Promise<Database> {
  const { DatabaseSync } = await loadSqlite();
  return new DatabaseSync(path);
}

/** What another process must import to have the same SQLite; empty: Node's own. */
export async function sqliteModule(): Promise<string> {
  return isSqlite(loadBuiltin()) ? "" : import.meta.resolve("@photostructure/sqlite");
}

async function loadSqlite(): Promise<Sqlite> {
  const builtin = loadBuiltin();
  if (isSqlite(builtin)) {
    return builtin;
  }
  let installed: unknown;
  try {
    installed = await import("@photostructure/sqlite");
  } catch (cause) {
    throw new StoreError(noSqlite(), { cause });
  }
  if (!isSqlite(installed)) {
    throw new StoreError(noSqlite());
  }
  return installed;
}

function noSqlite(): string {
  return (
    `Node ${process.versions.node} has no SQLite: ` +
    "install Node 22.13 or newer, or run `npm install @photostructure/sqlite`"
  );
}

function loadBuiltin(): unknown {
  // Node 22 warns on stderr that its SQLite is experimental, once, inside this synchronous call, and nothing else does.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

function isSqlite(module: unknown): module is Sqlite {
  return (
    typeof module === "object" &&
    module !== null &&
    "DatabaseSync" in module &&
    typeof module.DatabaseSync === "function"
  );
}
