import type { Entry, GuardedAlert, Payload } from "../model/payload.ts";
import type { Distribution, Pap, ThreatLevel, Tlp } from "../model/vocabulary.ts";
import { formatChange } from "./change.ts";
import { countItems } from "./counts.ts";
import type { FactLine } from "./fact-line.ts";
import { formatFacts } from "./facts.ts";
import { LEVELS } from "./palette.ts";
import { formatAcknowledged, formatProgress, formatWithdrawn } from "./progress.ts";
import { formatRemindNotice, formatRemindState, remindPrefix } from "./reminder.ts";
import { formatDeed, formatState, nameLine } from "./state.ts";
import { formatInstant, prose, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, join } from "./text.ts";

/** What every channel says of one entry, in the order in which it says it; how it looks is the channel's. */
export interface Headline {
  /** `TLP:AMBER`, or `untagged`; absent of what bears no label, such as our own troubles. */
  readonly tlp?: CleanText;
  /** Absent where there is no label, and in a pointer. */
  readonly pap?: CleanText;
  readonly level?: ThreatLevel;
  /** What happened: `Updated · 20 attributes added`; absent where the title says it. */
  readonly state?: CleanText;
  readonly title: CleanText;
  /** It is taken back, and its title to be struck. */
  readonly withdrawn?: true;
  /** What is different from the version that was told last: `3 attributes new or changed since the last alert`. */
  readonly changed?: CleanText;
  /** Something that the reader should know of the alert itself, such as that its template failed. */
  readonly notice?: CleanText;
  /** Lines of a custom template, the empty ones being paragraphs; they stand in place of facts, context and indicators. */
  readonly body?: readonly CleanText[];
  readonly facts: readonly FactLine[];
  /** `5 attributes withheld`. */
  readonly withheld?: CleanText;
  /** Who reported it. */
  readonly reporter?: CleanText;
  /** Which event it is, and where: `event 4711 on cert`. */
  readonly place: CleanText;
  /** By whom, when and for whom it was written, which event it is, and by which route it came. */
  readonly origin: CleanText;
  /** When it happened: `published`, and the instant. */
  readonly time?: { readonly word: CleanText; readonly at: number; readonly text: CleanText };
  readonly link?: URL;
  /** The operator's own links. */
  readonly links: readonly { readonly label: CleanText; readonly url: URL }[];
}

/** More than any channel shows of a title; each cuts it to what it has room for. */
const MAX_TITLE = 500;

/** The label as FIRST writes it: `TLP:AMBER+STRICT`; `untagged` where there is none. */
export function formatTlp(tlp: Tlp | "untagged"): CleanText {
  return clean(tlp === "untagged" ? "untagged" : `TLP:${tlp.toUpperCase()}`);
}

/** The label of one thing that is told; what is no event, nor part of one, bears none, and is not called untagged. */
export function labelOf({ alert, tlp }: GuardedAlert): CleanText | undefined {
  const isLabelled = tlp !== "untagged" || alert.event !== undefined || alert.subject.type === "event";
  return isLabelled ? formatTlp(tlp) : undefined;
}

/** The label of all that leaves together; absent where nothing in it bears one. */
export function labelOfAll({ tlp, entries }: Pick<Payload, "tlp" | "entries">): CleanText | undefined {
  const isLabelled = tlp !== "untagged" || entries.some(({ guarded }) => labelOf(guarded) !== undefined);
  return isLabelled ? formatTlp(tlp) : undefined;
}

/** Both labels, as far as there are any. */
export function formatLabels({ tlp, pap }: Pick<Headline, "tlp" | "pap">): readonly CleanText[] {
  return [tlp, pap].filter((label) => label !== undefined);
}

/** `PAP:AMBER`, or `untagged`. */
export function formatPap(pap: Pap | "untagged"): CleanText {
  return clean(pap === "untagged" ? "untagged" : `PAP:${pap.toUpperCase()}`);
}

/** What the alert is called, and that it is a reminder. */
export function formatTitle(entry: Entry, style: Style): CleanText {
  const prefix = remindPrefix(entry);
  const title = formatName(entry, style);
  return prefix === undefined ? title : join([prefix, title], ": ");
}

/** The event's own title, or which event it is, or what happened. */
function formatName(entry: Entry, style: Style): CleanText {
  const { form, alert } = entry.guarded;
  const custom = prose(entry.custom?.title ?? "", style, MAX_TITLE);
  if (custom !== "") {
    return custom;
  }
  if (form === "pointer" && !entry.withdrawn) {
    return clean("A restricted event was published");
  }
  const info = prose(alert.event?.info ?? "", style, MAX_TITLE);
  if (info !== "") {
    return info;
  }
  const event = alert.event ?? (alert.subject.type === "event" ? alert.subject : undefined);
  if (event === undefined) {
    const name = prose(nameLine(entry)?.text ?? alert.tag?.name ?? formatDeed(entry) ?? "", style, MAX_TITLE);
    return name === "" ? formatState(entry) : join([formatState(entry), name], ": ");
  }
  const name = prose(event.id ?? event.uuid ?? "", style, 40);
  return name === "" ? clean("An event") : clean(`Event ${name}`);
}

