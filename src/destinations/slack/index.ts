import { z } from "zod";
import { describeUnlisted } from "../../alert/telling.ts";
import type { Secret } from "../../base/secret.ts";
import type { ChannelFollowing, GoneMessage, Outcome, Payload } from "../../model/payload.ts";
import type { PostRef } from "../../model/post.ts";
import { defineDestination } from "../destination.ts";
import type { HttpReply } from "../http.ts";
import { classifyAnswer, classifyChange } from "./answers.ts";
import { LIMITS, measure } from "./blocks.ts";
import { openApi, openIncomingWebhook } from "./client.ts";
import { formatMessage } from "./format.ts";
import { findConflicts, SLACK_OPTIONS } from "./options.ts";
import { formatSlackPage } from "./page.ts";
import { readMentions } from "./parts.ts";
import { parseMention } from "./text.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** For programs that read the channel. Whoever may read the channel may read this, so that it names things and says nothing. */
function metadataOf(payload: Payload): object {
  const [entry] = payload.entries;
  const isAlone = payload.entries.length === 1 && entry !== undefined && entry.guarded.form !== "pointer";
  const uuid = isAlone ? entry.guarded.alert.event?.uuid : undefined;
  return {
    event_type: "misp_herald_alert",
    event_payload: { batch: payload.batch, ...(uuid !== undefined && UUID.test(uuid) ? { event_uuid: uuid } : {}) },
  };
}

function tokenOf({ token }: { readonly token?: Secret | undefined }): Secret {
  if (!token) {
    throw new Error("A slack destination has neither token nor webhook_url; its options were not checked");
  }
  return token;
}

const definition = defineDestination({
  type: "slack",
  shape: SLACK_OPTIONS,
  // About one message a second per channel, short bursts tolerated (docs.slack.dev/apis/web-api/rate-limits).
  rate: { per_second: 1 / 1.2, burst: 3 },
  updates: ({ webhook_url: url }) =>
    url
      ? {
          modes: ["new"],
          hint: "an incoming webhook does not say which message it has posted; a token and a channel do",
        }
      : { modes: ["thread", "edit", "new"] },
  open(options, { name, now, log }) {
    const { channel, webhook_url: url, api_url: apiUrl, ca_file: caFile, timeout: timeoutMs } = options;
    const surface = url ? "webhook" : "api";
    const poster = url
      ? openIncomingWebhook({ url, timeoutMs, caFile })
      : openApi({ token: tokenOf(options), apiUrl, timeoutMs, caFile });
    const style = { timeZone: options.timezone, defang: options.defang };
    const warned = new Set<string>();
    const format = (payload: Payload) => {
      const { message, trimmed } = formatMessage(payload, style);
      const { unknown } = readMentions(payload);
      // Only an app may send metadata, and what a webhook belongs to is not known.
      const rest = surface === "api" && !payload.minimal ? { metadata: metadataOf(payload) } : {};
      const request = { ...(channel === undefined ? {} : { channel }), ...message, ...rest };
      return { message, request, trimmed, unknown };
    };
    const complain = (unknown: readonly string[]) => {
      for (const mention of unknown) {
        if (!warned.has(mention)) {
          warned.add(mention);
          log.warn({ destination: name, mention }, "Not mentioned: Slack needs an ID (S…, U…), channel or here");
        }
      }
    };
    /** Does something for a message, and says in the log what came of it. */
    const doing = async <End extends Outcome | GoneMessage>(
      batch: string | undefined,
      what: string,
      call: () => Promise<HttpReply>,
      judge: (reply: HttpReply, at: number) => End,
    ): Promise<End> => {
      const startedAt = now();
      const reply = await call();
      const outcome = judge(reply, now());
      log.debug(
        {
          destination: name,
          ...(batch !== undefined && { batch }),
          outcome: outcome.kind,
          ...("status" in reply ? { status: reply.status } : {}),
          tookMs: now() - startedAt,
        },
        what,
      );
      return outcome;
    };
    const { changes } = poster;
    const following: ChannelFollowing | undefined = changes && {
      knows: ({ channel: where, ts }) => where === channel && ts !== undefined,
      reply(payload, { ts }, isAloud, signal) {
        const { request, unknown } = format(payload);
        complain(unknown);
        const below = { ...request, thread_ts: ts, ...(isAloud && { reply_broadcast: true }) };
        return doing(payload.batch, "Replied", () => poster.post(below, signal), classifyChange);
      },
      edit({ channel: where, ts }, payload, signal) {
        const { channel: _, ...shown } = format(payload).request;
        const request = { channel: where, ts, ...shown };
        return doing(payload.batch, "Edited", () => changes.update(request, signal), classifyChange);
      },
      remove: ({ channel: where, ts }: PostRef, signal) =>
        doing(undefined, "Deleted", () => changes.delete({ channel: where, ts }, signal), classifyChange),
    };
    return {
      name,
      ...(following && { following }),
      fits: (payload) => formatMessage(payload, style).trimmed.length === 0,
      async send(payload, signal) {
        signal.throwIfAborted();
        const { request, unknown } = format(payload);
        complain(unknown);
        return doing(
          payload.batch,
          "Posted",
          () => poster.post(request, signal),
          (reply, at) => classifyAnswer(reply, at, surface),
        );
      },
      async preview(payload) {
        const { message, request, trimmed, unknown } = format(payload);
        const used = measure(message);
        return {
          body: JSON.stringify(request, null, 2),
          sizes: [
            { what: "blocks", used: used.blocks, limit: LIMITS.blocks, unit: "blocks" },
            { what: "text of all blocks", used: used.total, limit: LIMITS.total, unit: "characters" },
            { what: "header", used: used.header, limit: LIMITS.header, unit: "characters" },
            { what: "longest rich text", used: used.richText, limit: LIMITS.richText, unit: "characters" },
            { what: "longest section", used: used.text, limit: LIMITS.text, unit: "characters" },
            { what: "fallback text", used: used.fallback, limit: LIMITS.fallback, unit: "characters" },
          ],
          trimmed: [
            ...trimmed,
            ...describeUnlisted(payload, style),
            ...unknown.map((mention) => `mention of ${JSON.stringify(mention)}: it is no ID of Slack`),
          ],
          html: formatSlackPage(message, payload.createdAt, style),
        };
      },
      [Symbol.asyncDispose]: () => poster[Symbol.asyncDispose](),
    };
  },
});

/** Posts alerts to a Slack channel, with a bot token or an incoming webhook. */
export const slack = Object.assign(
  z.pipe(
    definition.in.superRefine((options, context) => {
      for (const { path, message } of findConflicts(options)) {
        context.addIssue({ code: "custom", path: [...path], message });
      }
    }),
    definition.out,
  ),
  {
    mentionProblem: (mention: string) =>
      parseMention(mention) === undefined
        ? "Slack needs an ID: of a user group (S0123456789), a person (U0123456789), or channel or here"
        : undefined,
  },
);
