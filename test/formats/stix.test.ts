import { describe, expect, it } from "vitest";
import { stix } from "../../src/formats/stix/bundle.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Entry, Payload } from "../../src/model/payload.ts";
import { TLP } from "../../src/model/vocabulary.ts";
import { GOLDEN_NAMES, goldenPayload } from "../support/golden.ts";
import { EVENT, entry, guarded, HOSTILE, ITEMS, item, metadata, payload, pointer } from "../support/payloads.ts";
import { problemsOf } from "./oasis.ts";

const STYLE = { timeZone: "UTC", defang: true, values: "raw" } as const;
const NONE = { tlp: "none", pap: "none", chr: false } as const;

interface Bundle {
  readonly type: string;
  readonly objects?: readonly (Readonly<Record<string, unknown>> & { readonly type: string; readonly id: string })[];
}

function bundleOf(sent: Payload): Bundle {
  return JSON.parse(stix.whole({ ...sent, whole: true }, STYLE));
}

function told(items: readonly Item[], alert: Parameters<typeof guarded>[0] = {}, rest: Partial<Entry> = {}): Entry {
  return entry(guarded({ event: EVENT, items, ...alert }), rest);
}

const indicators = (bundle: Bundle) => (bundle.objects ?? []).filter(({ type }) => type === "indicator");
const indicator = (made: Entry) => indicators(bundleOf(payload([made])))[0];

