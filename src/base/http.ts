import { readFile } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { Agent } from "undici";
import { isForbiddenPort } from "./ports.ts";
import { USER_AGENT } from "./version.ts";

/** One request, and how much of its answer is read. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

/** What a server answered: of its body, uncompressed, the first `maxBytes`, or why even these did not arrive. */
export type HttpAnswer = {
  readonly status: number;
  /** A header as the server wrote it, in any case. */
  header(name: string): string | undefined;
} & ({ readonly body: Buffer } | { readonly broken: HttpFailure });

/** Why there is no answer. What matters is whether the request was processed: `ambiguous` may have been, `retry` was not. */
export interface HttpFailure {
  readonly kind: "retry" | "ambiguous" | "destination_rejected";
  readonly reason: string;
  readonly detail?: string;
}

/** Connections to servers, kept until they are disposed of. */
export interface Connections extends AsyncDisposable {
  /** Follows no redirect. Rejects only when `signal` aborts, with its reason. */
  request(request: HttpRequest): Promise<HttpAnswer | { readonly failure: HttpFailure }>;
}

const MAX_CONNECT_MS = 10_000;

/** Connects when used. URLs and headers may hold secrets: they are in nothing that comes out of here. */
export function openConnections(options: {
  /** For the whole of an exchange, to the last byte of the body. */
  readonly timeoutMs: number;
  /** How many at once to one server; what is beyond waits. */
  readonly connections: number;
  /** PEM file with the authorities to trust, instead of those that Node.js knows. */
  readonly caFile?: string | undefined;
}): Connections {
  const { timeoutMs, connections, caFile } = options;
  let agent: Agent | undefined;
  const connect = async () => {
    // A connect timeout of its own, shorter than the whole, tells "never sent" from "sent, but no answer".
    const timeout = Math.min(MAX_CONNECT_MS, Math.ceil(timeoutMs / 2));
    const ca = caFile === undefined ? {} : { ca: await readFile(caFile) };
    agent ??= new Agent({ connections, connect: { timeout, ...ca } });
    return agent;
  };
  return {
    async request({ method, url, headers, body, signal, maxBytes }) {
      signal.throwIfAborted();
      const control = new AbortController();
      const abort = () => control.abort(signal.reason);
      const timer = setTimeout(() => control.abort(new DOMException("no answer in time", "TimeoutError")), timeoutMs);
      signal.addEventListener("abort", abort, { once: true });
      try {
        const { origin, pathname, search, port } = new URL(url);
        if (isForbiddenPort(port)) {
          return { failure: { kind: "destination_rejected", reason: "bad-port" } };
        }
        const dispatcher = agent ?? (await connect().catch(() => undefined));
        if (!dispatcher) {
          return { failure: { kind: "retry", reason: "ca-file-unreadable" } };
        }
        // Not `fetch`, whose streams take five times as much of the processor as all else here. Like this it follows no
        // redirect, which would take the content, and the secrets, to another place.
        const response = await dispatcher.request({
          origin,
          path: pathname + search,
          method,
          headers: { accept: "*/*", "user-agent": USER_AGENT, "accept-encoding": "identity", ...headers },
          body: body ?? null,
          signal: control.signal,
        });
        const header = (name: string) => {
          const found = response.headers[name.toLowerCase()];
          return Array.isArray(found) ? found.join(", ") : found;
        };
        const head = await readHead(plain(response.body, header("content-encoding")), maxBytes);
        signal.throwIfAborted();
        return { status: response.statusCode, header, ...head };
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

/** A body without what it was compressed by, which a server may do also where it was asked not to. */
function plain(body: Readable, encodings = ""): AsyncIterable<Buffer> {
  const names = encodings.split(",").map((name) => name.trim().toLowerCase());
  // Each takes memory before a byte is read: what is compressed more often is left as it is.
  const decoders = names.length > MAX_ENCODINGS ? [] : names.reverse().flatMap((name) => DECODERS[name]?.() ?? []);
  return decoders.reduce<Readable>((from, decoder) => pipeline(from, decoder, () => {}), body);
}

const MAX_ENCODINGS = 5;
// What is cut off is read as far as it goes.
const LENIENT = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };
const DECODERS: Readonly<Record<string, () => ReturnType<typeof createGunzip>>> = {
  gzip: () => createGunzip(LENIENT),
  "x-gzip": () => createGunzip(LENIENT),
  deflate: () => createInflate(LENIENT),
  br: () => createBrotliDecompress(BROTLI),
};

/** The first `maxBytes` of a body; the rest is not waited for. */
async function readHead(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<{ readonly body: Buffer } | { readonly broken: HttpFailure }> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= maxBytes) {
        break;
      }
    }
    return { body: Buffer.concat(chunks).subarray(0, maxBytes) };
  } catch (error) {
    return { broken: classifyError(error) };
  }
}

/** Failures by the code that Node.js, OpenSSL or undici gives them. */
const ERRORS: readonly (readonly [code: RegExp, failure: Omit<HttpFailure, "detail">])[] = [
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

/** What a failure of a request means; its messages, which may hold the URL, are not passed on. */
export function classifyError(error: unknown): HttpFailure {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = inner(cause), depth += 1) {
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
