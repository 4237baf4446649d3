import { type HttpAnswer, type HttpFailure, parseRetryAfter } from "../base/http.ts";
import type { Failure } from "../model/payload.ts";

/** Why MISP tells nothing: the key does not see it, is not accepted, or nothing now. Holds no text from MISP, no key and no URL. */
export type ApiFailure =
  | ({ readonly kind: "not-found" } & Failure)
  | ({ readonly kind: "forbidden" } & Failure)
  /** `afterMs`: asking again earlier is in vain. */
  | ({ readonly kind: "retry"; readonly afterMs?: number } & Failure);

/** What was asked for, or why it is not told. */
export type Answer<T> = T | ApiFailure;

/** A reply of MISP: its JSON, and the headers beside it. */
export interface JsonAnswer {
  readonly kind: "told";
  readonly json: unknown;
  header(name: string): string | undefined;
}

/** What the operator can do, by the reason of a failure; a MISP that is down needs nothing but patience. */
const HINTS: Readonly<Record<string, string>> = {
  "key-not-accepted":
    "check `api_key`: whole, of this MISP, not expired, allowed from this address, of a user who is enabled and may use the API",
  "login-page":
    "MISP sent us to its login page: the key is not accepted, MISP is in maintenance, or a proxy takes away the Authorization or Accept header",
  "no-permission": "the role of the key's user, or the key itself, does not permit to search events",
  "not-visible":
    "the event is deleted, or hidden from the key's user: use the key of a user who may see what is to be told",
  "user-not-ready":
    "MISP is in maintenance, or the key's user must log in once (terms of use, password change), or the role's rate limit permits no search",
  "rate-limited": "the role of the key's user limits searches: raise its rate limit, or lower `recall.per_minute`",
  "http-400": "MISP, or a proxy before it, does not understand the question: is `url` the address of MISP itself?",
  "http-401": "MISP no longer knows the key's user, or a proxy before it asks for a login of its own: let us pass it",
  "http-403": "a proxy or firewall before MISP refuses us: let us reach the REST API",
  "http-404": "there is no MISP at this address: check `url`, with the path if MISP has one",
  "http-407": "a proxy on the way asks for credentials",
  "http-500": "MISP failed: its logs (app/tmp/logs/error.log) say why",
  "http-502": "the proxy before MISP does not reach it",
  "http-504": "MISP takes too long for the proxy before it",
  redirect: "MISP is elsewhere, and redirects are not followed: set `url` to its own address (https, name, path)",
  "html-answer": "a page came in place of data: a login portal or proxy stands before MISP, or PHP prints its errors",
  "not-json": "is `url` the address of MISP itself? A proxy may have changed or cut what it answered",
  "error-in-answer": "MISP answered with an error: its logs (app/tmp/logs/error.log) say which",
  unreadable: "data came in a shape that MISP does not have: is `url` the address of MISP itself?",
  "too-large": "MISP answered with more than we read: lower what it holds, or look at it in MISP",
  dns: "the host in `url` cannot be looked up: check the name and this machine's DNS",
  "connection-refused": "nobody listens at `url`: is MISP's web server running, and the port right?",
  "connect-timeout": "`url` does not answer: is a firewall between us and MISP?",
  unreachable: "there is no way to the host in `url`: check this machine's network",
  tls: "MISP's certificate is not trusted: renew it, or name its authority in `ca_file`",
  "bad-port": "the port in `url` is one that HTTP clients refuse",
  "ca-file-unreadable": "check that `ca_file` exists, is a PEM file and can be read by the service",
  "connection-lost": "MISP, or a proxy before it, closed the connection in mid-answer: its logs say why",
  "bad-answer": "what answers at `url` does not speak HTTP: check the port, and whether it wants https://",
  timeout: "MISP took too long: is it overloaded?",
};

function retry(
  reason: string,
  more: { readonly detail?: string; readonly afterMs?: number | undefined } = {},
): ApiFailure {
  const { detail, afterMs } = more;
  return {
    kind: "retry",
    reason,
    ...hint(reason),
    ...(detail && { detail }),
    ...(afterMs !== undefined && { afterMs }),
  };
}

function hint(reason: string) {
  const told = HINTS[reason];
  return told === undefined ? {} : { hint: told };
}

function forbidden(reason: string): ApiFailure {
  return { kind: "forbidden", reason, ...hint(reason) };
}

