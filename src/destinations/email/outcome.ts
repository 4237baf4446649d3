import type { Outcome } from "../../model/payload.ts";

/** What became of a mail that the server did not take, or of all that was tried. */
export type MailFailure = Exclude<Outcome, { readonly kind: "done" | "unproven" | "retry_after" }>;

/** How far a mail had come: after `handed_over` the server may have taken it. */
export type Phase = "before" | "handed_over";

/** What nodemailer tells of a failure, without any text of the server, which may repeat what we sent. */
export interface SmtpError {
  readonly code: string;
  readonly command: string;
  /** Of Node.js or OpenSSL, below nodemailer's. */
  readonly originalCode: string;
  /** 421, 550 …; absent: the server said nothing. */
  readonly reply?: number;
  /** RFC 3463: `5.7.1`. */
  readonly enhanced?: string;
  /** 5xx, or 4xx. */
  readonly permanent?: boolean;
}

/** Reads what is known of an error; texts are never kept. */
export function parseSmtpError(error: unknown): SmtpError {
  const get = (key: string): unknown =>
    typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined;
  const word = (key: string) => {
    const value = get(key);
    return typeof value === "string" && /^[\w -]{1,64}$/.test(value) ? value : "";
  };
  const reply = get("responseCode");
  const response = get("response");
  const permanent = get("permanent");
  const enhanced =
    typeof response === "string" ? /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response.slice(0, 40))?.[1] : undefined;
  return {
    code: word("code"),
    command: word("command"),
    originalCode: word("originalCode"),
    ...(typeof reply === "number" ? { reply } : {}),
    ...(enhanced === undefined ? {} : { enhanced }),
    ...(typeof permanent === "boolean" ? { permanent } : {}),
  };
}

/** `550 5.7.1`, or the code of what failed below. */
export function detailOf({ code, originalCode, reply, enhanced }: SmtpError): string {
  return reply === undefined
    ? originalCode || code || "unknown"
    : `${reply}${enhanced === undefined ? "" : ` ${enhanced}`}`;
}

const HINTS = {
  dns: "The name in smtp.host is not known: check its spelling and the resolver of this machine",
  refused: "Nobody listens at smtp.host and smtp.port: check both, and the firewall",
  timeout:
    "The mail server does not answer in time: check smtp.host, smtp.port and the firewall; timeout can be raised",
  noStarttls:
    "The server offers no encryption (STARTTLS) at this port: try port 465, or ask who runs it; mail is never sent in clear",
  certificate:
    "The server's certificate is not trusted: give its authority in smtp.ca_file, and in smtp.host the name that is in it",
  handshake: "TLS failed: use secure: true with port 465 only, and secure: false with port 587 or 25",
  login:
    "The server refuses the login: check smtp.username and smtp.password (an app password, or oauth2, where plain passwords are off)",
  oauth2:
    "No access token: check smtp.oauth2; a refresh token expires when the password changes or consent is withdrawn",
  tokens: "The server of smtp.oauth2.access_url cannot be reached: check it, and the firewall",
  needsLogin: "The server asks for a login: set smtp.username and smtp.password, or smtp.oauth2",
  sender: "The server does not accept the sender: `from` must be an address that this login may send as",
  greeting: "The server does not want to talk to this machine: ask who runs it to let it in",
  content:
    "The server refuses what the mail says: ask who runs it to let mail of this sender through its content filter",
  size: "The mail is larger than the server takes: leave out `attach`, or lower `show` in the route's group",
} as const;

const CERTIFICATE = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT|HOSTNAME_|CRL_|INVALID_)/;
const TLS = /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|EPROTO$)/;

interface Verdict {
  readonly kind: MailFailure["kind"];
  readonly reason: string;
  readonly hint?: string;
}

