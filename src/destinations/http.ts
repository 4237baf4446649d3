import { type HttpFailure, openConnections, parseRetryAfter } from "../base/http.ts";
import type { Secret } from "../base/secret.ts";
import type { Outcome } from "../model/payload.ts";

/** What came of one POST: an answer, or why there is none. */
export type HttpReply =
  | {
      readonly status: number;
      /** As the server wrote it. */
      readonly retryAfter?: string;
      /** The head of the answer; absent when it could not be read. */
      readonly body?: string;
    }
  | { readonly failure: HttpFailure };

export interface HttpPost {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly signal: AbortSignal;
}

/** POSTs to one URL; holds connections until it is disposed of. */
export interface HttpClient extends AsyncDisposable {
  /** Rejects only when `signal` aborts, with its reason. */
  post(request: HttpPost): Promise<HttpReply>;
}

const MAX_RESPONSE_BYTES = 65_536;

/** Opens a client for one destination; the URL is a secret and is in nothing that comes out of it. Connects when used. */
export function openHttp(options: {
  readonly url: Secret;
  readonly timeoutMs: number;
  /** PEM file with the authorities to trust, instead of those that Node.js knows. */
  readonly caFile?: string | undefined;
  readonly maxResponseBytes?: number;
  /** How many requests may be under way at once; one by default. */
  readonly connections?: number;
}): HttpClient {
  const { url, timeoutMs, caFile, maxResponseBytes = MAX_RESPONSE_BYTES, connections: most = 1 } = options;
  const connections = openConnections({ timeoutMs, caFile, connections: most });
  return {
    async post(request) {
      const answer = await connections.request({
        method: "POST",
        url: url.reveal(),
        maxBytes: maxResponseBytes,
        ...request,
      });
      if ("failure" in answer) {
        return answer;
      }
      const retryAfter = answer.header("retry-after");
      return {
        status: answer.status,
        ...(retryAfter === undefined ? {} : { retryAfter }),
        // A body that broke off changes nothing: the status has been told, which is what counts.
        ...("body" in answer ? { body: answer.body.toString("utf8") } : {}),
      };
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  };
}

/** What a status means for a delivery; `retry` and `ambiguous` as in HttpFailure. */
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
  // A gateway may have passed the request on before it gave up (520 and 524 are Cloudflare's).
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

/** Answers of a server, or of what stands before it, that cannot serve any request now. A 500 may be about what we sent. */
function isDown(status: number): boolean {
  return status > 500 || status === 408 || status === 421;
}

const DEFAULT_WAIT_MS = 30_000;

/** What a reply means for a delivery; `overrides` has the statuses that mean something else to a destination. */
export function classifyReply(
  reply: HttpReply,
  now: number,
  overrides: Readonly<Record<number, StatusClass>> = {},
): Outcome {
  if ("failure" in reply) {
    const { kind, ...why } = reply.failure;
    return kind === "retry" ? { kind, down: true, ...why } : { kind, ...why };
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
  return kind === "retry" ? { kind, ...(isDown(status) && { down: true }), ...told } : { kind, ...told };
}
