import { describeUnlistedItems } from "../../alert/indicators.ts";
import { FORMATS, valuesProblem } from "../../formats/index.ts";
import type { Payload } from "../../model/payload.ts";
import { defineDestination } from "../destination.ts";
import { classifyReply, openHttp } from "../http.ts";
import { judge } from "./answers.ts";
import { signingKey, WEBHOOK_OPTIONS } from "./options.ts";
import { formatRequestPage } from "./page.ts";
import { sign } from "./sign.ts";

/** Posts batches as signed JSON (Standard Webhooks 1.0.0) to an HTTP endpoint, for programs. */
export const webhook = defineDestination({
  type: "webhook",
  program: true,
  concurrency: ({ concurrency }) => concurrency,
  shape: WEBHOOK_OPTIONS,
  problem: ({ format, include_values }) => valuesProblem(format, include_values),
  open(options, { name, now, log }) {
    const http = openHttp({
      url: options.url,
      timeoutMs: options.timeout,
      caFile: options.ca_file,
      connections: options.concurrency,
    });
    const key = options.secret && signingKey(options.secret);
    const fixed = Object.fromEntries(
      Object.entries(options.headers).map(([header, value]) => [header.toLowerCase(), value.reveal()]),
    );
    // Whoever asks for defanged values gets no live title either.
    const values = options.include_values;
    const style = { timeZone: options.timezone, defang: options.defang || values !== "raw", values };
    const body = FORMATS[options.format];
    // What was looked at to see whether it fits is sent next.
    const fitting = new WeakMap<Payload, string>();
    const format = (payload: Payload) => {
      const text = fitting.get(payload);
      return text === undefined ? body.fit(payload, options.max_body, style) : { text, trimmed: [] };
    };
    const headersOf = (payload: Payload, timestamp: number, text: string) => ({
      "content-type": body.mediaType,
      "webhook-id": payload.batch,
      "webhook-timestamp": String(timestamp),
      ...(key ? { "webhook-signature": sign(key, payload.batch, timestamp, text) } : {}),
    });
    return {
      name,
      program: {
        maxBytes: options.max_body,
        fits(payload) {
          const text = body.whole(payload, style);
          const isFitting = Buffer.byteLength(text) <= options.max_body;
          if (isFitting) {
            fitting.set(payload, text);
          }
          return isFitting;
        },
        weigh: (payload) => body.weigh(payload, style),
      },
      async send(payload, signal) {
        const { text } = format(payload);
        const startedAt = now();
        const timestamp = Math.floor(startedAt / 1000);
        const reply = await http.post({
          headers: { ...fixed, ...headersOf(payload, timestamp, text) },
          body: text,
          signal,
        });
        const outcome = judge(classifyReply(reply, now()));
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
        const { text, trimmed } = format(payload);
        const indented = JSON.stringify(JSON.parse(text), null, 2);
        const used = Buffer.byteLength(text);
        return {
          body: indented,
          sizes: [{ what: "body", used, limit: options.max_body, unit: "bytes" }],
          trimmed: [...trimmed, ...describeUnlistedItems(payload), ...(isGlimpse(payload) ? [GLIMPSE] : [])],
          html: formatRequestPage(Object.entries(headersOf(payload, Math.floor(now() / 1000), text)), indented),
        };
      },
      [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
    };
  },
});

const GLIMPSE = "it leaves in several requests, of which this shows how the first begins";

/** What an alert in several pages begins with, before it is cut. */
function isGlimpse({ entries, part }: Payload): boolean {
  return !part && entries.some(({ guarded }) => (guarded.alert.pages ?? 0) > 0);
}
