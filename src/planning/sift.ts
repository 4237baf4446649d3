import type { EventMemory, Known, Unconfirmed } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Organisation, Reach } from "../model/misp.ts";
import type { Effects } from "../model/outbox.ts";
import { kindOf } from "./changes.ts";
import { unpublished } from "./confirm.ts";
import { alertId } from "./identity.ts";
import type { Asked, Rules } from "./plan.ts";

/** What is planned now of a micro-batch, and what waits until MISP has confirmed a publication. */
export interface Sifted {
  readonly messages: readonly Message[];
  /** One per message: undefined where it is planned as it is; else it is not told yet, and only teaches memory. */
  readonly only: readonly (Asked | undefined)[];
  readonly effects: Pick<Effects, "unconfirmed" | "tagged">;
}

type Pending = Pick<Unconfirmed, "instance" | "eventKey" | "eventId"> & {
  /** What memory knows of it from the next batch on. */
  readonly announcedAt?: number;
};

/**
 * Holds back the publications that MISP is to confirm, and what comes about the same events behind them. What they say
 * more strictly than memory counts at once. Pure; the messages that are left stay in order.
 */
export function sift(messages: readonly Message[], known: Known, now: number, rules: Rules): Sifted {
  const confirms = rules.confirms ?? new Set<string>();
  const tagged = new Set(known.tagged ?? []);
  const pending: Pending[] = [...(known.unconfirmed ?? [])];
  const readers = readersOf(rules);
  const planned: Message[] = [];
  const only: Sifted["only"][number][] = [];
  const unconfirmed: Unconfirmed[] = [];
  for (const message of messages) {
    if (confirms.has(message.instance) && (message.kind === "tag.attached" || message.kind === "tag.detached")) {
      tagged.add(message.instance);
    }
    const row = waits(message, known, pending, { confirms, tagged }, now, readers);
    if (!row) {
      planned.push(message);
      only.push(undefined);
      continue;
    }
    unconfirmed.push(row);
    const announcedAt = message.kind === "event.published" ? message.event?.changedAt : undefined;
    pending.push({ ...row, ...(announcedAt !== undefined && { announcedAt }) });
    const lesson = memoryOf(known, message) ? lessonOf(message) : undefined;
    if (lesson) {
      planned.push(lesson);
      only.push({ id: row.id, destinations: [] });
    }
  }
  const news = [...tagged].filter((instance) => !known.tagged?.includes(instance));
  return {
    messages: planned,
    only,
    effects: { ...(unconfirmed.length > 0 && { unconfirmed }), ...(news.length > 0 && { tagged: news }) },
  };
}

function waits(
  message: Message,
  known: Known,
  pending: readonly Pending[],
  { confirms, tagged }: { readonly confirms: ReadonlySet<string>; readonly tagged: ReadonlySet<string> },
  now: number,
  readers: ReadonlySet<string>,
): Unconfirmed | undefined {
  const { kind, instance, subject, version, event, late } = message;
  // What MISP itself has told is confirmed; that an event is deleted counts at once.
  if (!kind || !event || late || kind === "event.deleted") {
    return undefined;
  }
  // A mere number means the event that was seen under it last.
  const before = pending.findLast((one) => isAbout(one, message));
  const isNew =
    kind === "event.published" && confirms.has(instance) && !(tagged.has(instance) && wasTold(known, message));
  const eventKey = before?.eventKey ?? event.uuid ?? event.id;
  if ((!before && !isNew) || eventKey === undefined) {
    return undefined;
  }
  if (before && takesBack(message, before, pending, memoryOf(known, message))) {
    return undefined;
  }
  const eventId = event.id ?? before?.eventId;
  return {
    id: alertId({ instance, kind, subject, version }),
    instance,
    eventKey,
    ...(eventId !== undefined && { eventId }),
    message: withReadersOnly(message, readers),
    since: now,
  };
}

/** Whether a message says that what was announced last of the event is unpublished: that counts at once, as a deletion does. */
function takesBack(
  message: Message,
  { eventKey, instance }: Pending,
  pending: readonly Pending[],
  memory: EventMemory | undefined,
): boolean {
  const announcedAt = pending.findLast(
    (one) => one.instance === instance && one.eventKey === eventKey && one.announcedAt !== undefined,
  )?.announcedAt;
  const last = announcedAt ?? memory?.announcedAt;
  return memory !== undefined && last !== undefined && kindOf(message, { announcedAt: last }) === "event.unpublished";
}

function isAbout({ instance, eventKey, eventId }: Pending, { instance: own, event }: Message): boolean {
  if (instance !== own || !event) {
    return false;
  }
  return event.uuid === undefined
    ? event.id !== undefined && event.id === (eventId ?? eventKey)
    : event.uuid === eventKey;
}

/** Whether a publication of the event was confirmed, or told as the feed had it. */
function wasTold({ events }: Known, { instance, event }: Message): boolean {
  return events.some(
    (row) =>
      row.instance === instance && row.event.uuid === event?.uuid && row.publishedAt !== undefined && row.everPublished,
  );
}

function memoryOf({ events }: Known, { instance, event }: Message): EventMemory | undefined {
  return events.find(
    (row) =>
      row.instance === instance &&
      (event?.uuid === undefined ? row.event.id === event?.id : row.event.uuid === event.uuid),
  );
}

/** Before anything that MISP has: what is dated so replaces nothing, and tightens all the same. */
const LONG_AGO = 1;

/** What memory learns at once of a message that waits: what is stricter, of a part also what it is. */
function lessonOf(message: Message): Message | undefined {
  const isPublication = message.kind === "event.published";
  const changedAt = message.event?.changedAt;
  switch (message.kind) {
    case "event.published":
    case "event.edited":
    case "event.created":
      return unpublished({
        ...message,
        onlyTightens: true,
        ...(isPublication && changedAt !== undefined && { announcedAt: changedAt }),
        event: { ...message.event, changedAt: LONG_AGO },
      });
    case "tag.detached":
      return undefined;
    default:
      return message;
  }
}

/** Whoever may read something somewhere, as audiences name them. */
function readersOf({ destinations }: Rules): ReadonlySet<string> {
  return new Set([...destinations.values()].flatMap(({ guard }) => guard.audience.map((name) => name.toLowerCase())));
}

/** Who else is in a sharing group is not stored: members are kept only as far as some audience names them. */
function withReadersOnly(message: Message, readers: ReadonlySet<string>): Message {
  const isReader = ({ name, uuid }: Organisation) =>
    readers.has(name?.toLowerCase() ?? "") || readers.has(uuid?.toLowerCase() ?? "");
  const cut = <T extends Reach>(level: T): T =>
    level.sharingGroup?.members
      ? { ...level, sharingGroup: { ...level.sharingGroup, members: level.sharingGroup.members.filter(isReader) } }
      : level;
  return {
    ...message,
    ...(message.event && { event: cut(message.event) }),
    attributes: message.attributes.map(cut),
    objects: message.objects.map(cut),
  };
}
