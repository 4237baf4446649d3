import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Frame } from "../../src/model/frame.ts";
import { configOf } from "../support/checked-config.ts";
import { frameOf, sample } from "../topics/frames.ts";
import { toldBy } from "./told-by.ts";

const PAGE = readFileSync(new URL("../../docs/coming-from.md", import.meta.url), "utf8");

/** The rules of each example, which is a configuration of its own. */
const EXAMPLES = [...PAGE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => ({
  text,
  names: [...text.matchAll(/^ {2}- name: ([a-z-]+)/gm)].map(([, name = ""]) => name),
}));

const DESTINATIONS = ["soc", "soar", "analysts", "everybody", "admins"]
  .map(
    (name) =>
      `  ${name}: { type: console, guard: { max_tlp: red, drafts: true, also: [users], sharing_groups: [Banks] } }`,
  )
  .join("\n");

const AT = Date.UTC(2026, 10, 20, 18);
const HOUR = 3_600_000;
const seconds = (ms: number) => String(ms / 1000);
const tags = (...names: readonly string[]) => ({ Tag: names.map((name) => ({ name })) });
const org = (name: string, uuid = "737f627e-79c3-4a57-b61a-e6f8871ea8e3") => ({ Orgc: { id: "1", name, uuid } });
const CIRCL = org("CIRCL", "55f6ea5e-2c60-40e5-964f-47a8950d210f");

let ids = 0;
function attribute(fields: object = {}) {
  const id = String(++ids);
  return {
    ...{ id, uuid: `9679e1ad-b6cf-437d-9831-${id.padStart(12, "0")}`, event_id: "1", object_id: "0" },
    ...{ type: "domain", category: "Network activity", to_ids: true, value: "evil.example", comment: "" },
    ...{
      distribution: "5",
      sharing_group_id: "0",
      timestamp: seconds(AT - HOUR),
      deleted: false,
      object_relation: null,
    },
    ...{ Tag: [], ...fields },
  };
}

