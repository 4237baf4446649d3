import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { CERTIFICATE_FILE } from "./http-server.ts";

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
  readonly secure: boolean;
  readonly user?: string;
}

/** What the server answers in place of 250; absent: it takes what comes. */
export interface Answers {
  readonly greeting?: number;
  readonly mailFrom?: number;
  readonly auth?: number;
  /** By local part of the recipient: `grey` in grey@…. */
  readonly rcpt?: Readonly<Record<string, number>>;
  readonly data?: number;
}

/** A real SMTP server on a free port of this machine. */
export interface SmtpServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
  /** Connections so far, and those that are open. */
  readonly connections: { readonly total: number; readonly open: number };
  /** What is answered from now on. */
  answer(answers: Answers): void;
}

export interface SmtpServerOptions {
  /** `starttls` is the default; `none` does not offer it. */
  readonly tls?: "starttls" | "implicit" | "none";
  /** The login that is asked for; absent: none. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Access token that is asked for instead. */
  readonly token?: string;
  readonly maxBytes?: number;
}

/** A server says what it refuses; this one repeats what it was told, as real ones do. */
function refusal(code: number | undefined, about: string): Error | null {
  return code === undefined
    ? null
    : Object.assign(new Error(`${code < 500 ? "4" : "5"}.7.1 SERVER-TEXT ${about}`), { responseCode: code });
}

/** Takes every mail until told otherwise. */
export async function openSmtpServer(options: SmtpServerOptions = {}): Promise<SmtpServer> {
  const { tls = "starttls", login, token, maxBytes } = options;
  const mails: ReceivedMail[] = [];
  let answers: Answers = {};
  let total = 0;
  const server = new SMTPServer({
    secure: tls === "implicit",
    hideSTARTTLS: tls === "none",
    key: readFileSync(new URL("../fixtures/tls/localhost-key.pem", import.meta.url)),
    cert: readFileSync(CERTIFICATE_FILE),
    disabledCommands: [...(tls === "none" ? ["STARTTLS"] : []), ...(login || token ? [] : ["AUTH"])],
    allowInsecureAuth: true,
    authOptional: !(login || token),
    authMethods: token ? ["XOAUTH2"] : ["PLAIN", "LOGIN"],
    disableReverseLookup: true,
    closeTimeout: 100,
    ...(maxBytes === undefined ? {} : { size: maxBytes, rejectOversized: true }),
    onConnect: (_, done) => {
      total += 1;
      done(refusal(answers.greeting, "greeting"));
    },
    onAuth: ({ username, password, accessToken }, _, done) => {
      if (answers.auth !== undefined) {
        return done(refusal(answers.auth, "auth"));
      }
      const isKnown = token
        ? accessToken === token
        : login !== undefined && username === login.user && password === login.password;
      done(isKnown ? null : refusal(535, `${password} ${accessToken}`), { user: username ?? "" });
    },
    onMailFrom: (address, _, done) => done(refusal(answers.mailFrom, address.address)),
    onRcptTo: ({ address }, _, done) => done(refusal(answers.rcpt?.[address.split("@")[0] ?? ""], address)),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const raw = Buffer.concat(chunks);
        if (answers.data !== undefined) {
          return done(refusal(answers.data, raw.toString().slice(0, 500)));
        }
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom ? mailFrom.address : "",
          to: rcptTo.map(({ address }) => address),
          raw,
          secure: session.secure,
          ...(typeof session.user === "string" ? { user: session.user } : {}),
        });
        done(null, "2.0.0 Ok: queued as ABC123");
      });
    },
  });
  server.on("error", () => {}); // clients that hang up are part of the tests
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    host: "localhost",
    port,
    mails,
    connections: {
      get total() {
        return total;
      },
      get open() {
        return server.connections.size;
      },
    },
    answer(next) {
      answers = next;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(resolve)),
  };
}
