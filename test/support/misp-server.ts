import { type Answer, type HttpServer, openHttpServer, type ReceivedRequest } from "./http-server.ts";

type Json = Readonly<Record<string, unknown>>;

/** A MISP on this machine: its REST API as far as it is read, by the rules of the real one. */
export interface MispServer extends AsyncDisposable {
  readonly url: URL;
  readonly requests: readonly ReceivedRequest[];
  /** The bodies of the searches that were answered honestly. */
  readonly searches: readonly Json[];
  /** The same of searches for attributes. */
  readonly attributeSearches: readonly Json[];
  /** Adds an event in core format (`Event` of misp_json), or replaces it; `fields` change its own columns. */
  put(event: Json, fields?: Json): void;
  remove(uuid: string): void;
  /** A person changes an event at `changedAtS` (Unix seconds): MISP unpublishes it without a word, and keeps when it was published. */
  edit(uuid: string, changedAtS: number, fields?: Json): void;
  /** A person takes a publication back: neither of the event's times changes. */
  unpublish(uuid: string): void;
  /** An administrator revokes the key, or gives it back. */
  revoke(isRevoked?: boolean): void;
  /** What the next requests get in place of an honest answer. */
  next(...answers: readonly Answer[]): void;
}

/** The key that the server accepts. */
export const API_KEY = "T0PSECRETt0psecretT0PSECRETt0psecret4242";

const ROLE = {
  name: "User",
  perm_site_admin: false,
  perm_sync: false,
  perm_add: true,
  perm_modify: true,
  perm_publish: false,
};

/** Failures as MISP, or what stands before it, sends them; those with text hold a marker that must not be repeated. */
export const FAILURES = {
  login: { status: 302, headers: { location: "/users/login", "content-type": "text/html" }, body: "MARKER" },
  terms: { status: 302, headers: { location: "https://misp.example.org/users/terms" } },
  moved: { status: 301, headers: { location: "https://MARKER.example.org/events/restSearch" } },
  badKey: mispError(
    403,
    "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header.",
  ),
  otherAddress: mispError(403, "It is not possible to use this Auth key from your IP address"),
  noPermission: mispError(403, "You do not have permission to use this functionality. MARKER"),
  blocked: { status: 403, headers: { "content-type": "text/html" }, body: "<html>MARKER</html>" },
  unknownUser: mispError(401, "Your user account doesn't exist anymore."),
  notFound: mispError(404, "Invalid event"),
  noMisp: { status: 404, headers: { "content-type": "text/html" }, body: "<html>MARKER</html>" },
  maintenance: mispError(405, "MISP is under maintenance. MARKER"),
  rateLimited: { ...mispError(429, "Rate limit exceeded."), headers: { "X-Rate-Limit-Reset": "120" } },
  crashed: { status: 500, headers: { "content-type": "text/html" }, body: "<html>MARKER</html>" },
  html: { status: 200, headers: { "content-type": "text/html" }, body: "\n<!DOCTYPE html><title>MARKER</title>" },
  errorInAnswer: mispError(200, "Something went wrong. MARKER"),
  hang: () => {},
} as const satisfies Readonly<Record<string, Answer>>;

/** MISP's own error in JSON. */
export function mispError(status: number, message: string) {
  return json(status, { name: message, message, url: "/events/restSearch" });
}

