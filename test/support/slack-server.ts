import { type Answer, type HttpServer, openHttpServer, type ReceivedRequest } from "./http-server.ts";
import { findViolations } from "./slack-rules.ts";

type Json = Readonly<Record<string, unknown>>;

/** A message as the server understood it. */
export interface PostedMessage {
  readonly surface: "api" | "webhook";
  readonly message: Json;
}

/** A Slack on this machine, as strict as the real one: what it would refuse is refused. */
export interface SlackServer extends AsyncDisposable {
  readonly origin: string;
  readonly apiUrl: string;
  readonly webhookUrl: string;
  readonly posted: readonly PostedMessage[];
  readonly requests: readonly ReceivedRequest[];
  /** What the next request gets in place of an honest answer. */
  next(answer: Answer): void;
}

export const TOKEN = "xoxb-T0P-SECRET-TOKEN";
export const CHANNEL = "C0123456789";
const WEBHOOK_PATH = "/services/T0123/B0123/T0P-SECRET-PATH";

/** Knows one token, one channel and one webhook. */
export async function openSlackServer(options: { readonly tls?: boolean } = {}): Promise<SlackServer> {
  const posted: PostedMessage[] = [];
  const scripted: Answer[] = [];
  const server: HttpServer = await openHttpServer(options);
  server.answer((response, socket) => {
    const request = server.requests.at(-1);
    const answer = scripted.shift() ?? (request ? judge(request, posted) : { status: 500 });
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
    requests: server.requests,
    next: (answer) => void scripted.push(answer),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function judge(request: ReceivedRequest, posted: PostedMessage[]): Answer {
  if (request.path === "/api/auth.test") {
    return judgeToken(request);
  }
  if (request.path === "/api/chat.postMessage") {
    return judgeApi(request, posted);
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
function judgeApi({ headers, body }: ReceivedRequest, posted: PostedMessage[]): Answer {
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
    [...form].map(([name, value]) => [name, ["channel", "text"].includes(name) ? value : JSON.parse(value)]),
  );
  if (message.channel !== CHANNEL) {
    return answer({ ok: false, error: "channel_not_found" });
  }
  const found = findViolations(message);
  if (found.length > 0) {
    const messages = found.map((violation) => `[ERROR] ${violation}`);
    return answer({ ok: false, error: "invalid_blocks", response_metadata: { messages } });
  }
  posted.push({ surface: "api", message });
  return answer({ ok: true, channel: CHANNEL, ts: "1763647331.000100", message });
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
