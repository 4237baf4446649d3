import { type FetchFunction, type Logger, LogLevel, WebClient } from "@slack/web-api";
import { Secret } from "../../base/secret.ts";
import { USER_AGENT } from "../../base/version.ts";
import { type HttpClient, type HttpReply, openHttp } from "../http.ts";

type Call = (request: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<HttpReply>;

/** Posts messages to one channel. Rejects only when the signal aborts, with its reason, or by a bug. */
export interface SlackClient extends AsyncDisposable {
  readonly post: Call;
  /** Absent: what was posted cannot be changed. */
  readonly changes?: { readonly update: Call; readonly delete: Call };
}

const API_URL = "https://slack.com/api/";
/** An answer repeats the message, with six bytes for each letter that is not ASCII. */
const MAX_ANSWER_BYTES = 1_048_576;

/** The SDK would log whole messages. */
const SILENT: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => LogLevel.ERROR,
  setName() {},
};

interface Transport {
  readonly timeoutMs: number;
  readonly caFile?: string | undefined;
}

/** Posts through Slack's Web API with a bot token. */
export function openApi(
  options: Transport & { readonly token: Secret; readonly apiUrl?: string | undefined },
): SlackClient {
  const { token, apiUrl = API_URL, timeoutMs, caFile } = options;
  const base = apiUrl.endsWith("/") ? apiUrl : `${apiUrl}/`;
  const open = (method: string) => {
    const url = new Secret(base + method);
    const http = openHttp({ url, timeoutMs, caFile, maxResponseBytes: MAX_ANSWER_BYTES });
    const call: Call = async (request, signal) => {
      let reply: HttpReply | undefined;
      // A client of its own for each call, because the signal is the call's; connections are in `http`.
      const client = new WebClient(token.reveal(), {
        slackApiUrl: base,
        allowAbsoluteUrls: false,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        logger: SILENT,
        headers: { "User-Agent": USER_AGENT },
        fetch: async (_, init) => {
          reply = await post(http, init?.headers ?? {}, typeof init?.body === "string" ? init.body : "", signal);
          return toResponse(reply, url);
        },
      });
      const failure = await client.apiCall(method, { ...request }).then(
        () => undefined,
        (error: unknown) => error,
      );
      // The SDK's errors do not always tell status, Retry-After and code, so that the reply itself is judged. What fails
      // before there is one was stopped, or is a bug.
      if (!reply) {
        signal.throwIfAborted();
        throw failure ?? new Error("The SDK has posted nothing");
      }
      return reply;
    };
    return { call, http };
  };
  const posting = open("chat.postMessage");
  const updating = open("chat.update");
  const deleting = open("chat.delete");
  return {
    post: posting.call,
    changes: { update: updating.call, delete: deleting.call },
    async [Symbol.asyncDispose]() {
      await Promise.all([posting, updating, deleting].map(({ http }) => http[Symbol.asyncDispose]()));
    },
  };
}

/** Posts to an incoming webhook. */
export function openIncomingWebhook(options: Transport & { readonly url: Secret }): SlackClient {
  const http = openHttp(options);
  return {
    post: (request, signal) =>
      post(http, { "content-type": "application/json; charset=utf-8" }, JSON.stringify(request), signal),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

function post(http: HttpClient, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal) {
  const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return http.post({ headers: lowered, body, signal });
}

/** What the SDK expects of `fetch`. */
function toResponse(reply: HttpReply, url: Secret): Awaited<ReturnType<FetchFunction>> {
  if ("failure" in reply) {
    throw new Error(reply.failure.reason);
  }
  const { status, retryAfter, body } = reply;
  const headers = new Headers(retryAfter === undefined ? {} : { "retry-after": retryAfter });
  const text = async () => {
    if (body === undefined) {
      throw new Error("answer-lost");
    }
    return body;
  };
  return {
    ok: status >= 200 && status < 300,
    status,
    statusText: "",
    url: url.reveal(),
    headers,
    text,
    json: async () => JSON.parse(await text()),
    arrayBuffer: async () => new TextEncoder().encode(await text()).buffer,
  };
}
