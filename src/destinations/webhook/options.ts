import { z } from "zod";
import { CA_FILE, LOOPBACK, SecretText, Size } from "../../base/schema.ts";
import type { Secret } from "../../base/secret.ts";
import { FORMAT_NAMES } from "../../formats/index.ts";

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/; // RFC 9110 5.1
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/; // RFC 9110 5.5: no CR, LF or NUL, nothing beyond Latin-1
const OWN_HEADERS =
  /^(webhook-(id|timestamp|signature)|content-(length|type|encoding)|host|connection|transfer-encoding)$/i;

function parseUrl(secret: Secret): URL | undefined {
  try {
    return new URL(secret.reveal());
  } catch {
    return undefined; // the error has the URL in it
  }
}

const WebhookUrl = SecretText.refine((secret) => parseUrl(secret) !== undefined, {
  error: "must be a complete URL such as https://soar.example.org/hook",
  abort: true,
})
  .refine(
    (secret) => {
      const url = parseUrl(secret);
      return url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname));
    },
    { error: "must start with https:// (http:// only towards this machine)", abort: true },
  )
  .refine((secret) => !parseUrl(secret)?.username && !parseUrl(secret)?.password, {
    error: "must not hold a user or password: give an Authorization header in `headers`",
  });

/** The bytes that sign: `whsec_` and base64 as Standard Webhooks has it, or the text itself. */
export function signingKey(secret: Secret): Buffer {
  const text = secret.reveal();
  return text.startsWith("whsec_") ? Buffer.from(text.slice(6), "base64") : Buffer.from(text);
}

const SigningSecret = SecretText.refine(
  (secret) => !/^whsec_/.test(secret.reveal()) || /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret.reveal()),
  { error: "must have base64 after whsec_", abort: true },
).refine((secret) => signingKey(secret).length >= 16, "must be at least 16 bytes long");

const Headers = z
  .record(z.string().regex(HEADER_NAME, "is no name of an HTTP header"), SecretText)
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      if (OWN_HEADERS.test(name)) {
        context.addIssue({ code: "custom", path: [name], message: "is set by misp-herald itself" });
      } else if (!HEADER_VALUE.test(value.reveal())) {
        context.addIssue({ code: "custom", path: [name], message: "must be one line of Latin-1 text" });
      }
    }
  });

/** Options of `type: webhook`. */
export const WEBHOOK_OPTIONS = {
  url: WebhookUrl.describe("Where alerts are posted to, https. A secret."),
  secret: SigningSecret.optional().describe("Signs every request (Standard Webhooks): at least 16 bytes. A secret."),
  headers: Headers.default({}).describe("Added to every request, e.g. Authorization. Secrets."),
  ca_file: z.string().min(1).optional().describe(CA_FILE),
  format: z
    .enum(FORMAT_NAMES)
    .default("json")
    .describe("json: alerts; stix: STIX 2.1 indicators; misp: MISP's core JSON. Default json."),
  include_values: z.enum(["none", "defanged", "raw"]).default("raw").describe("How values of attributes are sent."),
  concurrency: z
    .number()
    .int()
    .min(1)
    .max(32)
    .default(4)
    .describe("How many requests may be under way at once; about one event always one. Default 4."),
  max_body: Size.refine((bytes) => bytes >= 8192, "must be at least 8KiB")
    .default(262_144)
    .describe("What does not fit into one body leaves in several. Default 256KiB."),
} as const;
