import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { createTransport, type SMTPPoolOptions } from "nodemailer";
import type { Smtp } from "./options.ts";
import { classifySmtpError, detailOf, type MailFailure, NO_DATA, type Phase, parseSmtpError } from "./outcome.ts";

/** A recipient that the server does not take: for good, or for now. */
export interface Rejection {
  readonly address: string;
  readonly permanent: boolean;
  readonly detail: string;
}

/** What became of one mail: who is served, who is not, and what went wrong for all the others. */
export interface MailResult {
  readonly accepted: readonly string[];
  readonly refused: readonly Rejection[];
  readonly trouble?: MailFailure;
}

export interface OutgoingMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
  readonly signal: AbortSignal;
}

/** A connection to one mail server; opened when used, and again when lost. */
export interface SmtpSession extends AsyncDisposable {
  /** Rejects only when `signal` aborts, with its reason. */
  send(letter: OutgoingMail): Promise<MailResult>;
}

/** RFC 5321 4.5.3.2: so long a server may take to greet, and so long to take a mail, which is the longest of all steps. */
const GREETING_MS = 300_000;
const STEP_MS = 600_000;
const MAX_LOOKUP_MS = 10_000;
const MAX_RESPONSE_BYTES = 65_536;

/** How long each step may take, all of them within `timeoutMs`. */
export function smtpTimeouts(timeoutMs: number) {
  const dnsTimeout = Math.min(MAX_LOOKUP_MS, timeoutMs);
  return {
    dnsTimeout,
    // To the end of the greeting.
    connectionTimeout: Math.min(dnsTimeout + GREETING_MS, timeoutMs),
    greetingTimeout: Math.min(GREETING_MS, timeoutMs),
    socketTimeout: Math.min(STEP_MS, timeoutMs),
  };
}

function optionsOf(
  smtp: Smtp,
  timeoutMs: number,
  ca: Buffer | undefined,
  replies: Replies,
): SMTPPoolOptions & { readonly pool: true } {
  const { host, port, secure, require_tls, username, password, oauth2 } = smtp;
  const timeouts = smtpTimeouts(timeoutMs);
  const auth = oauth2
    ? {
        type: "OAuth2",
        user: oauth2.user,
        clientId: oauth2.client_id,
        clientSecret: oauth2.client_secret.reveal(),
        refreshToken: oauth2.refresh_token.reveal(),
        accessUrl: oauth2.access_url,
        requestTimeout: timeouts.dnsTimeout,
      }
    : username !== undefined && password !== undefined
      ? { user: username, pass: password.reveal() }
      : undefined;
  return {
    pool: true,
    maxConnections: 1, // a destination is told one thing after the other
    maxRequeues: 1, // for a connection that the server has closed while it was idle
    idleTimeout: 60_000,
    host,
    port,
    secure,
    // One of both: a server that has lost its STARTTLS on the way to us gets nothing.
    requireTLS: require_tls,
    ignoreTLS: !require_tls,
    tls: { minVersion: "TLSv1.2", ...(ca ? { ca } : {}) },
    ...(auth ? { auth } : {}),
    ...timeouts,
    socketCloseTimeout: 1000,
    maxResponseSize: MAX_RESPONSE_BYTES,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: replies.listener,
    debug: false,
    transactionLog: true,
  };
}

interface Progress {
  phase: Phase;
  /** The server wanted no mail and did not say so: none was sent. */
  notStarted?: true;
}

/** Hears the code of the server's last answer, and nothing of its words. */
class Replies {
  last = "";
  readonly listener = {
    level() {},
    trace() {},
    debug: (entry: object, text: unknown) => {
      if (Reflect.get(entry, "tnx") === "server" && typeof text === "string") {
        this.last = text.slice(0, 3);
      }
    },
    info() {},
    warn() {},
    error() {},
    fatal() {},
  };
}

