import { type Keys, type Known, MAX_ALL_SIGHTINGS, MAX_SIGHTINGS, type SightingMemory } from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import { nameOf } from "../names.ts";

/** When attributes were sighted, in memory. */
export class RememberedSightings {
  /** In the order in which they came. */
  readonly #sightings = new Map<string, SightingMemory>();
  /** The same by attribute. */
  readonly #ofAttribute = new Map<string, Set<SightingMemory>>();
  readonly #since = new Map<string, number>();

  load({ sighted = [] }: Keys): Pick<Known, "sighted"> {
    const found = sighted.flatMap(({ instance, attribute }) => {
      const since = this.#since.get(instance);
      const sightings = [...(this.#ofAttribute.get(nameOf(instance, attribute)) ?? [])].sort(byTypeAndTime);
      return since === undefined ? [] : [{ instance, attribute, since, sightings }];
    });
    return found.length > 0 ? { sighted: found } : {};
  }

  apply({ sighted = [], unsighted = [], counted }: Effects, now: number): void {
    for (const one of sighted) {
      this.#since.set(one.instance, this.#since.get(one.instance) ?? now);
      if (!this.#sightings.has(nameOf(one.instance, one.name))) {
        this.#add(one);
      }
    }
    for (const { instance, name } of unsighted) {
      this.#drop(this.#sightings.get(nameOf(instance, name)));
    }
    for (const one of this.#sightings.values()) {
      if (this.#sightings.size <= MAX_ALL_SIGHTINGS) {
        break;
      }
      this.#miss(one);
    }
    if (counted) {
      for (const instance of [...this.#since.keys()].filter((one) => !counted.includes(one))) {
        this.#since.delete(instance);
      }
      for (const instance of counted) {
        this.#since.set(instance, this.#since.get(instance) ?? now);
      }
    }
  }

  /** Forgets what is older than `before`, and what is counted no more. */
  prune(before: number): void {
    for (const one of this.#sightings.values()) {
      if (!this.#since.has(one.instance)) {
        this.#drop(one);
      } else if (one.at < before) {
        this.#miss(one);
      }
    }
  }

  #add(one: SightingMemory): void {
    this.#sightings.set(nameOf(one.instance, one.name), one);
    const key = nameOf(one.instance, one.attribute);
    const all = this.#ofAttribute.get(key) ?? new Set();
    this.#ofAttribute.set(key, all.add(one));
    const same = [...all].filter(({ type }) => type === one.type);
    for (const old of same.sort(byTypeAndTime).slice(0, -MAX_SIGHTINGS)) {
      this.#drop(old);
    }
  }

  /** It is gone, and from behind it on none is missing. */
  #miss(one: SightingMemory): void {
    this.#drop(one);
    this.#since.set(one.instance, Math.max(one.at + 1, this.#since.get(one.instance) ?? 0));
  }

  #drop(one: SightingMemory | undefined): void {
    if (!one) {
      return;
    }
    const key = nameOf(one.instance, one.attribute);
    this.#sightings.delete(nameOf(one.instance, one.name));
    this.#ofAttribute.get(key)?.delete(one);
    if (this.#ofAttribute.get(key)?.size === 0) {
      this.#ofAttribute.delete(key);
    }
  }
}

function byTypeAndTime(a: SightingMemory, b: SightingMemory): number {
  return a.type === b.type ? a.at - b.at : a.type < b.type ? -1 : 1;
}
