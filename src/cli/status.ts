import { clean, formatCount, formatNumber } from "../alert/text.ts";
import { ask } from "../doors/socket/client.ts";
import type { Collects } from "../model/pacing.ts";
import { Status } from "../operations/documents.ts";
import { formatAge, formatAgo, formatStamp, formatUntil } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls } from "./show.ts";
import { tableOf } from "./silence.ts";
import { formatTable } from "./table.ts";

/** `misp-herald status`: how the daemon is. */
export async function statusCommand(options: ReachOptions, context: Context): Promise<void> {
  const status = await ask(await reach(options, context), { command: "status" }, Status);
  print(context.stdout, options.json ? escapeControls(JSON.stringify(status)) : describe(status).join("\n"));
}

function describe(status: Status): readonly string[] {
  const { version, pid, started_at, config, state, totals } = status;
  const now = Date.parse(status.now);
  const size = state.bytes === undefined ? "" : `, ${formatBytes(state.bytes)}`;
  return [
    `misp-herald ${clean(version)} is running for ${formatAge(started_at, now)}, since ${formatStamp(started_at)} UTC (pid ${pid})`,
    `configuration  ${clean(config.file)} (${clean(config.digest.slice(0, 12))}), in force for ${formatAge(config.since, now)}`,
    ...(config.rejected
      ? [
          `               REJECTED ${formatAgo(config.rejected.at, now)}: ${formatCount(config.rejected.problems, "problem")}, the first at ${clean(config.rejected.first)}`,
        ]
      : []),
    `state          ${clean(state.file)}${size}`,
    ...damageOf(status),
    "",
    ...sources(status, now),
    ...refusedKeys(status, now),
    ...status.unconfirmed.map(
      ({ instance, messages, oldest_at }) =>
        `${clean(instance)}: ${formatCount(messages, "message")} ${messages === 1 ? "waits" : "wait"} until MISP confirms a publication, the oldest for ${formatAge(oldest_at, now)}`,
    ),
    ...status.undecided.map(
      ({ instance, messages, oldest_at }) =>
        `${clean(instance)}: ${formatCount(messages, "message")} undecided, the oldest for ${formatAge(oldest_at, now)}; MISP is asked before anybody is told`,
    ),
    "",
    ...formatTable(
      ["DESTINATION", "TYPE", "OWED", "OLDEST", "NEXT", "LAST TOLD", "STATE"],
      status.destinations.map((destination) => [
        destination.name,
        destination.type ?? "",
        formatNumber(destination.owed),
        formatAge(destination.oldest_at, now),
        nextOf(destination, now),
        formatAgo(destination.last_told_at, now),
        stateOf(destination, now),
      ]),
    ),
    ...(status.silences.length > 0 ? ["", ...tableOf(status.silences, now)] : []),
    ...status.destinations.flatMap(({ name, suspended, rests }) => {
      const hint = suspended ? suspended.hint : rests?.hint;
      return hint === undefined ? [] : [`  ${clean(name)}: ${clean(hint)}`];
    }),
    ...status.destinations.flatMap(({ name, changes }) =>
      changes ? [`  ${clean(name)}: ${changesOf(changes, now)}`] : [],
    ),
    ...status.destinations.flatMap(({ name, refused, muted }) => {
      const told = [...counts("refused", refused), ...counts("muted", muted)];
      return told.length > 0 ? [`  ${clean(name)}: ${told.join("; ")}`] : [];
    }),
    "",
    `since the start: ${formatCount(totals.frames, "frame")}, ${formatNumber(totals.unreadable)} unreadable; ${formatNumber(totals.told)} told`,
    ...counts("refused", totals.refused),
    ...(totals.withdrawn > 0 ? [`withdrawn ${formatNumber(totals.withdrawn)}`] : []),
    ...(totals.muted > 0 ? [`muted ${formatNumber(totals.muted)}`] : []),
    ...counts("dead", totals.dead),
  ];
}

function damageOf({ state: { damaged } }: Status): readonly string[] {
  if (!damaged) {
    return [];
  }
  const rows = `${formatCount(damaged.rows_set_aside, "row")} could not be read and ${damaged.rows_set_aside === 1 ? "was" : "were"} set aside`;
  return [
    damaged.repaired
      ? `               DAMAGED: ${rows}; misp-herald history --outcome dead lists what was lost`
      : "               DAMAGED: restart misp-herald, which mends it or says that it cannot; keep a copy of the file",
  ];
}

