import { describe, expect, it } from "vitest";
import { MAX_ALL_SIGHTINGS, MAX_SIGHTINGS, type SightingMemory } from "../../src/model/memory.ts";
import type { Store } from "../../src/model/outbox.ts";
import type { Opened } from "../support/store-contract.ts";
import { effects, MINUTE, NOW } from "./samples.ts";

const ATTRIBUTE = { instance: "cert", attribute: "a1" };

function sighting(name: string, fields: Partial<SightingMemory> = {}): SightingMemory {
  return { ...ATTRIBUTE, name, type: "sighting", at: NOW, ...fields };
}

async function known(store: Store, attribute = ATTRIBUTE) {
  const { sighted = [] } = await store.load({ events: [], parts: [], sighted: [attribute] });
  const [only] = sighted;
  return only && { since: only.since, names: only.sightings.map(({ name }) => name) };
}

/** When attributes were sighted: the part of the store's contract that counts over time rely on. */
export function describeSightings(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: sightings`, () => {
    it("are kept by attribute, each once, and survive", async () => {
      const { store, reopen } = await open();
      await store.commit(effects({ sighted: [sighting("s1"), sighting("s2", { at: NOW - MINUTE })] }), NOW);
      await store.commit(
        effects({ sighted: [sighting("s1", { at: NOW + 5 }), sighting("x", { attribute: "a2" })] }),
        NOW,
      );
      await store.commit(effects({ sighted: [sighting("s1", { instance: "other" })] }), NOW);
      await using again = (await reopen?.()) ?? store;
      expect(await known(again)).toEqual({ since: NOW, names: ["s2", "s1"] });
      const { sighted = [] } = await again.load({ events: [], parts: [], sighted: [ATTRIBUTE] });
      expect(sighted[0]?.sightings[1]).toEqual(sighting("s1"));
      expect(await known(again, { instance: "other", attribute: "a1" })).toEqual({ since: NOW, names: ["s1"] });
    });

    it("that MISP has deleted do not count", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ sighted: [sighting("s1"), sighting("s2")] }), NOW);
      await store.commit(effects({ unsighted: [{ instance: "cert", name: "s1" }] }), NOW);
      expect(await known(store)).toEqual({ since: NOW, names: ["s2"] });
    });

    it("are counted from when that begins, and forgotten where nobody asks for them any more", async () => {
      await using store = (await open()).store;
      expect(await known(store)).toBeUndefined();
      await store.commit(effects({ counted: ["cert", "other"] }), NOW);
      expect(await known(store)).toEqual({ since: NOW, names: [] });
      await store.commit(effects({ counted: ["cert"], sighted: [sighting("s1")] }), NOW + 5);
      expect(await known(store)).toEqual({ since: NOW, names: ["s1"] });
      expect(await known(store, { instance: "other", attribute: "a1" })).toBeUndefined();
      await store.commit(effects({ counted: [] }), NOW + 6);
      expect(await known(store)).toBeUndefined();
      await store.prune(NOW - MINUTE, NOW);
      await store.commit(effects({ counted: ["cert"] }), NOW + 7);
      expect(await known(store)).toEqual({ since: NOW + 7, names: [] });
    });

    it("of one attribute and type are bounded to the latest, and none that counts is missing", async () => {
      await using store = (await open()).store;
      const many = Array.from({ length: MAX_SIGHTINGS + 3 }, (_, n) => sighting(`s${n}`, { at: NOW + n }));
      await store.commit(effects({ sighted: [...many.toReversed(), sighting("no", { type: "false-positive" })] }), NOW);
      const left = await known(store);
      expect(left?.names).toHaveLength(MAX_SIGHTINGS + 1);
      expect(left?.names).toContain("no");
      expect(left?.names).not.toContain("s2");
      expect(left?.since).toBe(NOW);
    });

    it("of all attributes are bounded, and from then on it is known which are missing", {
      timeout: 60_000,
    }, async () => {
      await using store = (await open()).store;
      const many = Array.from({ length: MAX_ALL_SIGHTINGS + 2 }, (_, n) =>
        sighting(`s${n}`, { attribute: `a${n}`, at: NOW + n }),
      );
      await store.commit(effects({ sighted: many }), NOW);
      expect(await known(store, { instance: "cert", attribute: "a1" })).toEqual({ since: NOW + 2, names: [] });
      expect(await known(store, { instance: "cert", attribute: "a2" })).toEqual({ since: NOW + 2, names: ["s2"] });
    });

    it("go when they are old, and from then on are known to be missing", async () => {
      await using store = (await open()).store;
      await store.commit(
        effects({ sighted: [sighting("old", { at: NOW - MINUTE }), sighting("new")] }),
        NOW - 2 * MINUTE,
      );
      while (await store.prune(NOW - MINUTE + 1, NOW)) {
        // Each call is one transaction.
      }
      expect(await known(store)).toEqual({ since: NOW - MINUTE + 1, names: ["new"] });
    });
  });
}
