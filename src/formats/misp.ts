import { formatCount } from "../alert/text.ts";
import type { Item } from "../model/alert.ts";
import type { MispObject, Reach, Tag } from "../model/misp.ts";
import type { Entry, Payload, Weight } from "../model/payload.ts";
import { ANALYSES, DISTRIBUTIONS, THREAT_LEVELS, type Tlp } from "../model/vocabulary.ts";
import { type Body, type Format, sizeInList } from "./format.ts";

type Row = Readonly<Record<string, unknown>>;

/** An event as MISP's core format has it, in the pieces that a payload can be cut into. */
interface Core {
  readonly event: Row;
  /** In the order of the alert's items; undefined: it is not told. */
  readonly attributes: readonly (Row | undefined)[];
  readonly objects: ReadonlyMap<string, Row>;
}

const TLP_TAG = /^tlp\s*[:=]/i;
const TITLE_WITHHELD = "(title withheld)";

/** What a payload tells as events; what is about none, or only points to one, has none. */
function coreOf(entry: Entry): Core | undefined {
  const { guarded, withdrawn } = entry;
  const { alert, form } = guarded;
  const { event, objects } = alert;
  if (event?.uuid === undefined || (form === "pointer" && !withdrawn)) {
    return undefined;
  }
  const eventTlp = entry.eventMarking?.tlp ?? guarded.tlp;
  return {
    event: {
      uuid: event.uuid.toWellFormed(),
      info: event.info?.toWellFormed() ?? TITLE_WITHHELD,
      ...(event.date !== undefined && { date: event.date }),
      threat_level_id: numberOf(THREAT_LEVELS, event.threatLevel ?? "undefined", 1),
      analysis: numberOf(ANALYSES, event.analysis ?? "initial"),
      distribution: widthOf([event]),
      published: !withdrawn && (event.published ?? alert.kind === "event.published"),
      ...secondsOf("timestamp", event.changedAt),
      ...(event.extendsUuid !== undefined && { extends_uuid: event.extendsUuid }),
      ...(event.org && { Orgc: { name: event.org.name?.toWellFormed(), uuid: event.org.uuid } }),
      Tag: tagsOf(event.tags ?? [], eventTlp),
    },
    attributes: alert.items.map((item) => attributeOf(item, entry)),
    objects: new Map(objects.map((object) => [object.key, objectOf(object)] as const)),
  };
}

function attributeOf(item: Item, { guarded: { alert }, withdrawn }: Entry): Row | undefined {
  const { type, value, uuid } = item;
  if (type === undefined || value === undefined || uuid === undefined) {
    return undefined;
  }
  const isGone = withdrawn !== undefined || item.withdrawn === "deleted" || item.withdrawn === "removed";
  const eventAt = alert.event?.changedAt;
  // MISP takes only what is newer than what it has.
  const changedAt = isGone ? Math.max(item.changedAt ?? 0, eventAt ?? alert.receivedAt) : (item.changedAt ?? eventAt);
  return {
    uuid: uuid.toWellFormed(),
    type: type.toWellFormed(),
    ...(item.category !== undefined && { category: item.category.toWellFormed() }),
    value: value.toWellFormed(),
    to_ids: item.toIds === true && item.withdrawn !== "not-for-detection",
    comment: item.comment?.toWellFormed() ?? "",
    distribution: widthOf(item.reach),
    ...secondsOf("timestamp", changedAt),
    ...instantOf("first_seen", item.firstSeen),
    ...instantOf("last_seen", item.lastSeen),
    ...(item.relation !== undefined && { object_relation: item.relation.toWellFormed() }),
    deleted: isGone,
    Tag: tagsOf(
      item.tags.map((name) => ({ name })),
      item.marking.tlp === "none" || item.marking.tlp === "unknown" ? "untagged" : item.marking.tlp,
    ),
  };
}

function objectOf(object: MispObject): Row {
  const { key, uuid, name, metaCategory, comment, changedAt, deleted } = object;
  return {
    uuid: (uuid ?? key).toWellFormed(),
    name: name?.toWellFormed() ?? "object",
    ...(metaCategory !== undefined && { "meta-category": metaCategory.toWellFormed() }),
    comment: comment?.toWellFormed() ?? "",
    distribution: object.distribution === undefined ? INHERIT : widthOf([object]),
    ...secondsOf("timestamp", changedAt),
    deleted: deleted === true,
  };
}