/** MISP does not show the event: it is deleted, never was, or is hidden from the key's user. */
export const NOT_VISIBLE: ApiFailure = { kind: "not-found", reason: "not-visible", ...hint("not-visible") };

/** MISP's JSON is not what was asked for. */
export const UNREADABLE: ApiFailure = retry("unreadable");

/** MISP's JSON is its word for an error, which it also gives with status 200. */
export const ERROR_IN_ANSWER: ApiFailure = retry("error-in-answer");

const RATE_LIMIT_MS = 60_000;
/** The same will be as large again. */
const TOO_LARGE_MS = 300_000;
/** What is read of an error, to tell whose it is; MISP's are far shorter. */
const MAX_ERROR_BYTES = 65_536;

/** Reads a reply: MISP's JSON if it is a good one, or what is wrong. */
export function readReply(
  reply: HttpAnswer | { readonly failure: HttpFailure },
  maxBytes: number,
  now: number,
): Answer<JsonAnswer> {
  if ("failure" in reply) {
    return retry(reply.failure.reason, reply.failure);
  }
  const { status } = reply;
  if (status !== 200) {
    return readFailure(reply, now);
  }
  if ("broken" in reply) {
    return retry(reply.broken.reason, reply.broken);
  }
  if (reply.body.length > maxBytes) {
    return retry("too-large", { afterMs: TOO_LARGE_MS });
  }
  const json = parseJson(reply.body);
  if (json === undefined) {
    return retry(isHtml(reply.body) ? "html-answer" : "not-json");
  }
  return { kind: "told", json, header: (name) => reply.header(name) };
}

function readFailure(reply: HttpAnswer, now: number): ApiFailure {
  const { status } = reply;
  const reason = `http-${status}`;
  const wait = parseRetryAfter(reply.header("retry-after"), now);
  if (status >= 300 && status < 400) {
    return readRedirect(reply.header("location") ?? "", `http-${status}`);
  }
  if (status === 401) {
    return forbidden(reason);
  }
  if (status === 403) {
    return forbidden(reasonOf403(reply));
  }
  // Only MISP itself knows what it has: in place of a MISP that is being restarted, a proxy may say 404.
  if (status === 404) {
    return messageOf(reply) === undefined ? retry(reason) : { ...NOT_VISIBLE, detail: reason };
  }
  if (status === 405) {
    return retry("user-not-ready", { detail: reason });
  }
  if (status === 429) {
    return retry("rate-limited", { detail: reason, afterMs: wait ?? parseReset(reply, now) ?? RATE_LIMIT_MS });
  }
  return retry(reason, { afterMs: wait });
}

/** MISP sends whom it does not let in to a page where a person can change that. */
function readRedirect(location: string, detail: string): ApiFailure {
  const [path = ""] = location.split(/[?#]/, 1);
  // Some versions send everybody there during maintenance: it says nothing about one event.
  if (/\/users\/login\/?$/.test(path)) {
    return retry("login-page", { detail });
  }
  if (/\/users\/(terms|change_pw)\/?$/.test(path)) {
    return retry("user-not-ready", { detail });
  }
  return retry("redirect", { detail });
}

/** MISP says with the same status that it does not accept the key, and that the key may not do this. */
function reasonOf403(reply: HttpAnswer): string {
  const message = messageOf(reply);
  if (message === undefined) {
    return "http-403";
  }
  return /authentication|auth ?key|disabled|expired/i.test(message) ? "key-not-accepted" : "no-permission";
}

/** The text of MISP's own errors, `{"name":"…","message":"…","url":"/…"}`; undefined: somebody else's error. */
function messageOf(reply: HttpAnswer): string | undefined {
  if (!("body" in reply) || reply.body.length > MAX_ERROR_BYTES) {
    return undefined;
  }
  const json = parseJson(reply.body);
  if (typeof json !== "object" || json === null || !("message" in json) || !("url" in json)) {
    return undefined;
  }
  return typeof json.message === "string" ? json.message : undefined;
}

/** MISP's `X-Rate-Limit-Reset` is the seconds that are left of its window of 15 minutes (RateLimitComponent). */
function parseReset(reply: HttpAnswer, now: number): number | undefined {
  const seconds = reply.header("x-rate-limit-reset");
  return seconds !== undefined && /^\d{1,4}$/.test(seconds) ? parseRetryAfter(seconds, now) : undefined;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function isHtml(body: Buffer): boolean {
  return /^\s*</.test(body.subarray(0, 1024).toString("latin1"));
}
