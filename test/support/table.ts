import {
  configRejected,
  deliveryDead,
  destinationRecovered,
  destinationSuspended,
  feedRecovered,
  feedSilent,
  frameRefused,
  listKept,
  recallRefused,
  reconciled,
  silenceEnding,
  started,
  stateDamaged,
  toldUnconfirmed,
} from "../../src/absorbing/herald.ts";
import { PUBLISHED, PUBLISHED_ATTRIBUTE } from "../../src/demo/session.ts";
import type { Message } from "../../src/model/message.ts";
import type { BatchNote } from "../../src/model/pacing.ts";
import type { Kind } from "../../src/model/vocabulary.ts";
import { enrich, withSighter } from "../../src/planning/enrich.ts";
import { withThread } from "../../src/recall/threads.ts";
import { decodeSample, messageOf, sample } from "../topics/frames.ts";
import { campaign, FIRST, LATER, SOFT_DELETED } from "./scenes.ts";
import type { Stage } from "./stage.ts";

/** One line of the table: what comes, by kind and by what it is to those who know the event. */
export interface Row {
  readonly kind: Kind;
  readonly change: string;
  /** Why it leaves to nobody; absent: it does. */
  readonly never?: string;
  readonly stage: () => Omit<Stage, "guard">;
}

const AT = Date.UTC(2026, 10, 20, 17, 40);
const frames = (...names: readonly string[]) => names.map((name) => decodeSample(`misp_json${name}`));

/** Recorded frames, of which all but the last `n` were told before. */
const after = (names: readonly string[], n = 1) => ({
  messages: frames(...names),
  toldBefore: names.length - n,
});

/** What comes once the event was published, with what MISP's REST API says of it: the frames do not tell how far they may travel. */
const asked = (...names: readonly string[]) => {
  const { event = {}, attributes, objects } = FIRST();
  const seen = frames(...names).map((message) => enrich(message, { event, attributes, objects }, AT + 60_000));
  const partner = new Map(seen.map(({ subject: { uuid = "" } }) => [uuid, { name: "PARTNER-CERT" }]));
  return { messages: [FIRST(), ...seen.map((message) => withSighter(message, partner))], toldBefore: 1 };
};

/** A post in a discussion of the event, with what MISP's REST API says of how far that may travel. */
const askedThread = (name: string) => {
  const { event: { id = "", uuid = "" } = {} } = FIRST();
  const told = { kind: "thread" as const, thread: { distribution: "all" as const }, event: { id, uuid } };
  return { messages: [FIRST(), withThread(decodeSample(`misp_json${name}`), told)], toldBefore: 1 };
};

/** MISP tells neither markings nor reach of what a reference joins, and its REST API does not either. */
const REFERENCE = "how far the two parts may travel is unknown";

/** The event of the demonstration as it is published later with these differences. */
const laterWith = (event: object): Message =>
  messageOf("misp_json", { Event: { ...PUBLISHED.Event, timestamp: "1795197300", ...event } });

/** An event that was deleted, as it is published again. */
const backAgain = (): Message => {
  const { Event: event } = sample("misp_json--published-in-edit-call").payload;
  // An hour after the recorded frames: a publication of the moment of the deletion is no newer than that.
  return messageOf("misp_json", { Event: { ...(event as object), timestamp: "1795203590" } }, 1_795_203_600_000);
};

const ours = (...notices: readonly { readonly message: Message }[]) => ({
  messages: notices.map(({ message }) => message),
});

const flood = (rest: { readonly begins: boolean; readonly ends: boolean }): BatchNote => ({
  collects: "flood",
  flood: {
    class: "cause:ACME-CERT",
    reason: "burst",
    since: AT,
    ...{ over: 20, withinMs: 300_000, everyMs: 600_000 },
    ...rest,
    ...(!rest.ends && { nextAt: AT + 600_000 }),
  } as const,
});

const THREE = ["--publish-first-time", "--feed-import-misp-format", "--published-in-add-call"];
const SOFT_DELETED_OBJECT = "_object--soft-delete";

