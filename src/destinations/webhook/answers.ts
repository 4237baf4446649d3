import type { Outcome } from "../../model/payload.ts";

/** What the operator can do, by the reason of a failure; a receiver that is down needs nothing but patience. */
const HINTS: Readonly<Record<string, string>> = {
  "http-400": "the receiver does not understand the body: docs/webhook.md describes it",
  "http-401": "the receiver refuses our credentials: check `headers` and `secret`",
  "http-403": "the receiver refuses our credentials: check `headers` and `secret`",
  "http-404": "the receiver knows no such path: check `url`",
  "http-405": "the receiver takes no POST at this path: check `url`",
  "http-407": "a proxy asks for credentials",
  "http-410": "the receiver has closed this endpoint for good: set another `url` or remove the destination",
  "http-413": "the receiver takes less than we send: lower `max_body`",
  "http-415": "the receiver does not take application/json: check `url`",
  "http-422": "the receiver does not understand the body: docs/webhook.md describes it",
  redirect: "the receiver has moved, and redirects are not followed: set `url` to the new place",
  dns: "the host in `url` cannot be looked up: check the name and this machine's DNS",
  tls: "the receiver's certificate is not trusted: renew it, or name its authority in `ca_file`",
  "ca-file-unreadable": "check that `ca_file` exists, is a PEM file and can be read by the service",
  "bad-port": "the port in `url` is one that HTTP clients refuse",
};

/** The receiver knows a batch by its `webhook-id`, so that a second copy does no harm; and what to do about a failure. */
export function judge(outcome: Outcome): Outcome {
  if (!("reason" in outcome)) {
    return outcome;
  }
  const hint = HINTS[outcome.reason];
  const told = { ...outcome, ...(hint !== undefined && { hint }) };
  // Whoever gives no answer, or has a gateway give one, is no better off with the next message.
  return told.kind === "ambiguous" ? { ...told, kind: "retry", down: true } : told;
}
