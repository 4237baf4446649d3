import { openConnections } from "../base/http.ts";
import type { Log } from "../base/log.ts";
import type { Secret } from "../base/secret.ts";
import { type Answer, type JsonAnswer, readReply } from "./answer.ts";
import {
  type EventsNow,
  type KeyFacts,
  type MarkedAttributes,
  type MispVersion,
  type PublishedPage,
  readEventsNow,
  readKeyFacts,
  readMarkedAttributes,
  readPage,
  readSighters,
  readSwitch,
  readThreadFacts,
  readVersion,
  readWholeEvent,
  type Sighters,
  type SwitchAnswer,
  type ThreadFacts,
  type WholeEvent,
} from "./read.ts";

/** MISP's REST API as far as it is read. All reject only when `signal` aborts, with its reason, or by a bug. */
export interface MispApi extends AsyncDisposable {
  /**
   * An event with all that the key's user may see of it; what is deleted only on request. Ask by id where it is known: a
   * search for a UUID goes through MISP's attributes too.
   */
  event(idOrUuid: string, signal: AbortSignal, withDeleted?: boolean): Promise<Answer<WholeEvent>>;
  /**
   * What was published last at `cursor` (Unix seconds by MISP's clock) or later, the oldest first, `page` counted from 1;
   * also what is not published any more: MISP unpublishes an event, without a word, when it is edited.
   * A page moves when an event of an earlier one is published again: continue from the last `publishedAt` where that
   * is later than the cursor. A page that is too large can be asked for with a lower `limit`.
   */
  publishedSince(cursor: number, page: number, signal: AbortSignal, limit?: number): Promise<Answer<PublishedPage>>;
  /** These events (UUIDs or ids, 100 at most) as they are now, without their parts; what the key does not see is left out. */
  eventsNow(events: readonly string[], signal: AbortSignal): Promise<Answer<EventsNow>>;
  /**
   * The attributes of these events that carry one of these tags (`%` stands for anything), or whose event does: for tags
   * that no event of these carries it is those attributes alone. Pages count from 1.
   */
  markedAttributes(
    events: readonly string[],
    tags: readonly string[],
    page: number,
    signal: AbortSignal,
  ): Promise<Answer<MarkedAttributes>>;
  /** How far a discussion (by its number) may travel, and which event it is about. */
  thread(id: string, signal: AbortSignal): Promise<Answer<ThreadFacts>>;
  /** Who the key belongs to and what it may do. */
  whoami(signal: AbortSignal): Promise<Answer<KeyFacts>>;
  /** Who has reported the sightings of the event with this number. */
  sighters(eventId: string, signal: AbortSignal): Promise<Answer<Sighters>>;
  version(signal: AbortSignal): Promise<Answer<MispVersion>>;
  /** Whether one of MISP's settings is on, such as `Plugin.ZeroMQ_enable`; only site admins are told. */
  setting(name: string, signal: AbortSignal): Promise<Answer<SwitchAnswer>>;
}

/** How many events a page of `publishedSince` has. */
export const PAGE_LIMIT = 100;

const MAX_EVENT_BYTES = 64 * 2 ** 20;
const MAX_PAGE_BYTES = 8 * 2 ** 20;
/** All that was written in it comes with it, and is not read. */
const MAX_THREAD_BYTES = 8 * 2 ** 20;
const MAX_USER_BYTES = 2 ** 20;
/** Confirm, recall and reconcile ask at once. */
const CONNECTIONS = 3;

