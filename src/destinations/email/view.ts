import { countAlerts, formatMissed, formatPart } from "../../alert/digest.ts";
import { type Headline, labelOfAll } from "../../alert/headline.ts";
import type { Row } from "../../alert/row.ts";
import { cutListing, formatRest, type RowListing } from "../../alert/rows.ts";
import type { Style } from "../../alert/style.ts";
import { tellAll } from "../../alert/telling.ts";
import { type CleanText, clean, formatCount, join, truncate } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import { THREAT_LEVELS, type ThreatLevel, type Tlp } from "../../model/vocabulary.ts";

/** One entry as a mail tells it, in both of its parts. */
export interface EntryView {
  readonly tlp: Tlp | "untagged";
  readonly head: Headline;
  readonly listing: RowListing;
  /** What is not listed, in words. */
  readonly unlisted?: CleanText;
  /** How many lines of a custom template are not shown. */
  readonly moreLines: number;
}

/** What a mail says; text and HTML are two ways to draw this. */
export interface MailView {
  readonly tlp: Tlp | "untagged";
  /** Of the whole mail; absent where nothing in it bears one. */
  readonly label?: CleanText;
  readonly destination: string;
  readonly entries: readonly EntryView[];
  /** How many alerts it tells of, also those that are not shown. */
  readonly alerts: number;
  /** How many of them the feed did not tell, where it did not tell all. */
  readonly missed: readonly CleanText[];
  /** Which of several mails it is. */
  readonly part: readonly CleanText[];
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
  /** Of a value. */
  readonly characters: number;
  /** Indicators and template lines of one entry. */
  readonly rows: number;
  readonly lines: number;
  /** Withdrawn attributes of one entry. */
  readonly removed: number;
  readonly facts: boolean;
}

/** More entries than anybody reads in one mail. */
export const MAX_ENTRIES = 30;
export const WHOLE: MailLimits = {
  entries: MAX_ENTRIES,
  characters: 4000,
  rows: 10_000,
  lines: 10_000,
  removed: 10_000,
  facts: true,
};

const MAX_TITLE_AMONG = 200;
const MAX_LINK = 2048;

/** Marking, title and link, which nothing can be wrong with. */
function bare({ tlp, pap, title, place, link }: Headline): Headline {
  return {
    ...(tlp === undefined ? {} : { tlp }),
    ...(pap === undefined ? {} : { pap }),
    title,
    facts: [],
    place,
    origin: place,
    ...(link && { link }),
    links: [],
  };
}

function headOf({ link, links, ...rest }: Headline, minimal: boolean): Headline {
  // No MISP has such links; an identifier that long is there to burst the mail.
  const short = (url: URL | undefined) => url !== undefined && url.href.length <= MAX_LINK;
  const head: Headline = {
    ...rest,
    ...(link && short(link) && { link }),
    links: links.filter(({ url }) => short(url)),
  };
  return minimal ? bare(head) : head;
}

/** All that a mail could say of a payload. */
export function viewOf(payload: Payload, style: Style): MailView {
  const isDigest = payload.entries.length > 1;
  const entries = tellAll(payload, style).map(({ words, listing }, index): EntryView => {
    const head = headOf(words, payload.minimal);
    return withUnlisted(
      {
        tlp: payload.entries[index]?.guarded.tlp ?? "untagged",
        head: isDigest ? { ...head, title: truncate(head.title, MAX_TITLE_AMONG) } : head,
        listing,
        moreLines: 0,
      },
      style,
    );
  });
  const label = labelOfAll(payload);
  const levelOf = (entry: EntryView) => entry.head.level;
  return {
    tlp: payload.tlp,
    ...(label !== undefined && { label }),
    destination: payload.destination,
    entries,
    alerts: countAlerts(payload),
    missed: formatMissed(payload),
    part: formatPart(payload),
    moreEntries: 0,
    notes: [],
    levels: THREAT_LEVELS.map((level) => ({
      level,
      n: entries.filter((entry) => levelOf(entry) === level).length,
    })).filter(({ n }) => n > 0),
  };
}

function withUnlisted({ unlisted: _, ...entry }: EntryView, style: Style): EntryView {
  const { head, listing, moreLines } = entry;
  const rest = head.body ? head.withheld : formatRest(listing, head.withheld, style);
  const parts = [...(moreLines > 0 ? [clean(`+${formatCount(moreLines, "more line")}`)] : []), ...(rest ? [rest] : [])];
  return { ...entry, ...(parts.length > 0 && { unlisted: join(parts, " · ") }) };
}

function cutRow(row: Row, characters: number): Row {
  return { ...row, value: truncate(row.value, characters) };
}

function cutEntry({ head, listing, moreLines, tlp }: EntryView, room: MailLimits, style: Style): EntryView {
  const { body, ...rest } = room.facts ? head : { ...bare(head), ...(head.level && { level: head.level }) };
  const lines = body?.slice(0, room.lines);
  const cut = cutListing(listing, room);
  return withUnlisted(
    {
      tlp,
      head: { ...rest, ...(lines && { body: lines }) },
      listing: { ...cut, rows: cut.rows.map((row) => cutRow(row, room.characters)) },
      moreLines: moreLines + (body?.length ?? 0) - (lines?.length ?? 0),
    },
    style,
  );
}

/** A view with no more in it than there is room for; what goes is counted. */
export function cutView(view: MailView, room: MailLimits, style: Style): MailView {
  return {
    ...view,
    entries: view.entries.slice(0, room.entries).map((entry) => cutEntry(entry, room, style)),
    moreEntries: view.moreEntries + Math.max(0, view.entries.length - room.entries),
  };
}
