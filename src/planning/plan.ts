import { guard, type Refusal, type Verdict } from "../guard/guard.ts";
import type { Guard } from "../guard/policy.ts";
import type { Alert, Item } from "../model/alert.ts";
import type { Keys, Known, Undecided } from "../model/memory.ts";
import type { Matchable, Message } from "../model/message.ts";
import type { Delivery, Effects, Group, RecordLine } from "../model/outbox.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { Kind } from "../model/vocabulary.ts";
import { matchableOf, matchableOfGuarded } from "../routing/facts.ts";
import { fire, type Route, type Routes } from "../routing/route.ts";
import { advanceAttributes, advanceEvent, isCopy } from "./advance.ts";
import { againVersion, changeOf, changesOf, isNews, kindOf } from "./changes.ts";
import { compose } from "./compose.ts";
import { groupsOf } from "./groups.ts";
import { deliveryId } from "./identity.ts";
import { trim } from "./trim.ts";
import { undecidedOf } from "./undecided.ts";
import { WorkingCopy } from "./working-copy.ts";

/** What planning needs of the configuration. */
export interface Rules {
  readonly routes: Routes;
  readonly destinations: ReadonlyMap<
    string,
    { readonly guard: Guard; readonly repeats: "changed" | "never" | "always" }
  >;
  /** Instances whose REST API can be asked for what is unknown. */
  readonly asks?: ReadonlySet<string>;
}

/** What became of one message, for people who ask: `tail`, `replay` and the log. */
export interface Trace {
  readonly message: Message;
  readonly kind?: Kind;
  readonly alert?: Alert;
  /** Older than memory: nobody is told. */
  readonly stale: boolean;
  readonly routes: readonly { readonly name: string; readonly truth: true | "unknown" }[];
  readonly destinations: readonly {
    readonly name: string;
    readonly routes: readonly string[];
    readonly verdict: "owed" | "already-told" | "undecided" | Refusal;
    readonly guarded?: GuardedAlert;
  }[];
}

export interface Plan {
  readonly effects: Effects;
  readonly traces: readonly Trace[];
}

/** What must be recalled before these messages can be planned. */
export function keysOf(messages: readonly Message[]): Keys {
  return {
    events: messages.flatMap(({ instance, event, kind }) =>
      event && (event.id !== undefined || event.uuid !== undefined)
        ? [
            {
              instance,
              ...(event.id !== undefined && { id: event.id }),
              ...(event.uuid !== undefined && { uuid: event.uuid }),
              ...(kind === "event.published" && { whole: true }),
            },
          ]
        : [],
    ),
    attributes: messages.flatMap(({ instance, attributes, tag, kind }) =>
      // A publication's attributes are found by their event.
      [...(kind === "event.published" ? [] : attributes.map(({ id }) => id)), tag?.attributeId].flatMap((id) =>
        id === undefined ? [] : [{ instance, id }],
      ),
    ),
  };
}

/**
 * Decides all that a micro-batch of messages changes. Pure: no clock, no I/O; what it lacks is unknown and passes no guard.
 * `asked`, one per message, says whom it is decided for once MISP has been asked: what is still unknown then is refused.
 */
export function plan(
  messages: readonly Message[],
  known: Known,
  now: number,
  rules: Rules,
  asked?: readonly Pick<Undecided, "id" | "destinations">[],
): Plan {
  const copy = new WorkingCopy(known);
  const alerts: Alert[] = [];
  const deliveries: Delivery[] = [];
  const records: RecordLine[] = [];
  const undecided: Undecided[] = [];
  const decided: Effects["decided"][number][] = [];
  const traces: Trace[] = [];
  for (const [index, message] of messages.entries()) {
    const last = asked?.[index];
    const decision = planOne(message, copy, now, rules, last?.destinations);
    traces.push(decision.trace);
    if (decision.alert) {
      alerts.push(decision.alert);
    }
    deliveries.push(...decision.owed);
    records.push(...decision.refused);
    undecided.push(...decision.undecided);
    decided.push(...decision.absorbed);
    if (last) {
      decided.push({ id: last.id, destinations: last.destinations });
    }
  }
  return { effects: { ...copy.changes(), alerts, deliveries, records, undecided, decided, cursors: [] }, traces };
}

