import type { AskingState, Cursor, Keys, Known, Unconfirmed, Undecided } from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import { without } from "../undecided.ts";
import type { Tables } from "./rows.ts";

/** What waits for knowledge or for a word of MISP, and how far asking for it is, in memory. */
export class WaitingMessages {
  readonly #tables: Tables;
  readonly #cursors = new Map<string, Cursor>();
  readonly #asking = new Map<string, AskingState>();
  readonly #tagged = new Set<string>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  load(keys: Keys): Pick<Known, "unconfirmed" | "tagged"> {
    const unconfirmed = [...this.#tables.unconfirmed.values()]
      .filter(({ instance, eventKey, eventId }) =>
        keys.events.some(
          (key) => key.instance === instance && (key.uuid === eventKey || (key.id !== undefined && key.id === eventId)),
        ),
      )
      .map(({ instance, eventKey, eventId }) => ({ instance, eventKey, ...(eventId !== undefined && { eventId }) }));
    return {
      ...(unconfirmed.length > 0 && { unconfirmed }),
      ...(this.#tagged.size > 0 && { tagged: [...this.#tagged] }),
    };
  }

  apply(effects: Effects): void {
    for (const one of effects.undecided) {
      if (!this.#tables.undecided.has(one.id)) {
        this.#tables.undecided.set(one.id, one);
      }
    }
    for (const { id, destinations } of effects.decided) {
      const found = this.#tables.undecided.get(id);
      const left = found && without(found, destinations);
      if (left) {
        this.#tables.undecided.set(id, left);
      } else {
        this.#tables.undecided.delete(id);
      }
    }
    for (const { instance, id: from, key: eventKey } of effects.adopted) {
      for (const [id, one] of this.#tables.undecided) {
        if (one.instance === instance && one.eventKey === from) {
          this.#tables.undecided.set(id, { ...one, eventKey });
        }
      }
    }
    for (const { instance, publishedAt } of effects.cursors) {
      this.#cursors.set(instance, { firstAt: publishedAt, ...this.#cursors.get(instance), publishedAt });
    }
    for (const id of effects.confirmed ?? []) {
      this.#tables.unconfirmed.delete(id);
    }
    for (const one of effects.unconfirmed ?? []) {
      if (!this.#tables.unconfirmed.has(one.id)) {
        this.#tables.unconfirmed.set(one.id, one);
      }
    }
    for (const instance of effects.tagged ?? []) {
      this.#tagged.add(instance);
    }
    for (const state of effects.asking ?? []) {
      this.#asking.set(state.instance, state);
    }
  }

  next(instance: string, quietSince: number, except: readonly string[]) {
    const lastAt = new Map<string, number>();
    for (const { eventKey, since } of this.#undecidedOf(instance)) {
      if (!except.includes(eventKey)) {
        lastAt.set(eventKey, Math.max(since, lastAt.get(eventKey) ?? 0));
      }
    }
    const [quietest] = [...lastAt].sort(([, a], [, b]) => a - b);
    if (!quietest) {
      return undefined;
    }
    const [eventKey, at] = quietest;
    if (at > quietSince) {
      return { lastAt: at };
    }
    return { eventKey, undecided: this.#undecidedOf(instance).filter((one) => one.eventKey === eventKey) };
  }

  cursor(instance: string): Cursor | undefined {
    return this.#cursors.get(instance);
  }

  unconfirmed(instance: string, limit: number, except: readonly string[]): readonly Unconfirmed[] {
    const all = [...this.#tables.unconfirmed.values()].filter((one) => one.instance === instance);
    const events = [...new Set(all.map(({ eventKey }) => eventKey))].filter((key) => !except.includes(key));
    return events.slice(0, limit).flatMap((key) => all.filter(({ eventKey }) => eventKey === key));
  }

  asking(instance: string): AskingState | undefined {
    return this.#asking.get(instance);
  }

  #undecidedOf(instance: string): readonly Undecided[] {
    return [...this.#tables.undecided.values()].filter((one) => one.instance === instance);
  }
}