const ROW = {
  ...{ id: "1", uuid: "1a87fd96-a4d3-4d6c-84dc-000000000001", info: "Phishing wave", date: "2026-11-20" },
  ...{ published: true, threat_level_id: "2", analysis: "0", distribution: "1", sharing_group_id: "0" },
  ...{ timestamp: seconds(AT - HOUR), publish_timestamp: "0", attribute_count: "1", locked: false },
  ...{ Org: { id: "1", name: "ACME-CERT", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3" }, ...org("ACME-CERT") },
};

const frame = (topic: string, payload: object) => frameOf(topic, payload, AT);

function sampled(name: string): Frame {
  const { topic, payload } = sample(name);
  return frame(topic, payload);
}

/** A publication: tlp:green, for the community, of one attribute. */
function event(fields: object = {}, ...attributes: readonly object[]): Frame {
  const parts = attributes.length > 0 ? attributes : [attribute()];
  const Event = { ...ROW, ...tags("tlp:green"), attribute_count: String(parts.length), Attribute: parts, Object: [] };
  return frame("misp_json", { Event: { ...Event, ...fields } });
}

/** An attribute by itself, whose event is tagged by none: its own tags have to tell the marking. */
function added(fields: object, of: object = {}): Frame {
  return frame("misp_json_attribute", { Attribute: attribute(fields), Event: { ...ROW, ...of }, action: "add" });
}

const edited = (fields: object) =>
  frame("misp_json_event", {
    Event: { ...ROW, ...fields, EventTag: [{ Tag: { name: "tlp:green" } }] },
    action: "edit",
  });

const group = (uuid: string, name: string) => ({
  ...{ distribution: "4", sharing_group_id: "7" },
  SharingGroup: { id: "7", uuid, name },
});
const BANKS = group("5f1b2c3d-0000-4000-8000-00000000beef", "Banks");
const OLD = { timestamp: seconds(AT - 72 * HOUR) };
const high = tags("tlp:green", 'priority-level:a="high"');
const draft = tags("tlp:green", 'workflow:state="draft"');

/** What each rule tells, and what it does not. */
const TOLD: Readonly<Record<string, readonly [told: readonly Frame[], not: readonly Frame[]]>> = {
  "threat-bus": [
    [added(tags("TLP:AMBER"), CIRCL), added(tags("tlp:green"), org("NCSC"))],
    [
      event(CIRCL),
      added(tags("tlp:green"), CIRCL),
      added({ type: "ip-src", value: "192.0.2.1", ...tags("tlp:amber") }, CIRCL),
      added(tags("tlp:amber"), org("OTHER")),
    ],
  ],
  "tag-in-or": [[event(tags("tlp:amber+strict"))], [event(), event({}, attribute(tags("tlp:red")))]],
  "tag-in-and": [[event(draft)], [event()]],
  "tag-not-in-or": [[event()], [event(tags("tlp:red"))]],
  "tag-not-in-and": [[event()], [event(draft)]],
  "tag-of-attributes": [
    [event({}, attribute(tags("type:osint", "tlp:green")))],
    [event({}, attribute(tags("tlp:green")), attribute(tags("type:osint")))],
  ],
  "tag-inherited": [
    [
      event(tags("tlp:green", 'misp-galaxy:threat-actor="APT28"')),
      event({}, attribute(tags('misp-galaxy:threat-actor="APT28"'))),
    ],
    [event()],
  ],
  "organisation-in": [[event(CIRCL)], [event()]],
  "organisation-not-in": [[event()], [event(CIRCL)]],
  "distribution-equals": [[event()], [event({ distribution: "3" }), event(BANKS)]],
  "distribution-more-restrictive-or-equal": [[event()], [event({ distribution: "2" }), event(BANKS)]],
  "distribution-more-permissive-or-equal": [[event({ distribution: "3" })], [event(), event(BANKS)]],
  "distribution-any-sharing-group": [[event(BANKS)], [event()]],
  "distribution-sharing-groups": [
    [event(BANKS)],
    [event(group("5f1b2c3d-0000-4000-8000-00000000cafe", "Others")), event()],
  ],
  published: [[edited({ published: true })], [edited({ published: false })]],
  "threat-level-equals": [[event({ threat_level_id: "1" })], [event()]],
  "threat-level-greater-or-equal": [[event(), event({ threat_level_id: "1" })], [event({ threat_level_id: "4" })]],
  "threat-level-less-or-equal": [[event({ threat_level_id: "3" }), event({ threat_level_id: "4" })], [event()]],
  count: [
    [event({}, attribute(), attribute({ type: "ip-src", value: "192.0.2.1" }))],
    [event(), event({}, attribute(), attribute({ to_ids: false }))],
  ],
  "generic-in": [[event()], [event({}, attribute({ value: "evil.test" })), event({}, attribute({ type: "text" }))]],
  "generic-not-in": [[event()], [event({}, attribute(), attribute({ category: "Payload delivery" }))]],
  "generic-equals": [[event({ info: "phishing WAVE" })], [event({ info: "A phishing wave" })]],
  "generic-not-equals": [[event({ info: "A phishing wave" })], [event()]],
  "generic-any-value": [
    [event({ Object: [{ id: "3", name: "file", distribution: "5", Attribute: [attribute()] }] })],
    [event()],
  ],
  "generic-contains": [
    [event({ info: "Ransomware" }), event({}, attribute({ type: "ip-dst|port", value: "192.0.2.7|443" }))],
    [event()],
  ],
  filtered: [
    [event({}, attribute({ type: "ip-src", value: "192.0.2.1" }))],
    [event({}, attribute({ type: "ip-src", value: "192.0.2.1", ...tags('false-positive:risk="high"') })), event()],
  ],
  stopped: [[event(draft)], [event()]],
  "after-stopped": [[event()], [event(draft)]],
  "changed-lately": [
    [event(), added({ ...tags("tlp:green") })],
    [event({}, attribute(OLD)), added({ ...tags("tlp:green"), ...OLD })],
  ],
  "addresses-lately": [
    [event({}, attribute({ type: "ip-dst", value: "192.0.2.1" }))],
    [event({}, attribute({ type: "ip-dst", value: "192.0.2.1", ...OLD })), event()],
  ],
  "tlp-but-not-amber": [
    [event({}, attribute(tags("tlp:red")), attribute(tags("tlp:clear")))],
    [event(), event({}, attribute(tags("tlp:clear", "tlp:amber+strict")))],
  ],
  spearphishing: [
    [event(tags("tlp:green", 'misp-galaxy:mitre-attack-pattern="Spearphishing Attachment - T1566.001"'))],
    [event(tags("tlp:green", 'misp-galaxy:mitre-attack-pattern="Phishing - T1566"'))],
  ],
  "new-events": [[event(CIRCL)], [event(), event({ ...CIRCL, threat_level_id: "3" })]],
  "new-users": [[sampled("misp_json_user--created-action-says-edit")], [sampled("misp_json_user--login")]],
  "priority-indicators": [
    [event({}, attribute(high)), added(high)],
    [event(), event({}, attribute({ ...high, to_ids: false }))],
  ],
  pulled: [[event({ locked: true })], [event()]],
  "red-to-admins": [[event(tags("tlp:red"))], [event()]],
  "rest-to-chat": [[event()], [event(tags("tlp:red"))]],
  public: [
    [event(), event(tags("tlp:white"))],
    [event(tags("tlp:amber")), event(tags("type:osint"))],
  ],
};

test("every rule of the page is tried, with what it tells and what it does not", () => {
  const names = EXAMPLES.flatMap((example) => example.names);
  expect(Object.keys(TOLD)).toEqual(names);
  expect(Object.entries(TOLD).filter(([, [told, not]]) => told.length === 0 || not.length === 0)).toEqual([]);
});

test.each(EXAMPLES.flatMap(({ text, names }) => names.map((name) => [name, text] as const)))(
  "%s",
  async (name, text) => {
    const [told = [], not = []] = TOLD[name] ?? [];
    const config = configOf(DESTINATIONS, `\n${text}`);
    for (const one of told) {
      expect(await toldBy(config, one), Buffer.from(one.payload).toString()).toContain(name);
    }
    for (const one of not) {
      expect(await toldBy(config, one), Buffer.from(one.payload).toString()).not.toContain(name);
    }
  },
);
