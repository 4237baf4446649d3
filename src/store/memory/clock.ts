import { setBack as setFloodsBack } from "../../pacing/flood.ts";
import type { Tables } from "./rows.ts";

/** What has grown older by a clock that was set ahead has not. */
export function setAhead(tables: Tables, later: (at: number) => number): void {
  for (const [id, batch] of tables.batches) {
    const { firstAttemptAt, takenAt } = batch;
    tables.batches.set(id, {
      ...batch,
      ...(firstAttemptAt !== undefined && { firstAttemptAt: later(firstAttemptAt) }),
      ...(takenAt !== undefined && { takenAt: later(takenAt) }),
    });
  }
  for (const [id, one] of tables.undecided) {
    tables.undecided.set(id, { ...one, since: later(one.since) });
  }
}

/** What is owed leaves, and grows old, as by a clock that was not set back. */
export function setBack(tables: Tables, back: number): void {
  const earlier = <K extends string>(key: K, at: number | null | undefined) =>
    typeof at === "number" ? { [key]: at - back } : {};
  for (const [name, group] of tables.groups) {
    const times = { ...earlier("dueAt", group.dueAt), ...earlier("lastLeftAt", group.lastLeftAt) };
    tables.groups.set(name, { ...group, ...times });
  }
  for (const [id, batch] of tables.batches) {
    const times = { ...earlier("firstAttemptAt", batch.firstAttemptAt), ...earlier("takenAt", batch.takenAt) };
    tables.batches.set(id, { ...batch, nextAt: batch.nextAt - back, ...times });
  }
  for (const [id, one] of tables.undecided) {
    tables.undecided.set(id, { ...one, since: one.since - back });
  }
  for (const [id, one] of tables.unconfirmed) {
    tables.unconfirmed.set(id, { ...one, since: one.since - back });
  }
  for (const [destination, floods] of tables.floods) {
    tables.floods.set(destination, setFloodsBack(floods, back));
  }
  for (const [id, owed] of tables.owed) {
    tables.owed.set(id, { ...owed, owedSince: owed.owedSince - back });
  }
  for (const [id, silence] of tables.silences) {
    tables.silences.set(id, { ...silence, until: silence.until - back });
  }
  for (const [name, one] of tables.acknowledged) {
    tables.acknowledged.set(name, { ...one, at: one.at - back });
  }
}
