import { formatCount, formatNumber } from "../alert/text.ts";
import type { Line, Message } from "../model/message.ts";
import type { Failure } from "../model/payload.ts";
import type { Kind } from "../model/vocabulary.ts";

/** A message of our own; `except`: the destination that it is about, which is not the one to hear of it. */
export interface Notice {
  readonly message: Message;
  readonly except?: string;
}

/** In place of an instance, where what is told is about none. */
export const OURSELVES = "misp-herald";

type HeraldKind = Extract<Kind, `herald.${string}`>;

/** Tells our own kinds from MISP's. */
export function isOurs(kind: Kind): kind is HeraldKind {
  return kind.startsWith("herald.");
}

/** Text from MISP, from a server or from a secret is in none of these: they pass every guard. */
function messageOf(
  kind: HeraldKind,
  at: number,
  about: { readonly instance?: string; readonly id?: string; readonly version?: string },
  lines: readonly (readonly [label: string, text: string | undefined])[],
): Message {
  const { instance = OURSELVES, id, version = String(at) } = about;
  return {
    kind,
    instance,
    topic: "herald",
    receivedAt: at,
    subject: { type: "herald", ...(id !== undefined && { id }) },
    version,
    attributes: [],
    objects: [],
    lines: lines.flatMap(([label, text]): readonly Line[] => (text === undefined ? [] : [{ label, text }])),
  };
}

/** `herald.started`: the service runs, once for each instance that it listens to. */
export function started(instance: string, version: string, at: number): Notice {
  return { message: messageOf("herald.started", at, { instance }, [["Version", version]]) };
}

/** `herald.feed_silent`: no frame since `sinceAt`, though MISP says something at least every 10 s. */
export function feedSilent(instance: string, sinceAt: number, at: number): Notice {
  const message = messageOf("herald.feed_silent", at, { instance }, [
    ["Instance", instance],
    ["No frame for", formatSpan(at - sinceAt)],
    [
      "What to do",
      "Check that MISP's ZeroMQ publisher runs (Plugin.ZeroMQ_enable, and its process) and that misp-herald reaches it; its log says more",
    ],
  ]);
  return { message };
}

/** `herald.feed_recovered`: frames arrive again, after none since `sinceAt`. */
export function feedRecovered(instance: string, sinceAt: number, at: number): Notice {
  const message = messageOf("herald.feed_recovered", at, { instance }, [
    ["Instance", instance],
    ["Silent for", formatSpan(at - sinceAt)],
  ]);
  return { message };
}

/** `herald.reconciled`: MISP's REST API told of `late` publications since `sinceAt` that the feed did not bring. */
export function reconciled(
  instance: string,
  { late, sinceAt }: { readonly late: number; readonly sinceAt: number },
  at: number,
): Notice {
  const message = messageOf("herald.reconciled", at, { instance }, [
    ["Instance", instance],
    ["Found", formatCount(late, "publication")],
    ["Within", formatSpan(at - sinceAt)],
  ]);
  return { message };
}

/** `herald.recall_refused`: MISP does not accept our key; what it would decide waits, and nothing of it ages. */
export function recallRefused(
  instance: string,
  {
    since,
    reason,
    hint,
    probeMs,
  }: Pick<Failure, "reason" | "hint"> & { readonly since: number; readonly probeMs: number },
  at: number,
): Notice {
  const message = messageOf("herald.recall_refused", at, { instance, version: String(since) }, [
    ["Instance", instance],
    ["Reason", reason],
    ["What to do", hint],
    [
      "Meanwhile",
      "alerts that MISP's REST API is to decide wait, for a day at most, and missed publications are not found",
    ],
    ["Tried again", `every ${formatSpan(probeMs)}`],
  ]);
  return { message };
}

/** `herald.recall_refused`: MISP did not say in time whether it published these; they were told as the feed had them. */
export function toldUnconfirmed(instance: string, n: number, at: number): Notice {
  const message = messageOf("herald.recall_refused", at, { instance, version: `${at}:unconfirmed` }, [
    ["Instance", instance],
    ["Reason", "unconfirmed"],
    [
      "Told",
      `${formatCount(n, "publication")} without MISP's word that they are published, and with the tags that the feed tells`,
    ],
    ["What to do", "See why MISP's REST API does not answer in time; its log and ours say more"],
  ]);
  return { message };
}

/** `herald.destination_suspended`: the destination refuses us; what it is `owed` is kept, and it is probed every `probeMs`. */
export function destinationSuspended(
  destination: string,
  { reason, hint, owed, probeMs }: Failure & { readonly owed: number; readonly probeMs: number },
  at: number,
): Notice {
  const message = messageOf("herald.destination_suspended", at, { id: destination }, [
    ["Destination", destination],
    ["Reason", reason],
    ["What to do", hint],
    ["Kept", formatCount(owed, "alert")],
    ["Tried again", `every ${formatSpan(probeMs)}`],
  ]);
  return { message, except: destination };
}

