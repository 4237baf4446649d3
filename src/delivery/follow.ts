import { strictest } from "../guard/marking.ts";
import { merge } from "../guard/merge.ts";
import type { Batch, Store } from "../model/outbox.ts";
import type { Destination, Entry, Outcome, Payload } from "../model/payload.ts";
import {
  type EventName,
  type EventProgress,
  type Follow,
  type FollowUp,
  type OpenPost,
  POST_MS,
  type Post,
} from "../model/post.ts";
import { contentOf, digestOf, entriesNow, eventsOf, type ShownEntry, type ShownPost, showEntries } from "./keep.ts";
import type { OpenedBatch } from "./payload.ts";
import type { SendContext } from "./show.ts";

/** What one destination is followed up with. */
export interface FollowContext {
  readonly destination: Destination;
  readonly store: Pick<Store, "post">;
  readonly sending: SendContext;
}

/** Where a payload is told: by a message of its own, below another one, or in its place. */
export type TellingPlace =
  | { readonly kind: "new" }
  | { readonly kind: "below"; readonly root: NonNullable<Follow["root"]>; readonly isAloud: boolean }
  | {
      readonly kind: "instead";
      readonly open: OpenPost;
      readonly shown: ShownPost;
      /** As it is shown there. */
      readonly progress: EventProgress;
    };

type Opened = Pick<OpenedBatch, "kept"> & { readonly payload: Payload };

/** Decides where a payload is told. One that is about several events, or a digest, is never a reply. */
export async function placeOf(
  batch: Batch,
  { payload, kept }: Opened,
  following: FollowContext,
  now: number,
): Promise<TellingPlace> {
  const { destination, sending } = following;
  const { updates = "new", withdraw = "mark" } = sending;
  const [entry] = payload.entries;
  const root = rootOf(batch, payload);
  const isKnown = root && root.at > now - POST_MS && destination.following?.knows(root.ref);
  if (updates === "new" || !entry || !root || !isKnown || batch.note || batch.part) {
    return { kind: "new" };
  }
  // What is taken away takes its replies along.
  const isTakenAway = entry.withdrawn !== undefined && withdraw === "delete";
  const isUrgent = payload.priority === "high" || payload.mentions.length > 0;
  if (updates === "edit" && !entry.withdrawn && !isUrgent) {
    const open = await following.store.post(root.id);
    const progress = progressOf(followOf(batch, entry), entry, now);
    const shown = open && instead(open, entry, kept[0], sending, progress);
    return open && shown ? { kind: "instead", open, shown, progress } : { kind: "new" };
  }
  return root.events.length === 1 && !isTakenAway
    ? { kind: "below", root, isAloud: payload.priority === "high" || entry.withdrawn !== undefined }
    : { kind: "new" };
}

/** The payload as it is told in its place: whoever is told by a message of its own is told that it is an update. */
export function told(payload: Payload, batch: Batch, place: TellingPlace, following: FollowContext): Payload {
  if (place.kind !== "new" || following.sending.program || following.destination.threads) {
    return payload;
  }
  const entries = payload.entries.map((entry) => {
    const firstAt = entry.withdrawn ? undefined : followOf(batch, entry)?.progress.firstAt;
    return firstAt === undefined ? entry : { ...entry, firstToldAt: firstAt };
  });
  return { ...payload, entries };
}

/** What came of sending a payload, and where it was told in the end. */
export interface SentPayload {
  readonly outcome: Outcome;
  readonly place: TellingPlace;
  /** What the channel does not know any more. */
  readonly gone?: Post["id"];
}

/** Sends a payload to its place, or by itself where the channel does not know that any more, or does not take the change. */
export async function sendTo(
  place: TellingPlace,
  payload: Payload,
  alone: Payload,
  { following }: Pick<Destination, "following">,
  send: (payload: Payload) => Promise<Outcome>,
  signal: AbortSignal,
): Promise<SentPayload> {
  const by = async (gone?: Post["id"]): Promise<SentPayload> => ({
    ...{ outcome: await send(alone), place: { kind: "new" } },
    ...(gone !== undefined && { gone }),
  });
  if (place.kind === "new" || !following) {
    return by();
  }
  if (place.kind === "instead") {
    const { post } = place.open;
    const outcome = await following.edit(post.ref, place.shown.payload, signal);
    return outcome.kind === "gone" ? by(post.id) : outcome.kind === "message_rejected" ? by() : { outcome, place };
  }
  const { root, isAloud } = place;
  const reply = (of: Payload) => following.reply(of, root.ref, isAloud, signal);
  const first = await reply(payload);
  const outcome = first.kind === "message_rejected" ? await reply({ ...payload, minimal: true }) : first;
  return outcome.kind === "gone" ? by(root.id) : { outcome, place };
}

