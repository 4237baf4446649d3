import { createHash } from "node:crypto";
import * as session from "./session.ts";

/** A frame as MISP's publisher sends it, before its time stamps are moved to now. */
export interface DemoFrame {
  readonly topic: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The value that must not reach the SOC. */
export const RED_VALUE = "198.51.100.9";

// Names and addresses that RFC 2606 and 5737 keep for documentation, and hashes of nothing in particular.
const IMPORTED: readonly (readonly [type: string, ...values: readonly string[]])[] = [
  ["domain", "acme-login.example", "sso-acme.example.net", "acme-invoices.example.org"],
  ["ip-dst", "203.0.113.24", "203.0.113.61", "192.0.2.147"],
  ["sha256", ...["invoice.iso", "invoice.lnk", "loader.dll", "implant.bin"].map((name) => hashOf(name))],
  [
    "url",
    ...["login", "verify", "mfa", "reset"].flatMap((page) => [
      `https://acme-login.example/${page}`,
      `https://sso-acme.example.net/${page}`,
      `https://acme-invoices.example.org/${page}.php`,
    ]),
  ],
];

/** The list that the analyst imports: made from the recorded attributes with other ids and values. */
const MADE = IMPORTED.flatMap(([type, ...values]) => values.map((value) => ({ type, value }))).map(
  ({ type, value }, index) => ({
    id: String(index + 5), // 1 to 4 are in the record
    uuid: uuidOf(value),
    category: type === "sha256" ? "Payload delivery" : "Network activity",
    type,
    value,
    comment: "",
    first_seen: null,
  }),
);

/** An event is drafted, and attributes are added one by one: a frame each, as MISP does it. */
export const BURST: readonly DemoFrame[] = [
  { topic: "misp_json_event", body: session.EVENT_ADDED },
  ...[
    session.ATTRIBUTE_ADDED,
    session.URL_ADDED,
    ...MADE.map((made) => ({
      ...session.ATTRIBUTE_ADDED,
      Attribute: { ...session.ATTRIBUTE_ADDED.Attribute, ...made, value1: made.value, value2: "" },
    })),
  ].map((body) => ({ topic: "misp_json_attribute", body })),
];

/** The event gets its marking, and is published. */
export const FIRST_PUBLICATION: readonly DemoFrame[] = [
  { topic: "misp_json_tag", body: session.EVENT_TAGGED },
  { topic: "misp_json", body: withImported(session.PUBLISHED) },
];

/** The same once more. */
export const REPUBLICATION: readonly DemoFrame[] = [
  { topic: "misp_json", body: withImported(session.PUBLISHED_AGAIN) },
];

/** A new attribute is tagged `tlp:red`, and the event is published with it. */
export const LATER_PUBLICATION: readonly DemoFrame[] = [
  { topic: "misp_json_tag", body: session.ATTRIBUTE_TAGGED_RED },
  { topic: "misp_json", body: withImported(session.PUBLISHED_LATER) },
];

/** The event is published again and again, each time with another title. */
export const UPDATES: readonly DemoFrame[] = [2, 3, 5].map((victims) => ({
  topic: "misp_json",
  body: withImported({
    Event: {
      ...session.PUBLISHED_LATER.Event,
      info: `${session.PUBLISHED_LATER.Event.info}, ${victims} victims`,
      timestamp: String(Number(session.PUBLISHED_LATER.Event.timestamp) + victims * 60),
    },
  }),
}));

/** How many events are pulled from a partner, and which of them is grave. */
export const PULLED_EVENTS = 12;
const GRAVE = 5;

/** Events are pulled from a partner's MISP: of each a frame that says so, and its publication. */
export const PULLED: readonly DemoFrame[] = Array.from({ length: PULLED_EVENTS }, (_, n) => n + 1).flatMap((n) => {
  const uuid = uuidOf(`pulled ${n}`);
  const partner = { id: "2", uuid: uuidOf("NORTH-CERT"), name: "NORTH-CERT", local: false };
  const Attribute = ["a", "b"].map((label, index) => ({
    ...session.PUBLISHED_ATTRIBUTE,
    ...{ id: String(1000 + n * 10 + index), event_id: String(100 + n), uuid: uuidOf(`pulled ${n} ${label}`) },
    ...{ type: "domain", value: `${label}-${n}.north.example`, comment: "" },
  }));
  const Event = {
    ...session.PUBLISHED.Event,
    ...{ id: String(100 + n), uuid, org_id: "2", orgc_id: "2", Orgc: partner, Attribute, attribute_count: "2" },
    locked: true,
    info: n === GRAVE ? "Ransomware at a supplier of ours" : `Partner report ${n}`,
    threat_level_id: n === GRAVE ? "1" : "3",
  };
  return [
    { topic: "misp_json_event", body: { Event: uuid, Server: "1", action: "add_from_connected_server" } },
    { topic: "misp_json", body: { Event } },
  ];
});

/** Adds the imported attributes to a recorded publication. */
function withImported<E extends { readonly Attribute: readonly unknown[]; readonly attribute_count: string }>({
  Event,
}: {
  readonly Event: E;
}) {
  const imported = MADE.map((made) => ({ ...session.PUBLISHED_ATTRIBUTE, ...made }));
  const all = [...Event.Attribute, ...imported];
  return { Event: { ...Event, Attribute: all, attribute_count: String(all.length) } };
}

const SECONDS = new Set(["timestamp", "publish_timestamp", "sighting_timestamp"]);

/**
 * The times of the record as if the session were happening now: the first publication falls on `startedAt`, and what would
 * still lie ahead happens when it is first told of, since the minutes of the record pass in seconds. What has happened keeps
 * its time: nothing else would change whenever an event is published again. Instants are epoch milliseconds.
 */
export class SessionTimes {
  readonly startedAt: number;
  readonly #moved = new Map<number, number>();

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  /** In seconds, as MISP counts. */
  move(recorded: number, now: number): number {
    const moved =
      this.#moved.get(recorded) ??
      Math.min(recorded - session.FIRST_PUBLISHED_S + Math.floor(this.startedAt / 1000), Math.floor(now / 1000));
    this.#moved.set(recorded, moved);
    return moved;
  }
}

/**
 * The frame's text, `topic SPACE json`, as it would be sent at `now`. Memory compares MISP's time stamps with when tags arrived,
 * so that they must be of one time.
 */
export function encodeFrame({ topic, body }: DemoFrame, times: SessionTimes, now: number): string {
  const move = (recorded: number) => times.move(recorded, now);
  const json = JSON.stringify(body, (key, value: unknown) => {
    if (typeof value !== "string" || value === "0") {
      return value;
    }
    if (SECONDS.has(key)) {
      return String(move(Number(value)));
    }
    if (key === "date") {
      return new Date(times.startedAt).toISOString().slice(0, 10);
    }
    if (key === "first_seen") {
      return new Date(move(Date.parse(value) / 1000) * 1000).toISOString();
    }
    return value;
  });
  return `${topic} ${json}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function uuidOf(text: string): string {
  return hashOf(text).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");
}
