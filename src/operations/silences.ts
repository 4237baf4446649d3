import { randomBytes } from "node:crypto";
import { MAX_SILENCES, type Silences } from "../delivery/silences.ts";
import type { Silence, SilenceState } from "../model/silence.ts";
import { SilenceMatch } from "../routing/silence.ts";
import type { ActiveConfig, Deliveries, OperationContext, StateAccess } from "./daemon.ts";
import type { SilenceDocument } from "./documents.ts";
import { formatOurs } from "./lines.ts";
import { requireDestination } from "./outbox.ts";
import { type Asker, type Query, RefusedError, type ReplyLine } from "./requests.ts";

/** What silencing works with. */
type Silencing = Pick<ActiveConfig, "destinations" | "routes" | "instances"> &
  Pick<StateAccess, "store"> &
  Pick<Deliveries, "silences" | "wakeups"> &
  OperationContext;

type Asked<C extends Query["command"]> = Extract<Query, { readonly command: C }>;

/** Nothing lasts for longer: what is never to be told is a matter of the configuration. */
const LONGEST_MS = 366 * 86_400_000;
/** How many changes of one silence are remembered. */
const MAX_CHANGES = 20;

export async function addSilence(query: Asked<"silence.add">, by: Asker, daemon: Silencing): Promise<SilenceDocument> {
  const { silences, clock, log } = daemon;
  const now = clock.now();
  await check(query, daemon);
  if (silences.inForce(now).length >= MAX_SILENCES) {
    throw new RefusedError("wrong", `${MAX_SILENCES} silences are in force; remove one: misp-herald silence list`);
  }
  const silence: Silence = {
    id: await freshId(daemon),
    createdAt: now,
    until: now + query.for,
    by: by.name,
    reason: query.reason,
    match: query.match,
    events: (await Promise.all(query.events.map((name) => eventsNamed(name, daemon)))).flat(),
    routes: query.routes,
    destinations: query.destinations,
    afterwards: query.afterwards,
    changes: [],
  };
  await put(silences, silence);
  log.warn(
    { by, silence: silence.id, until: formatOurs(silence.until), afterwards: silence.afterwards },
    "An operator added a silence",
  );
  return formatSilence({ ...silence, muted: 0, held: [] }, now);
}

/** Those in force, or also those that have ended, as far back as the record goes. */
export async function* listSilences(
  { ended }: Asked<"silence.list">,
  { store, clock }: Silencing,
): AsyncGenerator<ReplyLine> {
  const now = clock.now();
  for (const silence of await store.ledger.silences(ended ? 0 : now)) {
    yield { item: formatSilence(silence, now) };
  }
  yield { end: { more: false } };
}

export async function extendSilence(
  { id, for: forMs }: Asked<"silence.extend">,
  by: Asker,
  daemon: Silencing,
): Promise<SilenceDocument> {
  const { clock } = daemon;
  const found = await inForce(id, daemon);
  const until = found.until + forMs;
  if (until > clock.now() + LONGEST_MS) {
    throw new RefusedError("wrong", "a silence lasts for 366 days at most");
  }
  return change(found, { until, what: "extended" }, by, daemon);
}

export async function removeSilence(
  { id }: Asked<"silence.remove">,
  by: Asker,
  daemon: Silencing,
): Promise<SilenceDocument> {
  const found = await inForce(id, daemon);
  return change(found, { until: daemon.clock.now(), what: "removed" }, by, daemon);
}

async function change(
  { muted, held, ...silence }: SilenceState,
  { until, what }: { readonly until: number; readonly what: Silence["changes"][number]["what"] },
  by: Asker,
  { silences, wakeups, clock, log }: Silencing,
): Promise<SilenceDocument> {
  const now = clock.now();
  const changes = [...silence.changes, { at: now, by: by.name, what }].slice(-MAX_CHANGES);
  const changed = { ...silence, until, changes };
  await put(silences, changed);
  // What it holds is due at another time.
  for (const wakeup of wakeups.destinations.values()) {
    wakeup.wake();
  }
  log.warn({ by, silence: silence.id, until: formatOurs(until) }, `An operator ${what} a silence`);
  return formatSilence({ ...changed, muted, held }, now);
}

/** Whatever is wrong with it is said to who asks. */
async function put(silences: Silences, silence: Silence): Promise<void> {
  const read = SilenceMatch.safeParse(silence.match);
  if (!read.success) {
    const [issue] = read.error.issues;
    const [, ...path] = issue?.path ?? [];
    throw new RefusedError("wrong", `match: ${[path.join("."), issue?.message].join(" ").trim()}`.slice(0, 500));
  }
  try {
    await silences.put(silence);
  } catch (error) {
    if (error instanceof Error && /regexp/.test(error.message)) {
      throw new RefusedError(
        "wrong",
        `match has a regular expression that cannot be used: ${error.message}`.slice(0, 500),
      );
    }
    throw error;
  }
}

async function check(query: Asked<"silence.add">, daemon: Silencing): Promise<void> {
  const { match, events, routes, destinations } = query;
  if (
    match.every((map) => Object.keys(map).length === 0) &&
    events.length + routes.length + destinations.length === 0
  ) {
    throw new RefusedError("wrong", "say what to silence: --match, --event, --route or --destination");
  }
  for (const name of destinations) {
    await requireDestination(daemon, name);
  }
  const unknown = routes.find((name) => !daemon.routes.includes(name));
  if (unknown !== undefined) {
    throw new RefusedError("wrong", `there is no route "${unknown}"; there are ${daemon.routes.join(", ")}`);
  }
}

/** A number is that of whatever events have it now; where none is known, of those that will. */
async function eventsNamed(name: string, { store, instances }: Silencing): Promise<Silence["events"]> {
  if (!/^\d+$/.test(name)) {
    return [{ uuid: name }];
  }
  const known = await store.load({ events: instances.map((instance) => ({ instance, id: name })), parts: [] });
  const found = known.events.flatMap(({ instance, event }) =>
    event.uuid === undefined ? [] : [{ instance, uuid: event.uuid }],
  );
  return found.length > 0 ? found : [{ id: name }];
}

async function inForce(name: string, { store, clock }: Silencing): Promise<SilenceState> {
  const found = (await store.ledger.silences(clock.now())).filter(({ id }) => id.startsWith(name));
  const [first] = found;
  if (!first) {
    throw new RefusedError(
      "unknown",
      `no silence "${name}" is in force; misp-herald silence list names those that are`,
    );
  }
  if (found.length > 1) {
    throw new RefusedError("wrong", `several silences begin with "${name}"; give more of the id`);
  }
  return first;
}

async function freshId({ store }: Silencing): Promise<string> {
  const taken = new Set((await store.ledger.silences(0)).map(({ id }) => id));
  for (;;) {
    const id = randomBytes(4).toString("hex");
    if (!taken.has(id)) {
      return id;
    }
  }
}

/** A silence as people are told of it. */
export function formatSilence(silence: SilenceState, now: number): SilenceDocument {
  const { id, createdAt, until, by, reason, match, events, routes, destinations, afterwards, muted, held } = silence;
  return {
    id,
    created_at: formatOurs(createdAt),
    until: formatOurs(until),
    ended: until <= now,
    ...{ by, reason },
    match: match.map((map) => ({ ...map })),
    events: events.map((event) => ({ ...event })),
    routes: [...routes],
    destinations: [...destinations],
    afterwards,
    muted,
    held: held.map((line) => ({ ...line })),
    changes: silence.changes.map(({ at, ...change }) => ({ at: formatOurs(at), ...change })),
  };
}