const EVENTS: readonly (readonly [Kind, string, Row["stage"]])[] = [
  ["event.published", "new", () => ({ messages: [FIRST()] })],
  [
    "event.published",
    "new, with much in it",
    () => ({
      messages: [campaign()],
      route: {
        match: { min_threat_level: "medium", any: [{ tag: "misp-galaxy:ransomware=*" }, { org: "nobody" }] },
        links: [{ label: "Search in SIEM", url: "https://siem.example.org/search?q={value}" }],
      },
      links: [{ label: "Runbook", url: "https://wiki.example.org/runbooks/{threat_level}" }],
    }),
  ],
  [
    "event.published",
    "new, without attributes",
    () => ({ messages: [laterWith({ Attribute: [], attribute_count: "0" })] }),
  ],
  [
    "event.published",
    "new, a deletion came before it left",
    () => ({ messages: [FIRST(), { ...SOFT_DELETED(), receivedAt: FIRST().receivedAt + 1000 }] }),
  ],
  [
    "event.published",
    "new, found late",
    () => ({ messages: [{ ...FIRST(), late: { together: false, publishedAt: AT - 7_200_000, changedAt: AT } }] }),
  ],
  ["event.published", "updated", () => ({ messages: [FIRST(), LATER()], toldBefore: 1 })],
  [
    "event.published",
    "updated, only taken away",
    () => ({ messages: [FIRST(), laterWith({ Attribute: [PUBLISHED_ATTRIBUTE] })], toldBefore: 1 }),
  ],
  [
    "event.published",
    "updated, all is taken away",
    () => ({ messages: [FIRST(), laterWith({ Attribute: [], attribute_count: "0" })], toldBefore: 1 }),
  ],
  [
    "event.published",
    "updated, no longer for detection",
    () => ({
      messages: [
        FIRST(),
        laterWith({
          Attribute: PUBLISHED.Event.Attribute.map((one) => ({ ...one, to_ids: false, timestamp: "1795197290" })),
        }),
      ],
      toldBefore: 1,
    }),
  ],
  [
    "event.published",
    "updated, only the event itself",
    () => ({
      messages: [FIRST(), laterWith({ info: "Phishing wave against ACME and its suppliers", threat_level_id: "1" })],
      toldBefore: 1,
    }),
  ],
  [
    "event.published",
    "updated, what was told is not known",
    () => ({ messages: [FIRST(), LATER()], toldBefore: 1, forgets: true }),
  ],
  [
    "event.published",
    "again, unchanged",
    () => ({
      messages: [
        ...frames("--publish-first-time"),
        ...frames("--republish-unchanged").map((one) => ({ ...one, receivedAt: AT + 7_200_000 })),
      ],
      toldBefore: 1,
      repeats: "always" as const,
    }),
  ],
  [
    "event.published",
    "reappeared, after it was unpublished",
    () => ({
      messages: [FIRST(), LATER(), ...frames("_event--edit-unpublish"), laterWith({ publish_timestamp: "1795197400" })],
      toldBefore: 3,
    }),
  ],
  [
    "event.published",
    "reappeared, after it was deleted",
    () => ({
      messages: [...frames("--published-in-add-call", "_event--delete"), backAgain()],
      toldBefore: 2,
    }),
  ],
  [
    "event.published",
    "with what else happened meanwhile",
    () => ({
      messages: [FIRST(), ...frames("_attribute--add-inside-object", "_sighting--add-sighting"), LATER()],
      toldBefore: 1,
    }),
  ],
  ["event.created", "new", () => ({ messages: frames("_event--add") })],
  ["event.created", "with an attribute", () => ({ messages: frames("_event--add", "_attribute--add") })],
  ["event.edited", "told before", () => after(["--published-in-add-call", "_event--edit-republished-via-api"])],
  [
    "event.unpublished",
    "told before",
    () => ({ messages: [FIRST(), LATER(), ...frames("_event--edit-unpublish")], toldBefore: 2 }),
  ],
  ["event.deleted", "told before", () => after(["--published-in-add-call", "_event--delete"])],
  ["event.deleted", "never told", () => ({ messages: frames("_event--delete") })],
];

