import type { Item } from "../model/alert.ts";
import type { EventChanges } from "../model/outbox.ts";
import type { Entry } from "../model/payload.ts";
import type { Comparison } from "../model/told.ts";
import { readableTag } from "./context.ts";
import { tallyTypes } from "./counts.ts";
import { formatInstant, prose, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "./text.ts";

/** What an entry says that is newer than what its readers were told last. */
export interface EntryChange {
  /** New or changed. */
  readonly attributes: number;
  readonly objects: number;
  /** Both were compared as a whole; otherwise there may be more, and what is gone is not known. */
  readonly exact: boolean;
  readonly compared?: Comparison;
  readonly types: readonly { readonly type: string; readonly n: number }[];
}

/** Whether a part is newer than the version that was told last; false where nothing was told. */
export function isChanged({ since }: Entry, part: Pick<Item, "changedAt" | "news">): boolean {
  if (part.news !== undefined) {
    return part.news !== "unchanged";
  }
  return since !== undefined && part.changedAt !== undefined && part.changedAt > since;
}

/** Compares an entry with what was told; undefined where nothing was, or where there is no content to compare. */
export function countChanges(entry: Entry): EntryChange | undefined {
  const { form, alert } = entry.guarded;
  const { since, compared } = entry;
  if (since === undefined || form !== "full") {
    return undefined;
  }
  const changed = alert.items.filter((item) => !item.withdrawn && isChanged(entry, item));
  return {
    attributes: compared ? compared.added + compared.changed : changed.length,
    objects: alert.objects.filter(({ changedAt }) => changedAt !== undefined && changedAt > since).length,
    exact: compared !== undefined,
    ...(compared && { compared }),
    types: tallyTypes(changed.map(({ type = "" }) => ({ type, n: 1 }))),
  };
}

const MAX_TYPES = 3;

/** `3 attributes (2 url, 1 domain) new or changed since the last alert`; undefined where nothing can be said. */
export function formatChange(entry: Entry, style: Style): CleanText | undefined {
  const parts = formatPartChange(entry, style);
  const own = formatEventChange(entry, style);
  // What is new leads: that nothing else is comes behind it.
  const lines = (isSame(entry) ? [own, parts] : [parts, own]).filter((line) => line !== undefined);
  return lines.length > 0 ? join(lines, " · ") : undefined;
}

/** Compared, and no attribute is another one. */
function isSame({ compared }: Entry): boolean {
  return compared !== undefined && compared.added + compared.changed + compared.removed === 0;
}

const MAX_TAGS = 3;

/** `Title changed, threat level now high, tags added: type:OSINT, 1 tag removed`; only what the readers see now is named. */
function formatEventChange(entry: Entry, style: Style): CleanText | undefined {
  const change = eventChanges(entry);
  if (!change) {
    return undefined;
  }
  const { title, threatLevel, tagsAdded, tagsRemoved } = change;
  const level = entry.guarded.alert.event?.threatLevel;
  const more = tagsAdded.length > MAX_TAGS ? ` and ${formatNumber(tagsAdded.length - MAX_TAGS)} more` : "";
  const named = tagsAdded.slice(0, MAX_TAGS).map((tag) => prose(readableTag(tag), style, 60));
  const words = [
    ...(title ? ["title changed"] : []),
    ...(threatLevel && level !== undefined ? [`threat level now ${level}`] : []),
    ...(tagsAdded.length > 0 ? [`tags added: ${named.join(", ")}${more}`] : []),
    ...(tagsRemoved > 0 ? [`${formatCount(tagsRemoved, "tag")} removed`] : []),
  ];
  const [first, ...rest] = words;
  return first === undefined ? undefined : clean([first.charAt(0).toUpperCase() + first.slice(1), ...rest].join(", "));
}

/** What is different in the event itself; a tag that is hidden by now is not named. Undefined in a pointer. */
export function eventChanges({ changes, guarded }: Entry): EventChanges | undefined {
  if (!changes || guarded.form === "pointer") {
    return undefined;
  }
  const visible = new Set(guarded.alert.event?.tags?.map(({ name }) => name));
  return { ...changes, tagsAdded: changes.tagsAdded.filter((name) => visible.has(name)) };
}

function formatPartChange(entry: Entry, style: Style): CleanText | undefined {
  const change = countChanges(entry);
  if (!change) {
    return undefined;
  }
  const { attributes, objects, compared, types } = change;
  const withheld = entry.guarded.withheld > 0 ? ", apart from what is withheld" : "";
  if (compared) {
    const { added, changed, removed, unchanged, toldAt, again } = compared;
    const at = formatInstant(toldAt, style) ?? "the last alert";
    if (again) {
      return clean(`It was taken back, as told ${at}, and holds again${withheld}`);
    }
    const parts = [
      ...(added > 0 ? [`${formatNumber(added)} new`] : []),
      ...(changed > 0 ? [`${formatNumber(changed)} changed`] : []),
      ...(removed > 0 ? [`${formatNumber(removed)} withdrawn`] : []),
    ];
    return clean(
      parts.length > 0
        ? `${parts.join(", ")} since ${at}${withheld}${unchanged > 0 ? `; ${formatNumber(unchanged)} told before unchanged` : ""}`
        : `No attribute is new, changed or withdrawn since ${at}${withheld}`,
    );
  }
  if (attributes + objects === 0) {
    return clean("What changed since the last alert is not known");
  }
  const parts = [
    ...(attributes > 0 ? [`${formatCount(attributes, "attribute")} (${formatTypes(types, MAX_TYPES, style)})`] : []),
    ...(objects > 0 ? [formatCount(objects, "object")] : []),
  ];
  return clean(`At least ${parts.join(" and ")} new or changed since the last alert${withheld}`);
}

/** `8 ip-dst, 2 domain, 4 of other types`. */
export function formatTypes(
  types: readonly { readonly type: string; readonly n: number }[],
  max: number,
  style: Style,
): CleanText {
  const rest = types.slice(max).reduce((sum, { n }) => sum + n, 0);
  const shown = types.slice(0, max).map(({ type, n }) => prose(`${formatNumber(n)} ${type}`, style, 40));
  return join([...shown, ...(rest > 0 ? [clean(`${formatNumber(rest)} of other types`)] : [])], ", ");
}
