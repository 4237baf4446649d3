import type { Item } from "../model/alert.ts";
import type { MispObject, Organisation } from "../model/misp.ts";
import type { Entry } from "../model/payload.ts";
import { countChanges, eventChanges } from "./change.ts";
import { countItems, countObjects, countTypes } from "./counts.ts";
import { defangText, defangValue } from "./defang.ts";
import { formatCustom, formatTitle } from "./headline.ts";
import type { ListedItems } from "./indicators.ts";
import { formatState } from "./state.ts";
import type { Style } from "./style.ts";
import { clean, wellFormed } from "./text.ts";

/** How indicators look to a program: raw and defanged, only defanged, or by type only. */
export type Values = "none" | "defanged" | "raw";

const CUTTABLE = ["indicators", "objects", "lines", "tags", "clusters", "removed"] as const;
export type Cuttable = (typeof CUTTABLE)[number];

/** One entry as programs get it; its lists can be cut. */
export type EntryJson = { readonly [field: string]: unknown } & { readonly [list in Cuttable]?: readonly unknown[] } & {
  /** How many of each list are not in it. */
  readonly truncated?: Readonly<Record<string, number>>;
};

function formatIso(at: number | undefined): string | undefined {
  return at === undefined || !(Math.abs(at) <= 8.64e15) ? undefined : new Date(at).toISOString();
}

/** Objects by their key. */
type Objects = ReadonlyMap<string, MispObject>;

function formatIndicator(objects: Objects, item: Item, values: Values) {
  const object = item.objectKey === undefined ? undefined : objects.get(item.objectKey);
  const free = freeText(values);
  return {
    uuid: optional(item.uuid),
    type: optional(item.type),
    category: optional(item.category),
    value: values === "raw" ? optional(item.value) : undefined,
    defanged:
      values === "none" || item.value === undefined ? undefined : defangValue(item.type ?? "", clean(item.value)),
    to_ids: item.withdrawn ? false : item.toIds,
    withdrawn: item.withdrawn,
    comment: values === "none" ? undefined : free(item.comment),
    tags: item.tags.length > 0 ? item.tags.map(wellFormed) : undefined,
    object: optional(object?.name),
    object_uuid: optional(object?.uuid),
    relation: optional(item.relation),
    tlp: item.marking.tlp === "none" ? undefined : item.marking.tlp,
    matched: item.matched,
    news: item.news,
    changed_at: formatIso(item.changedAt),
  };
}

function optional(text: string | undefined): string | undefined {
  return text === undefined ? undefined : wellFormed(text);
}

/** Prose may hold indicators too: it is as raw as they are. */
function freeText(values: Values): (text: string | undefined) => string | undefined {
  return (text) => (text === undefined || values === "raw" ? optional(text) : defangText(clean(text)));
}

function organisation(org: Organisation | undefined) {
  return org && { name: optional(org.name), uuid: optional(org.uuid) };
}

function formatEvent(entry: Entry, values: Values) {
  const { event } = entry.guarded.alert;
  return (
    event && {
      uuid: optional(event.uuid),
      id: optional(event.id),
      url: entry.link?.href,
      info: freeText(values)(event.info),
      date: optional(event.date),
      changed_at: formatIso(event.changedAt),
      threat_level: event.threatLevel,
      analysis: event.analysis,
      distribution: event.distribution,
      sharing_group: event.sharingGroup && {
        uuid: optional(event.sharingGroup.uuid),
        name: optional(event.sharingGroup.name),
      },
      published: event.published,
      origin: event.origin,
      org: organisation(event.org),
      owner_org: organisation(event.owner),
      extends_uuid: optional(event.extendsUuid),
    }
  );
}

/** One entry reduced to marking, title and link, for a receiver that refused more than that. */
export function formatMinimalEntry(entry: Entry, style: Style): EntryJson {
  const { form, alert, tlp, pap } = entry.guarded;
  return {
    form,
    instance: alert.instance,
    marking: { tlp, pap },
    title: formatTitle(entry, style),
    reminder: formatReminder(entry),
    event: entry.link && { url: entry.link.href },
  };
}

/** That nobody has acknowledged it, and where. */
function formatReminder({ reminder }: Entry) {
  return (
    reminder && {
      n: reminder.n,
      of: reminder.of,
      since: formatIso(reminder.since),
      escalated_from: reminder.escalatedFrom,
    }
  );
}

