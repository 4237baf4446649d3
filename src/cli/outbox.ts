import { createInterface } from "node:readline/promises";
import { clean, formatCount, formatNumber } from "../alert/text.ts";
import { UsageError } from "../base/errors.ts";
import { ask, askAll, type ControlTarget } from "../doors/socket/client.ts";
import type { Collects } from "../model/pacing.ts";
import { Changed, Counted, DeliveryDocument, ListEnd, OwedDocument } from "../operations/documents.ts";
import type { Filter, State } from "../operations/requests.ts";
import { formatAge, formatAgo, formatStamp, formatUntil } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls, escapeTerminal } from "./show.ts";
import { formatTable } from "./table.ts";

interface Filters {
  readonly id?: string[];
  readonly destination?: string[];
  readonly state?: State;
  readonly olderThan?: number;
}

const ID_LENGTH = 12;

/** `misp-herald outbox list`: what is owed, oldest first. */
export async function listCommand(options: ReachOptions & Filters & { readonly limit: number }, context: Context) {
  const query = { command: "outbox.list", filter: filterOf(options, Date.now()), limit: options.limit } as const;
  const items = askAll(await reach(options, context), query, OwedDocument, ListEnd);
  const lines: OwedDocument[] = [];
  let end: ListEnd | undefined;
  while (!end) {
    const { done, value } = await items.next();
    if (done) {
      end = value;
    } else if (options.json) {
      print(context.stdout, escapeControls(JSON.stringify(value)));
    } else {
      lines.push(value);
    }
  }
  if (end.more) {
    print(context.stderr, `There are more; --limit shows more than ${formatNumber(options.limit)}.`);
  }
  if (options.json) {
    return;
  }
  if (lines.length === 0) {
    print(context.stdout, "Nothing is owed.");
  } else {
    print(context.stdout, table(lines).join("\n"));
  }
}

function table(lines: readonly OwedDocument[]): readonly string[] {
  const now = Date.now();
  return formatTable(
    ["ID", "DESTINATION", "WHAT", "EVENT", "STATE", "OWED FOR", "DUE", "TRIED", "LAST REASON"],
    lines.map((line) => [
      line.id.slice(0, ID_LENGTH),
      line.destination,
      line.kind,
      line.event_uuid ?? "",
      stateOf(line),
      formatAge(line.owed_since, now),
      dueOf(line, now),
      formatNumber(line.attempts),
      whyOf(line),
    ]),
  );
}

/** What a delivery waits for, or why its last attempt failed. */
export function whyOf({ silence, collected, reminder, last_reason: reason = "" }: OwedDocument): string {
  const waits = collected && collected !== "reminder" ? WAITS_FOR[collected] : undefined;
  const why = silence !== undefined ? `silenced ${silence}` : (waits ?? reason);
  return [reminder && remindText(reminder), why].filter(Boolean).join(", ");
}

/** `reminder 1 of 3`, or to whom it was told in vain. */
export function remindText({ n, of, escalated_from: from }: NonNullable<OwedDocument["reminder"]>): string {
  return from === undefined ? `reminder ${n}${of === undefined ? "" : ` of ${of}`}` : `not acknowledged by ${from}`;
}

const WAITS_FOR: Readonly<Record<Exclude<Collects, "reminder">, string>> = {
  digest: "digest",
  quiet: "quiet hours",
  flood: "folded by a flood",
  silence: "silenced",
};

/** `misp-herald outbox show`: all about one delivery; its content only when it is asked for. */
export async function showCommand(
  options: ReachOptions & { readonly id: string; readonly content: boolean },
  context: Context,
) {
  const { id, content } = options;
  const shown = await ask(await reach(options, context), { command: "outbox.show", id, content }, DeliveryDocument);
  if (options.json) {
    print(context.stdout, escapeControls(JSON.stringify(shown)));
  } else {
    print(context.stdout, describe(shown).join("\n"));
  }
}

function describe({ delivery, content }: DeliveryDocument): readonly string[] {
  const now = Date.now();
  const facts = [
    ["delivery", delivery.id],
    ["destination", delivery.destination],
    ["what", `${delivery.kind} of ${delivery.instance}`],
    ["event", delivery.event_uuid ?? ""],
    ["routes", delivery.routes.join(", ")],
    ["priority", delivery.priority],
    ["state", stateOf(delivery)],
    ...(delivery.silence === undefined ? [] : [["silence", delivery.silence]]),
    ["owed since", `${formatStamp(delivery.owed_since)} UTC, ${formatAgo(delivery.owed_since, now)}`],
    ["due", dueOf(delivery, now) || (delivery.held === "paused" ? "once resumed" : "")],
    ["attempts", String(delivery.attempts)],
    ...(delivery.first_attempt_at === undefined
      ? []
      : [["first attempt", `${formatStamp(delivery.first_attempt_at)} UTC`]]),
    ...(delivery.last_reason === undefined ? [] : [["last reason", delivery.last_reason]]),
  ];
  const width = Math.max(...facts.map(([label = ""]) => label.length));
  const lines = facts.map(([label = "", value = ""]) => `${label.padEnd(width)}  ${clean(value) || "-"}`);
  if (!content) {
    return lines;
  }
  if ("refused" in content) {
    return [...lines, "", `Nothing would leave of it now: ${clean(content.refused)}`];
  }
  const left = content.trimmed.length > 0 ? [`left out: ${content.trimmed.map((text) => clean(text)).join("; ")}`] : [];
  return [...lines, "", ...escapeTerminal(content.body).split("\n"), ...left];
}

