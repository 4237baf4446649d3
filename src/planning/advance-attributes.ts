import { isMarking } from "../guard/marking.ts";
import type { AttributeMemory, EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Attribute } from "../model/misp.ts";
import { seenAt } from "./advance.ts";

/** A label that is not exportable is missing in every publication: none is newer than it. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** What a message changes about the markings of attributes. */
export interface AttributeChanges {
  readonly upsert: readonly AttributeMemory[];
  readonly forget: readonly string[];
}

/** What becomes of the row of one attribute: `absent` where it has no marking any more, undefined where nothing changes. */
type RowChange = AttributeMemory | "absent" | undefined;

/** `rows` are the known markings of the event's attributes by attribute id; `event` is the memory after the message. */
export function advanceAttributes(
  rows: ReadonlyMap<string, AttributeMemory>,
  event: EventMemory,
  message: Message,
): AttributeChanges {
  const tagged = message.tag?.attributeId;
  if (tagged !== undefined) {
    const row = withLabel(tagged, rows.get(tagged), event, message);
    return { upsert: row ? [row] : [], forget: [] };
  }
  const upsert: AttributeMemory[] = [];
  const forget: string[] = [];
  for (const attribute of message.attributes) {
    const { id } = attribute;
    if (id === undefined) {
      continue;
    }
    const change = withLabels({ ...attribute, id }, rows.get(id), event, message);
    if (change === "absent") {
      forget.push(id);
    } else if (change) {
      upsert.push(change);
    }
  }
  return { upsert, forget };
}

/** A label was attached to an attribute: it counts at once. */
function withLabel(
  id: string,
  row: AttributeMemory | undefined,
  event: EventMemory,
  { instance, kind, tag, receivedAt }: Message,
): AttributeMemory | undefined {
  if (!tag || kind !== "tag.attached" || !isMarking(tag.name)) {
    return undefined;
  }
  const at = seenAt(event, receivedAt);
  return {
    instance,
    id,
    eventKey: event.key,
    tags: [...new Set([...(row?.tags ?? []), tag.name])],
    eventChangedAt: Math.max(tag.exportable === false ? NEVER : at, row?.eventChangedAt ?? 0),
    changedAt: Math.max(at, row?.changedAt ?? 0),
  };
}

/** A frame lists the tags of an attribute: labels tighten, and are gone if the list is newer than they are. */
function withLabels(
  { id, tags: list, changedAt = 0 }: Attribute & { readonly id: string },
  row: AttributeMemory | undefined,
  event: EventMemory,
  message: Message,
): RowChange {
  const labels = list?.filter(({ name }) => isMarking(name)) ?? [];
  if (!list || (!row && labels.length === 0)) {
    return undefined;
  }
  const isPublication = message.kind === "event.published";
  const listedAt = message.event?.changedAt ?? 0;
  const isNewer = !row || (isPublication ? listedAt > row.eventChangedAt : changedAt > row.changedAt);
  if (!isNewer && labels.length === 0) {
    return undefined;
  }
  const tags = [...new Set([...(isNewer ? [] : row.tags), ...labels.map(({ name }) => name)])];
  if (tags.length === 0) {
    return "absent";
  }
  // A frame about the attribute does not tell when its event changed: not before the attribute did.
  const at = isPublication ? listedAt : Math.max(event.event.changedAt ?? 0, changedAt);
  const isHidden = labels.some(({ exportable }) => exportable === false);
  const before = isNewer && !isPublication ? undefined : row;
  const after: AttributeMemory = {
    instance: message.instance,
    id,
    eventKey: event.key,
    tags,
    eventChangedAt: Math.max(isHidden ? NEVER : at, before?.eventChangedAt ?? 0),
    changedAt: Math.max(changedAt, before?.changedAt ?? 0),
  };
  return row && isSame(row, after) ? undefined : after;
}

function isSame(a: AttributeMemory, b: AttributeMemory): boolean {
  return a.tags.length === b.tags.length && a.eventChangedAt === b.eventChangedAt && a.changedAt === b.changedAt;
}
