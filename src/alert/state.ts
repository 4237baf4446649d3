import type { Line } from "../model/message.ts";
import type { Entry } from "../model/payload.ts";
import { KINDS, type Kind } from "../model/vocabulary.ts";
import { type CleanText, clean, formatNumber, join } from "./text.ts";

/** What one message says, and what several of a kind say, with `#` for their number. */
const PHRASES: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  "event.published": ["Published", "Published # times"],
  "event.created": ["Created", "# events created"],
  "event.edited": ["Edited", "Edited # times"],
  "event.deleted": ["Deleted", "# events deleted"],
  "event.unpublished": ["Unpublished", "Unpublished # times"],
  "event.withdrawn": ["Withdrawn", "# events withdrawn"],
  "attribute.added": ["Attribute added", "# attributes added"],
  "attribute.edited": ["Attribute edited", "# attributes edited"],
  "attribute.deleted": ["Attribute deleted", "# attributes deleted"],
  "object.added": ["Object added", "# objects added"],
  "object.edited": ["Object edited", "# objects edited"],
  "object.deleted": ["Object deleted", "# objects deleted"],
  "reference.added": ["Object reference added", "# object references added"],
  "reference.edited": ["Object reference edited", "# object references edited"],
  "reference.deleted": ["Object reference deleted", "# object references deleted"],
  "sighting.added": ["Sighting reported", "# sightings reported"],
  "sighting.deleted": ["Sighting deleted", "# sightings deleted"],
  "tag.attached": ["Tag attached", "# tags attached"],
  "tag.detached": ["Tag detached", "# tags detached"],
  "tag.created": ["Tag created", "# tags created"],
  "tag.edited": ["Tag edited", "# tags edited"],
  "tag.deleted": ["Tag deleted", "# tags deleted"],
  "organisation.changed": ["Organisation changed", "# organisations changed"],
  "user.created": ["User created", "# users created"],
  "user.changed": ["User changed", "# users changed"],
  "user.login": ["User logged in", "# logins"],
  "user.logout": ["User logged out", "# logouts"],
  "discussion.posted": ["Discussion post", "# discussion posts"],
  "audit.logged": ["Audit log entry", "# audit log entries"],
  "warninglist.changed": ["Warning list changed", "# warning lists changed"],
  "workflow.pushed": ["Message from a workflow", "# messages from workflows"],
  "herald.started": ["misp-herald started", "misp-herald started # times"],
  "herald.feed_silent": ["Feed silent", "Feed silent # times"],
  "herald.feed_recovered": ["Feed back", "Feed back # times"],
  "herald.reconciled": ["Missed publications found", "Missed publications found # times"],
  "herald.destination_suspended": ["Destination suspended", "# destinations suspended"],
  "herald.destination_recovered": ["Destination back", "# destinations back"],
  "herald.delivery_dead": ["Alerts not delivered", "Alerts not delivered # times"],
  "herald.frame_refused": ["Frame refused", "# frames refused"],
  "herald.silence_ending": ["Silence ends soon", "# silences end soon"],
  "herald.list_kept": ["Watch list is out of date", "# watch lists are out of date"],
  "herald.flood": ["Flood", "# floods"],
  "herald.state_damaged": ["State file damaged", "State file damaged # times"],
  "herald.config_rejected": ["Configuration rejected", "Configuration rejected # times"],
  "herald.recall_refused": ["MISP refuses the API key", "No word from MISP's REST API # times"],
};

const CHANGES = { new: "New", updated: "Updated", unchanged: "Published again" } as const;

const SIGHTINGS = {
  sighting: "Sighting reported",
  "false-positive": "False positive reported",
  expiration: "Expiration reported",
} as const;

