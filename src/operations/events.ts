import type { RecordFilter } from "../model/ledger.ts";
import type { Known } from "../model/memory.ts";
import type { RecordLine } from "../model/outbox.ts";
import type { ActiveConfig, Deliveries, OperationContext, StateAccess } from "./daemon.ts";
import type { Explained } from "./documents.ts";
import { formatInstant, formatMessage, formatOurs, formatOwed, formatRecorded } from "./lines.ts";
import { heldBy } from "./outbox.ts";
import { type Query, RefusedError, type ReplyLine } from "./requests.ts";
import { formatSilence } from "./silences.ts";

/** How many lines of each kind one explanation lists. */
const MAX_LINES = 500;

/** Where it is looked up what became of deliveries. */
type Remembered = Pick<ActiveConfig, "destinations" | "instances"> & Pick<StateAccess, "store">;
type HistoryQuery = Extract<Query, { readonly command: "history" }>;

/** Lines of the record, newest first. */
export async function* history(
  query: HistoryQuery,
  daemon: Remembered,
  signal: AbortSignal,
): AsyncGenerator<ReplyLine> {
  const { destination, event, outcome, since, limit } = query;
  const rest = {
    ...(destination !== undefined && { destination }),
    ...(outcome !== undefined && { outcome }),
    ...(since !== undefined && { since }),
  };
  const filters =
    event === undefined ? [rest] : (await uuidsOf(event, daemon)).map((eventUuid) => ({ ...rest, eventUuid }));
  if (filters.length === 0) {
    throw new RefusedError(
      "unknown",
      `no event ${event} is remembered; ask for its UUID, which the record keeps longer`,
    );
  }
  let n = 0;
  for (const filter of filters) {
    for await (const line of records(filter, daemon, signal)) {
      if (n === limit) {
        return yield { end: { more: true } };
      }
      n += 1;
      yield { item: formatRecorded(line) };
    }
  }
  if (n === 0 && destination !== undefined && !daemon.destinations.has(destination)) {
    const names = [...daemon.destinations.keys()].join(", ");
    throw new RefusedError("wrong", `there is no destination "${destination}"; there are ${names}`);
  }
  yield { end: { more: false } };
}

/** Who was told what of an event, who will be, and why not. */
export async function explain(
  name: string,
  daemon: Remembered & Pick<Deliveries, "holds"> & Pick<OperationContext, "clock">,
  signal: AbortSignal,
): Promise<Explained> {
  const known = await recall(name, daemon, true);
  const explained: Explained = {
    events: eventsOf(known),
    owed: [],
    records: [],
    messages: [],
    acknowledged: [],
    silences: [],
    more: false,
  };
  for (const eventUuid of uuidsIn(known, name)) {
    for (const { instance, at, by } of await daemon.store.ledger.acknowledged(eventUuid)) {
      explained.acknowledged.push({ instance, at: formatOurs(at), by });
    }
    for (const instance of daemon.instances) {
      const found = await daemon.store.ledger.messages({ instance, eventUuid });
      const room = MAX_LINES - explained.messages.length;
      explained.messages.push(...found.slice(0, room).map((message) => formatMessage(instance, message)));
      explained.more ||= found.length > room;
    }
    for await (const lines of daemon.store.ledger.owed({ eventUuid })) {
      if (signal.aborted) {
        return explained;
      }
      for (const line of lines) {
        if (explained.owed.length < MAX_LINES) {
          explained.owed.push(formatOwed(line, heldBy(daemon, line.delivery.destination)));
        } else {
          explained.more = true;
        }
      }
    }
    for await (const line of records({ eventUuid }, daemon, signal)) {
      if (explained.records.length < MAX_LINES) {
        explained.records.push(formatRecorded(line));
      } else {
        explained.more = true;
        break;
      }
    }
  }
  const named = new Set([...explained.owed, ...explained.records].flatMap(({ silence }) => silence ?? []));
  if (named.size > 0) {
    const now = daemon.clock.now();
    const silences = await daemon.store.ledger.silences(0);
    explained.silences = silences.filter(({ id }) => named.has(id)).map((silence) => formatSilence(silence, now));
  }
  return explained;
}

async function* records(
  filter: RecordFilter,
  { store }: Pick<StateAccess, "store">,
  signal: AbortSignal,
): AsyncGenerator<RecordLine> {
  for await (const lines of store.ledger.records(filter)) {
    if (signal.aborted) {
      return;
    }
    yield* lines;
  }
}

/** An id is that of any instance: two of them may know different events by it. `whole`: also what is undecided. */
async function recall(name: string, { store, instances }: Remembered, whole = false): Promise<Known> {
  const key = { ...(isId(name) ? { id: name } : { uuid: name }), whole };
  return store.load({ events: instances.map((instance) => ({ instance, ...key })), parts: [] });
}

async function uuidsOf(name: string, daemon: Remembered): Promise<readonly string[]> {
  return uuidsIn(isId(name) ? await recall(name, daemon) : undefined, name);
}

function uuidsIn(known: Known | undefined, name: string): readonly string[] {
  const uuids = (known?.events ?? []).flatMap(({ event }) => event.uuid ?? []);
  return [...new Set(isId(name) ? uuids : [name, ...uuids])];
}

function isId(name: string): boolean {
  return /^\d+$/.test(name);
}

function eventsOf({ events, told, undecided }: Known): Explained["events"] {
  return events.map(({ instance, key, event, publishedAt, everPublished, deleted, unpublished }) => {
    const changed = formatInstant(event.changedAt);
    const published = formatInstant(publishedAt);
    return {
      instance,
      ...(event.id !== undefined && { id: event.id }),
      ...(event.uuid !== undefined && { uuid: event.uuid }),
      ...(changed !== undefined && { changed_at: changed }),
      ...(published !== undefined && { published_at: published }),
      ever_published: everPublished,
      deleted,
      unpublished: unpublished ?? false,
      told: told
        .filter((one) => one.instance === instance && one.eventUuid === event.uuid)
        .map(({ destination, changedAt }) => {
          const at = formatInstant(changedAt);
          return { destination, ...(at !== undefined && { changed_at: at }) };
        }),
      undecided: [
        ...new Set(
          undecided
            .filter((one) => one.instance === instance && one.eventKey === key)
            .flatMap(({ destinations }) => destinations),
        ),
      ],
    };
  });
}
