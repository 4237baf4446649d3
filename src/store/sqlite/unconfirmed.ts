import type { Keys, Known, Unconfirmed } from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import type { Database } from "./driver.ts";
import { parseBody } from "./rows.ts";

interface Row {
  readonly body: string;
}

/** What waits for MISP's word, in SQLite, and whose feed tells of tags. Every call is part of a transaction. */
export class UnconfirmedRows {
  readonly #sql;

  constructor(db: Database) {
    this.#sql = {
      add: db.prepare(`
        INSERT OR IGNORE INTO unconfirmed (id, instance, event_key, event_id, since, body) VALUES (?, ?, ?, ?, ?, ?)`),
      drop: db.prepare("DELETE FROM unconfirmed WHERE id = ?"),
      ofEvent: db.prepare<Row>("SELECT body FROM unconfirmed WHERE instance = ? AND event_key = ? ORDER BY seq"),
      oldest: db.prepare<{ readonly event_key: string }>(`
        SELECT event_key FROM unconfirmed WHERE instance = ? AND event_key NOT IN (SELECT value FROM json_each(?))
        GROUP BY event_key ORDER BY min(seq) LIMIT ?`),
      byKey: db.prepare<PendingRow>(
        "SELECT event_key, event_id FROM unconfirmed WHERE instance = ? AND event_key = ? ORDER BY seq LIMIT 1",
      ),
      byId: db.prepare<PendingRow>(
        "SELECT event_key, event_id FROM unconfirmed WHERE instance = ? AND event_id = ? ORDER BY seq LIMIT 1",
      ),
      tagged: db.prepare<{ readonly instance: string }>("SELECT instance FROM tagged ORDER BY instance"),
      tag: db.prepare("INSERT OR IGNORE INTO tagged (instance) VALUES (?)"),
    };
  }

  /** The events among these of which something waits, and whose feed tells of tags. */
  load({ events }: Keys): Pick<Known, "unconfirmed" | "tagged"> {
    const unconfirmed = new Map<string, Required<Known>["unconfirmed"][number]>();
    for (const { instance, id, uuid } of events) {
      const rows = [
        uuid === undefined ? undefined : this.#sql.byKey.get(instance, uuid),
        id === undefined ? undefined : this.#sql.byId.get(instance, id),
      ];
      for (const row of rows) {
        if (row) {
          const { event_key: eventKey, event_id: eventId } = row;
          // What waits of one event may have come under several numbers: a message may know it by any of them.
          unconfirmed.set(JSON.stringify([instance, eventKey, eventId]), {
            instance,
            eventKey,
            ...(eventId !== null && { eventId }),
          });
        }
      }
    }
    const tagged = this.#sql.tagged.all().map(({ instance }) => instance);
    return {
      ...(unconfirmed.size > 0 && { unconfirmed: [...unconfirmed.values()] }),
      ...(tagged.length > 0 && { tagged }),
    };
  }

  apply({ unconfirmed = [], confirmed = [], tagged = [] }: Effects): void {
    for (const id of confirmed) {
      this.#sql.drop.run(id);
    }
    for (const one of unconfirmed) {
      this.#sql.add.run(one.id, one.instance, one.eventKey, one.eventId ?? null, one.since, JSON.stringify(one));
    }
    for (const instance of tagged) {
      this.#sql.tag.run(instance);
    }
  }

  next(instance: string, limit: number, except: readonly string[]): readonly Unconfirmed[] {
    const events = this.#sql.oldest.all(instance, JSON.stringify(except), limit);
    return events.flatMap(({ event_key }) =>
      this.#sql.ofEvent.all(instance, event_key).map(({ body }) => parseBody<Unconfirmed>(body)),
    );
  }
}

interface PendingRow {
  readonly event_key: string;
  readonly event_id: string | null;
}
