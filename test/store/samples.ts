import type { Alert, AlertId } from "../../src/model/alert.ts";
import type { EventMemory, PartMemory } from "../../src/model/memory.ts";
import type {
  Batch,
  Delivery,
  DeliveryId,
  Effects,
  Group,
  RecordLine,
  Settlement,
  Store,
} from "../../src/model/outbox.ts";
import { recordOf } from "../../src/model/record.ts";
import { takeOne } from "../support/one-batch.ts";

export const NOW = 1_790_000_000_000;
export const MINUTE = 60_000;
export const UUID = "5f1b2c3d-0000-4000-8000-000000000001";

/** Asks for the event of the samples. */
export const EVENT_KEYS = { events: [{ instance: "cert", uuid: UUID, whole: true }], parts: [] };

/** The group of most samples: leaves at once, then every five minutes. */
export function group(key = "event", fields: Partial<Group> = {}): Group {
  return { key, waitMs: 0, intervalMs: 5 * MINUTE, show: 20, ...fields };
}

export function alert(id: string, fields: Partial<Alert> = {}): Alert {
  return {
    id: id as AlertId,
    kind: "event.published",
    instance: "cert",
    receivedAt: NOW,
    subject: { type: "event", uuid: UUID },
    version: "1",
    event: { id: "7", uuid: UUID, info: "Ein Köder \u0000 \ud800 für alle", changedAt: NOW - MINUTE, tags: [] },
    marking: { tlp: "green", pap: "none", chr: false },
    everPublished: true,
    items: [{ id: "70", tags: [], tagsKnown: true, marking: { tlp: "none", pap: "none", chr: false }, reach: [] }],
    counts: [],
    objects: [],
    lines: [],
    ...fields,
  };
}

/** A delivery of the alert `alertId` (by default one named after it) to `soc`. */
export function delivery(id: string, fields: Partial<Omit<Delivery, "alert">> & { alert?: string } = {}): Delivery {
  const { alert: alertId = `alert-${id}`, ...rest } = fields;
  return {
    id: id as DeliveryId,
    destination: "soc",
    instance: "cert",
    kind: "event.published",
    eventUuid: UUID,
    changedAt: NOW - MINUTE,
    createdAt: NOW,
    priority: "normal",
    routes: ["rest"],
    mentions: [],
    groups: [group()],
    ...rest,
    alert: alertId as AlertId,
  };
}

export function eventMemory(fields: Partial<EventMemory> = {}): EventMemory {
  return {
    instance: "cert",
    key: UUID,
    revision: 0,
    event: { id: "7", uuid: UUID, changedAt: NOW - MINUTE, tags: [{ name: "tlp:green" }] },
    attached: [],
    everPublished: true,
    deleted: false,
    ...fields,
  };
}

export function partMemory(id: string, fields: Partial<PartMemory> = {}): PartMemory {
  return {
    instance: "cert",
    part: "attribute",
    id,
    eventKey: UUID,
    tags: ["tlp:red"],
    eventChangedAt: NOW - MINUTE,
    changedAt: NOW - MINUTE,
    ...fields,
  };
}

export function effects(fields: Partial<Effects> = {}): Effects {
  return {
    events: [],
    aliases: [],
    adopted: [],
    parts: [],
    forget: [],
    alerts: [],
    deliveries: [],
    records: [],
    undecided: [],
    decided: [],
    cursors: [],
    ...fields,
  };
}

/** Deliveries with the alerts that they are about. */
export function owing(...deliveries: readonly Delivery[]): Effects {
  const ids = new Set(deliveries.map((one) => one.alert));
  return effects({ deliveries, alerts: [...ids].map((id) => alert(id)) });
}

export function record(of: Delivery, fields: Partial<RecordLine> = {}): RecordLine {
  return { ...recordOf(of, NOW, { outcome: "sent" }), ...fields };
}

/** Everything in the batch ended in `outcome`. */
export function settledAs(batch: Batch, outcome: RecordLine["outcome"], at = NOW): Settlement {
  return {
    batch: batch.id,
    records: batch.entries.map((entry) => record(entry.delivery, { outcome, at })),
    attempted: !["refused", "withdrawn", "muted"].includes(outcome),
  };
}

/** The batch that is due; fails where there is none. */
export async function takeBatch(store: Store, now: number, destination = "soc"): Promise<Batch> {
  const taken = await takeOne(store, destination, now);
  if (!taken || !("batch" in taken)) {
    throw new Error(`nothing is due: ${JSON.stringify(taken)}`);
  }
  return taken.batch;
}

export function idsOf(batch: Batch): readonly string[] {
  return batch.entries.map((entry) => entry.delivery.id);
}
