import { Wakeup } from "../base/wakeup.ts";
import type { RecordLine } from "../model/outbox.ts";
import { deliveryDead, isOurs, type Notice, toldUnconfirmed } from "./herald.ts";

/** What is lost of one destination for one reason is told this often at most, with a count. */
const LOSSES_EVERY_MS = 600_000;

interface Loss {
  readonly destination: string;
  readonly reason: string;
  n: number;
  nextAt: number;
}

/** What we have to say ourselves, until it is planned like any other message. */
export class Notices {
  /** Rings when there is something new. */
  readonly wakeup = new Wakeup();
  #said: Notice[] = [];
  readonly #losses = new Map<string, Loss>();
  readonly #unconfirmed = new Map<string, { readonly n: number; readonly nextAt: number }>();

  say(notice: Notice): void {
    this.#said.push(notice);
    this.wakeup.wake();
  }

  /** A delivery is dead. That one of our own is gets no message: it could beget the next one. */
  lost({ destination, kind, reason = "unknown" }: RecordLine): void {
    if (isOurs(kind)) {
      return;
    }
    const key = JSON.stringify([destination, reason]);
    const loss = this.#losses.get(key) ?? { destination, reason, n: 0, nextAt: Number.NEGATIVE_INFINITY };
    loss.n += 1;
    this.#losses.set(key, loss);
    this.wakeup.wake();
  }

  /** Publications of an instance were told without MISP's word. */
  unconfirmed(instance: string, n: number): void {
    const count = this.#unconfirmed.get(instance) ?? { n: 0, nextAt: Number.NEGATIVE_INFINITY };
    this.#unconfirmed.set(instance, { ...count, n: count.n + n });
    this.wakeup.wake();
  }

  /** What is to be told by now, once; with `all` also what would be counted for longer. */
  take(now: number, all = false): readonly Notice[] {
    const said = this.#said;
    this.#said = [];
    return [...said, ...this.#takeLosses(now, all), ...this.#takeUnconfirmed(now, all)];
  }

  #takeUnconfirmed(now: number, all: boolean): readonly Notice[] {
    const notices: Notice[] = [];
    for (const [instance, { n, nextAt }] of this.#unconfirmed) {
      if (!all && nextAt > now && nextAt - now <= LOSSES_EVERY_MS) {
        continue;
      }
      if (n === 0) {
        this.#unconfirmed.delete(instance);
        continue;
      }
      notices.push(toldUnconfirmed(instance, n, now));
      this.#unconfirmed.set(instance, { n: 0, nextAt: now + LOSSES_EVERY_MS });
    }
    return notices;
  }

  #takeLosses(now: number, all: boolean): readonly Notice[] {
    const notices: Notice[] = [];
    for (const [key, loss] of this.#losses) {
      const { destination, reason, n, nextAt } = loss;
      // A clock that was set back must not silence it for longer.
      if (!all && nextAt > now && nextAt - now <= LOSSES_EVERY_MS) {
        continue;
      }
      if (n === 0) {
        this.#losses.delete(key);
        continue;
      }
      notices.push(deliveryDead(destination, { reason, n }, now));
      loss.n = 0;
      loss.nextAt = now + LOSSES_EVERY_MS;
    }
    return notices;
  }
}
