import { clean, formatCount } from "../alert/text.ts";
import { systemClock } from "../base/clock.ts";
import { openLog } from "../base/log.ts";
import type { Problem } from "../base/problem.ts";
import { formatDuration } from "../base/schema.ts";
import type { Config } from "../config/schema.ts";
import type { ApiFailure } from "../misp-api/answer.ts";
import { type MispApi, openMispApi } from "../misp-api/client.ts";
import type { KeyFacts, PublishedPage } from "../misp-api/read.ts";
import { type AskedInstance, askedInstances } from "../service/asking.ts";
import { type NotificationState, SETTINGS, type Trouble, unheardOf } from "./notifications.ts";
import type { Paragraph } from "./paragraphs.ts";

/** What one MISP says when it is asked, and what is wrong with it. */
export interface InstanceFinding {
  readonly instance: string;
  /** Absent: it is not asked, for want of a URL or a key. */
  readonly url?: string;
  readonly version?: string;
  readonly key?: Omit<KeyFacts, "kind">;
  /** Whether each of what asks MISP can work; absent: MISP did not say. */
  readonly asking?: Readonly<Record<"confirm" | "recall" | "reconcile", "works" | "off" | "fails">>;
  /** How many publications of the last 30 days the key sees. */
  readonly visible?: number;
  /** By how much MISP's clock is ahead of ours. */
  readonly clockAheadMs?: number;
  /** `not-told`: only site admins are. */
  readonly notifications?: readonly NotificationState[] | "not-told";
  readonly troubles: readonly Trouble[];
}

const TIMEOUT_MS = 15_000;
const DAY_MS = 86_400_000;
const LOOK_BACK_DAYS = 30;
/** The role's rate limit counts searches of so long. */
const RATE_WINDOW_MINUTES = 15;
/** What is further ahead is not believed. */
const CLOCK_MS = 300_000;

/** Asks every MISP of a configuration who its key is and what it may do; rejects only when `signal` aborts. */
export async function askInstances(
  config: Config,
  signal: AbortSignal,
  timeoutMs: number = TIMEOUT_MS,
): Promise<readonly InstanceFinding[]> {
  const asked = new Map(askedInstances(config).map((one) => [one.instance, one]));
  return Promise.all(
    Object.keys(config.misp).map((instance) => {
      const one = asked.get(instance);
      return one ? askInstance(one, config, signal, timeoutMs) : { instance, troubles: [UNASKED] };
    }),
  );
}

const UNASKED: Trouble = {
  severity: "warning",
  message: "it cannot be asked: publications are not confirmed, gaps in the feed are not found",
  hint: "give the instance url and api_key",
};

