import { lstat, readFile, stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { userInfo } from "node:os";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { ControlError, UsageError } from "../../base/errors.ts";
import type { Asker, ErrorCode, QueryInput } from "../../operations/requests.ts";
import { PROTOCOL, Reply } from "./protocol.ts";

/** A reply line holds one delivery's payload at most. */
const MAX_REPLY_BYTES = 64 * 2 ** 20;
/** Between two lines: the daemon may be dropping a million deliveries. */
const PATIENCE_MS = 600_000;

/** Where the daemon is asked, and until when. */
export interface ControlTarget {
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Asks for one document; what cannot be done is a UsageError, a daemon that cannot be reached a ControlError. */
export async function ask<T>(line: ControlTarget, query: QueryInput, document: z.ZodType<T>): Promise<T> {
  const replies = converse(line, query);
  for (;;) {
    const { done, value } = await replies.next();
    if (done) {
      return parse(document, value);
    }
  }
}

/** Asks for a list: gives the items as they come, and returns the document that ends it. */
export async function* askAll<T, E>(
  line: ControlTarget,
  query: QueryInput,
  item: z.ZodType<T>,
  end: z.ZodType<E>,
): AsyncGenerator<T, E> {
  const replies = converse(line, query);
  try {
    for (;;) {
      const { done, value } = await replies.next();
      if (done) {
        return parse(end, value);
      }
      yield parse(item, value);
    }
  } finally {
    // Whoever has seen enough hangs up.
    await replies.return(undefined);
  }
}

/** The items of one reply; returns what ends it. */
async function* converse({ path, signal }: ControlTarget, query: QueryInput): AsyncGenerator<unknown, unknown> {
  const socket = await dial(path);
  const cut = () => socket.destroy(new ControlError("Stopped before the daemon had answered"));
  signal.addEventListener("abort", cut, { once: true });
  socket.setTimeout(PATIENCE_MS, () =>
    socket.destroy(new ControlError(`misp-herald has not answered for ${PATIENCE_MS / 1000} s; see its log`)),
  );
  try {
    if (signal.aborted) {
      cut();
    }
    socket.write(`${JSON.stringify({ v: PROTOCOL, by: asker(), query })}\n`);
    for await (const text of linesOf(socket)) {
      const reply = Reply.safeParse(parseJson(text));
      if (!reply.success) {
        throw notOurs(path);
      }
      if ("error" in reply.data) {
        throw inWords(reply.data.error);
      }
      if ("end" in reply.data) {
        return reply.data.end;
      }
      yield reply.data.item;
    }
    throw new ControlError("misp-herald hung up before it had answered: it is stopping; see its log");
  } catch (error) {
    if (error instanceof ControlError || error instanceof UsageError) {
      throw error;
    }
    throw new ControlError("The connection to misp-herald was lost before it had answered", { cause: error });
  } finally {
    signal.removeEventListener("abort", cut);
    socket.destroy();
  }
}

function dial(path: string): Promise<Socket> {
  return new Promise((connected, failed) => {
    const socket = connect({ path });
    const refuse = (error: Error) => {
      inReach(path, error).then(failed, failed);
    };
    socket.once("error", refuse);
    socket.once("connect", () => {
      socket.off("error", refuse);
      // From here on whoever reads is told.
      socket.on("error", () => {});
      connected(socket);
    });
  });
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, end)]).toString("utf8");
      rest = [];
      length = 0;
      from = end + 1;
    }
    rest.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > MAX_REPLY_BYTES) {
      throw new ControlError("misp-herald answered with more than 64 MiB in one line");
    }
  }
}

/** The login name and uid, which the daemon writes down. */
function asker(): Asker {
  try {
    const { username, uid } = userInfo();
    return { name: username.replace(/\p{C}/gu, "").slice(0, 64) || `uid ${uid}`, uid };
  } catch {
    // A uid without an entry in the user database.
    const uid = process.getuid?.() ?? -1;
    return { name: `uid ${uid}`, uid };
  }
}

function parse<T>(document: z.ZodType<T>, value: unknown): T {
  const parsed = document.safeParse(value);
  if (parsed.success) {
    return parsed.data;
  }
  throw new ControlError(
    "misp-herald answered something else than was asked: the daemon is of another version; restart it, or use its own command",
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notOurs(path: string): ControlError {
  return new ControlError(`What answers at "${path}" is not a misp-herald: set control, or --control, to its socket`);
}

function inWords({ code, message }: { readonly code: ErrorCode; readonly message: string }): Error {
  switch (code) {
    case "unknown":
    case "rejected":
    case "wrong":
      return new UsageError(sentence(message), code === "wrong" ? 2 : 1);
    case "version":
      return new ControlError(`${sentence(message)}: the daemon and this command are of different versions`);
    case "busy":
    case "failed":
      return new ControlError(sentence(message));
    default:
      return code satisfies never;
  }
}

function sentence(message: string): string {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}`;
}

/** Why there is no answer, and what to do about it. */
async function inReach(path: string, error: Error): Promise<ControlError> {
  const code = "code" in error ? error.code : undefined;
  const cause = { cause: error };
  switch (code) {
    case "ENOENT":
      return new ControlError(
        `misp-herald is not running: there is no socket at "${path}". If its configuration names another control, pass it with -c or --control; one that was changed counts only after a restart`,
        cause,
      );
    case "ECONNREFUSED": {
      const found = await lstat(path).catch(() => undefined);
      return found && !found.isSocket()
        ? new ControlError(`"${path}" is not a socket: set control, or --control, to the one of misp-herald`, cause)
        : new ControlError(`misp-herald is not running: nobody listens at "${path}" any more`, cause);
    }
    case "EACCES":
    case "EPERM":
      return new ControlError(await whoMay(path), cause);
    case "EAGAIN":
      return new ControlError("misp-herald is busy; try again", cause);
    default:
      return new ControlError(`Cannot reach misp-herald at "${path}": ${String(code ?? error.message)}`, cause);
  }
}

async function whoMay(path: string): Promise<string> {
  const what = `You may not talk to misp-herald at "${path}"`;
  const gid = await groupOf(path);
  if (gid === undefined) {
    return `${what}: ask whoever runs it which group may`;
  }
  if (gid === 0) {
    return `${what}: only root may; use sudo, or run misp-herald with a group of its own`;
  }
  const name = await nameOfGroup(gid);
  if (name === undefined) {
    return `${what}: members of the group with the id ${gid} may; use sudo, or join it`;
  }
  return `${what}: join the group ${name} (sudo usermod -aG ${name} ${asker().name}) and log in again, or use sudo`;
}

/** Of the socket, or of the innermost folder above it that this user can look at: that is what keeps them out. */
async function groupOf(path: string): Promise<number | undefined> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found || at === dirname(at)) {
      return found?.gid;
    }
  }
}

async function nameOfGroup(gid: number): Promise<string | undefined> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const line = groups.split("\n").find((entry) => entry.split(":")[2] === String(gid));
  return line?.split(":")[0];
}
