import { createServer, type Socket } from "node:net";
import { z } from "zod";
import { REPORT_IT, StoreError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type OperationRequest, RefusedError, type ReplyLine } from "../../operations/requests.ts";
import { MAX_REQUEST_BYTES, PROTOCOL, type Reply, Request } from "./protocol.ts";
import { listenAt, type OpenSocket } from "./socket.ts";

/** Connections at a time; the next ones are told to come back. */
const MAX_CONNECTIONS = 16;
/** For the request to arrive, for a piece of the reply to be taken, and for the client to hang up. */
const PATIENCE_MS = 10_000;

const RETRY_IT = "do what the error says, then give the command again";

/** What the server needs. */
export interface ControlOptions {
  readonly path: string;
  readonly log: Log;
  /** Throws RefusedError for what cannot be done; `signal` aborts when the asker has stopped waiting for the reply. */
  readonly answer: (asked: OperationRequest, signal: AbortSignal) => AsyncIterable<ReplyLine>;
  readonly patienceMs?: number;
}

/** Listens for people at `path`. Disposing of it ends every conversation and removes the socket. */
export async function openControl(options: ControlOptions): Promise<OpenSocket> {
  const conversations = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    const talk = new Conversation(socket, options.patienceMs ?? PATIENCE_MS);
    const work = conversations.size < MAX_CONNECTIONS ? answerOne(talk, options) : turnAway(talk);
    conversations.set(
      socket,
      work.finally(() => conversations.delete(socket)),
    );
  });
  server.maxConnections = 2 * MAX_CONNECTIONS; // beyond it not even a word is said
  const open = await listenAt(server, options.path);
  server.on("error", (error) =>
    options.log.error(
      { err: error, path: options.path, hint: "restart the service if commands cannot reach it" },
      "The control socket failed",
    ),
  );
  options.log.info({ path: open.path }, "Listening for commands");
  return {
    path: open.path,
    async [Symbol.asyncDispose]() {
      const closed = open[Symbol.asyncDispose]();
      const ended = [...conversations.values()];
      for (const socket of conversations.keys()) {
        socket.destroy();
      }
      await Promise.all([closed, ...ended]);
    },
  };
}

/** Reads one request, writes its reply, and hangs up. Never rejects. */
async function answerOne(talk: Conversation, { answer, log }: ControlOptions): Promise<void> {
  try {
    const request = parseRequest(await talk.readLine());
    for await (const line of answer(request, talk.signal)) {
      await talk.write({ v: PROTOCOL, ...line });
    }
  } catch (error) {
    if (talk.signal.aborted) {
      return;
    }
    if (error instanceof StoreError) {
      log.error({ err: error, hint: RETRY_IT }, "A command failed by the state file");
    } else if (!(error instanceof RefusedError)) {
      log.error({ err: error, hint: REPORT_IT }, "A command failed by a bug");
    }
    const { code, message } =
      error instanceof RefusedError ? error : new RefusedError("failed", "the daemon failed to do it; see its log");
    await talk.write({ v: PROTOCOL, error: { code, message } }).catch(() => {});
  } finally {
    await talk.hangUp();
  }
}

async function turnAway(talk: Conversation): Promise<void> {
  const message = `the daemon is talking to ${MAX_CONNECTIONS} others; try again`;
  await talk.write({ v: PROTOCOL, error: { code: "busy", message } }).catch(() => {});
  await talk.hangUp();
}

const Version = z.looseObject({ v: z.number() });

function parseRequest(line: string): Request {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new RefusedError("wrong", "a request is one line of JSON");
  }
  const version = Version.safeParse(value);
  if (version.success && version.data.v !== PROTOCOL) {
    throw new RefusedError("version", `the daemon speaks version ${PROTOCOL} of the protocol`);
  }
  const request = Request.safeParse(value);
  if (request.success) {
    return request.data;
  }
  const [issue] = request.error.issues;
  throw new RefusedError("wrong", `${issue?.path.join(".") || "the request"}: ${issue?.message ?? "is not valid"}`);
}

/** One connection; waiting for the other side is bounded, and ends the connection. */
class Conversation {
  readonly #socket: Socket;
  readonly #patienceMs: number;
  readonly #gone = new AbortController();

  constructor(socket: Socket, patienceMs: number) {
    this.#socket = socket;
    this.#patienceMs = patienceMs;
    // A peer that vanishes is no failure of ours.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#gone.abort());
  }

  /** Aborts when the connection is gone. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The text up to the first line feed. */
  async readLine(): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    await this.#within((done, failed) => {
      const take = (chunk: Buffer) => {
        const end = chunk.indexOf(0x0a);
        chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
        length += end < 0 ? chunk.length : end;
        if (length > MAX_REQUEST_BYTES) {
          failed(new RefusedError("wrong", `a request has at most ${MAX_REQUEST_BYTES} bytes`));
        } else if (end >= 0) {
          done();
        }
      };
      this.#socket.on("data", take);
      // What follows is read and forgotten; its end says that the asker has stopped waiting.
      return () => this.#socket.off("data", take).resume();
    });
    return Buffer.concat(chunks).toString("utf8");
  }

  /** Waits until the line has been taken, so that a slow reader holds back the work instead of filling memory. */
  async write(reply: Reply): Promise<void> {
    if (this.#socket.destroyed) {
      throw new Error("The client is gone");
    }
    if (this.#socket.write(`${JSON.stringify(reply)}\n`)) {
      return;
    }
    await this.#within((done) => {
      this.#socket.once("drain", done);
      return () => this.#socket.off("drain", done);
    });
  }

  /** Closes after what was written has been taken; closing earlier, with unread input, could take it away (unix(7)). */
  async hangUp(): Promise<void> {
    if (this.#socket.destroyed) {
      return;
    }
    this.#socket.end();
    await this.#within(() => () => {}).catch(() => {});
  }

  /** Runs until `begin` says so, the connection is gone, or patience ends, which ends the connection. */
  #within(begin: (done: () => void, failed: (error: Error) => void) => () => void): Promise<void> {
    if (this.signal.aborted) {
      return Promise.reject(new Error("The client is gone"));
    }
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.signal.removeEventListener("abort", gone);
        undo();
        settle();
      };
      const gone = () => end(() => reject(new Error("The client is gone")));
      const timer = setTimeout(() => this.#socket.destroy(), this.#patienceMs);
      this.signal.addEventListener("abort", gone);
      const undo = begin(
        () => end(resolve),
        (error) => end(() => reject(error)),
      );
    });
  }
}