/** The labels that count here, whatever the tags say; what MISP itself does not export is not in it. */
function tagsOf(tags: readonly Tag[], tlp: Tlp | "untagged"): readonly Row[] {
  const names = tags.filter(({ name, exportable }) => exportable !== false && !TLP_TAG.test(name));
  return [
    ...names.map(({ name, local }) => ({ name: name.toWellFormed(), ...(local && { local: true }) })),
    ...(tlp === "untagged" ? [] : [{ name: `tlp:${tlp}` }]),
  ];
}

const INHERIT = String(DISTRIBUTIONS.indexOf("inherit"));
const NARROW = String(DISTRIBUTIONS.indexOf("organisation"));

/** The narrowest of these. Who is in a sharing group is not told, so that what is for one is for its receiver alone. */
function widthOf(levels: readonly Reach[]): string {
  const told = levels.map(({ distribution = "organisation" }) => distribution);
  if (told.includes("sharing_group")) {
    return NARROW;
  }
  const numbers = told.filter((width) => width !== "inherit").map((width) => DISTRIBUTIONS.indexOf(width));
  return numbers.length === 0 ? INHERIT : String(Math.min(...numbers));
}

function numberOf<T>(words: readonly T[], word: T, first = 0): string {
  return String(Math.max(0, words.indexOf(word)) + first);
}

function secondsOf(name: string, at: number | undefined) {
  return at === undefined ? {} : { [name]: String(Math.floor(at / 1000)) };
}

function instantOf(name: string, at: number | undefined) {
  return at === undefined || Math.abs(at) > 8.64e15 ? {} : { [name]: new Date(at).toISOString() };
}

/** The event with its attributes, those of objects within them. */
function put({ event, attributes, objects }: Core, items: readonly Item[]): Row {
  const loose: Row[] = [];
  const inside = new Map<string, Row[]>([...objects.keys()].map((key) => [key, []]));
  for (const [index, attribute] of attributes.entries()) {
    if (attribute) {
      (inside.get(items[index]?.objectKey ?? "") ?? loose).push(attribute);
    }
  }
  const nested = [...objects].map(([key, object]) => ({ ...object, Attribute: inside.get(key) ?? [] }));
  return { Event: { ...event, Attribute: loose, Object: nested } };
}

function coresOf(payload: Payload): readonly (Core | undefined)[] {
  return payload.entries.map((entry) => (payload.minimal ? undefined : coreOf(entry)));
}

function serialise(payload: Payload, cores: readonly (Core | undefined)[]): string {
  const response = cores.flatMap((core, index) =>
    core ? [put(core, payload.entries[index]?.guarded.alert.items ?? [])] : [],
  );
  return JSON.stringify({ response });
}

function whole(payload: Payload): string {
  return serialise(payload, coresOf(payload));
}

/** `,"Attribute":[]` of an object. */
const NESTED_BYTES = 16;

function weigh(payload: Payload): Weight {
  const cores = coresOf(payload);
  return {
    total: Buffer.byteLength(serialise(payload, cores)),
    entries: cores.map((core) => ({
      base: core ? sizeInList({ Event: { ...core.event, Attribute: [], Object: [] } }) : 0,
      items: core?.attributes.map((row) => (row ? sizeInList(row) : 0)) ?? [],
      objects: new Map([...(core?.objects ?? [])].map(([key, row]) => [key, sizeInList(row) + NESTED_BYTES] as const)),
    })),
  };
}

/** Over `maxBytes` it loses whole attributes, the longest first. */
function fit(payload: Payload, maxBytes: number): Body {
  const cores = coresOf(payload);
  const text = serialise(payload, cores);
  let over = Buffer.byteLength(text) - maxBytes;
  if (over <= 0) {
    return { text, trimmed: [] };
  }
  const rows = cores
    .flatMap((core) => core?.attributes.filter((row) => row !== undefined) ?? [])
    .map((row) => ({ row, bytes: sizeInList(row) }))
    .sort((a, b) => b.bytes - a.bytes);
  const gone = new Set<Row>();
  for (const { row, bytes } of rows) {
    if (over <= 0) {
      break;
    }
    gone.add(row);
    over -= bytes;
  }
  const left = cores.map(
    (core): Core | undefined =>
      core && { ...core, attributes: core.attributes.map((row) => (row && gone.has(row) ? undefined : row)) },
  );
  return { text: serialise(payload, left), trimmed: [`${formatCount(gone.size, "attribute")} left out`] };
}

/** Events in MISP's core format, as one MISP exports them and another imports them. */
export const misp: Format = { mediaType: "application/json; charset=utf-8", needsValues: true, whole, weigh, fit };