interface Decision {
  readonly trace: Trace;
  readonly alert?: Alert;
  readonly owed: readonly Delivery[];
  readonly refused: readonly RecordLine[];
  readonly undecided: readonly Undecided[];
  readonly absorbed: Effects["decided"];
}

/** Many publications that the feed did not tell leave together: once all have been fetched, or when that takes long. */
function lateGroup(instance: string): Group {
  return { key: lateKey(instance), waitMs: 300_000, intervalMs: 300_000, show: 20 };
}

/** The key of the group in which the late publications of an instance leave. */
export function lateKey(instance: string): string {
  return JSON.stringify(["late", instance]);
}

/** Reasons that end when more is known. */
const UNKNOWN: readonly Refusal[] = ["match-unknown", "event-unknown", "distribution-unknown", "tlp-unknown"];

/** With `only` the message is decided for these destinations, and for good. */
function planOne(message: Message, copy: WorkingCopy, now: number, rules: Rules, only?: readonly string[]): Decision {
  const before = copy.event(message);
  const advanced = advanceEvent(before, message);
  const lastPublishedAt = copy.lastPublishedAt(message);
  const kind = kindOf(message, before?.publishedAt);
  const stale = advanced?.stale ?? false;
  const nothing = { owed: [], refused: [], undecided: [], absorbed: [] };
  if (advanced) {
    copy.setEvent(advanced.event);
    // Older than the event it may still be the newest list of its attributes, and what it marks is marked at once.
    if (!stale || (message.event?.changedAt ?? 0) >= (before?.publishedAt ?? 0)) {
      copy.change(message.instance, advanceAttributes(copy.attributes(message.instance), advanced.event, message));
    }
  }
  if (!kind || (stale && kind === "event.published")) {
    return { trace: { message, ...(kind && { kind }), stale, routes: [], destinations: [] }, ...nothing };
  }

  const alert = compose(
    message,
    kind,
    advanced?.event,
    copy.attributes(message.instance),
    changeOf(message, kind, lastPublishedAt),
  );
  const subject = matchableOf(alert);
  const fired = fire(rules.routes.get(kind) ?? [], subject);
  const memory = copy.memory(message.instance, advanced?.event);
  const picked = pick(alert, subject, fired);
  const visible = { items: new Set<Item>(), objects: new Set<Alert["objects"][number]>() };
  const owed: Delivery[] = [];
  const refused: RecordLine[] = [];
  const absorbed: Effects["decided"][number][] = [];
  const waiting: string[] = [];
  const isCounted = isCopy(before, message);
  const countedAt = isCounted ? before.countedAt : message.receivedAt;
  // A publication tells all that MISP would answer.
  const canAsk = !only && advanced && kind !== "event.published" && rules.asks?.has(message.instance);
  const destinations: Trace["destinations"][number][] = [];
  for (const [name, routes] of byDestination(fired)) {
    const settings = rules.destinations.get(name);
    if (!settings || (only && !only.includes(name))) {
      continue;
    }
    const decided = decide(picked, routes, settings.guard, memory);
    const certain = decided.routes.map((route) => route.name);
    const id = deliveryId(
      { ...alert, version: settings.repeats === "always" ? againVersion(alert, countedAt) : alert.version },
      name,
    );
    const event = {
      ...(alert.event?.uuid !== undefined && { eventUuid: alert.event.uuid }),
      ...(alert.event?.changedAt !== undefined && { changedAt: alert.event.changedAt }),
    };
    if ("refused" in decided && canAsk && UNKNOWN.includes(decided.refused)) {
      destinations.push({ name, routes: certain, verdict: "undecided" });
      waiting.push(name);
      continue;
    }
    if ("refused" in decided) {
      destinations.push({ name, routes: certain, verdict: decided.refused });
      refused.push({
        delivery: id,
        at: now,
        destination: name,
        instance: alert.instance,
        kind,
        ...event,
        routes: certain,
        outcome: "refused",
        reason: decided.refused,
      });
      continue;
    }
    const { guarded, cleared, kept } = decided;
    const since = kind === "event.published" ? copy.toldAt(alert.instance, name, event.eventUuid) : undefined;
    if (since !== undefined && !isNews(since, event.changedAt, settings.repeats, isCounted)) {
      destinations.push({ name, routes: certain, verdict: "already-told", guarded });
      continue;
    }
    const isUrgent = decided.routes.some(({ options }) => options.priority === "high");
    destinations.push({ name, routes: certain, verdict: "owed", guarded });
    for (const item of kept.items) {
      visible.items.add(item);
    }
    for (const object of kept.objects) {
      visible.objects.add(object);
    }
    owed.push({
      id,
      alert: alert.id,
      destination: name,
      instance: alert.instance,
      kind,
      ...event,
      createdAt: now,
      priority: isUrgent ? "high" : "normal",
      routes: certain,
      mentions: [...new Set(decided.routes.flatMap((route) => notifyOf(route, name).mention))],
      groups:
        message.late?.together && !isUrgent
          ? [lateGroup(message.instance)]
          : groupsOf(decided.routes, name, matchableOfGuarded(guarded).facts),
      ...(since !== undefined && { since }),
      ...(since !== undefined && since === before?.publishedAt && changesOf(before, alert)),
      cleared,
    });
    if (kind !== "event.published") {
      continue;
    }
    copy.tell(alert.instance, name, event);
    // The publication has the parts in it.
    for (const { id: part } of copy.undecidedOf(advanced?.event, name)) {
      absorbed.push({ id: part, destinations: [name] });
    }
  }
  const undecided = advanced && waiting.length > 0 ? [undecidedOf(alert, message, advanced.event, waiting, now)] : [];
  copy.wait(undecided);
  return {
    trace: {
      message,
      kind,
      alert: picked,
      stale,
      routes: fired.map(({ route, truth }) => ({ name: route.name, truth })),
      destinations,
    },
    ...(owed.length > 0 && { alert: trim(picked, visible) }),
    owed,
    refused,
    undecided,
    absorbed,
  };
}

