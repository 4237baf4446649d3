/** What happened, in the user's words. A route chooses by these names; README maps MISP's topics to them. */
export const KINDS = [
  "event.published",
  "event.created",
  "event.edited",
  "event.deleted",
  "event.unpublished",
  "event.withdrawn",
  "attribute.added",
  "attribute.edited",
  "attribute.deleted",
  "object.added",
  "object.edited",
  "object.deleted",
  "reference.added",
  "reference.edited",
  "reference.deleted",
  "sighting.added",
  "sighting.deleted",
  "tag.attached",
  "tag.detached",
  "tag.created",
  "tag.edited",
  "tag.deleted",
  "organisation.changed",
  "user.created",
  "user.changed",
  "user.login",
  "user.logout",
  "discussion.posted",
  "audit.logged",
  "warninglist.changed",
  "workflow.pushed",
  "herald.started",
  "herald.feed_silent",
  "herald.feed_recovered",
  "herald.reconciled",
  "herald.destination_suspended",
  "herald.destination_recovered",
  "herald.delivery_dead",
  "herald.config_rejected",
  "herald.state_damaged",
  "herald.recall_refused",
  "herald.frame_refused",
  "herald.silence_ending",
  "herald.list_kept",
  "herald.flood",
] as const;
export type Kind = (typeof KINDS)[number];

/** Whether a message of this kind takes back all that was told of an event: nothing holds it. */
export function takesBack(kind: Kind): boolean {
  return kind === "event.deleted" || kind === "event.unpublished" || kind === "event.withdrawn";
}

/** Kinds that a destination gets only when its guard names them in `also`, by the word used there. */
export const SENSITIVE = {
  users: ["user.created", "user.changed", "user.login", "user.logout"],
  audit: ["audit.logged"],
  organisations: ["organisation.changed"],
  discussions: ["discussion.posted"],
  warninglists: ["warninglist.changed"],
  workflows: ["workflow.pushed"],
  tags: ["tag.created", "tag.edited", "tag.deleted"],
} as const satisfies Record<string, readonly Kind[]>;
export type Sensitive = keyof typeof SENSITIVE;

/** Names that a rule's `match` may use; `attribute:` blocks have their own, in ATTRIBUTE_FACTS. */
export const FACTS = [
  "kind",
  "instance",
  "change",
  "late",
  "origin",
  "org",
  "org_uuid",
  "event_org",
  "owner_org",
  "tag",
  "event_tag",
  "tlp",
  "pap",
  "threat_level",
  "analysis",
  "distribution",
  "sharing_group",
  "published",
  "info",
  "event_id",
  "event_uuid",
  "galaxy",
  "cluster",
  "object",
  "watch",
  "sighting_type",
  "sighting_source",
] as const;
export type FactName = (typeof FACTS)[number];

/** What rules measure of an event, where facts are compared: its last change, its date, and how many attributes it has. */
export const MEASURES = ["changed_at", "date", "attribute_count"] as const;
export type MeasureName = (typeof MEASURES)[number];

/** Names inside an `attribute:` block; all conditions of one block hold together on one attribute. */
export const ATTRIBUTE_FACTS = ["type", "category", "to_ids", "value", "tag", "comment", "object", "relation"] as const;
export type AttributeFactName = (typeof ATTRIBUTE_FACTS)[number];

/** TLP 2.0 labels, loosest first (FIRST TLP 2.0; `tlp:white` is the TLP 1.0 name of clear). */
export const TLP = ["clear", "green", "amber", "amber+strict", "red"] as const;
export type Tlp = (typeof TLP)[number];

/** Permissible Actions Protocol labels, loosest first (MISP taxonomy PAP v3). */
export const PAP = ["clear", "green", "amber", "red"] as const;
export type Pap = (typeof PAP)[number];

/** MISP's `threat_level_id` 1 to 4. */
export const THREAT_LEVELS = ["high", "medium", "low", "undefined"] as const;
export type ThreatLevel = (typeof THREAT_LEVELS)[number];

/** MISP's `analysis` 0 to 2. */
export const ANALYSES = ["initial", "ongoing", "completed"] as const;
export type Analysis = (typeof ANALYSES)[number];

/** MISP's `distribution` 0 to 5, in its order; `inherit` exists for attributes and objects only. */
export const DISTRIBUTIONS = ["organisation", "community", "connected", "all", "sharing_group", "inherit"] as const;
export type Distribution = (typeof DISTRIBUTIONS)[number];

/** What a publication is to those who know the event; absent where it is about no event. */
export const CHANGES = ["new", "updated", "unchanged"] as const;
export type Change = (typeof CHANGES)[number];

/** Where an event comes from. */
export const ORIGINS = ["local", "pulled", "feed"] as const;
export type Origin = (typeof ORIGINS)[number];

/** Whether a message of this kind is about one attribute, so that it can be asked how often that was sighted. */
export function isAboutAttribute(kind: Kind): boolean {
  return kind.startsWith("attribute.") || kind.startsWith("sighting.");
}

/** MISP's `type` 0 to 2 of a sighting. */
export const SIGHTING_TYPES = ["sighting", "false-positive", "expiration"] as const;
export type SightingType = (typeof SIGHTING_TYPES)[number];
