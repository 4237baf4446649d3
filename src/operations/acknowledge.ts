import type { Known } from "../model/memory.ts";
import type { ActiveConfig, Deliveries, OperationContext, StateAccess } from "./daemon.ts";
import type { Acknowledged } from "./documents.ts";
import { formatOurs } from "./lines.ts";
import { type Asker, RefusedError } from "./requests.ts";

/** What it takes to acknowledge an event. */
type Acknowledging = Pick<ActiveConfig, "instances"> &
  Pick<StateAccess, "store"> &
  Pick<Deliveries, "observer" | "wakeups"> &
  OperationContext;

/** An event by its UUID or number, in one instance or in all that know it. */
export interface EventInInstance {
  readonly name: string;
  readonly instance?: string;
}

/**
 * Somebody looks after an event: nobody is reminded of what was told of it before, and its messages say so. By whatever way they say so, a command or a
 * button, they are who they are there.
 */
export async function acknowledge(
  event: EventInInstance,
  by: Pick<Asker, "name">,
  daemon: Acknowledging,
): Promise<Acknowledged> {
  const { store, clock, log, observer, wakeups } = daemon;
  const events: Acknowledged["events"] = [];
  for (const { instance, uuid, id } of await eventsMeant(event, daemon)) {
    const before = (await store.ledger.acknowledged(uuid)).find((one) => one.instance === instance);
    const lines = await store.ledger.acknowledge({ instance, eventUuid: uuid, at: clock.now(), by: by.name });
    for (const line of lines) {
      observer.settled(line);
    }
    log.info({ by, instance, event: uuid, reminders: lines.length }, "An event was acknowledged");
    events.push({
      instance,
      uuid,
      ...(id !== undefined && { id }),
      reminders: lines.length,
      destinations: [...new Set(lines.map(({ destination }) => destination))].sort(),
      ...(before && { before: { at: formatOurs(before.at), by: before.by } }),
    });
  }
  // Messages that they were sent say so from now on.
  for (const wakeup of wakeups.destinations.values()) {
    wakeup.wake();
  }
  return { events };
}

interface Meant {
  readonly instance: string;
  readonly uuid: string;
  readonly id?: string;
}

async function eventsMeant(
  { name, instance }: EventInInstance,
  { store, instances }: Acknowledging,
): Promise<readonly Meant[]> {
  if (instance !== undefined && !instances.includes(instance)) {
    throw new RefusedError("wrong", `there is no instance "${instance}"; there are ${instances.join(", ")}`);
  }
  const isNumber = /^\d+$/.test(name);
  const key = isNumber ? { id: name } : { uuid: name };
  const asked = instance === undefined ? instances : [instance];
  const known = await store.load({ events: asked.map((one) => ({ instance: one, ...key })), parts: [] });
  const found = known.events.flatMap(({ instance: of, event: { uuid, id } }): readonly Meant[] =>
    uuid === undefined ? [] : [{ instance: of, uuid, ...(id !== undefined && { id }) }],
  );
  if (found.length === 0) {
    throw new RefusedError("unknown", `no event ${name} is remembered; give its UUID, or instance:id`);
  }
  if (isNumber && found.length > 1) {
    const names = found.map((one) => `${one.instance}:${name}`).join(", ");
    throw new RefusedError("wrong", `several instances have an event ${name}; give one of ${names}`);
  }
  if (isNumber && isUnsure(known, name)) {
    throw new RefusedError("wrong", `MISP has given the number ${name} to more than one event; give the UUID`);
  }
  return found;
}

function isUnsure({ aliases }: Known, id: string): boolean {
  return aliases.some((alias) => alias.id === id && alias.unsure);
}
