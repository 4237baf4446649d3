import { destinationSuspended, feedSilent } from "../../src/absorbing/herald.ts";
import { ATTRIBUTE_ADDED, PUBLISHED, PUBLISHED_ATTRIBUTE, PUBLISHED_LATER } from "../../src/demo/session.ts";
import type { Message } from "../../src/model/message.ts";
import { messageOf } from "../topics/frames.ts";

const AT = Date.UTC(2026, 10, 20, 17, 40);

/** The same event twice: published, and published later with an object that is new and a URL that is gone. */
export const FIRST = () => messageOf("misp_json", PUBLISHED);
export const LATER = () => messageOf("misp_json", PUBLISHED_LATER);

/** An attribute that was published, soft-deleted. */
export const SOFT_DELETED = () =>
  messageOf("misp_json_attribute", {
    ...ATTRIBUTE_ADDED,
    Attribute: { ...ATTRIBUTE_ADDED.Attribute, deleted: true, timestamp: "1795197100", comment: "was benign" },
    Event: { ...ATTRIBUTE_ADDED.Event, published: true },
    action: "soft-delete",
  });

/** Two troubles of ours. */
export const TROUBLES = (): readonly Message[] => [
  feedSilent("cert", AT - 300_000, AT).message,
  destinationSuspended(
    "soc",
    { reason: "channel_is_archived", hint: "Unarchive the channel, or change `channel`", owed: 12, probeMs: 900_000 },
    AT,
  ).message,
];

let serial = 0;

function attribute(type: string, value: string, fields: object = {}) {
  serial += 1;
  return {
    ...PUBLISHED_ATTRIBUTE,
    id: String(1000 + serial),
    uuid: `9679e1ad-b6cf-437d-9831-${String(serial).padStart(12, "0")}`,
    type,
    value,
    comment: "",
    first_seen: null,
    ...fields,
  };
}

function object(
  name: string,
  comment: string,
  parts: readonly (readonly [relation: string, type: string, value: string])[],
) {
  serial += 1;
  const id = String(100 + serial);
  return {
    id,
    name,
    "meta-category": "file",
    template_uuid: "43b3b146-77eb-4931-b4cc-b66c60f28734",
    template_version: "11",
    event_id: "1",
    uuid: `937f12e6-d568-40f2-9fbe-${String(serial).padStart(12, "0")}`,
    timestamp: "1795197088",
    distribution: "5",
    sharing_group_id: "0",
    comment,
    deleted: false,
    ObjectReference: [],
    Attribute: parts.map(([relation, type, value]) =>
      attribute(type, value, {
        object_id: id,
        object_relation: relation,
        to_ids: !["size-in-bytes", "port", "text", "filename"].includes(type),
      }),
    ),
  };
}

const tag = (name: string) => ({
  id: String(name.length),
  name,
  colour: "#000000",
  exportable: true,
  local: false,
  relationship_type: null,
});

/** An event as large campaigns have them: files, connections, hundreds of hosts, names in Arabic, a long URL, what an analyst wrote. */
export function campaign(): Message {
  serial = 0;
  const hash = (n: number) => (n * 7919).toString(16).padStart(64, "a");
  return messageOf("misp_json", {
    Event: {
      ...PUBLISHED.Event,
      threat_level_id: "1",
      analysis: "1",
      distribution: "2",
      info: "LockBit affiliate targets logistics in Belgium: loader, leak site and infrastructure seen at cdn.bad.example",
      Attribute: [
        attribute("text", "Third wave since Monday; blocks on the gate are safe. Ask us before you touch the relay.", {
          to_ids: false,
          category: "Internal reference",
        }),
        attribute("link", "https://report.example/lockbit-logistics", { to_ids: false, category: "External analysis" }),
        attribute("ip-dst|port", "198.51.100.7|8443", { comment: "C2 panel" }),
        attribute(
          "url",
          `https://cdn.bad.example/a/very/long/path/that/somebody/will/want/to/copy/${"x".repeat(160)}?id=4711`,
          { comment: "loader" },
        ),
        attribute("filename", "\u0641\u0627\u062a\u0648\u0631\u0629.pdf.exe", {
          comment: "\u0641\u0627\u062a\u0648\u0631\u0629 is an invoice",
        }),
        ...Array.from({ length: 40 }, (_, i) => attribute("domain", `d${i}.bad.example`)),
        ...Array.from({ length: 12 }, (_, i) => attribute("sha256", hash(i + 1))),
        ...Array.from({ length: 6 }, (_, i) => attribute("ip-src", `203.0.113.${i + 10}`, { to_ids: false })),
      ],
      Object: [
        object("file", "second stage", [
          ["filename", "filename", "invoice.pdf.exe"],
          ["sha256", "sha256", hash(99)],
          ["md5", "md5", "d41d8cd98f00b204e9800998ecf8427e"],
          ["size-in-bytes", "size-in-bytes", "214016"],
        ]),
        object("network-connection", "beacon", [
          ["ip-src", "ip-src", "10.0.0.5"],
          ["ip-dst", "ip-dst", "203.0.113.7"],
          ["dst-port", "port", "8443"],
          ["layer4-protocol", "text", "tcp"],
        ]),
      ],
      Tag: [
        ...PUBLISHED.Event.Tag,
        tag('misp-galaxy:threat-actor="TA542"'),
        tag('misp-galaxy:ransomware="LockBit"'),
        tag('misp-galaxy:sector="Transport"'),
        tag('misp-galaxy:country="belgium"'),
        ...Array.from({ length: 39 }, (_, i) =>
          tag(`misp-galaxy:mitre-attack-pattern="Technique ${i} - T${1000 + i}"`),
        ),
        tag('admiralty-scale:source-reliability="b"'),
      ],
    },
  });
}
