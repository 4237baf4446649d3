import type { MispServer } from "../support/misp-server.ts";
import { sample } from "../topics/frames.ts";

type Json = Readonly<Record<string, unknown>>;
type Frame = readonly [topic: string, payload: Json];

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as { readonly Event: Json };
const ROW = sample("misp_json_event--edit-unpublish").payload;
const DELETED = sample("misp_json_event--delete").payload;
const PART = sample("misp_json_attribute--add").payload;
const TAG = sample("misp_json_tag--attached-to-event").payload;

/** Something that is done in MISP, and what of it may leave. */
export interface Deed {
  readonly name: string;
  readonly uuid: string;
  /** Sent in this order; what follows `later` comes once the first have had some time. */
  readonly frames: readonly Frame[];
  readonly later: readonly Frame[];
  /** How MISP is once the first frames are out. */
  readonly after?: () => void;
  /** It has to be told, as often as it is heard. */
  readonly isDue: boolean;
  /** What may not leave at all; and what may not leave any more once the rest was heard. */
  readonly never: readonly string[];
  readonly notThen: readonly string[];
}

const KINDS = [
  ...["plain", "plain", "red", "hidden-red", "pushed", "narrow", "gone", "part-narrow", "part-red", "part-green"],
  ...["number-again", "slow-red", "slow-deleted", "slow-unpublished", "slow-narrow", "slow-part-deleted"],
] as const;

/** So many deeds there are of different kinds. */
export const KIND_COUNT = KINDS.length;

export function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

const tag = (name: string, more: Json = {}) => ({ id: "1", name, colour: "#339900", exportable: true, ...more });
const GREEN = tag("tlp:green");
const RED = tag("tlp:red", { id: "2" });

/** Does the `n`th thing, of that kind, in MISP: the state there comes first, as it does in life. */
export function deed(n: number, kindIndex: number, misp: MispServer): Deed {
  const kind = KINDS[kindIndex % KINDS.length] ?? "plain";
  const nowS = Math.floor(Date.now() / 1000);
  const uuid = uuidOf(n);
  const [title, value] = [`TITLE-${n}-${kind.startsWith("slow") ? "SLOW" : kind}`, `VALUE-${n}-${kind}`];
  const id = kind === "number-again" ? String(n - 1) : String(n);
  const attribute = (fields: Json = {}) => ({
    ...{ id: String(n * 10), event_id: id, uuid: uuidOf(n * 10 + 1_000_000_000), type: "text", category: "Other" },
    ...{ to_ids: false, distribution: "5", sharing_group_id: "0", timestamp: String(nowS), comment: "", value },
    ...{ deleted: false, object_id: "0", object_relation: null, Galaxy: [], ShadowAttribute: [], ...fields },
  });
  const event = (fields: Json = {}) => ({
    ...{ ...PUBLISHED, id, uuid, info: title, timestamp: String(nowS), distribution: "3", Tag: [GREEN] },
    ...{ Attribute: [attribute()], Object: [], Galaxy: [], ...fields },
  });
  const row = (fields: Json = {}) => ({
    ...(ROW.Event as Json),
    ...{ id, uuid, info: title, timestamp: String(nowS), distribution: "3", published: false, ...fields },
  });
  const eventTag = { id: "1", event_id: id, tag_id: "1", local: false, relationship_type: "", Tag: GREEN };
  const edited = (fields: Json) => ["misp_json_event", { ...ROW, Event: row(fields), EventTag: [eventTag] }] as const;
  const published = { published: true, publish_timestamp: String(nowS) };
  const put = (fields: Json = {}, more: Json = published) => misp.put(event(fields), more);
  const frame: Frame = ["misp_json", { Event: event() }];
  const about = { ...(PART.Event as Json), id, uuid, info: title, distribution: "3" };
  const added = (fields: Json): Frame => [
    "misp_json_attribute",
    { ...PART, Attribute: { ...attribute(fields), value1: fields.value ?? value, value2: "" }, Event: about },
  ];
  const common = { name: kind, uuid, frames: [frame], later: [], isDue: false, never: [], notThen: [] };
  switch (kind) {
    case "plain":
      put();
      return { ...common, isDue: true };
    case "red":
      put({ Tag: [RED] });
      return { ...common, frames: [["misp_json", { Event: event({ Tag: [RED] }) }]], never: [title, value] };
    case "hidden-red":
      put({ Tag: [GREEN, { ...RED, exportable: false }] });
      return { ...common, never: [title, value] };
    case "pushed":
      put({}, { published: false, publish_timestamp: "0" });
      return { ...common, never: [title, value] };
    case "narrow":
      put({ distribution: "0" });
      return { ...common, never: [title, value] };
    case "gone":
      return { ...common, later: [["misp_json_event", { ...DELETED, Event: row() }]], never: [title, value] };
    case "part-narrow":
      put({ Attribute: [attribute({ distribution: "0" })] });
      return {
        ...common,
        frames: [["misp_json", { Event: event({ Attribute: [attribute({ distribution: "0" })] }) }]],
        ...{ isDue: true, never: [value] },
      };
    case "part-red":
    case "part-green": {
      const marks = { id: String(n * 10 + 1), uuid: uuidOf(n * 10 + 1_000_000_001), value: `${value}-added` };
      put({ Attribute: [attribute(), attribute({ ...marks, ...(kind === "part-red" && { Tag: [RED] }) })] });
      const never = kind === "part-red" ? [`${value}-added`] : [];
      return { ...common, later: [added(marks)], isDue: true, never };
    }
    case "number-again":
      put({}, { published: false, publish_timestamp: "0" });
      return { ...common, frames: [added({})], never: [title, value] };
    case "slow-red":
      put();
      return {
        ...common,
        later: [["misp_json_tag", { ...TAG, Tag: { ...RED, event_id: id, local: false } }]],
        after: () => put({ Tag: [RED] }),
        notThen: [title, value],
      };
    case "slow-deleted":
      put();
      return {
        ...common,
        later: [["misp_json_event", { ...DELETED, Event: row() }]],
        after: () => misp.remove(uuid),
        notThen: [title, value],
      };
    case "slow-unpublished":
      put();
      return {
        ...common,
        later: [edited({ publish_timestamp: String(nowS) })],
        after: () => misp.unpublish(uuid),
        notThen: [title, value],
      };
    case "slow-narrow":
      put();
      return {
        ...common,
        later: [edited({ distribution: "0", timestamp: String(nowS + 1) })],
        after: () => put({ distribution: "0", timestamp: String(nowS + 1) }, { published: false }),
        notThen: [title, value],
      };
    case "slow-part-deleted": {
      put();
      const deleted = { timestamp: String(nowS + 1), deleted: true };
      const [topic, payload] = added(deleted);
      return {
        ...common,
        later: [[topic, { ...payload, action: "soft-delete" }]],
        after: () => put({ Attribute: [attribute(deleted)], timestamp: String(nowS + 1) }, { published: false }),
        notThen: [value],
      };
    }
  }
}
