import type { EventChanges } from "../model/outbox.ts";
import type { Entry } from "../model/payload.ts";
import { countItems, tallyTypes } from "./counts.ts";
import { prose, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "./text.ts";

/** What an entry says that is newer than the version its readers were told last. */
export interface EntryChange {
  readonly attributes: number;
  readonly objects: number;
  /** All that the readers may see was looked at; otherwise there may be more. */
  readonly exact: boolean;
  readonly types: readonly { readonly type: string; readonly n: number }[];
}

/** Whether a part is newer than the version that was told last; false where nothing was told. */
export function isChanged({ since }: Entry, part: { readonly changedAt?: number }): boolean {
  return since !== undefined && part.changedAt !== undefined && part.changedAt > since;
}

/** Compares an entry with what was told; undefined where nothing was, or where there is no content to compare. */
export function countChanges(entry: Entry): EntryChange | undefined {
  const { form, alert } = entry.guarded;
  if (entry.since === undefined || form !== "full") {
    return undefined;
  }
  const live = alert.items.filter(({ withdrawn }) => !withdrawn);
  const changed = live.filter((item) => isChanged(entry, item));
  return {
    attributes: changed.length,
    objects: alert.objects.filter((object) => isChanged(entry, object)).length,
    exact:
      countItems(entry).attributes === live.length && alert.items.every(({ changedAt }) => changedAt !== undefined),
    types: tallyTypes(changed.map(({ type = "" }) => ({ type, n: 1 }))),
  };
}

const MAX_TYPES = 3;

/** `3 attributes (2 url, 1 domain) new or changed since the last alert`; undefined where nothing can be said. */
export function formatChange(entry: Entry, style: Style): CleanText | undefined {
  const lines = [formatPartChange(entry, style), formatEventChange(entry, style)].filter((line) => line !== undefined);
  return lines.length > 0 ? join(lines, " · ") : undefined;
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
  const named = tagsAdded.slice(0, MAX_TAGS).map((tag) => prose(tag, style, 60));
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
  const { attributes, objects, exact, types } = change;
  const withheld = entry.guarded.withheld > 0 ? ", apart from what is withheld" : "";
  if (attributes + objects === 0) {
    return exact ? clean(`No attribute is new or changed since the last alert${withheld}`) : undefined;
  }
  const parts = [
    ...(attributes > 0 ? [`${formatCount(attributes, "attribute")} (${formatTypes(types, MAX_TYPES, style)})`] : []),
    ...(objects > 0 ? [formatCount(objects, "object")] : []),
  ];
  return clean(`${exact ? "" : "At least "}${parts.join(" and ")} new or changed since the last alert${withheld}`);
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
