import { dirname, join, resolve } from "node:path";
import { reasonOf } from "../base/file-reason.ts";
import { decodeUtf8, type ReadFile } from "./read.ts";
import { nearest } from "./suggest.ts";
import { type Dict, mapScalars, quoted, type ReportFault, type Scalar, scalarsOf } from "./tree.ts";

const MAX_FILE_BYTES = 65_536;
/** `$${` is a literal `${`; an unclosed `${` is matched too, to be told. */
const REFERENCE = /\$\$\{|\$\{([^}]*)(\})?/g;

/** Where values come from, and whether they must be there. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it does not hold, what cannot be read is a warning, and something that fits stands in for it. */
  readonly isRequired: (scalar: Scalar) => boolean;
  readonly readFile: ReadFile;
  /** Whether the value must not be printed. */
  readonly isSecret: (scalar: Scalar) => boolean;
  /** Told every secret: what a secret value is and what is put into it, and what comes from files and credentials. */
  readonly learn: (secret: string) => void;
}

type Resolved = { readonly value: string } | { readonly missing: string; readonly hint: string };

/** Replaces every `${NAME}`, `${file:/path}` and `${credential:name}` in the texts of `root`. */
export async function substitute(root: Dict, file: string, sources: Sources, report: ReportFault): Promise<Dict> {
  const resolved = new Map<string, Resolved>();
  for (const { value } of scalarsOf(root)) {
    if (typeof value !== "string") {
      continue;
    }
    for (const [reference, body, closed] of value.matchAll(REFERENCE)) {
      if (body === undefined || resolved.has(reference)) {
        continue;
      }
      resolved.set(reference, closed ? await read(body, file, sources) : unclosed());
    }
  }
  return mapScalars(root, (scalar) => {
    const filled = replace(scalar, resolved, sources, report);
    if (sources.isSecret(scalar) && !filled.unread && filled.value !== null) {
      sources.learn(String(filled.value));
    }
    return filled;
  });
}

function replace(
  scalar: Scalar,
  resolved: ReadonlyMap<string, Resolved>,
  sources: Sources,
  report: ReportFault,
): Scalar {
  if (typeof scalar.value !== "string" || !scalar.value.includes("${")) {
    return scalar;
  }
  const references: string[] = [];
  const severity = sources.isRequired(scalar) ? "error" : "warning";
  let unread = false;
  const value = scalar.value.replace(REFERENCE, (reference, body?: string) => {
    if (body === undefined) {
      return "${";
    }
    references.push(reference);
    const found = resolved.get(reference);
    if (found && "value" in found) {
      // Few files hold anything else; the environment has paths and names, too, which a log line may need.
      if (/^(file|credential):/.test(body) || sources.isSecret(scalar)) {
        sources.learn(found.value);
      }
      return found.value;
    }
    if (found) {
      report({ severity, at: scalar.at, end: scalar.end, message: found.missing, hint: found.hint });
    }
    unread = true;
    return "placeholder";
  });
  if (references.length === 0) {
    return { ...scalar, value };
  }
  return { ...scalar, value, references, ...(unread ? { unread: severity } : {}) };
}

function unclosed(): Resolved {
  return { missing: `"$\{" has no closing "}"`, hint: `a literal $\{ is written $$\{` };
}

async function read(body: string, file: string, sources: Sources): Promise<Resolved> {
  const shown = `$\{${body}}`;
  if (body.startsWith("file:")) {
    const path = resolve(dirname(file), body.slice("file:".length).trim());
    return content(shown, path, sources, `the user that runs misp-herald must be able to read ${path}`);
  }
  if (body.startsWith("credential:")) {
    const name = body.slice("credential:".length).trim();
    const directory = sources.env.CREDENTIALS_DIRECTORY;
    const hint = `in the systemd unit: LoadCredential=${name}:/path/to/the/secret`;
    if (!/^[^/\0]+$/.test(name) || name === "." || name === "..") {
      return { missing: `${shown} does not name a credential`, hint: `write $\{credential:name}, without slashes` };
    }
    if (!directory) {
      return { missing: `${shown} cannot be read: CREDENTIALS_DIRECTORY is not set`, hint };
    }
    return content(shown, join(directory, name), sources, hint);
  }
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(body)) {
    return {
      missing: `${quoted(shown)} is not understood`,
      hint: `write $\{NAME}, $\{file:/path} or $\{credential:name}; a literal $\{ is written $$\{`,
    };
  }
  const value = sources.env[body];
  if (value !== undefined) {
    return { value };
  }
  const near = nearest(body, Object.keys(sources.env));
  return {
    missing: `environment variable ${body} is not set`,
    hint: `set it, e.g. export ${body}=… or EnvironmentFile= in the systemd unit${near ? `; there is a ${near}` : ""}`,
  };
}

async function content(shown: string, path: string, sources: Sources, hint: string): Promise<Resolved> {
  let bytes: Uint8Array;
  try {
    bytes = await sources.readFile(path, MAX_FILE_BYTES);
  } catch (error) {
    return { missing: `${shown} cannot be read: ${reasonOf(error)}`, hint };
  }
  if (bytes.length > MAX_FILE_BYTES) {
    return { missing: `${shown} is larger than 64 KiB`, hint: "is it the right file? It must hold the value alone" };
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    return { missing: `${shown} is not UTF-8 text`, hint: "it must hold the value alone" };
  }
  return { value: text.trim() };
}
