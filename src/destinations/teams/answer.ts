import { parseRetryAfter } from "../../base/http.ts";
import type { Outcome } from "../../model/payload.ts";
import { classifyReply, type HttpReply } from "../http.ts";

const CUT_OFF = "webhook_url is not complete: copy the whole URL of the flow's trigger again, with api-version and sig";
const NOT_ANYONE =
  'Teams wants another proof of who calls: set "Who can trigger the flow?" to "Anyone" in the flow\'s trigger, and copy its URL again';
const OFF = "The flow is switched off: turn it on in Power Automate (My flows), as its owner";
const GONE =
  "The flow is deleted, moved or not allowed any more: make a new Workflows webhook for the channel (docs/teams.md) and put its URL into webhook_url";
const OTHER_INPUT =
  'The flow wants another input: it has to be made from the template "Send webhook alerts to a channel" or post each of `attachments` as a card';
const REDIRECTED = "webhook_url leads elsewhere, which is not followed: copy the URL of the flow's trigger again";
const OWN_CA = "If a proxy looks into TLS on the way, give its authority in ca_file";

/** What the trigger of a flow says in `error.code`. */
const CODES: Readonly<
  Record<string, { readonly kind: "destination_rejected" | "message_rejected"; readonly hint: string }>
> = {
  MissingApiVersionParameter: { kind: "destination_rejected", hint: CUT_OFF },
  DirectApiAuthorizationRequired: { kind: "destination_rejected", hint: NOT_ANYONE },
  DirectApiInvalidAuthorizationScheme: { kind: "destination_rejected", hint: NOT_ANYONE },
  WorkflowTriggerIsNotEnabled: { kind: "destination_rejected", hint: OFF },
  WorkflowNotFound: { kind: "destination_rejected", hint: GONE },
  TriggerInputSchemaMismatch: { kind: "message_rejected", hint: OTHER_INPUT },
  InvalidRequestContent: { kind: "message_rejected", hint: OTHER_INPUT },
};

const HINTS: Readonly<Record<string, string>> = {
  "http-400": OTHER_INPUT,
  "http-401": NOT_ANYONE,
  "http-403": GONE,
  "http-404": GONE,
  "http-410": GONE,
  redirect: REDIRECTED,
  tls: OWN_CA,
};

const DEFAULT_WAIT_MS = 60_000;

/** The code in `{"error": {"code": …}}`, if it is one that is known: nothing else of a body may go further. */
function errorCode(body: string): string | undefined {
  const code = /"error"\s*:\s*\{[^{}]*?"code"\s*:\s*"(\w{1,64})"/.exec(body)?.[1];
  return code !== undefined && Object.hasOwn(CODES, code) ? code : undefined;
}

function withHint(outcome: Outcome): Outcome {
  if (!("reason" in outcome)) {
    return outcome;
  }
  const hint = HINTS[outcome.reason];
  return hint === undefined ? outcome : { ...outcome, hint };
}

/**
 * What an answer means. A flow answers 202 before it has posted anything, so that this proves nothing; only a Response step that
 * its owner has put after the posting does, with the body `delivered`. What looks like success may tell a failure in its body.
 */
export function classifyAnswer(reply: HttpReply, now: number): Outcome {
  if ("failure" in reply) {
    return withHint(classifyReply(reply, now));
  }
  const { status, body = "" } = reply;
  const isSuccess = status >= 200 && status < 300;
  const code = errorCode(body);
  const known = code === undefined ? undefined : CODES[code];
  if (known && code !== undefined && (isSuccess || [400, 401, 403, 404].includes(status))) {
    return { ...known, reason: `http-${status}`, detail: code };
  }
  if (!isSuccess) {
    return withHint(classifyStatus(reply, now));
  }
  const inner = /\bHTTP error (?:code )?([45]\d\d)\b/.exec(body)?.[1];
  if (inner !== undefined) {
    const outcome = withHint(classifyStatus({ ...reply, status: Number(inner) }, now));
    return "reason" in outcome ? { ...outcome, ...inBody(status) } : outcome;
  }
  if (/\bfailed\b|"error"\s*:\s*[{"]/i.test(body)) {
    return { kind: "retry", reason: "teams-failed", ...inBody(status) };
  }
  return { kind: /^"?delivered"?$/i.test(body.trim()) ? "done" : "unproven" };
}

function inBody(status: number): { readonly detail: string } {
  return { detail: `in the body of an answer with status ${status}` };
}

function classifyStatus(reply: Extract<HttpReply, { status: number }>, now: number): Outcome {
  const outcome = classifyReply(reply, now);
  // Teams counts by minutes.
  return outcome.kind === "retry_after" && parseRetryAfter(reply.retryAfter, now) === undefined
    ? { ...outcome, afterMs: DEFAULT_WAIT_MS }
    : outcome;
}