const PARTS: readonly (readonly [Kind, string, Row["stage"], never?: string])[] = [
  ["attribute.added", "new", () => after(["--publish-first-time", "_attribute--add-inside-object"])],
  ["attribute.added", "an attachment", () => after(["--publish-full-event", "_attribute--add-attachment-with-data"])],
  ["attribute.edited", "told before", () => after(["--publish-first-time", "_attribute--edit-with-sightings"])],
  [
    "attribute.edited",
    "reappeared",
    () => after(["--publish-first-time", "_attribute--soft-delete", "_attribute--edit-undelete"]),
  ],
  [
    "attribute.edited",
    "deleted and reappeared",
    () => after(["--publish-first-time", "_attribute--soft-delete", "_attribute--edit-undelete"], 2),
  ],
  ["attribute.deleted", "told before", () => after(["--publish-first-time", "_attribute--soft-delete"])],
  ["attribute.deleted", "hard, told before", () => after(["--publish-first-time", "_attribute--delete-hard"])],
  ["attribute.deleted", "never told", () => ({ messages: frames("_attribute--soft-delete") })],
  [
    "attribute.edited",
    "added, edited, deleted",
    () => after(["--publish-first-time", "_attribute--add", "_attribute--edit-tagged", "_attribute--soft-delete"], 3),
  ],
  ["object.added", "new", () => after(["--publish-first-time", "_object--add"])],
  ["object.edited", "told before", () => after(["--publish-first-time", "_object--edit"])],
  ["object.deleted", "told before", () => after(["--publish-first-time", "_object--add", SOFT_DELETED_OBJECT])],
  ["object.deleted", "hard", () => after(["--publish-first-time", "_object--delete-hard"])],
  [
    "reference.added",
    "new",
    () => after(["--publish-first-time", "_object--edit", "_object_reference--add-to-attribute"]),
    REFERENCE,
  ],
  [
    "reference.deleted",
    "told before",
    () => after(["--publish-first-time", "_object--edit", "_object_reference--soft-delete"]),
    REFERENCE,
  ],
  ["sighting.added", "seen", () => asked("_sighting--add-sighting")],
  ["sighting.added", "false positive", () => asked("_sighting--add-false-positive")],
  ["sighting.added", "expiration", () => asked("_sighting--add-expiration")],
  ["sighting.added", "several", () => asked("_sighting--add-sighting", "_sighting--add-false-positive")],
  ["sighting.deleted", "told before", () => asked("_sighting--delete")],
];

const OTHERS: readonly (readonly [Kind, string, Row["stage"]])[] = [
  ["tag.attached", "to the event", () => after(["_event--add", "_tag--attached-to-event"])],
  ["tag.attached", "to an attribute", () => asked("_tag--attached-to-attribute")],
  ["tag.attached", "a cluster", () => after(["_event--add-sharing-group", "_tag--attached-to-event-galaxy-cluster"])],
  ["tag.detached", "from the event", () => after(["--publish-first-time", "_tag--detached-from-event"])],
  ["tag.detached", "from an attribute", () => asked("_tag--detached-from-attribute")],
  ["tag.created", "new", () => ({ messages: frames("_tag--add") })],
  ["tag.edited", "changed", () => ({ messages: frames("_tag--edit") })],
  ["tag.deleted", "deleted", () => ({ messages: frames("_tag--delete") })],
  ["organisation.changed", "new", () => ({ messages: frames("_organisation--created") })],
  ["organisation.changed", "changed", () => ({ messages: frames("_organisation--modified") })],
  ["user.created", "new", () => ({ messages: frames("_user--created-action-says-edit") })],
  ["user.changed", "changed", () => ({ messages: frames("_user--modified-action-says-add") })],
  ["user.login", "new", () => ({ messages: frames("_user--login") })],
  ["user.logout", "new", () => ({ messages: frames("_user--logout") })],
  ["discussion.posted", "a post", () => askedThread("_conversation--post")],
  ["discussion.posted", "a thread", () => ({ messages: frames("_conversation--thread-general") })],
  [
    "discussion.posted",
    "a thread on an event",
    () => after(["--publish-first-time", "_conversation--thread-on-event"]),
  ],
  [
    "audit.logged",
    "of a user",
    () => ({ messages: frames("_audit--auditlog-user-add-with-password-and-authkey-keys") }),
  ],
  ["audit.logged", "of an event", () => after(["--publish-first-time", "_audit--new-auditlog-publish"])],
  ["audit.logged", "of access", () => ({ messages: frames("_audit--accesslog-flat") })],
  ["warninglist.changed", "new", () => ({ messages: frames("_warninglist--add") })],
  ["workflow.pushed", "a result", () => ({ messages: frames("_workflow--enrich-event-result") })],
  ["workflow.pushed", "a whole event", () => ({ messages: frames("_workflow--full-event-roaming-data") })],
];

