import { countItems } from "../../alert/counts.ts";
import { removedOf } from "../../alert/indicators.ts";
import { formatEntry } from "../../alert/json.ts";
import type { Style } from "../../alert/style.ts";
import { clean, formatCount } from "../../alert/text.ts";
import type { Item } from "../../model/alert.ts";
import type { Entry, Payload } from "../../model/payload.ts";

/** A file that goes with a mail. */
export interface Attachment {
  readonly filename: string;
  readonly contentType: string;
  readonly content: string;
  /** What was left out of it, in words. */
  readonly trimmed: readonly string[];
}

/** Of each file: beyond this it is of no use, and relays refuse the mail. */
export const MAX_ATTACHMENT_BYTES = 2 * 2 ** 20;

const COLUMNS = [
  "event_uuid",
  "event_id",
  "uuid",
  "type",
  "category",
  "value",
  "to_ids",
  "comment",
  "object",
  "relation",
  "tags",
  "tlp",
] as const;

// A spreadsheet runs what begins with one of these, the full-width forms too, also where it takes `;` for the separator.
const FORMULA = /((?:^|;)[\s"]*)(?=[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/g;

/** A cell as RFC 4180 has it, which no spreadsheet takes for a formula. */
export function formatCell(text: string): string {
  return `"${clean(text).replace(FORMULA, "$1'").replaceAll('"', '""')}"`;
}

function formatLine(entry: Entry, item: Item): string {
  const { event, objects } = entry.guarded.alert;
  const values: Readonly<Record<(typeof COLUMNS)[number], string | undefined>> = {
    event_uuid: event?.uuid,
    event_id: event?.id,
    uuid: item.uuid,
    type: item.type,
    category: item.category,
    value: item.value,
    to_ids: item.toIds === undefined ? undefined : item.toIds && !item.withdrawn ? "1" : "0",
    comment: item.comment,
    object: objects.find(({ key }) => key === item.objectKey)?.name,
    relation: item.relation,
    tags: item.tags.join(", "),
    tlp: item.marking.tlp === "none" ? undefined : item.marking.tlp,
  };
  return COLUMNS.map((column) => formatCell(values[column] ?? "")).join(",");
}

/** As many of `lines` as there is room for. */
function take(lines: readonly string[], maxBytes: number): readonly string[] {
  let size = 0;
  const end = lines.findIndex((line) => {
    size += Buffer.byteLength(line) + 2;
    return size > maxBytes;
  });
  return end < 0 ? lines : lines.slice(0, end);
}

function left(n: number, filename: string, one: string): readonly string[] {
  return n > 0 ? [`${formatCount(n, one)} left out of ${filename}`] : [];
}

/** What holds and what is taken back are files of their own: whoever feeds one to a block list reads no second column. */
function formatCsvs(entries: readonly Entry[]): readonly Attachment[] {
  const total = (of: "attributes" | "withdrawn") => sum(entries, (counts) => counts[of]);
  const files = [
    { name: "indicators", itemsOf: liveOf, total: total("attributes") },
    { name: "withdrawn", itemsOf: removedOf, total: total("withdrawn") },
  ];
  return files.flatMap(({ name, itemsOf, total }) => {
    const lines = entries.flatMap((entry) => itemsOf(entry).map((item) => formatLine(entry, item)));
    return lines.length > 0 ? [formatCsv(name, lines, total)] : [];
  });
}

function liveOf({ guarded }: Entry): readonly Item[] {
  return guarded.alert.items.filter(({ withdrawn }) => !withdrawn);
}

function sum(entries: readonly Entry[], of: (counts: ReturnType<typeof countItems>) => number): number {
  return entries.reduce((total, entry) => total + of(countItems(entry)), 0);
}

/** A file whose name says where it does not hold all, since nothing in it could: a line more would be read as data. */
function formatCsv(name: string, lines: readonly string[], total: number): Attachment {
  const taken = take(lines, MAX_ATTACHMENT_BYTES);
  const filename = taken.length < total ? `${name}-${taken.length}-of-${total}.csv` : `${name}.csv`;
  return {
    filename,
    contentType: "text/csv; charset=utf-8; header=present",
    content: `${[COLUMNS.join(","), ...taken].join("\r\n")}\r\n`,
    trimmed: left(total - taken.length, filename, "attribute"),
  };
}

/** The document that the webhook posts, with every attribute that may be told. */
function formatJson(payload: Payload, entries: readonly Entry[], style: Style): Attachment {
  const filename = "alerts.json";
  const all = entries.map((entry) => {
    const { attributes, withdrawn } = countItems(entry);
    const items = liveOf(entry);
    const removed = removedOf(entry);
    const listed = {
      items,
      more: Math.max(0, attributes - items.length),
      removed,
      moreRemoved: Math.max(0, withdrawn - removed.length),
    };
    return JSON.stringify(formatEntry(entry, listed, "raw", style));
  });
  const taken = take(all, MAX_ATTACHMENT_BYTES);
  const head = JSON.stringify({
    type: "misp-herald.alerts",
    version: "1",
    id: payload.batch,
    timestamp: new Date(payload.createdAt).toISOString(),
    destination: payload.destination,
    marking: { tlp: payload.tlp },
    truncated: taken.length < all.length ? { entries: all.length - taken.length } : undefined,
  });
  return {
    filename,
    contentType: "application/json",
    content: `${head.slice(0, -1)},"entries":[\n${taken.join(",\n")}\n]}\n`,
    trimmed: [
      ...left(all.length - taken.length, filename, "alert"),
      ...left(
        sum(entries.slice(0, taken.length), ({ attributes }) => attributes) -
          entries.slice(0, taken.length).reduce((total, entry) => total + liveOf(entry).length, 0),
        filename,
        "attribute",
      ),
    ],
  };
}

/** The files that the operator asked for: only of what is told in full, and none for a reader who refused the mail before. */
export function formatAttachments(
  payload: Payload,
  formats: readonly ("csv" | "json")[],
  style: Style,
): readonly Attachment[] {
  const entries = payload.entries.filter(
    ({ guarded }) => guarded.form === "full" && !payload.minimal && guarded.alert.items.length > 0,
  );
  return entries.length === 0
    ? []
    : [...new Set(formats)].flatMap((format) =>
        format === "csv" ? formatCsvs(entries) : [formatJson(payload, entries, style)],
      );
}
