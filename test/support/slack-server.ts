import { type Answer, type HttpServer, openHttpServer, type ReceivedRequest } from "./http-server.ts";
import { findViolations } from "./slack-rules.ts";

type Json = Readonly<Record<string, unknown>>;

/** A message as the server understood it. */
export interface PostedMessage {
  readonly surface: "api" | "webhook";
  readonly message: Json;
}

/** A message as it stands in the channel by now. */
export interface ShownMessage {
  readonly ts: string;
  readonly thread?: string;
  readonly isDeleted?: true;
  readonly edits: number;
  readonly message: Json;
}

/** A Slack on this machine, as strict as the real one: what it would refuse is refused. */
export interface SlackServer extends AsyncDisposable {
  readonly origin: string;
  readonly apiUrl: string;
  readonly webhookUrl: string;
  readonly posted: readonly PostedMessage[];
  /** All that the app has posted, in that order. */
  readonly channel: readonly ShownMessage[];
  /** Somebody deletes a message by hand. */
  forget(ts: string): void;
  readonly requests: readonly ReceivedRequest[];
  /** What the next request gets in place of an honest answer. */
  next(answer: Answer): void;
  /** The next request to this method is done, and never answered. */
  keepSilent(method: string): void;
}

export const TOKEN = "xoxb-T0P-SECRET-TOKEN";
export const CHANNEL = "C0123456789";
const WEBHOOK_PATH = "/services/T0123/B0123/T0P-SECRET-PATH";

/** Knows one token, one channel and one webhook. */
export async function openSlackServer(options: { readonly tls?: boolean } = {}): Promise<SlackServer> {
  const posted: PostedMessage[] = [];
  const channel: ShownMessage[] = [];
  const scripted: Answer[] = [];
  let silent: string | undefined;
  const server: HttpServer = await openHttpServer(options);
  server.answer((response, socket) => {
    const request = server.requests.at(-1);
    const answer = scripted.shift() ?? (request ? judge(request, posted, channel) : { status: 500 });
    if (silent !== undefined && request?.path === `/api/${silent}`) {
      silent = undefined;
      return;
    }
    if (typeof answer === "function") {
      answer(response, socket);
    } else {
      response.writeHead(answer.status, answer.headers).end(answer.body);
    }
  });
  return {
    origin: server.origin,
    apiUrl: `${server.origin}/api/`,
    webhookUrl: `${server.origin}${WEBHOOK_PATH}`,
    posted,
    channel,
    forget: (ts) => void replace(channel, ts, (one) => ({ ...one, isDeleted: true })),
    requests: server.requests,
    next: (answer) => void scripted.push(answer),
    keepSilent: (method) => {
      silent = method;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function replace(channel: ShownMessage[], ts: unknown, change: (one: ShownMessage) => ShownMessage): boolean {
  const at = channel.findIndex((one) => one.ts === ts && !one.isDeleted);
  const found = channel[at];
  if (found) {
    channel[at] = change(found);
  }
  return found !== undefined;
}

function judge(request: ReceivedRequest, posted: PostedMessage[], channel: ShownMessage[]): Answer {
  if (request.path === "/api/auth.test") {
    return judgeToken(request);
  }
  if (request.path === "/api/chat.postMessage") {
    return judgeApi(request, (message) => {
      const { thread_ts: thread } = message;
      if (thread !== undefined && !channel.some((one) => one.ts === thread && !one.isDeleted)) {
        return { ok: false, error: "thread_not_found" };
      }
      posted.push({ surface: "api", message });
      const ts = `1763647331.${String(100 + channel.length).padStart(6, "0")}`;
      channel.push({ ts, edits: 0, message, ...(typeof thread === "string" && { thread }) });
      return { ok: true, channel: CHANNEL, ts, message: { ...message, ts } };
    });
  }
  if (request.path === "/api/chat.update") {
    return judgeApi(request, (message) => {
      const change = (one: ShownMessage) => ({ ...one, edits: one.edits + 1, message });
      const isThere = replace(channel, message.ts, change);
      return isThere ? { ok: true, channel: CHANNEL, ts: message.ts } : { ok: false, error: "message_not_found" };
    });
  }
  if (request.path === "/api/chat.delete") {
    return judgeApi(request, ({ ts }) => {
      const isThere = replace(channel, ts, (one) => ({ ...one, isDeleted: true }));
      return isThere ? { ok: true, channel: CHANNEL, ts } : { ok: false, error: "message_not_found" };
    });
  }
  if (request.path === WEBHOOK_PATH) {
    return judgeWebhook(request, posted);
  }
  return { status: 404, headers: { "content-type": "text/plain" }, body: "no_service" };
}

/** Says whose token it is, if it is one. */
function judgeToken({ headers }: ReceivedRequest): Answer {
  const known = headers.authorization === `Bearer ${TOKEN}`;
  const json = known ? { ok: true, team: "CERT", user: "misp-herald" } : { ok: false, error: "invalid_auth" };
  return { status: 200, headers: { "content-type": "application/json; charset=utf-8" }, body: JSON.stringify(json) };
}

/** The Web API takes forms, with JSON in the fields that are no text, and always answers 200. */
function judgeApi({ path, headers, body }: ReceivedRequest, act: (message: Json) => Json): Answer {
  const answer = (json: Json): Answer => ({
    status: 200,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: JSON.stringify(json),
  });
  if (headers.authorization === undefined) {
    return answer({ ok: false, error: "not_authed" });
  }
  if (headers.authorization !== `Bearer ${TOKEN}`) {
    return answer({ ok: false, error: "invalid_auth" });
  }
  if (!headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
    return answer({ ok: false, error: "invalid_post_type" });
  }
  const form = new URLSearchParams(body.toString());
  const message = Object.fromEntries(
    [...form].map(([name, value]) => [
      name,
      ["channel", "text", "ts", "thread_ts"].includes(name) ? value : JSON.parse(value),
    ]),
  );
  if (message.channel !== CHANNEL) {
    return answer({ ok: false, error: "channel_not_found" });
  }
  const { ts: _, thread_ts: __, reply_broadcast: ___, ...shown } = message;
  const found = path === "/api/chat.delete" ? [] : findViolations(shown);
  if (found.length > 0) {
    const messages = found.map((violation) => `[ERROR] ${violation}`);
    return answer({ ok: false, error: "invalid_blocks", response_metadata: { messages } });
  }
  return answer(act(message));
}

/** Webhooks take JSON and answer with one word. */
function judgeWebhook({ headers, body }: ReceivedRequest, posted: PostedMessage[]): Answer {
  const answer = (status: number, word: string): Answer => ({
    status,
    headers: { "content-type": "text/html" },
    body: word,
  });
  if (!headers["content-type"]?.startsWith("application/json")) {
    return answer(400, "invalid_payload");
  }
  const message = JSON.parse(body.toString());
  if (message.channel !== undefined || message.metadata !== undefined) {
    return answer(400, "invalid_payload");
  }
  if (findViolations(message).length > 0) {
    return answer(400, "invalid_payload");
  }
  posted.push({ surface: "webhook", message });
  return answer(200, "ok");
}