const DISTRIBUTIONS: Readonly<Record<Distribution, string>> = {
  organisation: "your organisation only",
  community: "this community only",
  connected: "connected communities",
  all: "all communities",
  sharing_group: "sharing group",
  inherit: "as the event",
};

function formatReporter(entry: Entry, style: Style): Pick<Headline, "reporter"> {
  const reporter = prose(entry.guarded.alert.event?.org?.name ?? "", style, 100);
  return reporter === "" ? {} : { reporter };
}

function formatPlace({ guarded: { alert } }: Entry, style: Style): CleanText {
  const id = prose(alert.event?.id ?? alert.event?.uuid ?? "", style, 40);
  const instance = clean(alert.instance, 100);
  return id === "" ? instance : clean(`event ${id} on ${instance}`);
}

function formatOrigin(entry: Entry, style: Style): CleanText {
  const { alert } = entry.guarded;
  const { event } = alert;
  const { reporter } = formatReporter(entry, style);
  const group = prose(event?.sharingGroup?.name ?? "", style, 100);
  const distribution = event?.distribution && DISTRIBUTIONS[event.distribution];
  const parts = [
    reporter === undefined ? "" : `Reported by ${reporter}`,
    event?.date === undefined ? "" : `event date ${prose(event.date, style, 40)}`,
    event?.analysis === undefined ? "" : `analysis ${event.analysis}`,
    distribution === undefined ? "" : `${distribution}${group === "" ? "" : ` ${group}`}`,
    formatPlace(entry, style),
    entry.routes.length === 0
      ? ""
      : `${entry.routes.length > 1 ? "routes" : "route"} ${prose(entry.routes.join(", "), style)}`,
  ];
  const told = join(
    parts.filter((part) => part !== "").map((part) => clean(part)),
    " · ",
  );
  return withLateness(told, entry);
}

/** That it comes late is said whatever else is: its time alone would not tell why. */
function withLateness(text: CleanText, { guarded }: Entry): CleanText {
  return guarded.alert.late ? join([text, clean("missed by the feed")], " · ") : text;
}

/** When it happened, in a word: of a publication by our clock, since the event tells only when it was changed. */
function formatTime(entry: Entry, style: Style): Pick<Headline, "time"> {
  const { alert } = entry.guarded;
  const isPublication = alert.kind === "event.published";
  const at = isPublication ? (alert.publishedAt ?? alert.receivedAt) : alert.receivedAt;
  const text = formatInstant(at, style);
  return text === undefined ? {} : { time: { word: clean(isPublication ? "published" : "received"), at, text } };
}

/** `High: title (Updated: 2 new)`, for a notification. */
export function formatOneLine({ level, title, state, changed }: Headline): CleanText {
  const deeds = [state, changed].filter((text) => text !== undefined).join(": ");
  return clean(`${level === undefined ? "" : `${LEVELS[level].word}: `}${title}${deeds === "" ? "" : ` (${deeds})`}`);
}

/** Origin and time in one line, for channels that do not tell readers the time in their own zone. */
export function formatFooter({ origin, time }: Pick<Headline, "origin" | "time">): CleanText {
  return time ? join([origin, join([time.word, time.text], " ")], " · ") : origin;
}

const MAX_BODY_LINES = 200;
const MAX_BODY_LINE = 1000;

/** What a template made of an entry, line by line: no blank ones at the ends, at most one between paragraphs. */
export function formatCustom({ custom }: Entry, style: Style): readonly CleanText[] | undefined {
  const all = (custom?.body ?? "")
    .split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/)
    .map((line) => prose(line, style, MAX_BODY_LINE));
  const lines = all.filter((line, index) => line !== "" || (index > 0 && all[index - 1] !== ""));
  if (lines[0] === "") {
    lines.shift();
  }
  if (lines.at(-1) === "") {
    lines.pop();
  }
  const rest = lines.length - MAX_BODY_LINES;
  const shown = rest > 0 ? [...lines.slice(0, MAX_BODY_LINES), clean(`+${formatCount(rest, "more line")}`)] : lines;
  return shown.length > 0 ? shown : undefined;
}

/** What a template made of an entry, or that it failed. */
function formatTemplate(entry: Entry, style: Style): Pick<Headline, "body" | "notice"> {
  const body = formatCustom(entry, style);
  return {
    ...(body ? { body } : {}),
    ...(entry.templateFailed ? { notice: clean("The template failed; this is the built-in alert.") } : {}),
  };
}