async function askInstance(
  { instance, options, url, apiKey }: AskedInstance,
  config: Config,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<InstanceFinding> {
  const { now } = systemClock;
  await using api = openMispApi({ url, apiKey, caFile: options.ca_file, timeoutMs, now, log: openLog("silent") });
  const found = { instance, url: `${url.origin}${url.pathname}` };
  const key = await api.whoami(signal);
  if (key.kind !== "key") {
    return { ...found, troubles: [failed("MISP does not tell who the key is", key)] };
  }
  const version = await api.version(signal);
  const { kind: _, ...facts } = key;
  const search = await trySearches(api, options.recall, facts, signal);
  const notifications = await askSwitches(api, instance, config, signal);
  return {
    ...found,
    ...(version.kind === "version" && { version: version.version }),
    key: facts,
    ...search.found,
    notifications: notifications.states,
    troubles: [
      ...(version.kind === "version" ? [] : [failed("MISP does not tell its version", version, "warning")]),
      ...tooFewSearches(facts, options.recall.per_minute),
      ...search.troubles,
      ...notifications.troubles,
    ],
  };
}

function failed(what: string, { reason, detail, hint }: ApiFailure, severity: Trouble["severity"] = "error"): Trouble {
  const why = detail === undefined || detail === reason ? reason : `${reason}, ${detail}`;
  return { severity, message: `${what} (${why})`, ...(hint !== undefined && { hint }) };
}

interface Searched {
  readonly found: Pick<InstanceFinding, "asking" | "visible" | "clockAheadMs">;
  readonly troubles: readonly Trouble[];
}

/** Asks what confirm, recall and reconcile will ask, as little of it as tells whether they may. */
async function trySearches(
  api: MispApi,
  { confirm }: AskedInstance["options"]["recall"],
  key: Omit<KeyFacts, "kind">,
  signal: AbortSignal,
): Promise<Searched> {
  const since = Math.floor((systemClock.now() - LOOK_BACK_DAYS * DAY_MS) / 1000);
  const page = await api.publishedSince(since, 1, signal, 1);
  const isOff = confirm === "never";
  if (page.kind !== "page") {
    const message = `${isOff ? "recall and reconcile fail" : "confirm, recall and reconcile fail"}: MISP answers no search`;
    return {
      found: { asking: { confirm: isOff ? "off" : "fails", recall: "fails", reconcile: "fails" } },
      troubles: [failed(message, page)],
    };
  }
  const known = seenOf(page, key);
  const example = page.events[0]?.event.uuid;
  const marked = isOff || example === undefined ? undefined : await api.markedAttributes([example], MARKS, 1, signal);
  const isRefused = marked !== undefined && marked.kind !== "attributes";
  return {
    found: { ...known.found, asking: { confirm: isOff ? "off" : isRefused ? "fails" : "works", ...BOTH } },
    troubles: [
      ...(isRefused ? [failed("confirm fails: MISP answers no search for attributes", marked)] : []),
      ...known.troubles,
    ],
  };
}

const BOTH = { recall: "works", reconcile: "works" } as const;
const MARKS = ["tlp:%"];

function seenOf(
  { events, total, unreadable, servedAt }: PublishedPage,
  { siteAdmin }: Pick<KeyFacts, "siteAdmin">,
): Searched {
  const clockAheadMs = servedAt === undefined ? undefined : servedAt - systemClock.now();
  const visible = total ?? events.length + unreadable;
  const troubles: Trouble[] = [];
  if (visible === 0 && !siteAdmin) {
    troubles.push({
      severity: "warning",
      message: `the key sees nothing that was published in the last ${LOOK_BACK_DAYS} days, and what it does not see is told to nobody`,
      hint: "use the key of a user who may see what is to be told; on a MISP that published nothing all is well",
    });
  }
  if (clockAheadMs !== undefined && Math.abs(clockAheadMs) > CLOCK_MS) {
    const minutes = formatCount(Math.round(Math.abs(clockAheadMs) / 60_000), "minute");
    troubles.push({
      severity: "warning",
      message: `MISP's clock is ${minutes} ${clockAheadMs > 0 ? "ahead of" : "behind"} this machine's`,
      hint: "set both by NTP: the order of what is told goes by MISP's times",
    });
  }
  return { found: { visible, ...(clockAheadMs !== undefined && { clockAheadMs }) }, troubles };
}

function tooFewSearches({ searches }: Pick<KeyFacts, "searches">, perMinute: number): readonly Trouble[] {
  if (searches === undefined || searches >= perMinute * RATE_WINDOW_MINUTES) {
    return [];
  }
  const allowed = Math.floor(searches / RATE_WINDOW_MINUTES);
  return [
    {
      severity: "warning",
      message: `the role permits ${formatCount(searches, "search", "searches")} in ${RATE_WINDOW_MINUTES} minutes, fewer than recall.per_minute (${perMinute}) may ask for`,
      hint:
        allowed > 0
          ? `raise the rate limit of the role, or set recall.per_minute to ${allowed}`
          : "raise the rate limit of the role",
    },
  ];
}

async function askSwitches(api: MispApi, instance: string, config: Config, signal: AbortSignal) {
  const states: NotificationState[] = [];
  for (const setting of SETTINGS) {
    const told = await api.setting(setting, signal);
    if (told.kind === "forbidden") {
      return { states: "not-told" as const, troubles: [] };
    }
    if (told.kind === "retry") {
      return { states, troubles: [failed(`MISP does not tell whether ${setting} is on`, told, "warning")] };
    }
    // A MISP that has no such setting has no such topic.
    states.push({ setting, on: told.kind === "switch" && told.on === true });
  }
  return { states, troubles: unheardOf(states, instance, config) };
}

/** What is wrong, in the form of the problems of a configuration. */
export function problemsOf(findings: readonly InstanceFinding[], file: string): readonly Problem[] {
  return findings.flatMap(({ instance, troubles }) =>
    troubles.map(({ severity, message, hint }) => ({
      severity,
      ...{ file, line: 0, column: 0, sourceLine: "", mark: { start: 0, width: 0 } },
      message: `misp.${instance}: ${message}`,
      ...(hint !== undefined && { hint }),
    })),
  );
}

/** What each MISP says, in clauses. */
export function describeFinding(finding: InstanceFinding, { misp }: Pick<Config, "misp">): Paragraph {
  const { instance, url, key, notifications } = finding;
  if (!url) {
    return { name: instance, clauses: ["not asked: the configuration has no url and api_key for it"] };
  }
  if (!key) {
    return { name: instance, clauses: [`${url} does not tell who the key is`] };
  }
  const more = [
    ...(key.writes ? ["Its role may also write, which misp-herald never does: a read-only key is enough."] : []),
    ...(notifications === "not-told"
      ? [`MISP tells only site admins which notifications are on; its own settings show ${SETTINGS.join(", ")}.`]
      : []),
  ];
  const states = notifications === "not-told" ? [] : (notifications ?? []);
  const named = (on: boolean) =>
    states
      .filter((one) => one.on === on)
      .map(({ setting }) => shortName(setting))
      .join(", ");
  return {
    name: instance,
    clauses: [
      `${url} is MISP ${clean(finding.version ?? "of a version that it does not tell")}`,
      `the key is ${ownerOf(key)}, ${reachOf(key)}`,
      ...askingClauses(finding, misp[instance]),
      ...(states.length > 0
        ? [`notifications that are on: ${named(true) || "none"}; that are off: ${named(false) || "none"}`]
        : []),
    ],
    ...(more.length > 0 && { more }),
  };
}

function shortName(setting: string): string {
  return setting.replace(/^Plugin\.ZeroMQ_|_notifications_enable$/g, "");
}

function ownerOf({ userId, role, organisation }: Omit<KeyFacts, "kind">): string {
  const user = userId === undefined ? "a user's" : `user ${userId}'s`;
  return `${user}, of role "${clean(role ?? "?")}" in organisation "${clean(organisation ?? "?")}"`;
}

function reachOf({ siteAdmin, sync, organisation }: Omit<KeyFacts, "kind">): string {
  if (siteAdmin) {
    return "a site admin, and so sees every event";
  }
  const also = sync ? ", as a sync user" : "";
  return `no site admin, and so sees what ${clean(organisation ?? "its organisation")} has${also}, and what distribution and sharing groups let it see; of any other event nobody is told`;
}

function askingClauses(
  { asking, visible }: InstanceFinding,
  options: Config["misp"][string] | undefined,
): readonly string[] {
  if (!asking || !options) {
    return [];
  }
  const { recall, reconcile } = options;
  const working = [
    ...(asking.confirm === "works" ? ["publications are confirmed before they are told"] : []),
    ...(asking.confirm === "off" ? ["publications are not confirmed (recall.confirm: never)"] : []),
    ...(asking.recall === "works"
      ? [`what the feed leaves out is asked for, at most ${recall.per_minute} questions a minute`]
      : []),
    ...(asking.reconcile === "works" ? [`what was missed is looked for every ${formatDuration(reconcile.every)}`] : []),
  ];
  return [
    ...working,
    ...(visible === undefined
      ? []
      : [`it sees ${formatCount(visible, "event")} published in the last ${LOOK_BACK_DAYS} days`]),
  ];
}
