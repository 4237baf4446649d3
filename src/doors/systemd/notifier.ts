import { spawn } from "node:child_process";
import type { Log } from "../../base/log.ts";

/** Variables of sd_notify(3), such as `READY` and `STATUS`. */
export type Assignments = Readonly<Record<string, string | number>>;

/** The way to the manager that started us. */
export interface Notifier {
  /** The manager ends us when it hears nothing for so long; undefined: it does not watch this process. */
  readonly watchdogMs: number | undefined;
  /** Tells it, after all that was told before. Resolves when it has been heard, or cannot be; never rejects. */
  tell(assignments: Assignments): Promise<void>;
}

/** Longer than the 5 s for which systemd-notify itself waits to be heard. */
const PATIENCE_MS = 10_000;

/**
 * Tells systemd by its own command, because Node.js has no datagram sockets of the Unix kind; undefined where no manager
 * listens. A message that cannot be told is logged the first time, and then given up.
 */
export function openNotifier(env: Readonly<Record<string, string | undefined>>, log: Log): Notifier | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: patience, WATCHDOG_PID: watched, PATH: path } = env;
  if (!socket) {
    return undefined;
  }
  const surroundings = { NOTIFY_SOCKET: socket, ...(path !== undefined && { PATH: path }) };
  let turn = Promise.resolve();
  let failed = false;
  const fail = (reason: string) => {
    if (failed) {
      return;
    }
    failed = true;
    log.warn(
      { reason, hint: "systemd-notify must be on the PATH of the service, and NotifyAccess=all in its unit" },
      "systemd cannot be told how the service is; the service goes on",
    );
  };
  return {
    watchdogMs: watched === undefined || watched === String(process.pid) ? milliseconds(patience) : undefined,
    tell(assignments) {
      const words = Object.entries(assignments).map(([name, value]) => `${name}=${oneLine(String(value))}`);
      turn = turn.then(() => command(words, surroundings)).then((reason) => void (reason && fail(reason)));
      return turn;
    },
  };
}

/** Resolves with what went wrong, if anything. */
function command(words: readonly string[], env: Readonly<Record<string, string>>): Promise<string | undefined> {
  return new Promise((done) => {
    // Without --no-block: systemd looks up to which unit a sender belongs, and cannot once that process is gone.
    const child = spawn("systemd-notify", words, {
      env,
      stdio: "ignore",
      timeout: PATIENCE_MS,
      killSignal: "SIGKILL",
    });
    child.unref(); // The end of the service does not wait for it.
    child.once("error", (error) => done("code" in error ? String(error.code) : error.message));
    child.once("close", (code, signal) =>
      done(code === 0 ? undefined : signal ? `ended by ${signal}` : `exit code ${code}`),
    );
  });
}

function milliseconds(microseconds: string | undefined): number | undefined {
  const value = Number(microseconds);
  return value > 0 ? value / 1000 : undefined;
}

/** A line break would begin another assignment. */
function oneLine(text: string): string {
  return text.replace(/\p{C}+/gu, " ");
}
