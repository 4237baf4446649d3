// Frames that a MISP sent when an analyst wrote, published, and published again an event about a phishing wave, field by
// field as recorded. Changed: the title stays the same throughout (the analyst had appended "(updated)", which would be
// mistaken for what misp-herald says), and lists of sightings, galaxies, reports and proposals are left out.

const ORGANISATION = { id: "1", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3", name: "ACME-CERT" };

const TAG = {
  exportable: true,
  user_id: "0",
  hide_tag: false,
  numerical_value: null,
  is_galaxy: false,
  is_custom_galaxy: false,
  local_only: false,
};
const TLP_AMBER = { id: "1", name: "tlp:amber", colour: "#FFC000", ...TAG };
const TLP_RED = { id: "2", name: "tlp:red", colour: "#FF2B2B", ...TAG };

/** When the record says that the event was published for the first time, in Unix seconds. */
export const FIRST_PUBLISHED_S = 1_795_197_018;

/** `misp_json_event`: the event is drafted. */
export const EVENT_ADDED = {
  Event: {
    id: "1",
    org_id: "1",
    date: "2026-11-20",
    info: "Phishing wave against ACME",
    user_id: "1",
    uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774",
    published: false,
    analysis: "0",
    attribute_count: "0",
    orgc_id: "1",
    timestamp: "1795196986",
    distribution: "1",
    sharing_group_id: "0",
    proposal_email_lock: false,
    locked: false,
    threat_level_id: "2",
    publish_timestamp: "0",
    sighting_timestamp: "0",
    disable_correlation: false,
    extends_uuid: "",
    protected: null,
  },
  Orgc: ORGANISATION,
  EventTag: [],
  action: "add",
};

/** `misp_json_attribute`: an attribute is added to the draft. */
export const ATTRIBUTE_ADDED = {
  Attribute: {
    id: "1",
    event_id: "1",
    object_id: "0",
    object_relation: null,
    category: "Network activity",
    type: "domain|ip",
    value1: "evil.example.com",
    value2: "203.0.113.7",
    to_ids: true,
    uuid: "9679e1ad-b6cf-437d-9831-efb758756c6c",
    timestamp: "1795196987",
    distribution: "5",
    sharing_group_id: "0",
    comment: "C2",
    deleted: false,
    disable_correlation: false,
    first_seen: "2026-11-19T10:00:00.000000+00:00",
    last_seen: null,
    value: "evil.example.com|203.0.113.7",
    Sighting: [],
  },
  Event: {
    id: "1",
    date: "2026-11-20",
    info: "Phishing wave against ACME",
    uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774",
    published: false,
    analysis: "0",
    threat_level_id: "2",
    org_id: "1",
    orgc_id: "1",
    distribution: "1",
    sharing_group_id: "0",
    Orgc: ORGANISATION,
  },
  action: "add",
};

/** `misp_json_attribute`: a second one. */
export const URL_ADDED = {
  ...ATTRIBUTE_ADDED,
  Attribute: {
    ...ATTRIBUTE_ADDED.Attribute,
    id: "2",
    type: "url",
    value1: "http://evil.example.com/login",
    value2: "",
    uuid: "fc2ab01a-b0a2-4b68-9e36-ec047395e7f2",
    timestamp: "1795196988",
    comment: "",
    first_seen: null,
    value: "http://evil.example.com/login",
  },
};

/** `misp_json_tag`: the event is tagged. */
export const EVENT_TAGGED = {
  Tag: { ...TLP_AMBER, org_id: "0", event_id: "1", local: false },
  action: "attached to event",
};

/** An attribute as a publication has it. */
export const PUBLISHED_ATTRIBUTE = {
  id: "1",
  type: "domain|ip",
  category: "Network activity",
  to_ids: true,
  uuid: "9679e1ad-b6cf-437d-9831-efb758756c6c",
  event_id: "1",
  distribution: "5",
  timestamp: "1795196990",
  comment: "C2 confirmed",
  sharing_group_id: "0",
  deleted: false,
  disable_correlation: false,
  object_id: "0",
  object_relation: null,
  first_seen: "2026-11-19T10:00:00.000000+00:00",
  last_seen: null,
  value: "evil.example.com|203.0.113.7",
};

/** `misp_json`: the event is published. MISP sends the state before, so that `published` is false. */
export const PUBLISHED = {
  Event: {
    id: "1",
    orgc_id: "1",
    org_id: "1",
    date: "2026-11-20",
    threat_level_id: "2",
    info: "Phishing wave against ACME",
    published: false,
    uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774",
    attribute_count: "2",
    analysis: "0",
    timestamp: "1795197015",
    distribution: "1",
    proposal_email_lock: false,
    locked: false,
    publish_timestamp: "0",
    sharing_group_id: "0",
    disable_correlation: false,
    extends_uuid: "",
    protected: null,
    event_creator_email: "jane.doe@acme-cert.example",
    Org: { ...ORGANISATION, local: true },
    Orgc: { ...ORGANISATION, local: true },
    Attribute: [
      PUBLISHED_ATTRIBUTE,
      {
        ...PUBLISHED_ATTRIBUTE,
        id: "2",
        type: "url",
        uuid: "fc2ab01a-b0a2-4b68-9e36-ec047395e7f2",
        timestamp: "1795196991",
        comment: "landing page",
        first_seen: null,
        value: "http://evil.example.com/login",
        Tag: [{ ...TLP_AMBER, local: false, relationship_type: null }],
      },
    ],
    Object: [],
    Tag: [
      { ...TLP_AMBER, local: false, relationship_type: null },
      { ...TLP_AMBER, id: "4", name: "PAP:AMBER", colour: "#ffc000", local: true, relationship_type: null },
    ],
  },
};

/** `misp_json`: published again, with nothing changed. */
export const PUBLISHED_AGAIN = {
  Event: { ...PUBLISHED.Event, published: true, publish_timestamp: "1795197016" },
};

/**
 * `misp_json_tag`: an attribute is tagged `tlp:red`. Recorded for attribute 1, whose value the other frames have told;
 * here it is attribute 4.
 */
export const ATTRIBUTE_TAGGED_RED = {
  Tag: { ...TLP_RED, org_id: "0", attribute_id: "4", event_id: "1" },
  action: "attached to attribute",
};

const OBJECT_ATTRIBUTE = {
  ...PUBLISHED_ATTRIBUTE,
  object_id: "1",
  timestamp: "1795197088",
  comment: "",
  first_seen: null,
};

/** `misp_json`: published later, with an object that is new; attribute 4 has `tlp:red` here, as the frame above said. */
export const PUBLISHED_LATER = {
  Event: {
    ...PUBLISHED.Event,
    timestamp: "1795197261",
    publish_timestamp: "1795197018",
    Attribute: [
      {
        ...PUBLISHED_ATTRIBUTE,
        timestamp: "1795197224",
        comment: "C2 confirmed twice",
        Tag: [{ ...TLP_AMBER, id: "4", name: "PAP:AMBER", colour: "#ffc000", local: true, relationship_type: null }],
      },
    ],
    Object: [
      {
        id: "1",
        name: "domain-ip",
        "meta-category": "network",
        description: "A domain and the IP address it resolved to.",
        template_uuid: "43b3b146-77eb-4931-b4cc-b66c60f28734",
        template_version: "11",
        event_id: "1",
        uuid: "937f12e6-d568-40f2-9fbe-5b10692b4574",
        timestamp: "1795197088",
        distribution: "0",
        sharing_group_id: "0",
        comment: "resolved during campaign",
        deleted: false,
        first_seen: null,
        last_seen: null,
        ObjectReference: [],
        Attribute: [
          {
            ...OBJECT_ATTRIBUTE,
            id: "3",
            type: "domain",
            uuid: "77c87cb6-91d0-47bf-91cf-d5744de0f016",
            object_relation: "domain",
            value: "login.evil.example.com",
          },
          {
            ...OBJECT_ATTRIBUTE,
            id: "4",
            type: "ip-dst",
            uuid: "64e0889e-062e-49b2-89a5-a63a28059f1b",
            object_relation: "ip",
            value: "198.51.100.9",
            Tag: [{ ...TLP_RED, local: false, relationship_type: null }],
          },
        ],
      },
    ],
    Tag: [{ ...TLP_AMBER, local: false, relationship_type: null }],
  },
};
