import { sample } from "../topics/frames.ts";

// Publications of any size, each of which is large in another way.

const { Event: EVENT } = sample("misp_json--publish-first-time").payload as { readonly Event: Record<string, unknown> };
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

function attribute(n: number, more: object = {}) {
  const fixed = { type: "domain", category: "Network activity", to_ids: true, distribution: "5", comment: "" };
  const own = { id: String(n + 1), uuid: uuidOf(n), value: `host-${n}.example`, timestamp: EVENT.timestamp };
  return { ...fixed, ...own, sharing_group_id: "0", deleted: false, object_id: "0", Galaxy: [], ...more };
}

const many = <T>(bytes: number, each: number, make: (n: number) => T) =>
  Array.from({ length: Math.floor(bytes / each) }, (_, n) => make(n));
const tag = (name: string) => ({ id: "9", name, colour: "#fff", exportable: true });

/** By its name what makes an event so many bytes large. */
const GROWTHS: Readonly<Record<string, (bytes: number) => object>> = {
  attributes: (bytes) => ({ Attribute: many(bytes, 330, (n) => attribute(n)) }),
  "attributes with labels": (bytes) => ({
    Attribute: many(bytes, 420, (n) => attribute(n, { Tag: [tag("tlp:green")] })),
  }),
  "long values": (bytes) => ({
    Attribute: many(bytes, 60_000, (n) => attribute(n, { value: "xq".repeat(29_800) + n })),
  }),
  objects: (bytes) => ({
    Object: many(bytes, 560, (n) => ({
      ...{ id: String(n + 1), name: "file", "meta-category": "file", uuid: uuidOf(9_000_000 + n), comment: "" },
      ...{ distribution: "5", sharing_group_id: "0", deleted: false, timestamp: EVENT.timestamp },
      Attribute: [attribute(n, { object_id: String(n + 1) })],
    })),
  }),
  "tags of the event": (bytes) => ({ Tag: many(bytes, 310, (n) => tag("x".repeat(240) + n)) }),
  "galaxy clusters": (bytes) => ({
    Galaxy: many(bytes, 110, (n) => ({ type: `t${n}`, GalaxyCluster: [{ type: "x", value: `v${n}`, meta: {} }] })),
  }),
  "members of a sharing group": (bytes) => {
    const Organisation = (n: number) => ({ Organisation: { id: String(n), name: `o${n}`, uuid: uuidOf(n) } });
    const SharingGroupOrg = many(bytes / 2, 95, Organisation);
    const part = { distribution: "4", sharing_group_id: "5" };
    return {
      ...part,
      SharingGroup: { id: "5", uuid: uuidOf(5), name: "big", SharingGroupOrg },
      Attribute: many(bytes / 2, 330, (n) => attribute(n, part)),
    };
  },
  "a field that nobody knows": (bytes) => ({ x: "j".repeat(bytes) }),
  "empty lists": (bytes) => ({ x: many(bytes, 3, () => []) }),
  "a file": (bytes) => ({
    Attribute: [
      attribute(1, { type: "malware-sample", value: `evil.exe|${"a".repeat(32)}`, data: "QUFB".repeat(bytes / 4) }),
    ],
  }),
};

/** The names of all shapes. */
export const SHAPES: readonly string[] = Object.keys(GROWTHS);

/** A publication of that shape and about so many bytes. */
export function shaped(shape: string, bytes: number, id = "77", uuid = uuidOf(77)): { readonly Event: object } {
  const base = { ...EVENT, id, uuid, Attribute: [attribute(0)], Object: [] };
  return { Event: { ...base, ...GROWTHS[shape]?.(bytes) } };
}
