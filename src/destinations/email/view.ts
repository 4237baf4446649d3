import { type Headline, headline } from "../../alert/headline.ts";
import { type Indicator, indicator, listItems, NOTHING_LISTED } from "../../alert/indicators.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, truncate } from "../../alert/text.ts";
import type { Item } from "../../model/alert.ts";
import type { Entry, Payload } from "../../model/payload.ts";
import { THREAT_LEVELS, type ThreatLevel, type Tlp } from "../../model/vocabulary.ts";

/** One entry as a mail tells it, in both of its parts. */
export interface EntryView {
  readonly tlp: Tlp | "untagged";
  readonly head: Headline;
  readonly rows: readonly Indicator[];
  /** How many attributes are not listed. */
  readonly more: number;
  /** What is taken back, and how much of it is not listed. */
  readonly removed: readonly Indicator[];
  readonly moreRemoved: number;
  /** How many lines of a custom template are not shown. */
  readonly moreLines: number;
}

/** What a mail says; text and HTML are two ways to draw this. */
export interface MailView {
  readonly tlp: Tlp | "untagged";
  readonly destination: string;
  readonly entries: readonly EntryView[];
  /** How many entries are not shown. */
  readonly moreEntries: number;
  /** What the files beside the mail do not hold. */
  readonly notes: readonly CleanText[];
  /** All entries by threat level, gravest first; those without one are not counted. */
  readonly levels: readonly { readonly level: ThreatLevel; readonly n: number }[];
}

/** How much of a view a mail has room for. */
export interface MailLimits {
  readonly entries: number;
  /** Attributes and template lines of one entry. */
  readonly rows: number;
  readonly lines: number;
  /** Withdrawn attributes of one entry. */
  readonly removed: number;
  readonly context: boolean;
  readonly facts: boolean;
}

/** More entries than anybody reads in one mail. */
export const MAX_ENTRIES = 30;
export const WHOLE: MailLimits = {
  entries: MAX_ENTRIES,
  rows: 10_000,
  lines: 10_000,
  removed: 10_000,
  context: true,
  facts: true,
};

/** A digest is to be looked through: of each alert only the first attributes. */
const MAX_DIGEST_ROWS = 5;
const MAX_VALUE = 300;
const MAX_NOTE = 160;
const MAX_LINK = 2048;

function rowOf(entry: Entry, item: Item, style: Style): Indicator {
  const row = indicator(entry, item, style);
  return { ...row, value: truncate(row.value, MAX_VALUE), notes: row.notes.map((note) => truncate(note, MAX_NOTE)) };
}

/** Marking, title and link, which nothing can be wrong with. */
function bare({ tlp, pap, title, origin, link }: Headline): Headline {
  return { tlp, ...(pap === undefined ? {} : { pap }), title, facts: [], context: [], origin, ...(link && { link }) };
}

function headOf(entry: Entry, style: Style, minimal: boolean): Headline {
  const { link, ...rest } = headline(entry, style);
  // No MISP has such links; an identifier that long is there to burst the mail.
  const head: Headline = link && link.href.length <= MAX_LINK ? { ...rest, link } : rest;
  return minimal ? bare(head) : head;
}

/** All that a mail could say of a payload. */
export function viewOf(payload: Payload, style: Style): MailView {
  const listed = listItems(payload);
  const entries = payload.entries.map((entry, index): EntryView => {
    const head = headOf(entry, style, payload.minimal);
    const { items, more, removed, moreRemoved } = listed[index] ?? NOTHING_LISTED;
    const limit = payload.entries.length > 1 ? MAX_DIGEST_ROWS : items.length + removed.length;
    const shown = items.slice(0, limit);
    const gone = removed.slice(0, limit);
    return {
      tlp: entry.guarded.tlp,
      head,
      rows: head.body ? [] : shown.map((item) => rowOf(entry, item, style)),
      more: head.body ? 0 : more + items.length - shown.length,
      removed: head.body ? [] : gone.map((item) => rowOf(entry, item, style)),
      moreRemoved: head.body ? 0 : moreRemoved + removed.length - gone.length,
      moreLines: 0,
    };
  });
  const levelOf = (entry: EntryView) => entry.head.level;
  return {
    tlp: payload.tlp,
    destination: payload.destination,
    entries,
    moreEntries: 0,
    notes: [],
    levels: THREAT_LEVELS.map((level) => ({
      level,
      n: entries.filter((entry) => levelOf(entry) === level).length,
    })).filter(({ n }) => n > 0),
  };
}

function cutEntry({ head, rows, more, removed, moreRemoved, moreLines, tlp }: EntryView, room: MailLimits): EntryView {
  const { body, ...rest } = room.facts ? head : { ...bare(head), ...(head.level && { level: head.level }) };
  const lines = body?.slice(0, room.lines);
  return {
    tlp,
    head: { ...rest, ...(room.context ? {} : { context: [] }), ...(lines && { body: lines }) },
    rows: rows.slice(0, room.rows),
    more: more + Math.max(0, rows.length - room.rows),
    removed: removed.slice(0, room.removed),
    moreRemoved: moreRemoved + Math.max(0, removed.length - room.removed),
    moreLines: moreLines + (body?.length ?? 0) - (lines?.length ?? 0),
  };
}

/** A view with no more in it than there is room for; what goes is counted. */
export function cutView(view: MailView, room: MailLimits): MailView {
  return {
    ...view,
    entries: view.entries.slice(0, room.entries).map((entry) => cutEntry(entry, room)),
    moreEntries: view.moreEntries + Math.max(0, view.entries.length - room.entries),
  };
}
