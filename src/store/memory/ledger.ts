import type { Alert } from "../../model/alert.ts";
import type {
  ChangeableMessage,
  Collected,
  Hold,
  Ledger,
  OwedFilter,
  OwedLine,
  PendingChanges,
  RecordFilter,
} from "../../model/ledger.ts";
import type { Memory, Undecided } from "../../model/memory.ts";
import type { Batch, BatchId, DeliveryId, RecordLine } from "../../model/outbox.ts";
import type { EventName } from "../../model/progress.ts";
import { acknowledgedBy, recordOf } from "../../model/record.ts";
import type { Acknowledgement } from "../../model/remind.ts";
import { type Silence, type SilenceState, silenceKey, silenceOf } from "../../model/silence.ts";
import { isRemindKey } from "../../pacing/remind.ts";
import { judgedOf, nameOf } from "../names.ts";
import type { MemoryPosts } from "./posts.ts";
import type { OwedDelivery, Tables } from "./rows.ts";

/** What the ledger shares with the store in memory. */
export interface MemoryLedgerContext {
  readonly tables: Tables;
  readonly posts: Pick<MemoryPosts, "pending" | "about" | "acknowledge">;
  readonly memoryOf: (alert: Alert) => Memory;
  readonly glimpseOf: (alert: Alert) => Alert;
  /** It is owed no more. */
  readonly forget: (owed: OwedDelivery) => void;
  readonly toldOf: (entries: Batch["entries"]) => NonNullable<Batch["told"]>;
  readonly lookAtClock: () => void;
}

/** What people ask and decide, in memory: everything is one page. */
export class MemoryLedger implements Ledger {
  readonly #context: MemoryLedgerContext;
  readonly #holds = new Map<string, { readonly hold: Hold; readonly agelessFrom: number }>();

  constructor(context: MemoryLedgerContext) {
    this.#context = context;
  }

  async probe(): Promise<void> {}

  async *owed(filter: OwedFilter): AsyncGenerator<readonly OwedLine[]> {
    const lines = this.#meant(filter).map((owed) => this.#lineOf(owed));
    if (lines.length > 0) {
      yield lines;
    }
  }

