import { createHash } from "node:crypto";
import { largest } from "../../alert/fit.ts";
import { labelOfAll } from "../../alert/headline.ts";
import type { Html } from "../../alert/html.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, clean, formatCount } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import { type Attachment, formatAttachments } from "./attachments.ts";
import { formatHtml, formatHtmlBody } from "./layout.ts";
import { formatSubject, type Subject } from "./subject.ts";
import { formatText, type MailText } from "./text.ts";
import { cutView, type MailLimits, type MailView, viewOf, WHOLE } from "./view.ts";

/** What a mail says, before it is MIME. */
export interface MailContent {
  readonly subject: Subject;
  readonly text: MailText;
  readonly html: Html;
  /** The part of `html` that is drawn. */
  readonly body: Html;
  readonly attachments: readonly Attachment[];
  /** Without brackets and domain. */
  readonly messageId: string;
  /** The head of the thread of this event's mails, which itself is never sent. */
  readonly threadId?: string;
  readonly listId: CleanText;
  /** Labels for filters, by header. */
  readonly labels: Readonly<Record<string, string>>;
  readonly isUrgent: boolean;
  readonly createdAt: number;
  /** What was left out, in words. */
  readonly trimmed: readonly string[];
}

/** How one destination wants its mails. */
export interface MailOptions {
  readonly style: Style;
  readonly attach: readonly ("csv" | "json")[];
  /** The domain of the sender, for what must be unique in the world. */
  readonly domain: string;
  readonly listId?: string | undefined;
  /** Whether subjects tell the threat level. */
  readonly levelInSubject?: boolean | undefined;
  /** Whether mails about one event stand together; absent: they do. */
  readonly hasThreads?: boolean;
}

/** Gmail cuts what is longer than 102 KB, and with it the marking at the end. */
export const MAX_HTML_BYTES = 90_000;

const MIN_VALUE = 300;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Rooms from the largest to the smallest; in each one number is sought, the others stay. */
const STAGES: readonly { readonly most: (longest: number) => number; readonly room: (n: number) => MailLimits }[] = [
  { most: () => WHOLE.characters - MIN_VALUE, room: (n) => ({ ...WHOLE, characters: MIN_VALUE + n }) },
  { most: (longest) => longest, room: (n) => ({ ...WHOLE, characters: MIN_VALUE, rows: n, lines: n }) },
  {
    most: () => WHOLE.entries,
    room: (n) => ({ ...WHOLE, characters: MIN_VALUE, rows: 0, lines: 0, facts: false, removed: 5, entries: n }),
  },
];

/** The view with all that there is room for: long values are cut first, then indicators, then facts, then whole entries. */
function fitView(whole: MailView, bytesOf: (view: MailView) => number, style: Style): MailView {
  const fits = (view: MailView) => bytesOf(view) <= MAX_HTML_BYTES;
  const sizes = whole.entries.map(({ listing, head }) => Math.max(listing.rows.length, head.body?.length ?? 0));
  for (const { most, room } of STAGES) {
    const n = largest(most(Math.max(...sizes, 0)), (limit) => fits(cutView(whole, room(limit), style)));
    if (n !== undefined) {
      return cutView(whole, room(n), style);
    }
  }
  return cutView(whole, { ...WHOLE, rows: 0, lines: 0, facts: false, removed: 0, entries: 0 }, style);
}

function describeCut(whole: MailView, view: MailView): readonly string[] {
  const shown = whole.entries.slice(0, view.entries.length);
  const lost = (of: (entry: MailView["entries"][number]) => number) =>
    shown.reduce((sum, entry, index) => sum + of(entry) - of(view.entries[index] ?? entry), 0);
  const rows = lost(({ listing }) => listing.rows.length);
  const removed = lost(({ listing }) => listing.removed.length);
  const lines = -lost(({ moreLines }) => moreLines);
  return [
    ...(rows > 0 ? [`${formatCount(rows, "indicator")} left out`] : []),
    ...(removed > 0 ? [`${formatCount(removed, "withdrawn attribute")} left out`] : []),
    ...(lines > 0 ? [`${formatCount(lines, "line")} of the template left out`] : []),
    ...(lost(({ head }) => head.facts.length) > 0 ? ["facts left out"] : []),
    ...(view.moreEntries > 0 ? [`${formatCount(view.moreEntries, "alert")} left out`] : []),
  ];
}

/** `urgent.misp-herald.example.org`: what people filter by. */
function listIdOf(payload: Payload, { listId, domain }: MailOptions): CleanText {
  const route = payload.entries[0]?.routes[0] ?? payload.destination;
  const label = route.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "") || "alerts";
  return clean(listId ?? `${label.slice(0, 63)}.misp-herald.${domain}`);
}

/** An event is the same in all mails about it; its UUID itself is more than a pointer may tell. */
function threadOf(payload: Payload): string | undefined {
  const [entry] = payload.entries;
  const about = entry?.guarded.alert.event?.uuid ?? entry?.guarded.alert.event?.id;
  if (!entry || payload.entries.length > 1 || about === undefined) {
    return undefined;
  }
  const key = JSON.stringify([payload.destination, entry.guarded.alert.instance, about]);
  return `event.${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
}

function labelsOf(payload: Payload): Readonly<Record<string, string>> {
  const [entry] = payload.entries;
  const uuid = entry?.guarded.alert.event?.uuid ?? "";
  const label = labelOfAll(payload);
  const isTold = payload.entries.length === 1 && entry?.guarded.form !== "pointer" && UUID.test(uuid);
  return {
    ...(label !== undefined && { "X-TLP": label }),
    ...(isTold ? { "X-MISP-Event-UUID": uuid.toLowerCase() } : {}),
  };
}

/** Writes the mail of a payload; the same payload always makes the same mail. */
export function formatContent(payload: Payload, mailOptions: MailOptions): MailContent {
  const { style } = mailOptions;
  const attachments = formatAttachments(payload, mailOptions.attach, style);
  const notes = attachments.flatMap(({ trimmed }) => trimmed.map((note) => clean(note)));
  const whole = { ...viewOf(payload, style), notes };
  const subject = formatSubject(payload, whole, style, mailOptions.levelInSubject ?? true);
  const listId = listIdOf(payload, mailOptions);
  const draw = (view: MailView) => formatHtml(view, clean(subject), listId);
  const view = fitView(whole, (candidate) => Buffer.byteLength(draw(candidate)), style);
  const threadId = mailOptions.hasThreads === false ? undefined : threadOf(payload);
  return {
    subject,
    text: formatText(view, listId),
    html: draw(view),
    body: formatHtmlBody(view, listId),
    attachments,
    messageId: payload.batch.replace(/[^A-Za-z0-9-]/g, "").slice(0, 64),
    ...(threadId === undefined ? {} : { threadId }),
    listId,
    labels: labelsOf(payload),
    isUrgent: payload.priority === "high",
    createdAt: payload.createdAt,
    trimmed: [...describeCut(whole, view), ...attachments.flatMap(({ trimmed }) => trimmed)],
  };
}
