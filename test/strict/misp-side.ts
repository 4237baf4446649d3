import type { Confirmed } from "../../src/planning/confirm.ts";
import type { Confirmations, EventInQuestion } from "../../src/recall/confirm.ts";
import type { Published } from "../../src/recall/missed.ts";
import type { EventAnswer } from "../../src/recall/question.ts";
import { SECOND, T0 } from "../support/messages.ts";
import type { Said } from "./words.ts";
import { EVENTS, eventUuid, type World } from "./world.ts";

export const HOURS_24 = 86_400_000;

/** The REST API of the world; what it answers is heard as it is answered. */
export class MispSide {
  isDown = false;
  readonly #world: World;
  readonly #hears: (said: Said) => void;
  /** Questions that were answered. */
  answered = 0;

  constructor(world: World, hears: (said: Said) => void) {
    this.#world = world;
    this.#hears = hears;
  }

  async confirm(asked: readonly EventInQuestion[], now: number): Promise<Confirmations> {
    if (this.isDown) {
      return { kind: "retry", reason: "http-503" };
    }
    const events = new Map<string, Confirmed>();
    for (const event of EVENTS) {
      const uuid = eventUuid(event);
      const told = asked.some((one) => one.uuid === uuid) ? this.#world.confirmed(event) : undefined;
      if (told) {
        events.set(uuid, told);
        this.#hear(event, now, false);
      }
    }
    return { kind: "events", events };
  }

  async ask(name: string, _withDeleted: boolean, now: number): Promise<EventAnswer> {
    if (this.isDown) {
      return { kind: "retry", reason: "http-503" };
    }
    const event = EVENTS.find((one) => {
      const said = this.#world.answer(one, 0, false);
      return said !== undefined && (eventUuid(one) === name || said.number === name);
    });
    if (event === undefined) {
      return { kind: "refused", reason: "event-not-found" };
    }
    this.#hear(event, now, true);
    return { kind: "event", ...this.#world.fetched(event) };
  }

  async published(since: number, page: number, now: number): Promise<Published> {
    if (this.isDown) {
      return { kind: "retry", reason: "http-503" };
    }
    const found = page > 1 ? [] : this.#world.since((since - T0) / SECOND);
    return {
      kind: "page",
      events: found.map(({ view, publishedAt }) => ({ event: view, publishedAt })),
      more: false,
      servedAt: now,
    };
  }

  #hear(event: (typeof EVENTS)[number], now: number, withParts: boolean): void {
    this.answered += 1;
    const said = this.#world.answer(event, (now - T0) / SECOND, withParts);
    if (said) {
      this.#hears(said);
    }
  }
}
