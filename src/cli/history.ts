import { formatNumber } from "../alert/text.ts";
import { askAll } from "../doors/socket/client.ts";
import { ListEnd, RecordDocument } from "../operations/documents.ts";
import { formatStamp } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { remindText } from "./outbox.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls } from "./show.ts";
import { formatTable } from "./table.ts";

export interface HistoryOptions extends ReachOptions {
  readonly destination?: string;
  readonly event?: string;
  readonly outcome?: RecordDocument["outcome"];
  readonly since?: number;
  readonly limit: number;
}

/** `misp-herald history`: what became of deliveries, newest first. */
export async function historyCommand(options: HistoryOptions, context: Context): Promise<void> {
  const { destination, event, outcome, since, limit, json } = options;
  const query = {
    command: "history",
    limit,
    ...(destination !== undefined && { destination }),
    ...(event !== undefined && { event }),
    ...(outcome !== undefined && { outcome }),
    ...(since !== undefined && { since }),
  } as const;
  const items = askAll(await reach(options, context), query, RecordDocument, ListEnd);
  const lines: RecordDocument[] = [];
  let end: ListEnd | undefined;
  while (!end) {
    const { done, value } = await items.next();
    if (done) {
      end = value;
    } else if (json) {
      print(context.stdout, escapeControls(JSON.stringify(value)));
    } else {
      lines.push(value);
    }
  }
  if (!json) {
    print(context.stdout, lines.length > 0 ? table(lines).join("\n") : "The record has nothing such.");
  }
  if (end.more) {
    print(context.stderr, `There are more; --limit shows more than ${formatNumber(limit)}.`);
  }
}

function table(lines: readonly RecordDocument[]): readonly string[] {
  return formatTable(
    ["WHEN (UTC)", "DESTINATION", "WHAT", "EVENT", "OUTCOME", "MARKING", "WHY", "ROUTES"],
    lines.map((line) => [
      formatStamp(line.at),
      line.destination,
      line.kind,
      line.event_uuid ?? "",
      line.outcome,
      line.tlp ?? "",
      reasonOf(line),
      line.routes.join(", "),
    ]),
  );
}

/** Why it ended so, how often, and who wanted it. */
export function reasonOf({ reason, silence, times, by, unconfirmed, reminder }: RecordDocument): string {
  const count = times === undefined ? undefined : `× ${formatNumber(times)}`;
  return [
    reminder && remindText(reminder),
    reason,
    silence,
    count,
    unconfirmed ? "unconfirmed" : undefined,
    by === undefined ? undefined : `by ${by}`,
  ]
    .filter(Boolean)
    .join(" ");
}
