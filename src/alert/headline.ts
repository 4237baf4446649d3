import type { Entry } from "../model/payload.ts";
import type { Pap, ThreatLevel, Tlp } from "../model/vocabulary.ts";
import { formatChange } from "./change.ts";
import { formatContext } from "./context.ts";
import { type FactLine, formatFacts } from "./facts.ts";
import { formatState, nameLine } from "./state.ts";
import { formatInstant, prose, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, join } from "./text.ts";

/** What every channel says of one entry, in the order in which it says it; how it looks is the channel's. */
export interface Headline {
  /** `TLP:AMBER`, or `untagged`. */
  readonly tlp: CleanText;
  /** Absent where there is no label, and in a pointer. */
  readonly pap?: CleanText;
  readonly level?: ThreatLevel;
  /** What happened: `Updated · 20 attributes added`; absent where the title says it. */
  readonly state?: CleanText;
  readonly title: CleanText;
  /** What is different from the version that was told last: `3 attributes new or changed since the last alert`. */
  readonly changed?: CleanText;
  /** Something that the reader should know of the alert itself, such as that its template failed. */
  readonly notice?: CleanText;
  /** Lines of a custom template, the empty ones being paragraphs; they stand in place of facts, context and indicators. */
  readonly body?: readonly CleanText[];
  readonly facts: readonly FactLine[];
  /** Clusters and tags for people, without markings: `Threat actor: APT28`. */
  readonly context: readonly CleanText[];
  /** `5 attributes withheld`. */
  readonly withheld?: CleanText;
  /** Where it comes from: instance, event and time. */
  readonly origin: CleanText;
  readonly link?: URL;
}

const MAX_TITLE = 150;

/** The label as FIRST writes it: `TLP:AMBER+STRICT`; `untagged` where there is none. */
export function formatTlp(tlp: Tlp | "untagged"): CleanText {
  return clean(tlp === "untagged" ? "untagged" : `TLP:${tlp.toUpperCase()}`);
}

/** `PAP:AMBER`, or `untagged`. */
export function formatPap(pap: Pap | "untagged"): CleanText {
  return clean(pap === "untagged" ? "untagged" : `PAP:${pap.toUpperCase()}`);
}

/** What the alert is called: the event's own title, or which event it is, or what happened. */
export function formatTitle(entry: Entry, style: Style): CleanText {
  const { form, alert } = entry.guarded;
  const custom = prose(entry.custom?.title ?? "", style, MAX_TITLE);
  if (custom !== "") {
    return custom;
  }
  if (form === "pointer") {
    return clean("A restricted event was published");
  }
  const info = prose(alert.event?.info ?? "", style, MAX_TITLE);
  if (info !== "") {
    return info;
  }
  const event = alert.event ?? (alert.subject.type === "event" ? alert.subject : undefined);
  if (event === undefined) {
    const name = prose(nameLine(entry)?.text ?? alert.tag?.name ?? "", style, MAX_TITLE);
    return name === "" ? formatState(entry) : join([formatState(entry), name], ": ");
  }
  const name = prose(event.id ?? event.uuid ?? "", style, 40);
  return name === "" ? clean("An event") : clean(`Event ${name}`);
}

function formatOrigin(entry: Entry, style: Style): CleanText {
  const { alert } = entry.guarded;
  const id = alert.event?.id;
  const parts = [
    clean(alert.instance, 100),
    id === undefined ? undefined : prose(`event ${id}`, style, 40),
    prose(alert.event?.uuid ?? "", style, 40),
    formatInstant(alert.event?.changedAt ?? alert.receivedAt, style),
  ];
  return join(
    parts.flatMap((part) => (part ? [part] : [])),
    " · ",
  );
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
  const { form, alert, tlp, pap, withheld } = entry.guarded;
  const title = formatTitle(entry, style);
  const template = formatTemplate(entry, style);
  const link = entry.link === undefined ? {} : { link: entry.link };
  if (form === "pointer") {
    return {
      tlp: formatTlp(tlp),
      title,
      ...template,
      facts: [],
      context: [],
      origin: clean(alert.instance, 100),
      ...link,
    };
  }
  const hasEvent = alert.event !== undefined || alert.subject.type === "event" || entry.custom?.title !== undefined;
  const changed = formatChange(entry, style);
  const why = [formatTlp(tlp), ...(pap === "untagged" ? [] : [formatPap(pap)])].join(", ");
  const short = form === "metadata" ? { notice: clean(`Indicators are not shown here: ${why}`) } : {};
  return {
    tlp: formatTlp(tlp),
    ...(pap === "untagged" ? {} : { pap: formatPap(pap) }),
    ...(alert.event?.threatLevel === undefined ? {} : { level: alert.event.threatLevel }),
    ...(hasEvent ? { state: formatState(entry) } : {}),
    title,
    ...(changed === undefined ? {} : { changed }),
    ...short,
    ...template,
    facts: formatFacts(entry, style),
    context: formatContext(entry, style),
    ...(withheld > 0 ? { withheld: clean(`${formatCount(withheld, "attribute")} withheld`) } : {}),
    origin: formatOrigin(entry, style),
    ...link,
  };
}