/** `misp-herald outbox retry`: tries now what waits for its next attempt, or in its group. Returns the exit code. */
export async function retryCommand(options: ReachOptions & Filters & { readonly yes: boolean }, context: Context) {
  return change("retry", options, context);
}

/** `misp-herald outbox drop`: never sends it. Returns the exit code. */
export async function dropCommand(options: ReachOptions & Filters & { readonly yes: boolean }, context: Context) {
  if (!options.id && !options.destination && !options.state && options.olderThan === undefined) {
    throw new UsageError("Say what to drop: --id, --destination, --state or --older-than");
  }
  return change("drop", options, context);
}

async function change(
  what: "retry" | "drop",
  options: ReachOptions & Filters & { readonly yes: boolean },
  context: Context,
): Promise<0 | 1> {
  const now = Date.now();
  const line = await reach(options, context);
  // What becomes owed while the question is on the screen is not meant.
  const filter = {
    ...filterOf(options, now),
    ...(options.olderThan === undefined && !options.id && { before: now + 1 }),
  };
  if (!options.yes && options.id?.length !== 1 && !(await isWanted(what, line, filter, context))) {
    return 1;
  }
  const done = await ask(line, { command: `outbox.${what}`, filter }, Changed);
  if (options.json) {
    print(context.stdout, JSON.stringify({ [what === "drop" ? "dropped" : "retried"]: done.count, ...done }));
  } else {
    for (const text of report(what, done)) {
      print(context.stdout, text);
    }
  }
  return done.count > 0 ? 0 : 1;
}

async function isWanted(
  what: "retry" | "drop",
  line: ControlTarget,
  filter: Filter,
  context: Context,
): Promise<boolean> {
  const counted = await ask(line, { command: "outbox.count", filter }, Counted);
  if (counted.count <= 1) {
    return true;
  }
  const deliveries = formatCount(counted.count, "delivery", "deliveries");
  const question =
    what === "drop"
      ? `Drop ${deliveries} to ${counted.destinations.join(", ")}, and never send them?`
      : `Try ${deliveries} to ${counted.destinations.join(", ")} now?`;
  if (!context.stdin.isTTY || !context.stdout.isTTY) {
    throw new UsageError(`${question} Nobody can be asked here: give --yes`);
  }
  if (await confirm(clean(question), context)) {
    return true;
  }
  print(context.stderr, "Nothing was changed.");
  return false;
}

async function confirm(question: string, { stdin, stderr, signal }: Context): Promise<boolean> {
  const prompt = createInterface({ input: stdin, output: stderr });
  const closed = new AbortController();
  prompt.once("close", () => closed.abort());
  try {
    const answer = await prompt.question(`${question} [y/N] `, { signal: AbortSignal.any([signal, closed.signal]) });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false; // Ctrl-C or the end of input
  } finally {
    prompt.close();
  }
}

function report(what: "retry" | "drop", { count, sending, paused }: Changed): readonly string[] {
  const deliveries = formatCount(count, "delivery", "deliveries");
  const busy = formatCount(sending, "delivery is", "deliveries are");
  return [
    count === 0
      ? "There is nothing such to change."
      : what === "drop"
        ? `${deliveries} dropped; history has them as muted.`
        : `${deliveries} due now.`,
    ...(sending > 0 ? [`${busy} being sent at this moment and left alone.`] : []),
    ...(what === "retry" && paused.length > 0
      ? [`Paused, and sent once resumed: ${paused.map((name) => clean(name)).join(", ")}.`]
      : []),
  ];
}

function filterOf({ id, destination, state, olderThan }: Filters, now: number): Filter {
  return {
    ...(id && { ids: id }),
    ...(destination && { destinations: destination }),
    ...(state && { state }),
    ...(olderThan !== undefined && { before: now - olderThan }),
  };
}

function stateOf({ state, held }: OwedDocument): string {
  return held && state !== "sending" ? held : state;
}

function dueOf({ due_at, state, held }: OwedDocument, now: number): string {
  if (state === "sending" || held === "paused") {
    return "";
  }
  const until = formatUntil(due_at, now);
  // What is suspended waits until one that probes has arrived.
  return until === "now" && held !== undefined ? "" : until;
}