describe("the format stix", () => {
  it.each(GOLDEN_NAMES)("is valid by the schemas of OASIS for recorded frames: %s", async (name) => {
    const bundle = bundleOf(await goldenPayload(name));
    expect(problemsOf(bundle)).toEqual([]);
    await expect(`${JSON.stringify(bundle, null, 2)}\n`).toMatchFileSnapshot(`../fixtures/golden/stix/${name}.json`);
  });

  it("is valid whatever MISP writes", () => {
    const hostile = HOSTILE.flatMap((text) =>
      ["filename", "url", "comment", "ip-dst", "stix2-pattern", "yara", "regkey|value", "__proto__"].map((type, n) =>
        item({
          uuid: `${text}${n}`,
          type,
          value: text,
          comment: text,
          category: text,
          tags: [text, `kill-chain:${text}`],
        }),
      ),
    );
    const event = {
      ...EVENT,
      info: HOSTILE[0] ?? "",
      date: "0000-99-99",
      changedAt: Number.MAX_SAFE_INTEGER,
      org: { name: HOSTILE[1] ?? "" },
    };
    const bundle = bundleOf(payload([told(hostile, { event })]));
    expect(indicators(bundle).length).toBeGreaterThan(HOSTILE.length * 3);
    expect(problemsOf(bundle)).toEqual([]);
  });

  it("tells each attribute that is for detection, once, by its UUID", () => {
    const items = ITEMS.map((one, n) => ({ ...one, uuid: `6f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e${10 + n}` }));
    const found = indicators(bundleOf(payload([told(items), told(items)])));
    expect(found.map(({ id }) => id)).toEqual(
      items.filter(({ toIds }) => toIds).map(({ uuid }) => `indicator--${uuid}`),
    );
    expect(found.map(({ pattern_type }) => pattern_type)).toContain("yara");
  });

  it("says who made it, when, how sure and what for", () => {
    const one = item({
      firstSeen: Date.UTC(2026, 10, 1),
      lastSeen: Date.UTC(2026, 10, 9),
      changedAt: Date.UTC(2026, 10, 19),
      comment: "C2 panel",
      tags: ['misp:confidence-level="usually-confident"', "kill-chain:Command and Control", "tlp:amber"],
    });
    const bundle = bundleOf(payload([told([one])]));
    expect(problemsOf(bundle)).toEqual([]);
    expect(indicators(bundle)[0]).toMatchObject({
      created_by_ref: "identity--55f6ea5e-2c60-40e5-964f-47a8950d210f",
      created: "2026-11-20T00:00:00.000Z",
      modified: "2026-11-20T14:02:11.000Z",
      valid_from: "2026-11-01T00:00:00.000Z",
      confidence: 75,
      kill_chain_phases: [{ kill_chain_name: "lockheed-martin-cyber-kill-chain", phase_name: "command-and-control" }],
      description: "C2 panel",
      external_references: [{ source_name: "misp cert", external_id: EVENT.uuid, description: EVENT.info }],
    });
    expect(indicators(bundle)[0]?.labels).toContain('misp-galaxy:threat-actor="TA542"');
    expect(JSON.stringify(indicators(bundle)[0]?.labels)).not.toContain("tlp");
    expect(bundle.objects).toContainEqual(
      expect.objectContaining({ type: "identity", name: "CIRCL", identity_class: "organization" }),
    );
    expect(bundle.objects).toContainEqual(
      expect.objectContaining({
        type: "sighting",
        first_seen: "2026-11-01T00:00:00.000Z",
        last_seen: "2026-11-09T00:00:00.000Z",
        sighting_of_ref: indicators(bundle)[0]?.id,
      }),
    );
  });

  it("does not say who made what has a source that may not be disclosed", () => {
    const { org: _, ...event } = EVENT;
    const bundle = bundleOf(payload([told([item()], { event })]));
    expect(JSON.stringify(bundle)).not.toMatch(/created_by_ref|identity/);
  });

  it.each(TLP)("marks %s by the definition of OASIS", (tlp) => {
    const bundle = bundleOf(
      payload([told([item({ marking: { ...NONE, tlp } })], {}, { eventMarking: { tlp: "clear", floor: "clear" } })]),
    );
    const [definition, ...more] = (bundle.objects ?? []).filter(({ type }) => type === "marking-definition");
    expect(more).toEqual([]);
    expect(definition?.name).toBe(`TLP:${tlp.toUpperCase()}`);
    expect(indicators(bundle)[0]?.object_marking_refs).toEqual([definition?.id]);
    expect(problemsOf(bundle)).toEqual([]);
  });

  it.each([
    ["none", { tlp: "green", floor: "green" }, "green"],
    ["amber", { tlp: "green", floor: "green" }, "amber"],
    ["clear", { tlp: "green", floor: "green" }, "green"],
    ["clear", { tlp: "untagged", floor: "amber" }, "amber"],
    ["none", { tlp: "untagged", floor: "amber" }, undefined],
    ["red", { tlp: "untagged" }, "red"],
  ] as const)("marks an attribute of %s in an event of %j as %s", (tlp, eventMarking, expected) => {
    const bundle = bundleOf(payload([told([item({ marking: { ...NONE, tlp } })], {}, { eventMarking })]));
    const names = (bundle.objects ?? []).filter(({ type }) => type === "marking-definition").map(({ name }) => name);
    expect(names).toEqual(expected === undefined ? [] : [`TLP:${expected.toUpperCase()}`]);
  });

  it.each(["deleted", "removed", "not-for-detection"] as const)(
    "revokes what is %s, with the pattern it had",
    (withdrawn) => {
      const before = indicator(told([item()]));
      const after = indicator(told([item({ withdrawn, ...(withdrawn === "not-for-detection" && { toIds: false }) })]));
      expect(after).toMatchObject({ id: before?.id, revoked: true, pattern: before?.pattern });
      expect(String(after?.modified) > String(before?.modified)).toBe(true);
      expect(before).not.toHaveProperty("revoked");
      expect(problemsOf(bundleOf(payload([told([item({ withdrawn })])])))).toEqual([]);
    },
  );

  it("revokes nothing that was not for detection, and tells no such thing", () => {
    expect(indicator(told([item({ toIds: false })]))).toBeUndefined();
    expect(indicator(told([item({ toIds: false, withdrawn: "deleted" })]))).toBeUndefined();
  });

  it("puts each time that an event is taken back and told again after the one before", () => {
    const at = (withdrawals: number, isGone: boolean) =>
      String(
        indicator(
          isGone
            ? told(
                [item({ withdrawn: "removed" })],
                { kind: "event.unpublished", withdrawals },
                { withdrawn: "unpublished" },
              )
            : told([item()], withdrawals > 0 ? { withdrawals } : {}),
        )?.modified,
      );
    const times = [at(0, false), at(1, true), at(1, false), at(2, true), at(2, false)];
    expect(times).toEqual([...times].sort());
    expect(new Set(times).size).toBe(times.length);
  });

  it("names without a pattern what its readers may not see any more", () => {
    const hidden: Item = {
      uuid: item().uuid ?? "",
      toIds: true,
      tags: [],
      tagsKnown: false,
      marking: NONE,
      reach: [],
      withdrawn: "removed",
    };
    const gone = indicator(told([hidden], { kind: "event.withdrawn" }, { withdrawn: "restricted" }));
    expect(gone).toMatchObject({ revoked: true, pattern: `[x-misp-attribute:uuid = '${item().uuid}']` });
    expect(JSON.stringify(gone)).not.toContain("gate.php");
  });

  it("detects a host of an object by its ports, and a file's name by its hashes", () => {
    const object = "o1";
    const items = [
      item({ uuid: "a", type: "ip-dst", value: "198.51.100.7", objectKey: object }),
      item({ uuid: "b", type: "port", value: "8443", relation: "dst-port", toIds: false, objectKey: object }),
      item({ uuid: "c", type: "port", value: "443", relation: "dst-port", toIds: false, objectKey: object }),
      item({ uuid: "d", type: "filename", value: "a.exe", objectKey: "o2" }),
      item({ uuid: "e", type: "md5", value: "0".repeat(32), objectKey: "o2" }),
      item({ uuid: "f", type: "md5", value: "1".repeat(32), withdrawn: "deleted", objectKey: "o2" }),
    ];
    const patterns = indicators(bundleOf(payload([told(items)]))).map(({ pattern }) => pattern);
    expect(patterns).toEqual([
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port IN (443, 8443)]",
      `[file:name = 'a.exe' AND file:hashes.MD5 = '${"0".repeat(32)}']`,
      `[file:hashes.MD5 = '${"0".repeat(32)}']`,
      `[file:hashes.MD5 = '${"1".repeat(32)}']`,
    ]);
  });

  it.each([
    ["a pointer", payload([pointer()])],
    ["metadata", payload([metadata()])],
    ["a message that was refused", payload([told([item()])], { minimal: true })],
    ["nothing of MISP's", payload([entry(guarded({ kind: "herald.started" }))])],
  ])("is a bundle without objects for %s", (_, sent) => {
    const bundle = bundleOf(sent);
    expect(bundle).not.toHaveProperty("objects");
    expect(problemsOf(bundle)).toEqual([]);
  });

  it("weighs what it writes", () => {
    const items = Array.from({ length: 50 }, (_, n) =>
      item({ uuid: `u${n}`, value: `https://bad.example/${"é".repeat(n)}` }),
    );
    const sent = payload([told(items)], { whole: true });
    const { total, entries } = stix.weigh(sent, STYLE);
    expect(total).toBe(Buffer.byteLength(stix.whole(sent, STYLE)));
    const rest = payload([told(items.slice(1))], { whole: true });
    expect(Buffer.byteLength(stix.whole(rest, STYLE))).toBe(total - (entries[0]?.items[0] ?? 0));
  });

  it("leaves out whole indicators that no body can hold, and says so", () => {
    const items = [item({ uuid: "a" }), item({ uuid: "b", type: "yara", value: "x".repeat(20_000) })];
    const { text, trimmed } = stix.fit(payload([told(items)], { whole: true }), 8192, STYLE);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8192);
    expect(indicators(JSON.parse(text))).toHaveLength(1);
    expect(trimmed).toEqual(["1 indicator left out"]);
  });
});
