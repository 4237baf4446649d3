import { basename, dirname, join } from "node:path";
import { type Context, NAME, print } from "../context.ts";
import { type Document, SECRETS_FOLDER, type SecretStorage } from "./document.ts";
import { GROUP } from "./readers.ts";

/** What has been written, for whom. */
export interface InitResult {
  readonly file: string;
  /** The destination. */
  readonly name: string;
  readonly keeping: SecretStorage;
  readonly document: Document;
  /** Whether it is where the service looks for it. */
  readonly system: boolean;
  /** Whether files that the service reads were given to its group; absent: there is no such group. */
  readonly shared?: boolean;
  /** docs/systemd.md of this package. */
  readonly manual: string;
}

/** Names what was written, and who may read it. */
export function tellWritten(
  { document: { config, secrets }, keeping, shared = false }: InitResult,
  context: Context,
): void {
  for (const { path } of [...secrets, config]) {
    const byGroup = shared && (path === config.path || keeping === "file");
    print(context.stdout, `Written: ${path} (only you${byGroup ? ` and the group ${GROUP}` : ""} may read it)`);
  }
  print(context.stdout, "The configuration is valid.\n");
}

/** Says how to go on: by hand, and as a service. */
export function tellNext(outcome: InitResult, { stdout, self = NAME }: Context): void {
  const { file, name, keeping, document, system, manual } = outcome;
  const config = system && basename(file) === "config.yaml" ? "" : ` -c ${quote(file)}`;
  const folder = join(dirname(file), SECRETS_FOLDER);
  const prefix = keeping === "credential" ? `CREDENTIALS_DIRECTORY=${quote(folder)} ` : "";
  const needs = document.variables.join(" and ");
  print(
    stdout,
    [
      "",
      "Next:",
      ...(needs === "" ? [] : [`  These need ${needs} in the environment, where the secrets stay:`]),
      `  ${prefix}${self} check${config}`,
      `  ${prefix}${self} send-test ${name}${config}`,
      ...(system ? [] : [`  ${prefix}${self} run${config}`]),
      ...(system ? formatService(outcome) : [`As a service: ${self} init as root, without -c; see ${manual}`]),
    ].join("\n"),
  );
}

/** The commands that are left before the service can start. */
function formatService({ file, keeping, document, shared, manual }: InitResult): readonly string[] {
  const folder = dirname(file);
  const secrets = keeping === "file" ? document.secrets.map(({ path }) => path) : [];
  const folders = [folder, ...new Set(secrets.map((path) => dirname(path)))].map(quote).join(" ");
  const files = [file, ...secrets].map(quote).join(" ");
  const environment = join(folder, "environment");
  const section = [
    ...(keeping === "credential"
      ? document.secrets.map(({ path }) => `LoadCredential=${basename(path)}:${path}`)
      : document.variables.length > 0
        ? [`EnvironmentFile=${environment}`]
        : []),
  ];
  return [
    `As a service, as root; ${manual} has every step:`,
    ...(shared === undefined ? [`  There is no group ${GROUP} yet: follow "Install" there, and then`] : []),
    ...(shared === true
      ? []
      : [`  chown root:${GROUP} ${folders} ${files}`, `  chmod 0750 ${folders}`, `  chmod 0640 ${files}`]),
    ...(document.variables.length > 0
      ? [
          `  (umask 077 && cat > ${quote(environment)})   # a line NAME=value for each of ${document.variables.join(", ")}; then Ctrl-D`,
        ]
      : []),
    ...(section.length > 0
      ? ["  systemctl edit misp-herald   # and write there:", ...["[Service]", ...section].map((line) => `    ${line}`)]
      : []),
    "  systemctl enable --now misp-herald",
  ];
}

/** For a shell. */
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