/** `herald.destination_recovered`: it takes what we send again; the `owed` alerts that waited follow. */
export function destinationRecovered(
  destination: string,
  { suspendedMs, owed }: { readonly suspendedMs: number; readonly owed: number },
  at: number,
): Notice {
  const message = messageOf("herald.destination_recovered", at, { id: destination }, [
    ["Destination", destination],
    ["Suspended for", formatSpan(suspendedMs)],
    ["Follow now", formatCount(owed, "alert")],
  ]);
  return { message, except: destination };
}

/** `herald.delivery_dead`: these many alerts will never reach the destination, for this reason. */
export function deliveryDead(
  destination: string,
  { reason, n }: { readonly reason: string; readonly n: number },
  at: number,
): Notice {
  const message = messageOf("herald.delivery_dead", at, { id: destination, version: `${at}:${reason}` }, [
    ["Destination", destination],
    ["Reason", reason],
    ["Lost", formatCount(n, "alert")],
    ["What to do", "misp-herald history --outcome dead lists them; look them up in MISP, nothing tells them again"],
  ]);
  return { message, except: destination };
}

/** `herald.state_damaged`: rows of the state file cannot be read, and what that cost. */
export function stateDamaged(
  { rows, lost, isMended }: { readonly rows: number; readonly lost: number; readonly isMended: boolean },
  at: number,
): Notice {
  const message = messageOf("herald.state_damaged", at, {}, [
    ["Set aside", formatCount(rows, "unreadable row")],
    ["Lost", formatCount(lost, "alert")],
    [
      "What to do",
      isMended
        ? "Look at the disk and its file system; misp-herald history --outcome dead lists what was lost"
        : "Restart misp-herald, which mends the file or says that it cannot; keep a copy of it and look at the disk",
    ],
  ]);
  return { message };
}

/** `herald.config_rejected`: a new configuration has problems, the first one at `where` (`config.yaml:14:16`); the old one stays. */
export function configRejected(
  { problems, where }: { readonly problems: number; readonly where?: string },
  at: number,
): Notice {
  const message = messageOf("herald.config_rejected", at, {}, [
    ["Problems", formatNumber(problems)],
    ["First at", where],
    [
      "What to do",
      "Run misp-herald check, which says what is wrong; until then the configuration before stays in force",
    ],
  ]);
  return { message };
}

/** `herald.frame_refused`: a frame is too large to be read; which one, in names that are not MISP's text. */
export function frameRefused(
  instance: string,
  frame: {
    readonly topic: string;
    readonly bytes: number;
    readonly id?: string;
    readonly uuid?: string;
    readonly reason: "size" | "memory";
  },
  at: number,
): Notice {
  const { topic, bytes, id, uuid, reason } = frame;
  const message = messageOf("herald.frame_refused", at, { instance, version: `${at}:${uuid ?? id ?? bytes}` }, [
    ["Instance", instance],
    ["Topic", topic],
    ["Size", `${formatNumber(Math.ceil(bytes / 2 ** 20))} MiB`],
    ["Id", id],
    ["UUID", uuid],
    [
      "What to do",
      reason === "size"
        ? "Raise max_frame in the feed, if the host has the memory; with api_key a publication is told as late"
        : "Look at the event in MISP: to read it takes too much memory; with api_key a publication is told as late",
    ],
  ]);
  return { message };
}

/** `herald.silence_ending`: a silence ends soon, and there is much behind it. What it is about is the operator's, and not told. */
export function silenceEnding(
  { id, until }: { readonly id: string; readonly until: number },
  { muted, held }: { readonly muted: number; readonly held: number },
  at: number,
): Notice {
  const message = messageOf("herald.silence_ending", at, { id, version: `${until}` }, [
    ["Silence", id],
    ["Ends in", formatSpan(until - at)],
    ["Not told so far", formatCount(muted, "alert")],
    ["Follow then", held > 0 ? formatCount(held, "alert") : undefined],
    [
      "What to do",
      `misp-herald silence list says who added it and why; misp-herald silence extend ${id} --for 2h keeps it for longer`,
    ],
  ]);
  return { message };
}

/** `herald.list_kept`: a watch list cannot be read any more, or shrank by more than half, and the one of before stays in force. */
export function listKept(list: string, why: string, at: number): Notice {
  const message = messageOf("herald.list_kept", at, { id: list, version: why }, [
    ["Watch list", list],
    ["Why", why],
    ["What to do", "Look at the file; misp-herald reload --accept takes it as it is now"],
  ]);
  return { message };
}

const SPANS: readonly (readonly [unit: string, ms: number])[] = [
  ["days", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
];

/** `90 s`, `15 min`, `36 h`, `3 days`: the largest unit of which there are at least two, rounded. */
export function formatSpan(ms: number): string {
  const [unit, size] = SPANS.find(([, each]) => ms >= 2 * each) ?? (["s", 1000] as const);
  return `${formatNumber(Math.max(0, Math.round(ms / size)))} ${unit}`;
}