/** What an answer of the server means, by the command that it answers. */
function judgeReply({ code, command, reply = 0, permanent }: SmtpError): Verdict {
  if (permanent === false) {
    return { kind: "retry", reason: code === "EAUTH" ? "login-deferred" : "deferred" };
  }
  if (code === "EAUTH" || reply === 534 || reply === 535) {
    return { kind: "destination_rejected", reason: "login-refused", hint: HINTS.login };
  }
  if (reply === 530) {
    return { kind: "destination_rejected", reason: "login-required", hint: HINTS.needsLogin };
  }
  if (code === "ETLS" || command === "STARTTLS") {
    return { kind: "destination_rejected", reason: "no-starttls", hint: HINTS.noStarttls };
  }
  if (command === "MAIL FROM") {
    return reply === 552
      ? { kind: "message_rejected", reason: "too-large", hint: HINTS.size }
      : { kind: "destination_rejected", reason: "sender-refused", hint: HINTS.sender };
  }
  if (code === "EMESSAGE" || command === "DATA") {
    return { kind: "message_rejected", reason: "message-refused", hint: HINTS.content };
  }
  return { kind: "destination_rejected", reason: "server-refused", hint: HINTS.greeting };
}

/** Below a login that failed without an answer is what became of the request for an OAuth2 token. */
function judgeLogin(originalCode: string): Verdict {
  if (originalCode === "EOAUTH2") {
    return { kind: "destination_rejected", reason: "oauth2-refused", hint: HINTS.oauth2 };
  }
  return originalCode === ""
    ? { kind: "destination_rejected", reason: "login-refused", hint: HINTS.login }
    : { kind: "retry", reason: "oauth2-unreachable", hint: HINTS.tokens };
}

/** What a failure means that no answer of the server explains. */
function judgeSilence({ code, originalCode }: SmtpError): Verdict {
  if (code === "EAUTH" || code === "ENOAUTH") {
    return judgeLogin(originalCode);
  }
  if (CERTIFICATE.test(originalCode)) {
    return { kind: "destination_rejected", reason: "tls-certificate", hint: HINTS.certificate };
  }
  if (TLS.test(originalCode)) {
    return { kind: "retry", reason: "tls", hint: HINTS.handshake };
  }
  switch (code) {
    case "EDNS":
      return { kind: "retry", reason: "dns", hint: HINTS.dns };
    case "ETLS":
      return { kind: "retry", reason: "tls", hint: HINTS.handshake };
    case "EMESSAGE":
      return { kind: "message_rejected", reason: "too-large", hint: HINTS.size };
    case "ETIMEDOUT":
    case "EABORT":
      return { kind: "retry", reason: "timeout", hint: HINTS.timeout };
    case "ESOCKET":
      return originalCode === "ECONNREFUSED"
        ? { kind: "retry", reason: "connection-refused", hint: HINTS.refused }
        : { kind: "retry", reason: "connection-lost" };
    case "ECONNECTION":
      return { kind: "retry", reason: "connection-lost" };
    default:
      return { kind: "retry", reason: "smtp" };
  }
}

/** Whether the server takes no mail at all: once the talk is about one mail, what it says may be about that. */
function isDown({ reply, command, code }: SmtpError): boolean {
  const isAboutMail = code === "EMESSAGE" || /^(MAIL FROM|RCPT TO|DATA)$/.test(command);
  return reply === undefined || reply === 421 || !isAboutMail;
}

/** The answer to DATA was another than 354: the server has not read the mail, whatever it says to the lines of it. */
export const NO_DATA: MailFailure = {
  kind: "retry",
  down: true,
  reason: "data-not-started",
  hint: "The server does not speak SMTP as it should: it says that it has the mail before it was sent; ask who runs it",
};

/** What a failed attempt means for a delivery. A mail that was handed over without an answer may have been taken. */
export function classifySmtpError(error: SmtpError, phase: Phase): MailFailure {
  const { kind, ...why } = error.reply === undefined ? judgeSilence(error) : judgeReply(error);
  const detail = detailOf(error);
  if (kind !== "retry") {
    return { kind, ...why, detail };
  }
  if (phase === "handed_over" && error.reply === undefined) {
    return { kind: "ambiguous", reason: why.reason, detail };
  }
  return { kind, ...(isDown(error) && { down: true }), ...why, detail };
}
