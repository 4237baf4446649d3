import { formatCount, formatNumber } from "../alert/text.ts";
import type { WatchedFrame } from "./watch.ts";

/** Counts what was seen, for the last line of `tail` and `replay`. */
export class FrameCounts {
  #frames = 0;
  #unreadable = 0;
  readonly #topics = new Map<string, number>();
  readonly #kinds = new Map<string, number>();
  readonly #owed = new Map<string, number>();
  readonly #refused = new Map<string, number>();

  get frames(): number {
    return this.#frames;
  }

  add({ frame, message, problem, trace }: WatchedFrame): void {
    this.#frames += 1;
    if (problem !== undefined) {
      this.#unreadable += 1;
    }
    // An unknown topic is the sender's text: bounded in number by having one name.
    bump(this.#topics, problem === undefined ? frame.topic : "unreadable");
    const kind = trace?.kind ?? message?.kind;
    if (kind) {
      bump(this.#kinds, kind);
    }
    for (const { name, verdict } of trace?.destinations ?? []) {
      if (verdict === "owed") {
        bump(this.#owed, name);
      } else {
        bump(this.#refused, verdict);
      }
    }
  }

  show(json: boolean): string {
    if (json) {
      return JSON.stringify({
        frames: this.#frames,
        unreadable: this.#unreadable,
        topics: Object.fromEntries(this.#topics),
        kinds: Object.fromEntries(this.#kinds),
        would_tell: Object.fromEntries(this.#owed),
        refused: Object.fromEntries(this.#refused),
      });
    }
    const counts = (map: ReadonlyMap<string, number>) =>
      [...map]
        .sort(([, a], [, b]) => b - a)
        .map(([name, n]) => `${name} ${n}`)
        .join(", ");
    return [
      `${formatCount(this.#frames, "frame")}, ${formatNumber(this.#unreadable)} of them unreadable`,
      ...(this.#kinds.size > 0 ? [`kinds: ${counts(this.#kinds)}`] : []),
      ...(this.#owed.size > 0 ? [`would tell: ${counts(this.#owed)}`] : []),
      ...(this.#refused.size > 0 ? [`not told: ${counts(this.#refused)}`] : []),
    ].join("\n");
  }
}

function bump(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
