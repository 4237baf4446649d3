import { openNoted } from "../delivery/flood-note.ts";
import type { OwedFilter, OwedLine } from "../model/ledger.ts";
import type { Batch, DeliveryId } from "../model/outbox.ts";
import type { ActiveConfig, Deliveries, OperationContext, StateAccess } from "./daemon.ts";
import type { Changed, Counted, DeliveryDocument, ListEnd, OwedDocument } from "./documents.ts";
import { formatOwed } from "./lines.ts";
import { type Asker, type Filter, RefusedError, type ReplyLine } from "./requests.ts";

/** Where a destination is looked up: in the configuration, or among those that are owed something. */
type Lookup = Pick<ActiveConfig, "destinations"> & Pick<StateAccess, "store">;
/** Where deliveries are found. */
type Outbox = Lookup & Pick<Deliveries, "holds">;
/** What it takes to change them. */
type OutboxControl = Outbox & Pick<Deliveries, "wakeups" | "observer"> & OperationContext;

/** What holds a destination's deliveries, if anything does. */
export function heldBy(daemon: Pick<Deliveries, "holds">, destination: string): OwedDocument["held"] {
  if (daemon.holds.find(destination, "paused")) {
    return "paused";
  }
  if (daemon.holds.find(destination, "suspended")) {
    return "suspended";
  }
  return daemon.holds.find(destination, "unnamed") ? "unnamed" : undefined;
}

/** A destination that is configured or still owed something; anything else is refused with the names that there are. */
export async function requireDestination({ destinations, store }: Lookup, name: string): Promise<void> {
  if (destinations.has(name)) {
    return;
  }
  const owing = [...(await store.owed()), ...(await store.ledger.collected())];
  if (owing.some(({ destination }) => destination === name)) {
    return;
  }
  throw new RefusedError(
    "wrong",
    `there is no destination "${name}"; there are ${[...destinations.keys()].join(", ")}`,
  );
}

