import { email } from "../../../src/destinations/email/index.ts";
import type { Destination } from "../../../src/model/payload.ts";
import { type CapturedLog, captureLog } from "../../support/captured-log.ts";
import { CERTIFICATE_FILE } from "../../support/http-server.ts";

export const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);
export const PASSWORD = "T0P-SECRET-PASSWORD";

/** A destination as the configuration makes it, towards a server of this machine that has our certificate. */
export function openEmail(
  server: { readonly host: string; readonly port: number },
  options: Readonly<Record<string, unknown>> = {},
  smtp: Readonly<Record<string, unknown>> = {},
): { readonly destination: Destination } & CapturedLog {
  const captured = captureLog();
  const configured = email.parse({
    type: "email",
    smtp: { host: server.host, port: server.port, ca_file: CERTIFICATE_FILE, ...smtp },
    from: "MISP Herald <herald@misp.example.org>",
    to: ["soc@example.org"],
    guard: { max_tlp: "red" },
    timeout: "5s",
    ...options,
  });
  const destination = configured.open({
    name: "mailbox",
    log: captured.log,
    now: () => NOW,
    stdout: process.stdout,
  });
  return { destination, ...captured };
}