function phrase(entry: Entry, kind: Kind, n: number): CleanText {
  const { alert } = entry.guarded;
  const [one, many] = PHRASES[kind];
  if (kind === "event.published" && entry.compared?.again) {
    return clean("Published again");
  }
  if (kind === "event.published" && alert.kind === kind && alert.change !== undefined) {
    return clean(n === 1 ? CHANGES[alert.change] : `${CHANGES[alert.change]} (${formatNumber(n)} publications)`);
  }
  if (kind === "sighting.added" && n === 1 && alert.sighting?.type !== undefined) {
    return clean(SIGHTINGS[alert.sighting.type]);
  }
  if (kind === "herald.recall_refused" && n === 1 && isUnconfirmed(entry)) {
    return clean("Told without MISP's word");
  }
  return plural([one, many], n);
}

function plural([one, many]: readonly [one: string, many: string], n: number): CleanText {
  return clean(n === 1 ? one : many.replace("#", formatNumber(n)));
}

function isUnconfirmed({ guarded: { alert } }: Entry): boolean {
  return alert.lines.some(({ label, text }) => label === "Reason" && text === "unconfirmed");
}

const RESTORED: Readonly<Partial<Record<Kind, readonly [one: string, many: string]>>> = {
  "attribute.edited": ["Attribute restored", "# attributes restored"],
  "object.edited": ["Object restored", "# objects restored"],
};

const BEFORE: ReadonlySet<Kind> = new Set<Kind>(["event.created", "event.edited"]);

/** What happened, publications first: `Updated · 20 attributes added · Sighting reported`. */
export function formatState(entry: Entry): CleanText {
  const count = (kinds: Entry["kinds"], kind: Kind) =>
    kinds.reduce((sum, one) => sum + (one.kind === kind ? one.n : 0), 0);
  // A publication says what was made or edited before it.
  const isPublished = entry.kinds.some(({ kind }) => kind === "event.published");
  const told = KINDS.filter((kind) => !(isPublished && BEFORE.has(kind))).flatMap((kind) => {
    const back = count(entry.restored ?? [], kind);
    const n = count(entry.kinds, kind) - back;
    const words = RESTORED[kind];
    return [...(back > 0 && words ? [plural(words, back)] : []), ...(n > 0 ? [phrase(entry, kind, n)] : [])];
  });
  return told.length > 0 ? join(told, " · ") : phrase(entry, entry.guarded.alert.kind, 1);
}

const NAMES = new Set([
  "name",
  "email",
  "title",
  "contents",
  "content",
  "instance",
  "destination",
  "silence",
  "watch list",
]);

/** The line that tells which one it is of a message that is about no event: the user's address, the list's name. */
export function nameLine(entry: Entry): Line | undefined {
  const { form, alert } = entry.guarded;
  const isOne = entry.kinds.reduce((sum, { n }) => sum + n, 0) === 1;
  if (alert.kind === "audit.logged") {
    return undefined; // its title may be hidden, and what was done to what says more
  }
  return form === "full" && alert.event === undefined && isOne
    ? alert.lines.find(({ label }) => NAMES.has(label.toLowerCase()))
    : undefined;
}

const DEED = [
  ["model", "controller"],
  ["action", "method"],
] as const;

/** What an audit log says was done, where that is the title. */
function deedLines({ guarded: { form, alert }, custom }: Entry): readonly Line[] {
  const find = (name: string) => alert.lines.find(({ label, text }) => label.toLowerCase() === name && text !== "");
  const isTitle = alert.kind === "audit.logged" && form === "full" && alert.event === undefined && !custom?.title;
  return isTitle ? DEED.flatMap(([name, other]) => find(name) ?? find(other) ?? []) : [];
}

/** `User, add`. */
export function formatDeed(entry: Entry): string | undefined {
  const lines = deedLines(entry);
  return lines.length > 0 ? lines.map(({ text }) => text).join(", ") : undefined;
}

/** Whether the title says what a line says. */
export function isInTitle(entry: Entry, line: Line): boolean {
  return deedLines(entry).includes(line);
}
