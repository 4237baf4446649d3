import { z } from "zod";
import { systemClock } from "../../base/clock.ts";
import { openLog } from "../../base/log.ts";
import { Secret } from "../../base/secret.ts";
import { openHttp } from "../../destinations/http.ts";
import { classifyAnswer } from "../../destinations/slack/answers.ts";
import { openMispApi } from "../../misp-api/client.ts";
import { Feed } from "../../sources/index.ts";

/** What came of a test: in sentences, and whether it went well. */
export interface Finding {
  readonly good: boolean;
  readonly text: string;
  /** Why, in our own words; absent where that does not matter. */
  readonly reason?: string;
}

const TIMEOUT_MS = 15_000;
const SLACK_API = "https://slack.com/api/";

/** A line of the feed's log, as far as it is shown. */
const LogLine = z.object({ level: z.string(), msg: z.string(), endpoint: z.string().optional() });
const SlackAnswer = z.object({ ok: z.literal(true) });

/** Connects to the feed and waits for a frame; MISP says something every 10 s. `tick` is called each second. */
export async function probeFeed(
  feed: { readonly endpoints: readonly string[]; readonly username?: string; readonly password?: string },
  waitMs: number,
  signal: AbortSignal,
  tick: () => void,
): Promise<Finding> {
  const enough = new AbortController();
  const troubles = new Map<string, string>();
  const connected = new Set<string>();
  const log = openLog("info", {
    write(line) {
      const { level, msg, endpoint } = LogLine.parse(JSON.parse(line));
      if (endpoint === undefined) {
        return;
      }
      if (level === "info") {
        connected.add(endpoint);
        troubles.delete(endpoint);
      } else {
        troubles.set(endpoint, msg.replace(/; trying again(, at least every \d+ s)?/, ""));
      }
      if (feed.endpoints.every((one) => troubles.has(one))) {
        enough.abort();
      }
    },
  });
  const source = Feed.parse({ type: "zeromq", ...feed }).open({ instance: "misp", log, now: systemClock.now });
  const ticking = setInterval(tick, 1000);
  const limit = setTimeout(() => enough.abort(), waitMs);
  let heard: string | undefined;
  try {
    for await (const [frame] of source.frames(AbortSignal.any([enough.signal, signal]))) {
      heard = frame?.topic;
      if (heard !== undefined) {
        break;
      }
    }
  } finally {
    clearInterval(ticking);
    clearTimeout(limit);
  }
  signal.throwIfAborted();
  const lines = [...troubles].map(([endpoint, trouble]) => `${endpoint}: ${trouble}.`);
  if (heard !== undefined) {
    const first = heard === "misp_json_self" ? "MISP says that it lives" : "the first frame is there";
    return { good: true, text: [`The feed works: ${first}.`, ...lines].join("\n") };
  }
  if (connected.size > 0 && troubles.size === 0) {
    const seconds = Math.round(waitMs / 1000);
    lines.push(
      `Connected, but nothing was said for ${seconds} s, and MISP speaks every 10 s. Does its publisher run (mispzmq.py, Plugin.ZeroMQ_enable)?`,
    );
  }
  if (lines.length === 0) {
    lines.push("Nothing answers there. Check host, port and firewall.");
  }
  return { good: false, text: lines.join("\n") };
}

/** Asks MISP who the key belongs to. */
export async function probeApi(
  { url, apiKey, caFile }: { readonly url: string; readonly apiKey: string; readonly caFile?: string | undefined },
  signal: AbortSignal,
): Promise<Finding> {
  const options = { url: new URL(url), apiKey: new Secret(apiKey), caFile, timeoutMs: TIMEOUT_MS };
  await using api = openMispApi({ ...options, now: systemClock.now, log: openLog("silent") });
  const answer = await api.whoami(signal);
  if (answer.kind !== "key") {
    const detail = answer.detail === undefined ? "" : ` (${answer.detail})`;
    const hint = answer.hint === undefined ? "" : `\n${capital(answer.hint)}.`;
    return { good: false, reason: answer.reason, text: `MISP does not accept us: ${answer.reason}${detail}.${hint}` };
  }
  const more = answer.writes
    ? " Its role may also write, which misp-herald never does: a read-only key is enough."
    : "";
  return { good: true, text: `MISP knows the key.${more}` };
}

/** Asks Slack whether it knows the bot's token; says nothing about the channel. */
export async function probeSlack(token: string, apiUrl: string | undefined, signal: AbortSignal): Promise<Finding> {
  const base = apiUrl ?? SLACK_API;
  const url = new Secret(new URL("auth.test", base.endsWith("/") ? base : `${base}/`).href);
  await using http = openHttp({ url, timeoutMs: TIMEOUT_MS });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" };
  const reply = await http.post({ headers, body: "", signal });
  if ("status" in reply && reply.status === 200 && isOk(reply.body)) {
    return { good: true, text: "Slack knows the token." };
  }
  const outcome = classifyAnswer(reply, systemClock.now(), "api");
  const { reason, hint } = "reason" in outcome ? outcome : { reason: "answer not understood", hint: undefined };
  return { good: false, text: `Slack says no: ${reason}.${hint === undefined ? "" : `\n${capital(hint)}.`}` };
}

function isOk(body: string | undefined): boolean {
  try {
    return SlackAnswer.safeParse(JSON.parse(body ?? "")).success;
  } catch {
    return false;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
