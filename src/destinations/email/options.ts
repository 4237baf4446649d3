import { z } from "zod";
import { CA_FILE, Duration, oneOrMany, SecretText } from "../../base/schema.ts";
import { MailboxText } from "./address.ts";

const LOOPBACK = /^(localhost|.*\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/;
const HOST = /^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/;

/** A login name is one line; U+0001 and NUL would end a field of the SASL exchange. */
const Login = z.string().regex(/^[^\x00-\x1f\x7f]{1,320}$/, "must be one line");

function isTokenUrl(text: string): boolean {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  } catch {
    return false;
  }
}

const OAuth2 = z.strictObject({
  user: Login.describe("The mailbox."),
  client_id: Login.describe("Of the registered application."),
  client_secret: SecretText.describe("Of the registered application. A secret."),
  refresh_token: SecretText.describe("Gets access tokens. A secret."),
  access_url: z
    .string()
    .refine(isTokenUrl, "must be a complete URL that starts with https://")
    .describe("Where access tokens are asked for."),
});

/** `smtp:` of a destination: the server that takes the mail, and how we prove who we are. */
const Smtp = z
  .strictObject({
    host: z
      .string()
      .regex(HOST, "must be the name or address of the mail server, without port or scheme")
      .describe("The mail server's name."),
    port: z.number().int().min(1).max(65535).default(587).describe("465 implies secure: true."),
    secure: z.boolean().optional().describe("TLS from the first byte, as on port 465."),
    username: Login.optional().describe("With password."),
    password: SecretText.optional().describe("With username. A secret."),
    oauth2: OAuth2.optional().describe("Instead of username and password."),
    require_tls: z.boolean().default(true).describe("False only towards this machine: mail would leave in clear."),
    ca_file: z.string().min(1).optional().describe(CA_FILE),
  })
  .check((context) => {
    const { host, port, secure, username, password, oauth2, require_tls } = context.value;
    const problem = (key: string, message: string) =>
      context.issues.push({ code: "custom", path: [key], input: undefined, message });
    if (username !== undefined && password === undefined && !oauth2) {
      problem("username", "needs a password beside it");
    }
    if (password !== undefined && username === undefined) {
      problem("password", "needs a username beside it");
    }
    if (oauth2 && (username !== undefined || password !== undefined)) {
      problem("oauth2", "cannot be used together with username and password");
    }
    if (!require_tls && !(secure ?? port === 465) && !LOOPBACK.test(host)) {
      problem("require_tls", "can be false only towards this machine (host: localhost): mail would leave in clear");
    }
  })
  .transform((smtp) => ({ ...smtp, secure: smtp.secure ?? smtp.port === 465 }));
export type Smtp = z.output<typeof Smtp>;

const ListId = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$/,
    "must look like a host name, such as urgent.misp.example.org",
  );

/** Options of `type: email`. */
export const EMAIL_OPTIONS = {
  smtp: Smtp.describe("The server that takes the mail, and how we prove who we are."),
  from: MailboxText.describe("The sender, e.g. MISP Herald <herald@example.org>"),
  to: oneOrMany(MailboxText).describe("Who gets the mail."),
  cc: oneOrMany(MailboxText).default([]).describe("Who gets a copy."),
  reply_to: MailboxText.optional().describe("Where answers go, instead of from."),
  list_id: ListId.optional().describe("For filters of mail programs. Default: <route>.misp-herald.<domain of from>"),
  threat_level_in_subject: z
    .boolean()
    .default(true)
    .describe("False leaves the threat level out of subjects, as MISP can."),
  attach: z
    .array(z.enum(["csv", "json"]))
    .default([])
    .describe("Attributes as files beside the text."),
  pgp: z
    .strictObject({
      keys: oneOrMany(z.string().min(1)).describe("Files with public keys of recipients, armoured."),
      require_encryption: z.boolean().default(true).describe("False writes in clear to recipients without a key."),
    })
    .optional()
    .describe("Encrypts to the recipients."),
  // A server may look at content before it answers: longer than a web service takes.
  timeout: Duration.default(60_000).describe("For one attempt. Default 60s."),
} as const;
