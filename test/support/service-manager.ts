import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

/** What services tell their manager, over a real socket. */
export interface ServiceManager extends AsyncDisposable {
  /** For the environment of the service. */
  readonly socket: string;
  /** The assignments of each message, such as `["READY=1", "STATUS=fine"]`, in the order of their arrival. */
  readonly told: readonly (readonly string[])[];
}

/** In Python, because Node.js has no such sockets. */
export async function openServiceManager(): Promise<ServiceManager> {
  const folder = mkdtempSync(join(tmpdir(), "misp-herald-test-"));
  const socket = join(folder, "notify");
  const child = spawn("python3", [join(import.meta.dirname, "service-manager.py"), socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const told: string[][] = [];
  const lines = createInterface(child.stdout);
  await once(lines, "line");
  lines.on("line", (line) => {
    const message: string[] = JSON.parse(line);
    if (!message.includes("BARRIER=1")) {
      told.push(message);
    }
  });
  return {
    socket,
    told,
    async [Symbol.asyncDispose]() {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const PATH = process.env.PATH ?? "";
const STAND_IN = `${join(import.meta.dirname, "bin")}${delimiter}${PATH}`;

function has(program: string): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Whether there can be a manager to listen to. */
export const HAS_MANAGER = has("python3");
if (!HAS_MANAGER) {
  process.stdout.write("Skipped: what systemd is told, for which there is no python3 here\n");
}

/** PATHs with a systemd-notify: that of this machine, if it has one, and one that stands in for it. */
export const WITH_SYSTEMD_NOTIFY: readonly (readonly [string, string])[] = [
  ...(has("systemd-notify") ? [["systemd's own command", PATH] as const] : []),
  ["a command that stands in for it", STAND_IN],
];
