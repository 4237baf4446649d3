import type { Stats } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join, resolve } from "node:path";
import { ControlError } from "../../base/errors.ts";

/** Where the socket is when the configuration does not say. */
export const DEFAULT_SOCKET = "/run/misp-herald/control.sock";

/** The kernel's `sun_path` holds 108 bytes, the last one zero (unix(7)). */
const MAX_PATH_BYTES = 107;

/** Owner and group; the group is that of the directory or of the unit. */
const MODE = 0o660;

/** A listening socket, removed when it is disposed of. */
export interface OpenSocket extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes `server` listen at `path`. What a dead process left there is replaced; a live one, and anything that is no socket,
 * is a ControlError and left alone.
 */
export async function listenAt(server: Server, path: string): Promise<OpenSocket> {
  const file = resolve(path);
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o750 });
    await refuseTaken(file);
    const made = await bind(server, file);
    return {
      path: file,
      async [Symbol.asyncDispose]() {
        await new Promise<void>((closed) => server.close(() => closed()));
        await remove(file, made);
      },
    };
  } catch (error) {
    throw inWords(error, file);
  }
}

/**
 * The socket is born in a directory that only its owner may enter, gets its mode there, and then takes its name: at no time
 * is there one that others may connect to, whatever the umask is.
 */
async function bind(server: Server, file: string): Promise<Stats> {
  // Not by join(), which would take the dot away and make it in the directory above, where a service may not write.
  const cradle = await mkdtemp(`${dirname(file)}/.`);
  const born = join(cradle, "s");
  try {
    if (Buffer.byteLength(born) > MAX_PATH_BYTES || Buffer.byteLength(file) > MAX_PATH_BYTES) {
      throw new ControlError(`"${file}" is too long for a socket: set control to a shorter path`);
    }
    await new Promise<void>((listening, failed) => {
      server.once("error", failed);
      server.listen({ path: born }, () => {
        server.off("error", failed);
        listening();
      });
    });
    try {
      await chmod(born, MODE);
      await rename(born, file);
      return await lstat(file);
    } catch (error) {
      server.close();
      throw error;
    }
  } finally {
    await rm(cradle, { recursive: true, force: true });
  }
}

async function refuseTaken(file: string): Promise<void> {
  const found = await lstat(file).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") {
      return undefined;
    }
    throw error;
  });
  if (!found) {
    return;
  }
  if (!found.isSocket()) {
    throw new ControlError(`"${file}" is not a socket and was left alone: remove it, or set control to another path`, {
      taken: true,
    });
  }
  if (await isLive(file)) {
    throw new ControlError(
      `Another misp-herald is listening at "${file}": stop it, or give this one a control path of its own`,
      { taken: true },
    );
  }
}

/** A dead process's socket refuses; a full queue is that of a live one. */
function isLive(file: string): Promise<boolean> {
  return new Promise((decided, failed) => {
    const socket = connect({ path: file });
    socket.once("connect", () => {
      socket.destroy();
      decided(true);
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") {
        decided(false);
      } else if (code === "EAGAIN") {
        decided(true);
      } else {
        failed(error);
      }
    });
  });
}

/** Only what this process has made: another one may have taken the name meanwhile. */
async function remove(file: string, made: Stats): Promise<void> {
  try {
    const found = await lstat(file);
    if (found.ino === made.ino && found.dev === made.dev) {
      await unlink(file);
    }
  } catch {
    // It is gone, or may not be removed; the next one to start finds it dead.
  }
}

function inWords(error: unknown, file: string): unknown {
  if (error instanceof ControlError) {
    return error;
  }
  const cannot = (why: string) =>
    new ControlError(`Cannot open the control socket "${file}": ${why}`, { cause: error });
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return cannot("permission denied; set control to a path in a directory that this user may write to");
    case "EROFS":
      return cannot("its file system is read-only; set control to a writable place, such as one below /run");
    case "ENOTDIR":
    case "EEXIST":
      return cannot(`"${dirname(file)}" is not a directory; correct control`);
    case "ENOENT":
      return cannot(`"${dirname(file)}" cannot be created; correct control`);
    case "ENOSPC":
      return cannot("the disk is full; free some space");
    default:
      return cannot(String(codeOf(error) ?? "it failed"));
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