/**
 * Passes a mail on only as fast as the socket takes it, and notes when all of it has been taken. It is read once DATA is
 * answered: after another answer than 354 its lines would be taken for commands.
 */
function watched(input: Readable, progress: Progress, replies: Replies): Readable {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (replies.last !== "354") {
      progress.notStarted = true;
      throw new Error("The server does not want the mail");
    }
    for await (const chunk of input) {
      yield chunk;
    }
    progress.phase = "handed_over";
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: 1 });
}

function refusalsOf(errors: unknown): readonly Rejection[] {
  return (Array.isArray(errors) ? errors : []).flatMap((error: unknown) => {
    const address = typeof error === "object" && error !== null ? Reflect.get(error, "recipient") : undefined;
    const parsed = parseSmtpError(error);
    // Old servers say "too many recipients" by 552, which RFC 5321 4.5.3.1.10 asks to be read as 452.
    const permanent = parsed.permanent !== false && parsed.reply !== 552;
    return typeof address === "string" ? [{ address, permanent, detail: detailOf(parsed) }] : [];
  });
}

function attemptOf(error: unknown, { phase, notStarted }: Progress): MailResult {
  if (notStarted) {
    return { accepted: [], refused: [], trouble: NO_DATA };
  }
  const refused = refusalsOf(typeof error === "object" && error !== null ? Reflect.get(error, "rejectedErrors") : []);
  return refused.length > 0
    ? { accepted: [], refused }
    : { accepted: [], refused: [], trouble: classifySmtpError(parseSmtpError(error), phase) };
}

/** Opens a client for one server; passwords are in nothing that comes out of it. Connects when used. */
export function openSmtp(smtp: Smtp, timeoutMs: number): SmtpSession {
  const progresses = new WeakMap<object, Progress>();
  const open = async () => {
    const replies = new Replies();
    const ca = smtp.ca_file === undefined ? undefined : await readFile(smtp.ca_file);
    const fresh = createTransport(optionsOf(smtp, timeoutMs, ca, replies));
    // Failures come from `sendMail`; an idle connection's must not end the process.
    fresh.on("error", () => {});
    fresh.use("stream", (mail, done) => {
      const progress = progresses.get(mail.data.raw instanceof Buffer ? mail.data.raw : {});
      if (progress) {
        mail.message.processFunc((input) => watched(input, progress, replies));
      }
      done();
    });
    return fresh;
  };
  let transport: Awaited<ReturnType<typeof open>> | undefined;
  return {
    async send({ from, to, raw, signal }) {
      signal.throwIfAborted();
      const progress: Progress = { phase: "before" };
      progresses.set(raw, progress);
      const control = new AbortController();
      const abort = () => control.abort(signal.reason);
      const timer = setTimeout(() => control.abort(new DOMException("no answer in time", "TimeoutError")), timeoutMs);
      signal.addEventListener("abort", abort, { once: true });
      try {
        transport ??= await open().catch(() => undefined);
        if (!transport) {
          const hint = "The file in smtp.ca_file cannot be read: check its path and permissions";
          return { accepted: [], refused: [], trouble: { kind: "retry", reason: "ca-file-unreadable", hint } };
        }
        const info = await transport.sendMail({
          raw,
          // Objects with one address each: a text would be parsed for more.
          envelope: { from: { address: from }, to: to.map((address) => ({ address })), size: raw.byteLength },
          signal: control.signal,
        });
        return {
          accepted: to.filter((address) => isAmong(address, info.accepted)),
          refused: refusalsOf(info.rejectedErrors),
        };
      } catch (error) {
        signal.throwIfAborted();
        return attemptOf(error, progress);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    },
    async [Symbol.asyncDispose]() {
      transport?.close({ force: true });
    },
  };
}

function isAmong(address: string, accepted: readonly string[] | undefined): boolean {
  return accepted?.some((other) => other.toLowerCase() === address.toLowerCase()) ?? false;
}