/** Has no event until some are put. `path`: MISP is not at the root of its server. */
export async function openMispServer(
  options: {
    readonly tls?: boolean;
    readonly path?: string;
    /** What the role of the key's user may beyond that of an ordinary one. */
    readonly role?: Json;
    /** What MISP is set to, told to site admins alone; what is not here this MISP does not have. */
    readonly settings?: Json;
    /** Sightings with who reported them. */
    readonly sightings?: readonly Json[];
    /** Discussions by their number. */
    readonly threads?: Json;
  } = {},
): Promise<MispServer> {
  const { path = "", settings = {}, threads = {}, sightings = [] } = options;
  const role: Json = { ...ROLE, ...options.role };
  const events = new Map<unknown, Json>();
  const scripted: Answer[] = [];
  let isRevoked = false;
  const searches: Json[] = [];
  const attributeSearches: Json[] = [];
  const server: HttpServer = await openHttpServer(options);

  const honest = ({ method, path: asked, headers, body }: ReceivedRequest): Answer => {
    // As MISP does for what it does not take for an API call, whatever the key.
    if (headers.accept !== "application/json") {
      return FAILURES.login;
    }
    if (headers.authorization !== API_KEY || isRevoked) {
      return FAILURES.badKey;
    }
    if (asked === `${path}/users/view/me` && method === "GET") {
      const Organisation = { id: "3", name: "CERT-XX" };
      return json(200, { User: { id: "7", email: "jane@example.org", authkey: API_KEY }, Role: role, Organisation });
    }
    if (asked === `${path}/servers/getVersion` && method === "GET") {
      return json(200, { version: "2.5.1", perm_sync: false, perm_sighting: true });
    }
    const [, thread] = /^(?:.*)\/threads\/view\/(\d+)$/.exec(asked) ?? [];
    if (thread !== undefined && method === "GET") {
      const row = threads[thread];
      return row === undefined ? mispError(404, "Invalid thread MARKER.") : json(200, { Thread: row });
    }
    const [, setting] = /^(?:.*)\/servers\/getSetting\/(.+)\.json$/.exec(asked) ?? [];
    if (setting !== undefined && method === "GET") {
      if (!role.perm_site_admin) {
        return FAILURES.noPermission;
      }
      const value = settings[setting];
      return value === undefined ? mispError(404, "Invalid setting MARKER.") : json(200, { level: 2, value });
    }
    if (asked === `${path}/sightings/restSearch/event` && method === "POST") {
      const { id, from, to } = JSON.parse(body.toString());
      // A text in place of the number is refused, and without these times only the last 30 days are looked at.
      const rows =
        typeof id === "number" && from && to ? sightings.filter(({ event_id }) => Number(event_id) === id) : [];
      return json(200, { response: rows.map((Sighting) => ({ Sighting })) }, { "X-Result-Count": "0" });
    }
    const isAboutAttributes = asked === `${path}/attributes/restSearch`;
    if (asked !== `${path}/events/restSearch` && !isAboutAttributes) {
      return FAILURES.notFound;
    }
    if (method !== "POST" || headers["content-type"] !== "application/json") {
      return mispError(405, "Not allowed");
    }
    const question: Json = JSON.parse(body.toString());
    if (isAboutAttributes) {
      attributeSearches.push(question);
      return json(200, { response: { Attribute: searchAttributes([...events.values()], question) } });
    }
    searches.push(question);
    const { total, found } = search([...events.values()], question);
    return json(200, { response: found.map((Event) => ({ Event })) }, { "X-Result-Count": String(total) });
  };

  const change = (uuid: string, fields: Json) => {
    const event = events.get(uuid);
    if (!event) {
      throw new Error("No such event");
    }
    events.set(uuid, { ...event, published: false, ...fields });
  };

  server.answer((response, socket) => {
    const request = server.requests.at(-1);
    const answer = scripted.shift() ?? (request ? honest(request) : FAILURES.crashed);
    if (typeof answer === "function") {
      answer(response, socket);
    } else {
      response.writeHead(answer.status, answer.headers).end(answer.body);
    }
  });
  return {
    url: new URL(`${server.origin}${path}`),
    requests: server.requests,
    searches,
    attributeSearches,
    put: (event, fields = {}) => void events.set(event.uuid, { ...event, ...fields }),
    remove: (uuid) => void events.delete(uuid),
    edit: (uuid, changedAtS, fields = {}) => change(uuid, { timestamp: String(changedAtS), ...fields }),
    unpublish: (uuid) => change(uuid, {}),
    revoke: (revoked = true) => {
      isRevoked = revoked;
    },
    next: (...answers) => void scripted.push(...answers),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

/**
 * `POST /events/restSearch`: filters, order and paging, then what of each event is told. Unknown keys are ignored;
 * `publish_timestamp` also finds what is not published any more.
 */
function search(all: readonly Json[], question: Json): { readonly total: number; readonly found: readonly Json[] } {
  const { eventid, uuid, published, publish_timestamp: since, order, limit, page = 1 } = question;
  const matching = all.filter(
    (event) =>
      isNamed(event, eventid) &&
      (!uuid || event.uuid === uuid || attributesOf(event).some((attribute) => attribute.uuid === uuid)) &&
      (published === undefined || isTrue(event.published) === isTrue(published)) &&
      (!since || Number(event.publish_timestamp) >= Number(since)),
  );
  const [, column, direction] = /^Event\.(id|timestamp|publish_timestamp) (asc|desc)$/.exec(String(order)) ?? [];
  if (column) {
    matching.sort((a, b) => (Number(a[column]) - Number(b[column])) * (direction === "asc" ? 1 : -1));
  }
  const size = limit === undefined ? matching.length : Number(limit);
  const first = (Number(page) - 1) * size;
  return { total: matching.length, found: matching.slice(first, first + size).map((event) => tell(event, question)) };
}

/** One id or UUID, or a list of them; an empty filter is none. */
function isNamed(event: Json, eventid: unknown): boolean {
  const names = (Array.isArray(eventid) ? eventid : [eventid]).filter(Boolean).map(String);
  return names.length === 0 || names.some((name) => name === String(event.id) || name === event.uuid);
}

/**
 * `POST /attributes/restSearch` by event and tag: an attribute is found by its own tags and by those of its event, which are
 * not listed with it. `%` stands for anything.
 */
function searchAttributes(all: readonly Json[], question: Json): readonly Json[] {
  const { eventid, tags, limit, page = 1 } = question;
  const patterns = (Array.isArray(tags) ? tags : []).map(
    (tag) =>
      new RegExp(
        `^${String(tag)
          .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
          .replaceAll("%", ".*")}$`,
        "i",
      ),
  );
  const isTagged = ({ Tag }: Json) => rowsOf(Tag).some(({ name }) => patterns.some((one) => one.test(String(name))));
  const found = all
    .filter((event) => isNamed(event, eventid))
    .flatMap((event) =>
      attributesOf(event)
        .filter((attribute) => isNotDeleted(attribute) && (isTagged(event) || isTagged(attribute)))
        .map((attribute) => ({ ...withTags(attribute, question), event_id: event.id })),
    );
  const size = limit === undefined ? found.length : Number(limit);
  return found.slice((Number(page) - 1) * size, Number(page) * size);
}

/** What MISP tells of an event: parts and tags only as far as they were asked for, and what is deleted only on request. */
function tell(event: Json, question: Json): Json {
  const isLive = (row: Json) => isNotDeleted(row) || (Array.isArray(question.deleted) && question.deleted.includes(1));
  const { Attribute, Object: objects, ShadowAttribute, EventReport, Galaxy, ...own } = event;
  const parts = {
    Attribute: rowsOf(Attribute)
      .filter(isLive)
      .map((one) => withTags(one, question)),
    Object: rowsOf(objects)
      .filter(isLive)
      .map((one) => ({
        ...one,
        Attribute: rowsOf(one.Attribute)
          .filter(isLive)
          .map((inner) => withTags(inner, question)),
      })),
    ...(question.noShadowAttributes ? {} : { ShadowAttribute }),
    ...(question.noEventReports ? {} : { EventReport }),
  };
  return {
    ...withTags(own, question),
    Galaxy: question.excludeGalaxy ? [] : Galaxy,
    ...(question.metadata ? {} : parts),
  };
}

/** `Tag` is left out where nothing of it may be told. */
function withTags({ Tag, ...row }: Json, { includeAllTags, excludeLocalTags }: Json): Json {
  const told = rowsOf(Tag).filter(
    (tag) => (includeAllTags || tag.exportable !== false) && !(excludeLocalTags && tag.local),
  );
  return told.length > 0 ? { ...row, Tag: told } : row;
}

/** MISP takes and gives 0, 1 and booleans, as numbers or text. */
function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === "1";
}

function attributesOf(event: Json): readonly Json[] {
  return [...rowsOf(event.Attribute), ...rowsOf(event.Object).flatMap((object) => rowsOf(object.Attribute))];
}

function isNotDeleted({ deleted }: Json): boolean {
  return deleted !== true && deleted !== "1";
}

function rowsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