type Decided = { readonly routes: readonly Route[] } & (
  | { readonly refused: Refusal }
  | Exclude<Verdict, { readonly refused: Refusal }>
);

/** What matched must itself be visible: a route counts only if it also matches on what the destination may see. */
function decide(
  alert: Alert,
  routes: readonly { route: Route; truth: true | "unknown" }[],
  policy: Guard,
  memory: Parameters<typeof guard>[2],
): Decided {
  const certain = routes.filter(({ truth }) => truth === true).map(({ route }) => route);
  if (certain.length === 0) {
    return { routes: routes.map(({ route }) => route), refused: "match-unknown" };
  }
  const verdict = guard(alert, policy, memory);
  if ("refused" in verdict) {
    return { routes: certain, refused: verdict.refused };
  }
  const subject = matchableOfGuarded(verdict.guarded);
  const visible = certain.filter((route) => route.matches(subject) === true);
  return visible.length === 0 ? { routes: certain, refused: "match-not-visible" } : { routes: visible, ...verdict };
}

/** Marks the attributes that the routes that fire ask for. */
function pick(alert: Alert, subject: Matchable, fired: readonly { readonly route: Route }[]): Alert {
  const picks = fired.flatMap(({ route }) => route.picks ?? []);
  if (picks.length === 0) {
    return alert;
  }
  const items = alert.items.map((item, index) => {
    const facts = subject.attributes[index];
    return facts && picks.some((isPicked) => isPicked(facts)) ? { ...item, matched: true } : item;
  });
  return { ...alert, items };
}

function byDestination(fired: readonly { route: Route; truth: true | "unknown" }[]) {
  const destinations = new Map<string, { route: Route; truth: true | "unknown" }[]>();
  for (const entry of fired) {
    for (const to of new Set(entry.route.options.notify.map((notify) => notify.to))) {
      destinations.set(to, [...(destinations.get(to) ?? []), entry]);
    }
  }
  return destinations;
}

function notifyOf(route: Route, destination: string): { readonly mention: readonly string[] } {
  return { mention: route.options.notify.filter(({ to }) => to === destination).flatMap(({ mention }) => mention) };
}