const OURS: readonly (readonly [Kind, string, Row["stage"]])[] = [
  ["herald.started", "", () => ours(started("cert", "0.1.0", AT))],
  ["herald.feed_silent", "", () => ours(feedSilent("cert", AT - 300_000, AT))],
  ["herald.feed_recovered", "", () => ours(feedRecovered("cert", AT - 300_000, AT))],
  ["herald.reconciled", "", () => ours(reconciled("cert", { late: 3, sinceAt: AT - 86_400_000 }, AT))],
  [
    "herald.destination_suspended",
    "",
    () =>
      ours(
        destinationSuspended(
          "soc",
          {
            reason: "channel_is_archived",
            hint: "the channel is archived: unarchive it, or name another one",
            owed: 12,
            probeMs: 900_000,
          },
          AT,
        ),
      ),
  ],
  [
    "herald.destination_recovered",
    "",
    () => ours(destinationRecovered("soc", { suspendedMs: 7_200_000, owed: 12 }, AT)),
  ],
  ["herald.delivery_dead", "", () => ours(deliveryDead("soc", { reason: "too-old", n: 3 }, AT))],
  ["herald.config_rejected", "", () => ours(configRejected({ problems: 2, where: "config.yaml:14:16" }, AT))],
  ["herald.list_kept", "", () => ours(listKept("our-networks", "it has less than half of the lines it had", AT))],
  ["herald.state_damaged", "", () => ours(stateDamaged({ rows: 2, lost: 1, isMended: true }, AT))],
  [
    "herald.recall_refused",
    "",
    () =>
      ours(
        recallRefused(
          "cert",
          { since: AT, reason: "http-403", hint: "check the key and the role of its user", probeMs: 60_000 },
          AT,
        ),
      ),
  ],
  ["herald.recall_refused", "told without its word", () => ours(toldUnconfirmed("cert", 3, AT))],
  [
    "herald.frame_refused",
    "",
    () => ours(frameRefused("cert", { topic: "misp_json", bytes: 90 * 2 ** 20, id: "4711", reason: "size" }, AT)),
  ],
  [
    "herald.silence_ending",
    "",
    () => ours(silenceEnding({ id: "s1", until: AT + 900_000 }, { muted: 120, held: 12 }, AT)),
  ],
  ["herald.flood", "begins", () => ({ messages: frames(...THREE), note: flood({ begins: true, ends: false }) })],
  ["herald.flood", "goes on", () => ({ messages: frames(...THREE), note: flood({ begins: false, ends: false }) })],
  ["herald.flood", "ends", () => ({ messages: frames(...THREE), note: flood({ begins: false, ends: true }) })],
];

/** Every kind, and what it can be to its readers; those of one list may stand in one digest. */
export const TABLE: Readonly<Record<"events" | "parts" | "others" | "ours", readonly Row[]>> = {
  events: rows(EVENTS),
  parts: rows(PARTS),
  others: rows(OTHERS),
  ours: rows(OURS),
};

function rows(list: readonly (readonly [Kind, string, Row["stage"], never?: string])[]): readonly Row[] {
  return list.map(([kind, change, stage, never]) => ({ kind, change, stage, ...(never !== undefined && { never }) }));
}