/** One entry for programs: snake_case, text as MISP has it; a pointer is minimal, and metadata has no content in it. */
export function formatEntry(entry: Entry, listed: ListedItems, values: Values, style: Style): EntryJson {
  const { form, alert, tlp, pap, withheld, keptBack } = entry.guarded;
  if (entry.withdrawn) {
    return formatWithdrawal(entry, style);
  }
  if (form === "pointer") {
    return formatMinimalEntry(entry, style);
  }
  const { attributes, toIds, withdrawn } = countItems(entry);
  const { event, sighting, tag } = alert;
  const isWhole = alert.pages !== undefined;
  const moreObjects = isWhole ? 0 : countObjects(entry).n - alert.objects.filter(({ deleted }) => !deleted).length;
  const truncated = {
    ...(listed.more > 0 && { indicators: listed.more }),
    ...(listed.moreRemoved > 0 && { removed: listed.moreRemoved }),
    ...(form === "full" && moreObjects > 0 && { objects: moreObjects }),
  };
  return {
    kinds: entry.kinds,
    change: alert.change,
    late: alert.late,
    published_at: formatIso(alert.publishedAt),
    form,
    instance: alert.instance,
    routes: entry.routes,
    because: entry.because?.map((words) => freeText(values)(words)),
    links: entry.links?.map(({ label, url }) => ({ label, url: url.href })),
    marking: { tlp, pap },
    withheld,
    kept_back: keptBack,
    never_told: entry.neverTold,
    reminder: formatReminder(entry),
    state: formatState(entry),
    title: formatTitle(entry, style),
    body: formatCustom(entry, style)?.join("\n"),
    template_failed: entry.templateFailed,
    received_at: formatIso(alert.receivedAt),
    event: formatEvent(entry, values),
    counts: {
      attributes,
      to_ids: toIds,
      // Metadata does not say how its attributes belong together.
      ...(form === "full" && { objects: countObjects(entry).n }),
      ...(withdrawn > 0 && { removed: withdrawn }),
      types: countTypes(entry).map(({ type, n }) => ({ type: wellFormed(type), n })),
    },
    changed: formatChanges(entry),
    ...(event?.tags && { tags: event.tags.map(({ name }) => wellFormed(name)) }),
    ...(event?.clusters && {
      clusters: event.clusters.map(({ galaxy, value }) => ({ galaxy: wellFormed(galaxy), value: wellFormed(value) })),
    }),
    tag: tag && { name: wellFormed(tag.name), on: tag.on, attribute_id: optional(tag.attributeId) },
    sighting: sighting && {
      type: sighting.type,
      org: organisation(sighting.org),
      source: form === "full" ? optional(sighting.source) : undefined,
      seen_at: formatIso(sighting.seenAt),
    },
    ...(form === "full" && formatContent(entry, listed, values)),
    ...(Object.keys(truncated).length > 0 && { truncated }),
  };
}

/** That all of an event is taken back: which it is, and why. */
function formatWithdrawal(entry: Entry, style: Style): EntryJson {
  const { form, alert, tlp, pap } = entry.guarded;
  const { uuid, id } = alert.event ?? {};
  return {
    kinds: entry.kinds,
    withdrawn: entry.withdrawn,
    form,
    instance: alert.instance,
    routes: entry.routes,
    marking: { tlp, pap },
    state: "Withdrawn",
    title: formatTitle(entry, style),
    received_at: formatIso(alert.receivedAt),
    event: { uuid: optional(uuid), id: optional(id), url: entry.link?.href },
  };
}

/** What is newer than the version that was told last; `exact` is false where there may be more. */
function formatChanges(entry: Entry) {
  const change = countChanges(entry);
  const itself = eventChanges(entry);
  return (
    change && {
      since: formatIso(entry.since),
      attributes: change.attributes,
      objects: change.objects,
      exact: change.exact,
      ...(change.compared && {
        told_at: formatIso(change.compared.toldAt),
        added: change.compared.added,
        changed: change.compared.changed,
        removed: change.compared.removed,
        unchanged: change.compared.unchanged,
        again: change.compared.again,
      }),
      ...(itself && {
        title: itself.title,
        threat_level: itself.threatLevel,
        tags_added: itself.tagsAdded.map(wellFormed),
        tags_removed: itself.tagsRemoved,
      }),
    }
  );
}

/** What metadata does not have. */
function formatContent(entry: Entry, listed: ListedItems, values: Values) {
  const { objects, lines } = entry.guarded.alert;
  const free = freeText(values);
  const formatObject = (object: MispObject) => ({
    uuid: optional(object.uuid),
    name: optional(object.name),
    comment: values === "none" ? undefined : free(object.comment),
  });
  const gone = objects.filter(({ deleted }) => deleted);
  const byKey: Objects = new Map(objects.map((object) => [object.key, object]));
  return {
    indicators: listed.items.map((item) => formatIndicator(byKey, item, values)),
    ...(listed.removed.length > 0 && { removed: listed.removed.map((item) => formatIndicator(byKey, item, values)) }),
    objects: objects.filter(({ deleted }) => !deleted).map(formatObject),
    ...(gone.length > 0 && { removed_objects: gone.map(formatObject) }),
    lines: lines.map(({ label, text }) => ({ label, text: free(text) })),
  };
}

/** Keeps at most so many of each list, and counts what goes. */
export function cutEntry(entry: EntryJson, limits: Readonly<Partial<Record<Cuttable, number>>>): EntryJson {
  const kept: Partial<Record<Cuttable, readonly unknown[]>> = {};
  const truncated: Record<string, number> = { ...entry.truncated };
  for (const list of CUTTABLE) {
    const whole = entry[list] ?? [];
    const limit = limits[list] ?? whole.length;
    if (whole.length > limit) {
      kept[list] = whole.slice(0, limit);
      truncated[list] = (truncated[list] ?? 0) + whole.length - limit;
    }
  }
  return Object.keys(kept).length === 0 ? entry : { ...entry, ...kept, truncated };
}

/** With no text in its lists that is longer than so many characters; what has lost some of its text says so with `cut`. */
export function cutTexts(entry: EntryJson, limit: number): EntryJson {
  const cut = (row: unknown): unknown => {
    if (typeof row !== "object" || row === null) {
      return row;
    }
    const fields = Object.entries(row);
    const isLong = (value: unknown) => typeof value === "string" && value.length > limit;
    if (!fields.some(([, value]) => isLong(value))) {
      return row;
    }
    const short = fields.map(([name, value]) => [
      name,
      isLong(value) ? String(value).slice(0, limit).toWellFormed() : value,
    ]);
    return { ...Object.fromEntries(short), cut: true };
  };
  const lists = CUTTABLE.flatMap((list) => (entry[list] ? [[list, entry[list].map(cut)] as const] : []));
  return { ...entry, ...Object.fromEntries(lists) };
}