/** Words for one entry. A pointer says that there is something, and where; nothing else of it is read. */
export function headline(entry: Entry, style: Style): Headline {
  const { form, alert, pap } = entry.guarded;
  const title = formatTitle(entry, style);
  const template = formatTemplate(entry, style);
  const link = entry.link === undefined ? {} : { link: entry.link };
  const label = labelOf(entry.guarded);
  const withdrawn = formatWithdrawn(entry);
  if (withdrawn !== undefined) {
    const place = formatPlace(entry, style);
    return {
      ...(label !== undefined && { tlp: label }),
      ...{ state: clean("Withdrawn"), title, withdrawn: true, notice: withdrawn },
      ...{ facts: [], ...(form === "pointer" ? {} : formatReporter(entry, style)), place, origin: place },
      ...formatTime(entry, style),
      ...link,
      links: [],
    };
  }
  if (form === "pointer") {
    return {
      ...(label !== undefined && { tlp: label }),
      ...noted({ state: formatRemindState(entry) }),
      title,
      ...template,
      ...noted({
        notice: noticeOf([
          formatRemindNotice(entry, style),
          template.notice,
          entry.withdrawn ? undefined : formatAcknowledged(entry, style),
        ]),
      }),
      facts: [],
      place: clean(alert.instance, 100),
      origin: clean(alert.instance, 100),
      ...link,
      links: formatLinks(entry),
    };
  }
  const isOurs = alert.subject.type === "herald";
  // Else the title says what happened.
  const hasState =
    alert.event !== undefined || alert.subject.type === "event" || (entry.custom?.title !== undefined && !isOurs);
  const changed = formatChange(entry, style);
  const { threatLevel } = alert.event ?? {};
  const keptBack = formatKeptBack(entry);
  const reminds = formatRemindState(entry);
  const state = formatState(entry);
  const progress = formatProgress(entry, style);
  return {
    ...(label !== undefined && { tlp: label }),
    ...(pap === "untagged" ? {} : { pap: formatPap(pap) }),
    // That nobody has judged it says nothing.
    ...(threatLevel === undefined || threatLevel === "undefined" ? {} : { level: threatLevel }),
    ...(hasState ? { state: reminds ? join([reminds, state], " · ") : state } : {}),
    title,
    ...(changed === undefined ? {} : { changed }),
    ...template,
    ...noted({
      notice: noticeOf([
        formatRemindNotice(entry, style),
        template.notice,
        progress,
        template.notice ? undefined : keptBack,
      ]),
    }),
    facts: formatFacts(entry, style),
    ...formatMissing(entry),
    ...formatReporter(entry, style),
    place: formatPlace(entry, style),
    // A template's words stand in place of ours, and may leave out who reported it on purpose.
    origin: template.body ? withLateness(formatPlace(entry, style), entry) : formatOrigin(entry, style),
    ...formatTime(entry, style),
    ...link,
    links: formatLinks(entry),
  };
}

/** `Indicators are not shown here: TLP:AMBER`: what metadata keeps back, where there is something, and why. */
function formatKeptBack(entry: Entry): CleanText | undefined {
  const { form, tlp, pap, keptBack } = entry.guarded;
  const { attributes, withdrawn } = countItems(entry);
  const hasIndicators = attributes + withdrawn > 0;
  if (form !== "metadata" || !(keptBack || hasIndicators)) {
    return undefined;
  }
  // What may be seen by now, but was told without its content, stays so for no label.
  const labels = {
    tlp: tlp === "untagged" ? "no TLP label" : formatTlp(tlp),
    pap: pap === "untagged" ? "no PAP label" : formatPap(pap),
  };
  const why = (keptBack ?? []).map((label) => labels[label]);
  const what = `${hasIndicators ? "Indicators" : "Details"} are not shown here`;
  return clean(why.length > 0 ? `${what}: ${why.join(", ")}` : what);
}

/** The same, without what is undefined. */
function noted<K extends string>(told: { readonly [name in K]: CleanText | undefined }): { [name in K]?: CleanText } {
  return Object.fromEntries(Object.entries(told).filter(([, text]) => text !== undefined)) as {
    [name in K]?: CleanText;
  };
}

function noticeOf(texts: readonly (CleanText | undefined)[]): CleanText | undefined {
  const found = texts.filter((text) => text !== undefined);
  return found.length > 0 ? join(found, " · ") : undefined;
}

/** `5 attributes withheld, 2 deleted before they were told here`. */
function formatMissing({ guarded: { withheld }, neverTold = 0 }: Entry): Pick<Headline, "withheld"> {
  const parts = [
    ...(withheld > 0 ? [clean(`${formatCount(withheld, "attribute")} withheld`)] : []),
    ...(neverTold > 0 ? [clean(`${formatCount(neverTold, "attribute")} deleted before being told here`)] : []),
  ];
  return parts.length > 0 ? { withheld: join(parts, " · ") } : {};
}

function formatLinks({ links = [] }: Entry): Headline["links"] {
  return links.map(({ label, url }) => ({ label: clean(label, 60), url }));
}