  async find(prefix: string): Promise<readonly DeliveryId[]> {
    const found = [...this.#context.tables.owed.values()].filter(({ delivery }) => delivery.id.startsWith(prefix));
    return found
      .map(({ delivery }) => delivery.id)
      .sort()
      .slice(0, 2);
  }

  async open(id: DeliveryId): Promise<{ readonly line: OwedLine; readonly batch: Batch } | undefined> {
    const owed = this.#context.tables.owed.get(id);
    if (!owed) {
      return undefined;
    }
    const line = this.#lineOf(owed);
    const { destination, createdAt } = owed.delivery;
    const group = this.#context.tables.groups.get(nameOf(destination, owed.groupKey))?.group;
    const formed = owed.batch === undefined ? undefined : this.#context.tables.batches.get(owed.batch);
    const alert = this.#context.glimpseOf(owed.alert);
    const memory = this.#context.memoryOf(judgedOf(alert, owed.delivery));
    const entries = [{ delivery: owed.delivery, alert, memory }];
    const told = this.#context.toldOf(entries);
    const batch: Batch = {
      id: owed.batch ?? (id as string as BatchId),
      destination,
      attempts: line.attempts,
      firstAttemptAt: line.firstAttemptAt ?? createdAt,
      show: formed?.show ?? group?.show ?? "matched",
      ...(formed?.note && { note: formed.note }),
      entries,
      ...(told.length > 0 && { told }),
    };
    return { line, batch };
  }

  async *hasten(filter: OwedFilter, now: number): AsyncGenerator<readonly OwedLine[]> {
    const movable = this.#movable(filter).filter(
      ({ batch, groupKey }) => filter.ids || batch !== undefined || !isRemindKey(groupKey),
    );
    for (const { batch, delivery, groupKey } of movable) {
      const name = nameOf(delivery.destination, groupKey);
      const formed = batch === undefined ? undefined : this.#context.tables.batches.get(batch);
      const group = this.#context.tables.groups.get(name);
      if (formed) {
        this.#context.tables.batches.set(formed.id, { ...formed, nextAt: Math.min(formed.nextAt, now) });
      } else if (group) {
        this.#context.tables.groups.set(name, { ...group, dueAt: Math.min(group.dueAt ?? now, now) });
      }
    }
    if (movable.length > 0) {
      yield movable.map((owed) => this.#lineOf(owed));
    }
  }

  async *drop(
    filter: OwedFilter,
    end: Parameters<Ledger["drop"]>[1],
    now: number,
  ): AsyncGenerator<readonly RecordLine[]> {
    const lines = this.#remove(this.#movable(filter), end, now);
    if (lines.length > 0) {
      yield lines;
    }
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<readonly RecordLine[]> {
    const { instance, eventUuid, at, by } = acknowledgement;
    this.#context.posts.acknowledge(acknowledgement);
    this.#context.tables.acknowledged.set(nameOf(instance, eventUuid), acknowledgement);
    const movable = this.#movable({ eventUuid }).filter(
      ({ delivery }) => delivery.reminder && delivery.instance === instance,
    );
    return this.#remove(movable, acknowledgedBy(by), at);
  }

  async acknowledged(eventUuid: string): Promise<readonly Acknowledgement[]> {
    return [...this.#context.tables.acknowledged.values()]
      .filter((one) => one.eventUuid === eventUuid)
      .sort((a, b) => (a.instance < b.instance ? -1 : 1));
  }

  /** Takes off what is owed, and writes down how it ended. */
  #remove(movable: readonly OwedDelivery[], end: Parameters<Ledger["drop"]>[1], now: number): readonly RecordLine[] {
    const { owed, batches } = this.#context.tables;
    const lines = movable.map(({ delivery }) => recordOf(delivery, now, end));
    for (const one of movable) {
      owed.delete(one.delivery.id);
      this.#context.forget(one);
    }
    this.#context.tables.records.push(...lines);
    for (const { batch, delivery, groupKey } of movable) {
      if (batch === undefined) {
        this.#tidy(nameOf(delivery.destination, groupKey), delivery.destination, groupKey);
      } else if (![...owed.values()].some((one) => one.batch === batch)) {
        batches.delete(batch);
      }
    }
    return lines;
  }

  async *records(filter: RecordFilter): AsyncGenerator<readonly RecordLine[]> {
    const { destination, eventUuid, outcome, since } = filter;
    const lines = this.#context.tables.records
      .toReversed()
      .filter(
        (line) =>
          (destination === undefined || line.destination === destination) &&
          (eventUuid === undefined || line.eventUuid === eventUuid) &&
          (outcome === undefined || line.outcome === outcome) &&
          (since === undefined || line.at >= since),
      );
    if (lines.length > 0) {
      yield lines;
    }
  }

  async undecided() {
    return countByInstance([...this.#context.tables.undecided.values()]);
  }

  async unconfirmed() {
    return countByInstance([...this.#context.tables.unconfirmed.values()]);
  }

  async toldAt(destination: string): Promise<number | undefined> {
    const told = this.#context.tables.records.filter(
      (line) => line.destination === destination && (line.outcome === "sent" || line.outcome === "unproven"),
    );
    return told.reduce<number | undefined>((newest, { at }) => Math.max(newest ?? at, at), undefined);
  }

  async holds(): Promise<readonly Hold[]> {
    this.#context.lookAtClock();
    return [...this.#holds.keys()].sort().flatMap((name) => this.#holds.get(name)?.hold ?? []);
  }

  async hold(hold: Hold): Promise<void> {
    const name = nameOf(hold.destination, hold.kind);
    if (!this.#holds.has(name)) {
      this.#holds.set(name, { hold, agelessFrom: hold.since });
    }
  }

  async limit({ destination, kind, note, until }: Hold): Promise<void> {
    const name = nameOf(destination, kind);
    const found = this.#holds.get(name);
    if (found) {
      const { until: _, ...hold } = found.hold;
      this.#holds.set(name, { ...found, hold: { ...hold, note, ...(until !== undefined && { until }) } });
    }
  }

  async nextDue(destination: string): Promise<number | undefined> {
    const { batches, groups } = this.#context.tables;
    const free = [...batches.values()].filter((one) => one.destination === destination && one.takenAt === undefined);
    const due = [...groups.values()].flatMap((one) =>
      one.destination === destination && typeof one.dueAt === "number" ? [one.dueAt] : [],
    );
    return [...free.map(({ nextAt }) => nextAt), ...due].sort((a, b) => a - b)[0];
  }

  async collected(): Promise<readonly Collected[]> {
    const { owed, groups } = this.#context.tables;
    const all = new Map<string, Collected>();
    for (const { destination, group, collects, dueAt } of groups.values()) {
      if (!collects || collects === "silence" || typeof dueAt !== "number") {
        continue;
      }
      const waits = [...owed.values()].filter(
        (one) => one.batch === undefined && one.groupKey === group.key && one.delivery.destination === destination,
      );
      const name = nameOf(destination, collects);
      const before = all.get(name);
      const first = Math.min(dueAt, before?.dueAt ?? dueAt);
      all.set(name, { destination, collects, n: waits.length + (before?.n ?? 0), dueAt: first });
    }
    return [...all.keys()].sort().flatMap((name) => all.get(name) ?? []);
  }

  async pendingChanges(): Promise<readonly PendingChanges[]> {
    this.#context.lookAtClock();
    return this.#context.posts.pending();
  }

  async messages(event: EventName): Promise<readonly ChangeableMessage[]> {
    this.#context.lookAtClock();
    return this.#context.posts.about(event);
  }

  async silences(since: number): Promise<readonly SilenceState[]> {
    this.#context.lookAtClock();
    return [...this.#context.tables.silences.values()]
      .filter(({ until }) => until > since)
      .sort((a, b) => a.until - b.until || (a.id < b.id ? -1 : 1))
      .map((one) => ({ ...one, held: this.#heldBy(one.id) }));
  }

  #heldBy(id: string): SilenceState["held"] {
    const held = [...this.#context.tables.owed.values()].filter(
      ({ batch, groupKey }) => batch === undefined && groupKey === silenceKey(id),
    );
    const names = [...new Set(held.map(({ delivery }) => delivery.destination))].sort();
    return names.map((name) => ({
      destination: name,
      n: held.filter(({ delivery }) => delivery.destination === name).length,
    }));
  }

  async silence(silence: Silence): Promise<void> {
    const { silences, groups } = this.#context.tables;
    silences.set(silence.id, { ...silence, muted: silences.get(silence.id)?.muted ?? 0 });
    for (const [name, state] of groups) {
      if (state.group.key === silenceKey(silence.id) && typeof state.dueAt === "number") {
        groups.set(name, { ...state, dueAt: silence.until });
      }
    }
  }

  async release(destination: string, kind: Hold["kind"], now: number): Promise<void> {
    const held = [...this.#holds].filter(([, { hold }]) => hold.destination === destination);
    if (!this.#holds.delete(nameOf(destination, kind))) {
      return;
    }
    const from = Math.min(...held.map(([, { agelessFrom }]) => agelessFrom));
    for (const batch of this.#context.tables.batches.values()) {
      const { firstAttemptAt } = batch;
      if (batch.destination !== destination || firstAttemptAt === undefined) {
        continue;
      }
      const slept = Math.max(0, now - Math.max(from, firstAttemptAt));
      this.#context.tables.batches.set(batch.id, { ...batch, firstAttemptAt: firstAttemptAt + slept });
    }
    for (const [name, { hold }] of held) {
      if (hold.kind !== kind) {
        this.#holds.set(name, { hold, agelessFrom: now });
      }
    }
  }

  /** The clock was set back by so much: what is held was held by the new one. */
  setBack(by: number): void {
    for (const [name, { hold, agelessFrom }] of this.#holds) {
      const until = hold.until === undefined ? {} : { until: hold.until - by };
      this.#holds.set(name, { hold: { ...hold, since: hold.since - by, ...until }, agelessFrom: agelessFrom - by });
    }
  }

  /** The clock was set ahead: what depends on how long a hold has lasted does not. */
  setAhead(later: (at: number) => number): void {
    for (const [name, { hold, agelessFrom }] of this.#holds) {
      const since = hold.kind === "unnamed" ? later(hold.since) : hold.since;
      this.#holds.set(name, { hold: { ...hold, since }, agelessFrom: later(agelessFrom) });
    }
  }

  #meant({ ids, destinations, standing, eventUuid, before }: OwedFilter): readonly OwedDelivery[] {
    return [...this.#context.tables.owed.values()].filter(
      (owed) =>
        (ids === undefined || ids.includes(owed.delivery.id)) &&
        (destinations === undefined || destinations.includes(owed.delivery.destination)) &&
        (standing === undefined || this.#standingOf(owed) === standing) &&
        (eventUuid === undefined || owed.delivery.eventUuid === eventUuid) &&
        (before === undefined || owed.owedSince < before),
    );
  }

  #movable(filter: OwedFilter): readonly OwedDelivery[] {
    return this.#meant(filter).filter((owed) => this.#standingOf(owed) !== "sending");
  }

  #standingOf({ batch }: OwedDelivery): OwedLine["standing"] {
    if (batch === undefined) {
      return "waiting";
    }
    return this.#context.tables.batches.get(batch)?.takenAt === undefined ? "retrying" : "sending";
  }

  #lineOf(owed: OwedDelivery): OwedLine {
    const { delivery, groupKey } = owed;
    const batch = owed.batch === undefined ? undefined : this.#context.tables.batches.get(owed.batch);
    const group = this.#context.tables.groups.get(nameOf(delivery.destination, groupKey));
    const silence = owed.batch === undefined ? silenceOf(groupKey) : undefined;
    return {
      delivery,
      standing: this.#standingOf(owed),
      group: groupKey,
      dueAt: batch?.nextAt ?? group?.dueAt ?? delivery.createdAt,
      attempts: batch?.attempts ?? 0,
      ...(batch?.firstAttemptAt !== undefined && { firstAttemptAt: batch.firstAttemptAt }),
      ...(batch?.reason !== undefined && { reason: batch.reason }),
      ...(silence !== undefined && { silence }),
      ...(owed.batch === undefined && group?.collects && { collects: group.collects }),
    };
  }

  /** A group in which nothing waits is never due. */
  #tidy(name: string, destination: string, groupKey: string): void {
    const { owed, groups } = this.#context.tables;
    const group = groups.get(name);
    const waits = [...owed.values()].some(
      (one) => one.batch === undefined && one.groupKey === groupKey && one.delivery.destination === destination,
    );
    if (!group || waits) {
      return;
    }
    if (group.collects === "flood") {
      return; // it stays due: it says that the flood is over
    }
    if (typeof group.lastLeftAt === "number") {
      groups.set(name, { ...group, dueAt: null });
    } else {
      groups.delete(name);
    }
  }
}

function countByInstance(all: readonly Pick<Undecided, "instance" | "since">[]) {
  return [...new Set(all.map(({ instance }) => instance))].sort().map((instance) => {
    const ofIt = all.filter((one) => one.instance === instance);
    return { instance, messages: ofIt.length, oldestAt: Math.min(...ofIt.map(({ since }) => since)) };
  });
}