/** What is written down of a payload that was sent. */
export function followUpOf(
  batch: Batch,
  { payload, kept }: Opened,
  { outcome, place, gone }: SentPayload,
  { destination, sending }: FollowContext,
  now: number,
): FollowUp {
  const events = eventsOf(payload.entries.filter(({ withdrawn }) => !withdrawn));
  const isFollowed = destination.following !== undefined;
  const withdrawn = payload.entries.flatMap((entry, index) => {
    const [event] = eventsOf([entry]);
    const stub = kept[index];
    return entry.withdrawn && event && stub ? [{ ...event, entry: stub }] : [];
  });
  const post = isFollowed ? postOf(batch, { payload, kept }, place, outcome, now) : undefined;
  return {
    told: events.map((event) => {
      const entry = payload.entries.find((one) => isAbout(one, event));
      const progress = (of: Entry) =>
        place.kind === "instead" ? place.progress : progressOf(followOf(batch, of), of, now);
      return { ...event, ...(isFollowed && entry && { progress: progress(entry) }) };
    }),
    ...(post && { post }),
    ...(isFollowed && sending.updates !== "new" && { refresh: true as const }),
    ...(withdrawn.length > 0 && { withdrawn }),
    ...(gone !== undefined && { gone }),
  };
}

function postOf(
  batch: Batch,
  { payload, kept }: Opened,
  place: TellingPlace,
  outcome: Outcome,
  now: number,
): Post | undefined {
  if (place.kind === "instead") {
    return { ...place.open.post, content: place.shown.content, shown: place.shown.shown };
  }
  const ref = "ref" in outcome ? outcome.ref : undefined;
  const events = eventsOf(payload.entries);
  // That something is taken back is not changed any more.
  if (!ref || events.length === 0 || payload.entries.every(({ withdrawn }) => withdrawn)) {
    return undefined;
  }
  return {
    ...{ id: batch.id, destination: batch.destination, at: now, ref, events },
    // A channel may put what was to be below another message beside it.
    ...(place.kind === "below" && ref.thread !== undefined && { isReply: true as const }),
    content: contentOf(payload, kept),
    shown: digestOf(payload.entries),
  };
}

function rootOf(batch: Batch, { entries }: Payload): Follow["root"] | undefined {
  const [entry, ...others] = entries;
  return entry && others.length === 0 ? followOf(batch, entry)?.root : undefined;
}

function followOf({ follows = [] }: Batch, { guarded: { alert } }: Entry): Follow | undefined {
  return follows.find(({ instance, eventUuid }) => instance === alert.instance && eventUuid === alert.event?.uuid);
}

function isAbout({ guarded: { alert } }: Entry, { instance, eventUuid }: EventName): boolean {
  return alert.instance === instance && alert.event?.uuid === eventUuid;
}

/** What has become of an event once an entry about it is told. */
export function progressOf(
  before: Follow | undefined,
  { kinds, compared, guarded, reminder }: Entry,
  now: number,
): EventProgress {
  const sighted = kinds.reduce((sum, { kind, n }) => sum + (kind === "sighting.added" ? n : 0), 0);
  if (!before) {
    return { firstAt: now, updates: 0, sightings: 0 };
  }
  const { progress } = before;
  const { acknowledged } = progress;
  if (reminder) {
    return progress;
  }
  const sightings = progress.sightings + sighted;
  if (kinds.every(({ kind }) => kind === "sighting.added")) {
    return { ...progress, sightings };
  }
  const live = guarded.alert.items.filter(({ withdrawn }) => !withdrawn).length;
  const { added, changed, removed } = compared ?? {
    added: kinds.some(({ kind }) => kind === "attribute.added") ? live : 0,
    changed: 0,
    removed: guarded.alert.items.length - live,
  };
  return {
    firstAt: progress.firstAt,
    updates: progress.updates + 1,
    updatedAt: now,
    added,
    changed,
    removed,
    sightings,
    ...(acknowledged && { acknowledged }),
  };
}

/** A message with what it showed of an event, and what is new of that, as if all had been told at once. */
function instead(
  open: OpenPost,
  entry: Entry,
  kept: ShownEntry["kept"] | undefined,
  sending: SendContext,
  progress: EventProgress,
): ShownPost | undefined {
  const before = entriesNow(open, sending);
  if (!before || !kept) {
    return undefined;
  }
  const [event] = eventsOf([entry]);
  const isThis = (one: ShownEntry) => event !== undefined && isAbout(one.entry, event) && !one.kept.withdrawn;
  const old = before.find(isThis);
  const both = old ? together(old, { entry, kept }) : { entry, kept };
  const changed = { entry: { ...wholly(both.entry), progress }, kept: wholly(both.kept) };
  const rest = before.filter((one) => !isThis(one));
  const at = before.findIndex(isThis);
  const entries = at < 0 ? [changed, ...rest] : [...rest.slice(0, at), changed, ...rest.slice(at)];
  return showEntries(entries, open, sending);
}

/** All of it is shown, not only what is different from what was told last: that stands nowhere else. */
function wholly<T extends Pick<Entry, "since" | "compared">>(one: T): Omit<T, "since" | "compared"> {
  const { since: _, compared: __, ...all } = one;
  return all;
}

function together(old: ShownEntry, { entry, kept }: ShownEntry): ShownEntry {
  if (old.entry.guarded.form !== entry.guarded.form) {
    return { entry, kept };
  }
  const guarded = merge([old.entry.guarded, entry.guarded]);
  const marking = strictest(old.kept.alert.marking, kept.alert.marking);
  return {
    entry: { ...entry, guarded },
    kept: {
      ...kept,
      alert: { ...guarded.alert, marking, everPublished: kept.alert.everPublished },
      ...{ withheld: guarded.withheld, sightings: guarded.sightings },
      ...(guarded.chr && { chr: guarded.chr }),
    },
  };
}
