import { formatInstant } from "../../alert/style.ts";
import { describeUnlisted } from "../../alert/telling.ts";
import type { Payload } from "../../model/payload.ts";
import { defineDestination } from "../destination.ts";
import { openHttp } from "../http.ts";
import { classifyAnswer } from "./answer.ts";
import { MAX_BYTES, sizeOf } from "./fit.ts";
import { formatMessage } from "./format.ts";
import { parseMention } from "./mentions.ts";
import { TEAMS_OPTIONS } from "./options.ts";
import { formatCardPage } from "./page.ts";

/** Posts batches as Adaptive Cards to a channel or chat of Microsoft Teams, through a Workflows webhook. */
export const teams = defineDestination({
  type: "teams",
  shape: TEAMS_OPTIONS,
  rate: { per_second: 0.5, burst: 4 },
  mentionProblem: (mention) =>
    parseMention(mention) === undefined
      ? "Teams mentions people only, by user principal name (alice@example.org) or Entra object id"
      : undefined,
  open(options, { name, now, log }) {
    const http = openHttp({ url: options.webhook_url, timeoutMs: options.timeout, caFile: options.ca_file });
    const style = { timeZone: options.timezone, defang: options.defang };
    const complained = new Set<string>();
    const complain = ({ mentions }: Payload) => {
      for (const mention of mentions) {
        if (parseMention(mention) === undefined && !complained.has(mention)) {
          complained.add(mention);
          log.warn(
            { destination: name, mention },
            "Mention left out: a webhook of Teams mentions people only, by user principal name or Entra object id",
          );
        }
      }
    };
    return {
      name,
      fits: (payload) => formatMessage(payload, style).trimmed.length === 0,
      async send(payload, signal) {
        complain(payload);
        const { text } = formatMessage(payload, style);
        const startedAt = now();
        const reply = await http.post({
          headers: { "content-type": "application/json; charset=utf-8" },
          body: text,
          signal,
        });
        const outcome = classifyAnswer(reply, now());
        log.debug(
          {
            destination: name,
            batch: payload.batch,
            outcome: outcome.kind,
            ...("status" in reply ? { status: reply.status } : {}),
            bytes: Buffer.byteLength(text),
            tookMs: now() - startedAt,
          },
          "Posted",
        );
        return outcome;
      },
      async preview(payload) {
        const { message, text, trimmed } = formatMessage(payload, style);
        const sentAt = formatInstant(payload.createdAt, style) ?? "";
        return {
          body: JSON.stringify(message, null, 2),
          sizes: [{ what: "message, counted as Teams may do", used: sizeOf(text), limit: MAX_BYTES, unit: "bytes" }],
          trimmed: [...trimmed, ...describeUnlisted(payload, style)],
          html: await formatCardPage(message.attachments[0].content, sentAt),
        };
      },
      [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
    };
  },
});