function sources({ sources: all }: Status, now: number): readonly string[] {
  const troubles = all.flatMap(({ name, endpoints }) =>
    endpoints.flatMap(({ endpoint, connected, trouble }) =>
      connected || !trouble
        ? []
        : [
            `  ${clean(name)} ${clean(endpoint)}: ${clean(trouble.reason)}${trouble.hint === undefined ? "" : `; ${clean(trouble.hint)}`}`,
          ],
    ),
  );
  const rows = all.flatMap(({ name, endpoints, received, dropped, last_frame_at, silent }) =>
    endpoints.map(({ endpoint, connected }, index) => {
      const link = connected ? "connected" : "not connected";
      const first = index === 0; // What is counted is counted for all endpoints of a feed together.
      return [
        name,
        endpoint,
        first && silent ? `${link}, SILENT` : link,
        first ? formatAgo(last_frame_at, now) || "never" : "",
        first ? formatNumber(received) : "",
        first ? formatNumber(Object.values(dropped).reduce((sum, n) => sum + n, 0)) : "",
      ];
    }),
  );
  return [...formatTable(["SOURCE", "ENDPOINT", "STATE", "LAST FRAME", "FRAMES", "DROPPED"], rows), ...troubles];
}

/** What waits for a key that MISP refuses does not age: people must know why nothing comes. */
function refusedKeys({ asked }: Status, now: number): readonly string[] {
  return asked.flatMap(({ instance, refused }) =>
    refused
      ? [
          `${clean(instance)}: MISP REFUSES THE API KEY ${formatAgo(refused.since, now)} (${clean(refused.reason)}); what it would decide waits, and the key is tried every minute`,
          ...(refused.hint === undefined ? [] : [`  ${clean(refused.hint)}`]),
        ]
      : [],
  );
}

/** When something leaves next; of what is held nothing does. */
function nextOf({ next_due_at, paused, suspended, rests }: Status["destinations"][number], now: number): string {
  if (next_due_at === undefined || paused || suspended) {
    return "";
  }
  return formatUntil(rests && rests.until > next_due_at ? rests.until : next_due_at, now);
}

/** What alerts wait in, before their number and when the first of them leaves. */
const WAITS: Readonly<Record<Collects, string>> = {
  digest: "in a digest ",
  quiet: "held by quiet hours ",
  flood: "FLOOD: folded ",
  silence: "silenced ",
  reminder: "to be reminded of ",
};

function stateOf(
  {
    type,
    unnamed_since,
    paused,
    silenced,
    suspended,
    rests,
    standing,
    owed,
    collected,
  }: Status["destinations"][number],
  now: number,
): string {
  const probe = rests ? `next probe ${formatUntil(rests.until, now)}` : "probed by what it is owed";
  const why = rests?.reason === undefined ? "" : `: ${rests.reason}`;
  const states = [
    ...(type === undefined
      ? [`not in the configuration since ${formatStamp(unnamed_since) || "the start"}: kept for 24 h`]
      : []),
    ...(paused
      ? [
          `paused by ${paused.by} ${formatAgo(paused.at, now)}${paused.until === undefined ? "" : `, ends ${formatUntil(paused.until, now)}`}`,
        ]
      : []),
    ...collected.map(
      ({ in: where, n, due_at }) => `${WAITS[where]}${formatNumber(n)}, due ${formatUntil(due_at, now)}`,
    ),
    ...(silenced > 0 ? [`${formatNumber(silenced)} held by silences`] : []),
    ...(suspended ? [`SUSPENDED ${formatAgo(suspended.at, now)}: ${suspended.reason}; ${probe}`] : []),
    ...(rests && !suspended && owed > 0 ? [`rests, next attempt ${formatUntil(rests.until, now)}${why}`] : []),
  ];
  return states.join("; ") || (owed > 0 ? (standing ?? "sending") : "ok");
}

/** What was sent before, and does not say yet what it should. */
function changesOf(
  { messages, urgent, oldest_at, last_reason }: NonNullable<Status["destinations"][number]["changes"]>,
  now: number,
): string {
  const waits = `${formatCount(messages, "message")} ${messages === 1 ? "waits" : "wait"} to be changed`;
  const hides =
    urgent === 0 ? "" : ` (${urgent === messages ? "" : `${formatNumber(urgent)} of them `}to take back what it told)`;
  const reason = last_reason === undefined ? "" : `; last error: ${clean(last_reason)}`;
  return `${waits}${hides}, the oldest for ${formatAge(oldest_at, now)}${reason}`;
}

function counts(word: string, reasons: Readonly<Record<string, number>>): readonly string[] {
  const all = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  if (all.length === 0) {
    return [];
  }
  const sum = all.reduce((total, [, n]) => total + n, 0);
  return [
    `${word} ${formatNumber(sum)}: ${all.map(([reason, n]) => `${clean(reason)} ${formatNumber(n)}`).join(", ")}`,
  ];
}

function formatBytes(bytes: number): string {
  const [unit, size] = bytes >= 2 ** 30 ? ["GiB", 2 ** 30] : bytes >= 2 ** 20 ? ["MiB", 2 ** 20] : ["KiB", 2 ** 10];
  return `${(bytes / Number(size)).toFixed(1)} ${unit}`;
}
