import { readFile } from "node:fs/promises";
import { Agent, fetch, type Response } from "undici";
import type { Outcome } from "../model.ts";
import type { Secret } from "../secret.ts";
import { USER_AGENT } from "../version.ts";

/** What came of one POST: an answer, or why there is none. */
export type Reply =
  | {
      readonly status: number;
      /** As the server wrote it. */
      readonly retryAfter?: string;
      /** The head of the answer; absent when it could not be read. */
      readonly body?: string;
    }
  | { readonly failure: Failure };

/** Whether the request may have been processed is what matters: `ambiguous` may have been, `retry` has not. */
export interface Failure {
  readonly kind: "retry" | "ambiguous" | "destination_rejected";
  readonly reason: string;
  readonly detail?: string;
}

export interface Request {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly signal: AbortSignal;
}

/** POSTs to one URL; holds connections until it is disposed of. */
export interface HttpClient extends AsyncDisposable {
  /** Rejects only when `signal` aborts, with its reason. */
  post(request: Request): Promise<Reply>;
}

const MAX_RESPONSE_BYTES = 65_536;
const MAX_CONNECT_MS = 10_000;

/** Opens a client for one destination; the URL is a secret and is in nothing that comes out of it. Connects when used. */
export function openHttp(options: {
  readonly url: Secret;
  readonly timeoutMs: number;
  /** PEM file with the authorities to trust, instead of those that Node.js knows. */
  readonly caFile?: string | undefined;
  readonly maxResponseBytes?: number;
}): HttpClient {
  const { url, timeoutMs, caFile, maxResponseBytes = MAX_RESPONSE_BYTES } = options;
  let agent: Agent | undefined;
  const connect = async () => {
    // A connect timeout of its own, shorter than the whole, tells "never sent" from "sent, but no answer".
    const timeout = Math.min(MAX_CONNECT_MS, Math.ceil(timeoutMs / 2));
    const ca = caFile === undefined ? {} : { ca: await readFile(caFile) };
    // A destination is told one thing after the other.
    agent ??= new Agent({ connections: 1, connect: { timeout, ...ca } });
    return agent;
  };
  return {
    async post({ headers, body, signal }) {
      signal.throwIfAborted();
      const control = new AbortController();
      const abort = () => control.abort(signal.reason);
      const timer = setTimeout(() => control.abort(new DOMException("no answer in time", "TimeoutError")), timeoutMs);
      signal.addEventListener("abort", abort, { once: true });
      try {
        const dispatcher = agent ?? (await connect().catch(() => undefined));
        if (!dispatcher) {
          return { failure: { kind: "retry", reason: "ca-file-unreadable" } };
        }
        // A redirect would take the content, and the secret in the URL, to another place.
        const response = await fetch(url.reveal(), {
          method: "POST",
          headers: { "user-agent": USER_AGENT, "accept-encoding": "identity", ...headers },
          body,
          redirect: "manual",
          signal: control.signal,
          dispatcher,
        });
        const retryAfter = response.headers.get("retry-after");
        const text = await readHead(response, maxResponseBytes);
        signal.throwIfAborted();
        return {
          status: response.status,
          ...(retryAfter === null ? {} : { retryAfter }),
          ...(text === undefined ? {} : { body: text }),
        };
      } catch (error) {
        signal.throwIfAborted();
        return { failure: classifyError(error) };
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    },
    async [Symbol.asyncDispose]() {
      await agent?.destroy();
    },
  };
}

/** The first `maxBytes` of a body; the rest is not waited for. Undefined when even these do not arrive. */
async function readHead(response: Response, maxBytes: number): Promise<string | undefined> {
  const reader = response.body?.getReader();
  if (!reader) {
    return "";
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    while (size < maxBytes) {
      const { done, value } = await reader.read();
      if (done) {
        break;
      }
      chunks.push(value);
      size += value.byteLength;
    }
    return Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8");
  } catch {
    return undefined; // the status has been told, which is what counts
  } finally {
    await reader.cancel().catch(() => {}); // already closed or failed: nothing is left to cancel
  }
}

/** Failures by the code that Node.js, OpenSSL or undici gives them. */
const ERRORS: readonly (readonly [code: RegExp, failure: Omit<Failure, "detail">])[] = [
  [/^(ENOTFOUND|EAI_\w+|ENODATA)$/, { kind: "retry", reason: "dns" }],
  [/^ECONNREFUSED$/, { kind: "retry", reason: "connection-refused" }],
  [/^UND_ERR_CONNECT_TIMEOUT$/, { kind: "retry", reason: "connect-timeout" }],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, { kind: "retry", reason: "unreachable" }],
  [/^(EMFILE|ENFILE|ENOBUFS)$/, { kind: "retry", reason: "out-of-sockets" }],
  [
    /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_|CRL_|INVALID_CA|EPROTO)/,
    { kind: "retry", reason: "tls" },
  ],
  [/^(UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT|ETIMEDOUT|TimeoutError)$/, { kind: "ambiguous", reason: "timeout" }],
  [/^(UND_ERR_SOCKET|ECONNRESET|ECONNABORTED|EPIPE)$/, { kind: "ambiguous", reason: "connection-lost" }],
  [/^(HPE_|HTTPParserError|UND_ERR_)/, { kind: "ambiguous", reason: "bad-answer" }],
];

