import { z } from "zod";
import { parseRetryAfter } from "../../base/http.ts";
import type { GoneMessage, Outcome } from "../../model/payload.ts";
import type { PostRef } from "../../model/post.ts";
import { classifyReply, type HttpReply } from "../http.ts";

type Verdict = Exclude<Outcome["kind"], "done" | "unproven">;

interface Meaning {
  readonly kind: Verdict;
  readonly hint?: string;
}

/** Gives several of Slack's error codes one meaning. */
function all(kind: Verdict, codes: string, hint?: string): Readonly<Record<string, Meaning>> {
  const meaning = { kind, ...(hint === undefined ? {} : { hint }) };
  return Object.fromEntries(codes.split(" ").map((code) => [code, meaning]));
}

const NEW_TOKEN =
  "Slack does not accept the token: copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of the app, or install the app again";
const NEW_WEBHOOK = "the webhook no longer exists: make a new one under Incoming Webhooks of the app";
const ARCHIVED = "the channel is archived: unarchive it, or name another one";
const ASK_ADMIN = "ask an administrator of the workspace to let the app post there";

/** Error codes of chat.postMessage, chat.update, chat.delete and of incoming webhooks (docs.slack.dev/reference/methods/chat.postMessage). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  // Documented as possibly done in part, so that a second try may show the message twice.
  ...all("ambiguous", "internal_error fatal_error"),
  ...all(
    "retry",
    "service_unavailable request_timeout team_added_to_org external_channel_migrating rollup_error update_failed",
  ),
  ...all("retry_after", "ratelimited rate_limited"),
  ...all("retry_after", "message_limit_exceeded", "the workspace has used up the messages that its plan allows"),
  ...all(
    "message_rejected",
    "invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text too_many_attachments " +
      "attachment_payload_limit_exceeded invalid_attachments markdown_text_conflict invalid_metadata_format " +
      "invalid_metadata_schema metadata_must_be_sent_from_app metadata_too_large invalid_arguments invalid_arg_name " +
      "invalid_array_arg invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_json " +
      "cannot_reply_to_message restricted_action_non_threadable_channel restricted_action_thread_locked " +
      "slack_connect_file_link_sharing_blocked invalid_payload user_not_found " +
      "block_mismatch no_dual_broadcast_content_update streaming_state_conflict",
  ),
  ...all("destination_rejected", "not_in_channel", "invite the bot: /invite @name-of-the-app in the channel"),
  ...all(
    "destination_rejected",
    "channel_not_found",
    "check the channel's ID; a private channel is found only once the bot is invited: /invite @name-of-the-app in it",
  ),
  ...all("destination_rejected", "is_archived is_inactive channel_is_archived", ARCHIVED),
  ...all(
    "destination_rejected",
    "invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type",
    NEW_TOKEN,
  ),
  ...all(
    "destination_rejected",
    "missing_scope",
    "give the bot the scope chat:write under OAuth & Permissions of the app, and install the app again",
  ),
  ...all(
    "destination_rejected",
    "restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel no_permission " +
      "accesslimited ekm_access_denied org_login_required team_access_not_granted two_factor_setup_required " +
      "app_access_restricted enterprise_is_restricted messages_tab_disabled action_prohibited " +
      "posting_to_general_channel_denied",
    ASK_ADMIN,
  ),
  ...all(
    "destination_rejected",
    "team_not_found no_team team_disabled",
    "the workspace of the app is gone or disabled",
  ),
  ...all(
    "destination_rejected",
    "method_deprecated deprecated_endpoint",
    "Slack has changed its API: update misp-herald",
  ),
  ...all("destination_rejected", "invalid_token no_service no_service_id no_active_hooks", NEW_WEBHOOK),
};

/** What is said of a message that is not there any more, or that nobody may change or answer by now. */
const GONE: ReadonlySet<string> = new Set([
  ..."message_not_found thread_not_found invalid_thread_ts cant_update_message cant_delete_message".split(" "),
  ..."edit_window_closed is_inactive compliance_exports_prevent_deletion cannot_reply_to_message".split(" "),
  ..."restricted_action_thread_locked restricted_action_non_threadable_channel".split(" "),
]);

/** What an operator can do about failures below Slack's own answers. */
const HINTS: readonly (readonly [reason: RegExp, hint: string])[] = [
  [
    /^(dns|connection-refused|connect-timeout|unreachable)$/,
    "misp-herald connects to Slack itself, without a proxy: check name resolution, firewall, and api_url if set",
  ],
  [/^tls$/, "the certificate is not trusted; where something breaks TLS open, give its authority in ca_file"],
  [/^ca-file-unreadable$/, "check the path and the permissions of ca_file"],
  [/^bad-port$/, "this port is forbidden for HTTP: use another one"],
  [/^redirect$/, "redirects are not followed: give the final address"],
  [
    /^http-(401|403|404|410)$/,
    "this is no answer of Slack's API: check api_url or webhook_url, and what stands in between",
  ],
  [/^http-407$/, "a proxy asks for a login: let misp-herald connect to Slack directly"],
];

