import { clean } from "../alert/text.ts";
import { UsageError } from "../base/errors.ts";
import { ask } from "../doors/socket/client.ts";
import { Explained, type OwedDocument } from "../operations/documents.ts";
import { EventName } from "../operations/requests.ts";
import { formatAge, formatSpan, formatStamp } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { reasonOf } from "./history.ts";
import { whyOf } from "./outbox.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls } from "./show.ts";
import { describeSilence } from "./silence.ts";
import { formatTable } from "./table.ts";

/** Whether a text names an event, by its id or UUID, and not a file. */
export function isEventName(text: string): boolean {
  return EventName.safeParse(text).success;
}

/** `misp-herald explain EVENT`: who was told what, and why not. Returns the exit code: 1 where nothing is known of it. */
export async function askEventCommand(
  options: ReachOptions & { readonly event: string },
  context: Context,
): Promise<0 | 1> {
  const { event, json } = options;
  if (!isEventName(event)) {
    throw new UsageError(`"${event}" is neither the id nor the UUID of an event`);
  }
  const explained = await ask(await reach(options, context), { command: "explain", event }, Explained);
  print(
    context.stdout,
    json ? escapeControls(JSON.stringify(explained)) : describe(event, explained, Date.now()).join("\n"),
  );
  const { events, owed, records } = explained;
  return events.length + owed.length + records.length > 0 ? 0 : 1;
}

function describe(
  name: string,
  { events, owed, records, messages, acknowledged, silences, more }: Explained,
  now: number,
): readonly string[] {
  if (events.length + owed.length + records.length === 0) {
    return [`Nothing is known of event ${name}: no frame told of it, or that was before the record begins.`];
  }
  const rows = [
    ...owed.map((line) => [
      line.destination,
      line.kind,
      line.held && line.state !== "sending" ? line.held : line.state,
      line.held === "paused" || line.state === "sending" ? "" : dueOf(line.due_at, now),
      "",
      leavesBy(line, now),
      line.routes.join(", "),
    ]),
    ...records.map((line) => [
      line.destination,
      line.kind,
      line.outcome,
      formatStamp(line.at),
      line.tlp ?? "",
      reasonOf(line),
      line.routes.join(", "),
    ]),
  ];
  return [
    ...events.flatMap((event) => describeEvent(event, now)),
    ...(events.length > 0 ? [""] : []),
    ...(rows.length > 0
      ? formatTable(["DESTINATION", "WHAT", "OUTCOME", "WHEN (UTC)", "MARKING", "WHY", "ROUTES"], rows)
      : ["No route has sent it anywhere: nobody was told, and no guard was asked."]),
    ...describeMessages(messages, now),
    ...acknowledged.map(
      ({ instance, at, by }) => `${clean(by)} acknowledged it on ${clean(instance)} at ${formatStamp(at)} UTC.`,
    ),
    ...silences.map(describeSilence),
    ...(more ? ["There is more in the record: misp-herald history --event shows it."] : []),
  ];
}

function describeEvent(event: Explained["events"][number], now: number): readonly string[] {
  const states = [
    event.deleted ? "deleted" : event.unpublished ? "unpublished" : undefined,
    event.published_at !== undefined
      ? `published as of ${formatStamp(event.published_at)} UTC`
      : event.ever_published
        ? "published"
        : "never published, as far as is known",
    event.changed_at === undefined ? undefined : `last changed ${formatAge(event.changed_at, now)} ago`,
  ].filter((state) => state !== undefined);
  const told = event.told.map(({ destination, changed_at }) => `${clean(destination)} (${formatStamp(changed_at)})`);
  return [
    `Event ${clean([event.id, event.uuid].filter(Boolean).join(" · "))} of ${clean(event.instance)}: ${states.join(", ")}`,
    ...(told.length > 0 ? [`  newest version told or owed: ${told.join(", ")}`] : []),
    ...(event.undecided.length > 0
      ? [`  undecided, MISP is asked: ${event.undecided.map((destination) => clean(destination)).join(", ")}`]
      : []),
  ];
}

/** What the messages about it still say, where that is not what they should. */
function describeMessages(messages: Explained["messages"], now: number): readonly string[] {
  return messages.flatMap(({ destination, sent_at, change }) => {
    if (!change) {
      return [];
    }
    const { since, due_at, urgent, attempts, last_reason } = change;
    const why = urgent
      ? "may show what is taken back, or hidden from its readers"
      : "does not show yet what was told since";
    const tried = attempts === 0 ? "" : `, tried ${attempts}×`;
    const reason = last_reason === undefined ? "" : `: ${clean(last_reason)}`;
    return [
      `The message of ${formatStamp(sent_at)} UTC to ${clean(destination)} ${why}: it is to be changed since ${formatAge(since, now)}, ${dueOf(due_at, now)}${tried}${reason}.`,
    ];
  });
}

function dueOf(at: string, now: number): string {
  const ms = Date.parse(at) - now;
  return ms > 0 ? `due ${formatStamp(at)}, in ${formatSpan(ms)}` : "due now";
}

/** What has to come before it leaves. */
function leavesBy(line: OwedDocument, now: number): string {
  const why = whyOf(line);
  if (line.state === "sending") {
    return why || "on its way";
  }
  const hold = line.held === undefined ? [] : [HELD[line.held]];
  const waits =
    why !== "" && line.state === "waiting"
      ? why
      : line.state === "retrying"
        ? `retry ${line.attempts}${why === "" ? "" : `: ${why}`}`
        : Date.parse(line.due_at) > now
          ? "its group leaves together"
          : "its turn";
  return [...hold, waits].join("; ");
}

const HELD: Readonly<Record<NonNullable<OwedDocument["held"]>, string>> = {
  paused: "once the destination is resumed",
  suspended: "once the destination takes what it is sent",
  unnamed: "once the configuration names the destination again",
};