export async function* list(
  daemon: Outbox,
  asked: Filter,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<ReplyLine> {
  let left = limit;
  for await (const line of owed(daemon, asked, signal)) {
    if (left === 0) {
      return yield { end: { more: true } satisfies ListEnd };
    }
    left -= 1;
    yield { item: formatOwed(line, heldBy(daemon, line.delivery.destination)) };
  }
  yield { end: { more: false } satisfies ListEnd };
}

export async function count(daemon: Outbox, asked: Filter, signal: AbortSignal): Promise<Counted> {
  const destinations = new Set<string>();
  let all = 0;
  let sending = 0;
  for await (const { delivery, standing } of owed(daemon, asked, signal)) {
    if (standing === "sending") {
      sending += 1;
    } else {
      all += 1;
      destinations.add(delivery.destination);
    }
  }
  return { count: all, sending, destinations: [...destinations].sort() };
}

export async function show(
  { id: name, content }: { readonly id: string; readonly content: boolean },
  by: Asker,
  daemon: Outbox & Pick<Deliveries, "workers"> & OperationContext,
): Promise<DeliveryDocument> {
  const opened = await daemon.store.ledger.open(await findOne(daemon, name));
  if (!opened) {
    throw unknownDelivery(name);
  }
  const { destination, id } = opened.line.delivery;
  const delivery = formatOwed(opened.line, heldBy(daemon, destination));
  if (!content) {
    return { delivery };
  }
  daemon.log.info({ by, delivery: id, destination }, "An operator looked at the content of a delivery");
  return { delivery, content: await preview(opened.batch, daemon) };
}

/** As its destination would show it: what the guard withholds from there is withheld here. */
async function preview(
  batch: Batch,
  { workers, clock }: Pick<Deliveries, "workers"> & Pick<OperationContext, "clock">,
): Promise<NonNullable<DeliveryDocument["content"]>> {
  const worker = workers.find(({ destination }) => destination.name === batch.destination);
  if (!worker) {
    return { refused: "destination-not-configured" };
  }
  const { payload, leaving, refused, held } = openNoted(batch, worker.sending, clock.now());
  if (!payload || leaving.length === 0) {
    return { refused: refused[0]?.reason ?? (held.length > 0 ? "silenced" : "nothing-left") };
  }
  const { body, sizes, trimmed } = await worker.destination.preview(payload);
  return { body, sizes: [...sizes], trimmed: [...trimmed] };
}

export async function retry(daemon: OutboxControl, asked: Filter, by: Asker, signal: AbortSignal): Promise<Changed> {
  const { store, holds, wakeups, clock, log } = daemon;
  const { filter } = await compile(daemon, asked);
  const destinations = new Set<string>();
  let n = 0;
  for await (const lines of store.ledger.hasten(filter, clock.now())) {
    n += lines.length;
    for (const { delivery } of lines) {
      destinations.add(delivery.destination);
    }
    if (signal.aborted) {
      break;
    }
  }
  for (const name of destinations) {
    holds.urge(name);
    wakeups.destinations.get(name)?.wake();
  }
  if (n > 0) {
    log.info({ by, deliveries: n, destinations: [...destinations] }, "An operator wants deliveries tried now");
  }
  return { count: n, ...(await remains(daemon, asked, [...destinations])) };
}

export async function drop(daemon: OutboxControl, asked: Filter, by: Asker, signal: AbortSignal): Promise<Changed> {
  const { store, clock, log, observer } = daemon;
  const { filter } = await compile(daemon, asked);
  const end = { outcome: "muted", reason: "dropped-by-operator", by: by.name } as const;
  const destinations = new Set<string>();
  let n = 0;
  try {
    for await (const lines of store.ledger.drop(filter, end, clock.now())) {
      n += lines.length;
      for (const line of lines) {
        observer.settled(line);
        destinations.add(line.destination);
      }
      if (signal.aborted) {
        break;
      }
    }
  } finally {
    if (n > 0) {
      log.warn({ by, deliveries: n, destinations: [...destinations] }, "An operator dropped deliveries");
    }
  }
  return { count: n, ...(await remains(daemon, asked, [...destinations])) };
}

/** What a change did not reach. */
async function remains(
  daemon: Outbox,
  asked: Filter,
  destinations: readonly string[],
): Promise<Omit<Changed, "count">> {
  // Found by id, it may be gone by now.
  const { ids: _, ...rest } = asked;
  const { filter } = await compile(daemon, rest);
  let sending = 0;
  if (asked.ids === undefined) {
    for await (const lines of daemon.store.ledger.owed({ ...filter, standing: "sending" })) {
      sending += lines.length;
    }
  }
  return { sending, paused: destinations.filter((name) => daemon.holds.find(name, "paused")).sort() };
}

async function* owed(daemon: Outbox, asked: Filter, signal: AbortSignal): AsyncGenerator<OwedLine> {
  const { filter, held } = await compile(daemon, asked);
  for await (const lines of daemon.store.ledger.owed(filter)) {
    if (signal.aborted) {
      return;
    }
    for (const line of lines) {
      if (!held || line.standing !== "sending") {
        yield line;
      }
    }
  }
}

/** What the store is asked for; `held`: only what does not leave because its destination is held. */
async function compile(
  daemon: Outbox,
  asked: Filter,
): Promise<{ readonly filter: OwedFilter; readonly held: boolean }> {
  const { ids, destinations, state, before } = asked;
  for (const name of destinations ?? []) {
    await requireDestination(daemon, name);
  }
  const standing = state === "waiting" || state === "sending" || state === "retrying" ? state : undefined;
  const held = state !== undefined && standing === undefined;
  const names = held
    ? [...new Set(daemon.holds.all.map(({ destination }) => destination))].filter(
        (name) => heldBy(daemon, name) === state && (destinations?.includes(name) ?? true),
      )
    : destinations;
  const found: DeliveryId[] = [];
  for (const id of ids ?? []) {
    found.push(await findOne(daemon, id));
  }
  const filter = {
    ...(ids !== undefined && { ids: found }),
    ...(names !== undefined && { destinations: names }),
    ...(standing !== undefined && { standing }),
    ...(before !== undefined && { before }),
  };
  return { filter, held };
}

async function findOne({ store }: Pick<StateAccess, "store">, name: string): Promise<DeliveryId> {
  const [first, second] = await store.ledger.find(name.toLowerCase());
  if (first === undefined) {
    throw unknownDelivery(name);
  }
  if (second !== undefined && first !== name) {
    throw new RefusedError("wrong", `several deliveries begin with "${name}"; give more of the id`);
  }
  return first;
}

function unknownDelivery(name: string): RefusedError {
  return new RefusedError("unknown", `no delivery "${name}" is owed; misp-herald history tells what became of others`);
}