const DEFAULT_WAIT_MS = 30_000;
const QUOTA_WAIT_MS = 3_600_000;

/** The Web API proves by `ok: true` that it has posted, an incoming webhook by the text `ok`. */
export type SlackTransport = "api" | "webhook";

const ApiAnswer = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  response_metadata: z.object({ messages: z.array(z.string()).optional() }).optional(),
});

/** What Slack says: that it has posted, or which error. Undefined: this is not Slack's. */
function readAnswer(
  body: string,
  surface: SlackTransport,
): "ok" | { readonly code: string; readonly at?: string } | undefined {
  const text = body.trim();
  if (surface === "webhook" && /^[a-z][a-z0-9_]{0,63}$/.test(text)) {
    return text === "ok" ? "ok" : { code: text };
  }
  const { success, data } = ApiAnswer.safeParse(jsonIn(text));
  if (!success) {
    return undefined;
  }
  if (data.ok) {
    return "ok";
  }
  const code = data.error ?? "";
  return /^[a-z][a-z0-9_]{0,63}$/.test(code)
    ? { code, ...pointersOf(data.response_metadata?.messages ?? []) }
    : undefined;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where Slack finds a block wrong, `/blocks/3/text`; the words around it may quote the message. */
function pointersOf(messages: readonly string[]): { readonly at?: string } {
  const pointers = messages
    .slice(0, 3)
    .flatMap((text) => /\[json-pointer:((?:\/[a-z_]{1,40}|\/\d{1,4}){1,12})\]/.exec(text)?.[1] ?? []);
  return pointers.length > 0 ? { at: pointers.join(" ") } : {};
}

/** What a reply of Slack means for a delivery. */
export function classifyAnswer(reply: HttpReply, now: number, surface: SlackTransport): Outcome {
  // Slack proves by 200 and its words that it has posted; any other success is a gateway's.
  const basic = withHint(classifyReply(reply, now, { 201: "unproven" }));
  if ("failure" in reply) {
    return basic;
  }
  const isGood = reply.status >= 200 && reply.status < 300;
  if (reply.body === undefined) {
    return isGood ? { kind: "ambiguous", reason: "answer-lost" } : basic;
  }
  const answer = readAnswer(reply.body, surface);
  if (answer === "ok" && isGood) {
    const ref = surface === "api" ? refOf(reply.body) : undefined;
    return { kind: "done", ...(ref && { ref }) };
  }
  if (answer === undefined || answer === "ok") {
    // A login page of a proxy comes with 200, too.
    return reply.status === 200
      ? {
          kind: "retry",
          down: true,
          reason: "not-slack",
          hint: "something else than Slack has answered: check for a proxy in between, and api_url if set",
        }
      : basic;
  }
  const meaning = Object.hasOwn(MEANINGS, answer.code) ? MEANINGS[answer.code] : undefined;
  if (!meaning) {
    // Slack adds codes without notice. A bad status tells enough; otherwise the message may be what is wrong.
    return isGood ? { kind: "message_rejected", reason: "slack-error", detail: answer.code } : basic;
  }
  const { kind, hint } = meaning;
  const why = {
    reason: answer.code,
    ...(answer.at === undefined ? {} : { detail: answer.at }),
    ...(hint === undefined ? {} : { hint }),
  };
  if (kind === "retry") {
    return { kind, down: true, ...why };
  }
  if (kind !== "retry_after") {
    return { kind, ...why };
  }
  const fallbackMs = answer.code === "message_limit_exceeded" ? QUOTA_WAIT_MS : DEFAULT_WAIT_MS;
  return { kind, afterMs: parseRetryAfter(reply.retryAfter, now) ?? fallbackMs, ...why };
}

/** The same about a message that was there before. */
export function classifyChange(reply: HttpReply, now: number): Outcome | GoneMessage {
  const answer = "failure" in reply || reply.body === undefined ? undefined : readAnswer(reply.body, "api");
  return answer !== undefined && answer !== "ok" && GONE.has(answer.code)
    ? { kind: "gone", reason: answer.code }
    : classifyAnswer(reply, now, "api");
}

const Posted = z.object({
  channel: z.string().regex(/^[A-Z0-9]{1,40}$/),
  ts: z.string().regex(/^\d{1,20}\.\d{1,20}$/),
  message: z.object({ thread_ts: z.string().optional() }).optional(),
});

/** Where Slack says that it has posted; undefined: it does not. */
function refOf(body: string): PostRef | undefined {
  const { success, data } = Posted.safeParse(jsonIn(body));
  if (!success) {
    return undefined;
  }
  const thread = data.message?.thread_ts;
  const isBelow = thread !== undefined && thread !== data.ts;
  return { channel: data.channel, ts: data.ts, ...(isBelow && { thread }) };
}

function withHint(outcome: Outcome): Outcome {
  if (!("reason" in outcome)) {
    return outcome;
  }
  const hint = HINTS.find(([reason]) => reason.test(outcome.reason ?? ""))?.[1];
  return hint === undefined ? outcome : { ...outcome, hint };
}