/** Opens a client for one instance; connects when used. It neither retries nor paces: that is for who asks. */
export function openMispApi(options: {
  /** MISP's base URL, with or without a path. */
  readonly url: URL;
  readonly apiKey: Secret;
  /** PEM file with the authorities to trust, instead of those that Node.js knows. */
  readonly caFile?: string | undefined;
  /** For one question, to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly log: Log;
  /** Bounds what is read of an event. */
  readonly maxEventBytes?: number;
  /** Bounds what is read of a page. */
  readonly maxPageBytes?: number;
}): MispApi {
  const { apiKey, caFile, timeoutMs, now, log } = options;
  const { maxEventBytes = MAX_EVENT_BYTES, maxPageBytes = MAX_PAGE_BYTES } = options;
  const connections = openConnections({ timeoutMs, caFile, connections: CONNECTIONS });
  const base = new URL(options.url);
  if (!base.pathname.endsWith("/")) {
    base.pathname += "/";
  }

  const ask = async (
    path: string,
    question: Readonly<Record<string, unknown>> | undefined,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Answer<JsonAnswer>> => {
    const askedAt = now();
    const reply = await connections.request({
      ...(question ? { method: "POST", body: JSON.stringify(question) } : { method: "GET" }),
      url: new URL(path, base).href,
      // Without Accept, MISP answers with a redirect to its login page, whatever the key.
      headers: { authorization: apiKey.reveal(), accept: "application/json", "content-type": "application/json" },
      maxBytes: maxBytes + 1,
      signal,
    });
    const told = readReply(reply, maxBytes, now());
    const bytes = "body" in reply ? reply.body.length : undefined;
    const { reason, detail } = told.kind === "told" ? { reason: undefined, detail: undefined } : told;
    log.debug({ path, tookMs: now() - askedAt, bytes, reason, detail }, "MISP was asked");
    return told;
  };

  return {
    async event(idOrUuid, signal, withDeleted = false) {
      const asked = idOrUuid.toLowerCase();
      const which = ID.test(asked) ? { eventid: asked } : { uuid: need(asked, UUID.test(asked)) };
      const told = await ask(
        "events/restSearch",
        { ...EVERYTHING, ...(withDeleted && DELETED), ...which },
        maxEventBytes,
        signal,
      );
      return told.kind === "told" ? readWholeEvent(told, asked, withDeleted) : told;
    },
    async publishedSince(cursor, page, signal, limit = PAGE_LIMIT) {
      const since = String(need(cursor, Number.isSafeInteger(cursor) && cursor > 0));
      const question = { ...METADATA, publish_timestamp: since, limit, page };
      const told = await ask("events/restSearch", question, maxPageBytes, signal);
      return told.kind === "told" ? readPage(told, page, limit) : told;
    },
    async eventsNow(events, signal) {
      const { order: _, ...metadata } = METADATA;
      const question = { ...metadata, eventid: need(events, areNames(events)) };
      const told = await ask("events/restSearch", question, maxPageBytes, signal);
      return told.kind === "told" ? readEventsNow(told) : told;
    },
    async markedAttributes(events, tags, page, signal) {
      const question = {
        ...MARKED,
        eventid: need(events, areNames(events)),
        tags: need(tags, tags.length > 0),
        limit: MARKED_LIMIT,
        page,
      };
      const told = await ask("attributes/restSearch", question, maxPageBytes, signal);
      return told.kind === "told" ? readMarkedAttributes(told, MARKED_LIMIT) : told;
    },
    async thread(asked, signal) {
      const told = await ask(`threads/view/${need(asked, ID.test(asked))}`, undefined, MAX_THREAD_BYTES, signal);
      return told.kind === "told" ? readThreadFacts(told, asked) : told;
    },
    async whoami(signal) {
      const told = await ask("users/view/me", undefined, MAX_USER_BYTES, signal);
      return told.kind === "told" ? readKeyFacts(told) : told;
    },
    async sighters(eventId, signal) {
      // An id must be a number here, and without both of these only the last 30 days are looked at.
      const which = { id: Number(need(eventId, ID.test(eventId))), from: "1", to: "4102444800" };
      const question = { returnFormat: "json", includeUuid: true, ...which };
      const told = await ask("sightings/restSearch/event", question, maxPageBytes, signal);
      return told.kind === "told" ? readSighters(told) : told;
    },
    async version(signal) {
      const told = await ask("servers/getVersion", undefined, MAX_USER_BYTES, signal);
      return told.kind === "told" ? readVersion(told) : told;
    },
    async setting(name, signal) {
      const asked = need(name, /^\w+\.\w+$/.test(name));
      const told = await ask(`servers/getSetting/${asked}.json`, undefined, MAX_USER_BYTES, signal);
      return told.kind === "told" ? readSwitch(told) : told;
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  };
}

/**
 * A search, since `GET /events/view` has no way to ask for tags that are not exportable, which may be the marking, and
 * adds attachments, warning lists and correlations with feeds. Users with sync rights are told no local tags unless
 * they ask. What is deleted is only told on request. An older MISP ignores what it does not know of this.
 */
const TAGS = { includeAllTags: true, excludeLocalTags: false };
const EVERYTHING = { returnFormat: "json", ...TAGS, noEventReports: true, noShadowAttributes: true };
/** Beside what is there also what is soft-deleted, which users who neither own nor sync the event are not shown. */
const DELETED = { deleted: [0, 1] };
const METADATA = {
  returnFormat: "json",
  metadata: true,
  ...TAGS,
  excludeGalaxy: true,
  order: "Event.publish_timestamp asc",
};

/** Deleted attributes are in no publication. */
const MARKED = { returnFormat: "json", includeAllTags: true, excludeLocalTags: false };
/** How many attributes one answer lists. */
const MARKED_LIMIT = 2_000;
const MAX_EVENTS = 100;

const ID = /^[1-9]\d*$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function areNames(events: readonly string[]): boolean {
  return events.length > 0 && events.length <= MAX_EVENTS && events.every((name) => ID.test(name) || UUID.test(name));
}

/** MISP takes an empty filter for no filter and an odd time for the future: such a question must not be asked. */
function need<T>(value: T, valid: boolean): T {
  if (!valid) {
    throw new RangeError("MISP cannot be asked for this");
  }
  return value;
}