/** What a failure of `fetch` means; its messages, which may hold the URL, are not passed on. */
export function classifyError(error: unknown): Failure {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = inner(cause), depth += 1) {
    // WHATWG fetch refuses some ports (1, 25, 6667 …) before it connects, and tells by this text only.
    if (cause.message === "bad port") {
      return { kind: "destination_rejected", reason: "bad-port" };
    }
    const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
    const found = ERRORS.find(([pattern]) => pattern.test(code));
    if (found) {
      const detail = /^\w{1,64}$/.test(code) ? { detail: code } : {};
      const isUnsent = "syscall" in cause && (cause.syscall === "connect" || cause.syscall === "getaddrinfo");
      return { ...found[1], ...(isUnsent ? { kind: "retry" } : {}), ...detail };
    }
  }
  return { kind: "ambiguous", reason: "network" };
}

function inner(error: Error): unknown {
  return error instanceof AggregateError ? error.errors[0] : error.cause;
}

/** What a status means for a delivery; `retry` and `ambiguous` as in Failure. */
export type StatusClass = Exclude<Outcome["kind"], "retry_after"> | "throttled";

const STATUSES: Readonly<Record<number, StatusClass>> = {
  200: "done",
  201: "done",
  401: "destination_rejected",
  402: "destination_rejected",
  403: "destination_rejected",
  404: "destination_rejected",
  407: "destination_rejected",
  408: "retry",
  410: "destination_rejected",
  421: "retry",
  423: "retry",
  425: "retry",
  429: "throttled",
  451: "destination_rejected",
  500: "retry",
  501: "destination_rejected",
  // A gateway may have passed the request on before it lost sight of it (520 and 524 are Cloudflare's).
  502: "ambiguous",
  503: "retry",
  504: "ambiguous",
  505: "destination_rejected",
  520: "ambiguous",
  524: "ambiguous",
};

function statusClass(status: number): StatusClass {
  const known = STATUSES[status];
  if (known) {
    return known;
  }
  if (status >= 200 && status < 300) {
    return "unproven";
  }
  if (status >= 300 && status < 400) {
    return "destination_rejected";
  }
  return status >= 500 ? "retry" : "message_rejected";
}

const DEFAULT_WAIT_MS = 30_000;
const MAX_WAIT_MS = 3_600_000;

/** Reads `Retry-After`, seconds or an HTTP date (RFC 9110 10.2.3), as milliseconds from `now`, between 1 s and 1 h. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const value = text.trim();
  const afterMs = /^\d{1,12}$/.test(value)
    ? Number(value) * 1000
    : /^[A-Z][a-z]{2}/.test(value)
      ? Date.parse(value) - now
      : NaN;
  return Number.isNaN(afterMs) ? undefined : Math.min(Math.max(afterMs, 1000), MAX_WAIT_MS);
}

/** What a reply means for a delivery; `overrides` has the statuses that mean something else to a destination. */
export function classifyReply(
  reply: Reply,
  now: number,
  overrides: Readonly<Record<number, StatusClass>> = {},
): Outcome {
  if ("failure" in reply) {
    return reply.failure;
  }
  const { status } = reply;
  const kind = overrides[status] ?? statusClass(status);
  if (kind === "done" || kind === "unproven") {
    return { kind };
  }
  const isRedirect = status >= 300 && status < 400;
  const told = isRedirect ? { reason: "redirect", detail: `http-${status}` } : { reason: `http-${status}` };
  const afterMs = parseRetryAfter(reply.retryAfter, now);
  if (kind === "throttled" || (kind === "retry" && afterMs !== undefined)) {
    return { kind: "retry_after", afterMs: afterMs ?? DEFAULT_WAIT_MS, ...told };
  }
  return { kind, ...told };
}
