import type { Refusal } from "../guard/guard.ts";
import { isMarking, isOpen } from "../guard/marking.ts";
import { remainder, type TakenBack } from "../guard/withdrawn.ts";
import type { Alert, Item, WrittenPage } from "../model/alert.ts";
import type { EventMemory, Keys, Known, Undecided } from "../model/memory.ts";
import type { Matchable, Message } from "../model/message.ts";
import type { Delivery, Effects, Group, RecordLine } from "../model/outbox.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { EventName } from "../model/post.ts";
import type { Kind } from "../model/vocabulary.ts";
import { matchableOf } from "../routing/facts.ts";
import { fire, type Routes } from "../routing/route.ts";
import { type CompiledSilence, silencesOn } from "../routing/silence.ts";
import type { Watch } from "../routing/watch.ts";
import { changeOf, isPartDeleted, kindOf } from "./changes.ts";
import { AlertDraft, withoutWords } from "./compose.ts";
import { count, countedIn } from "./count.ts";
import { alertId } from "./identity.ts";
import { factsOfItems, withMarks } from "./marks.ts";
import { isCopy } from "./publication.ts";
import { remember } from "./remember.ts";
import {
  type CandidateRoute,
  type DestinationRules,
  partsShare,
  type Share,
  shareOf,
  staleShare,
  withdrawnShare,
} from "./share.ts";
import { shownSince } from "./shown.ts";
import { type Trimmed, trimmed, type Visible } from "./trim.ts";
import { containedIn, threadKey, undecidedOf } from "./undecided.ts";
import { versionAfter } from "./version.ts";
import { type Whole, whole } from "./whole.ts";
import {
  type EventWithdrawal,
  isNarrowed,
  isTakenBack,
  mayTakeBackParts,
  toldOfParts,
  withdrawalBy,
  withdrawalTo,
  withdraws,
} from "./withdraw.ts";
import { WorkingCopy } from "./working-copy.ts";

/** What planning needs of the configuration. */
export interface Rules {
  readonly routes: Routes;
  readonly destinations: ReadonlyMap<string, DestinationRules>;
  /** Instances whose REST API can be asked for what is unknown. */
  readonly asks?: ReadonlySet<string>;
  /** Instances that confirm a publication before anybody is told of it. */
  readonly confirms?: ReadonlySet<string>;
  /** The watch lists that the routes ask. */
  readonly watch?: Watch;
  /** What operators do not want to be told now. */
  readonly silences?: readonly CompiledSilence[];
  /** Some rule asks how often an attribute was sighted. */
  readonly counts?: boolean;
}

/** What became of one message, for people who ask: `tail`, `replay` and the log. */
export interface Trace {
  readonly message: Message;
  readonly kind?: Kind;
  /** Absent where no route may fire: then nobody has asked for all of it. */
  readonly alert?: Alert;
  /** What the rules were asked about; absent where it is about nothing that they know, or was planned elsewhere. */
  readonly subject?: Matchable;
  /** Older than memory: a publication is not told. */
  readonly stale: boolean;
  readonly routes: readonly { readonly name: string; readonly truth: true | "unknown" }[];
  readonly destinations: readonly {
    readonly name: string;
    readonly routes: readonly string[];
    readonly verdict: "owed" | "already-told" | "muted" | "undecided" | Refusal | TakenBack;
    readonly guarded?: GuardedAlert;
    /** What is owed. */
    readonly delivery?: Delivery["id"];
    /** Why it is muted, and by which silence. */
    readonly reason?: string;
    readonly silence?: string;
  }[];
  /** Who is told, whatever the routes say, that the event is taken back. */
  readonly withdrawals?: readonly { readonly name: string; readonly delivery: Delivery["id"] }[];
}

export interface Plan {
  readonly effects: Effects;
  readonly traces: readonly Trace[];
  /** Events that fewer may see than before, of which it has to be known who was told: with that it is planned again. */
  readonly lacks?: Keys["events"];
}

/** What must be recalled before these messages can be planned, by these rules. */
export function keysOf(messages: readonly Message[], rules?: Pick<Rules, "routes" | "counts">): Keys {
  // What publications have shown is asked only of what somebody may be told.
  const isTold = (kind: Kind | undefined) => kind !== undefined && rules?.routes.get(kind)?.routes.length !== 0;
  const sighted = rules?.counts ? messages.flatMap((message) => countedIn(message) ?? []) : [];
  return {
    ...(sighted.length > 0 && { sighted }),
    events: messages.flatMap((message) => {
      const { kind, whole } = message;
      const name = eventIn(message);
      if (!name) {
        return [];
      }
      const since = isTold(kind) ? shownSince(message) : undefined;
      return [
        {
          ...name,
          ...((kind === "event.published" || whole) && { whole: true }),
          ...reachedBy(message),
          ...(since !== undefined && { shownSince: since }),
        },
      ];
    }),
    // A publication's parts are found by their event.
    parts: messages.flatMap((message) => (message.kind === "event.published" || message.whole ? [] : partsOf(message))),
  };
}

function eventIn({ instance, event }: Message): Keys["events"][number] | undefined {
  const { id, uuid } = event ?? {};
  return id === undefined && uuid === undefined
    ? undefined
    : { instance, ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) };
}

/**
 * Whoever was told of an event is asked for only by what is about the event itself, and by what takes back parts. Of all else
 * hardly any takes something back: it turns out when it is planned.
 */
function reachedBy(message: Message): Pick<Keys["events"][number], "reached"> {
  const { kind, whole, tag } = message;
  if (mayTakeBackParts(message)) {
    return { reached: "parts" };
  }
  const isAboutEvent = kind !== undefined && EVENT_KINDS.has(kind);
  return isAboutEvent || whole || (tag?.on === "event" && isMarking(tag.name)) ? { reached: "event" } : {};
}

const EVENT_KINDS: ReadonlySet<Kind> = new Set<Kind>(["event.published", "event.edited", "event.deleted"]);

function partsOf({ instance, attributes, objects, tag }: Message): Keys["parts"] {
  const ids = [...attributes.map(({ id }) => id), tag?.attributeId].filter((id) => id !== undefined);
  return [
    ...ids.map((id) => ({ instance, part: "attribute" as const, id })),
    ...objects.map(({ key }) => ({ instance, part: "object" as const, id: key })),
  ];
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
  asked?: readonly (Asked | undefined)[],
): Plan {
  const copy = new WorkingCopy(known);
  const alerts: Alert[] = [];
  const pages: WrittenPage[] = [];
  const deliveries: Delivery[] = [];
  const records: RecordLine[] = [];
  const undecided: Undecided[] = [];
  const decided: Effects["decided"][number][] = [];
  const within: NonNullable<Effects["within"]>[number][] = [];
  const recheck = new Map<string, EventName>();
  const lacks: Keys["events"][number][] = [];
  const traces: Trace[] = [];
  for (const [index, message] of messages.entries()) {
    const last = asked?.[index];
    const decision = planOne(message, copy, now, rules, last);
    traces.push(decision.trace);
    undecided.push(...decision.undecided);
    take(decision);
    if (last) {
      decided.push({ id: last.id, destinations: last.destinations });
    }
    // What a publication has in it need not be asked about any more.
    for (const part of decision.contained) {
      take(planOne(part.message, copy, now, rules, part));
      decided.push({ id: part.id, destinations: part.destinations });
    }
  }
  return {
    effects: {
      ...copy.changes(),
      ...{ alerts, deliveries, records, undecided, decided, cursors: [] },
      ...(pages.length > 0 && { pages }),
      ...(within.length > 0 && { within }),
      ...(recheck.size > 0 && { recheck: [...recheck.values()] }),
      ...pacingOf(deliveries, rules),
    },
    traces,
    ...(lacks.length > 0 && { lacks }),
  };

  function take(decision: Decision): void {
    const { alerts: stored, pages: further, owed, refused, within: inside, recheck: again } = decision;
    lacks.push(...(decision.lacks ? [decision.lacks] : []));
    if (again) {
      recheck.set(`${again.instance}\n${again.eventUuid}`, again);
    }
    alerts.push(...stored);
    pages.push(...further);
    deliveries.push(...owed);
    records.push(...refused);
    within.push(...inside);
  }
}

/** How the destinations are paced that are owed something. */
function pacingOf(deliveries: readonly Delivery[], { destinations }: Rules): Pick<Effects, "pacing"> {
  const names = new Set(deliveries.map(({ destination }) => destination));
  const paced = [...names].flatMap((name) => {
    const { flood, quiet } = destinations.get(name)?.pace ?? {};
    return flood || quiet ? [[name, { ...(flood && { flood }), ...(quiet && { quiet }) }] as const] : [];
  });
  return paced.length > 0 ? { pacing: new Map(paced) } : {};
}

/** What is decided now, whatever is still unknown. */
export type Asked = Pick<Undecided, "id" | "destinations" | "withdrawals">;

const NOTHING = { alerts: [], pages: [], owed: [], refused: [], undecided: [], within: [], contained: [] } as const;

interface Decision {
  readonly trace: Trace;
  readonly alerts: readonly Alert[];
  readonly pages: readonly WrittenPage[];
  readonly owed: readonly Delivery[];
  readonly refused: readonly RecordLine[];
  readonly undecided: readonly Undecided[];
  readonly within: NonNullable<Effects["within"]>;
  /** The event of which something may be seen by fewer than before. */
  readonly recheck?: EventName;
  /** The event of which it was not asked who was told of it. */
  readonly lacks?: Keys["events"][number];
  /** What was undecided, and is in the publication that is told. */
  readonly contained: readonly Omit<Undecided, "since">[];
}

/** Many publications that the feed did not tell leave together: once all have been fetched, or when that takes long. */
function lateGroup(instance: string): Group {
  return { key: lateKey(instance), waitMs: 300_000, intervalMs: 300_000, show: 20 };
}

/** The key of the group in which the late publications of an instance leave. */
export function lateKey(instance: string): string {
  return JSON.stringify(["late", instance]);
}

/** With `asked` the message is decided for these destinations, and for good. */
function planOne(received: Message, copy: WorkingCopy, now: number, rules: Rules, asked?: Asked): Decision {
  const { memory: before, unsure } = copy.about(received);
  const isFormer = isOfFormer(before, received);
  const message = isFormer
    ? { ...received, confirmation: "not-found" as const }
    : isTakenBackSince(before, received)
      ? { ...received, confirmation: "unpublished" as const }
      : received;
  // What may be about another event opens none.
  const isGuess = unsure && message.kind === "tag.attached" && isOpen(message.tag?.name ?? "");
  const wasDeleted = isPartDeleted(message, copy.parts(before));
  const learned = isFormer || isGuess ? { event: before, stale: false } : remember(message, before, copy);
  // What was asked about was counted when it came, and may have been deleted since.
  if (rules.counts && !asked?.destinations.length) {
    count(message, copy);
  }
  const restored = wasDeleted && !isPartDeleted(message, copy.parts(learned.event));
  const moved = { message, before, after: learned.event };
  const narrows = isNarrowed(moved);
  // Whoever is told by this very message was not told before.
  const told = narrows || isTakenBack(moved) ? copy.toldOf(message.instance, learned.event?.event.uuid) : [];
  const decision = decideOne({ ...moved, ...learned, unsure, restored }, copy, now, rules, asked);
  const withdrawal = unsure ? undefined : withdrawalBy(moved, told, rules.destinations);
  const decided = withdrawal ? withWithdrawal(decision, withdrawal, now) : decision;
  const eventUuid = learned.event?.event.uuid;
  const lacks = narrows && !unsure && reachedBy(received).reached === undefined ? eventIn(received) : undefined;
  return {
    ...decided,
    ...(eventUuid !== undefined &&
      (learned.isStricter || narrows) && { recheck: { instance: message.instance, eventUuid } }),
    ...(lacks && { lacks: { ...lacks, reached: "event" as const } }),
  };
}

/** Whether a message that had to wait is about an event that was deleted since, and made anew under another number. */
function isOfFormer(memory: EventMemory | undefined, { event, receivedAt }: Message): boolean {
  const { deleted = true, deletedAt, event: { id } = {} } = memory ?? {};
  const isOther = event?.id !== undefined && id !== undefined && event.id !== id;
  return isOther && !deleted && deletedAt !== undefined && receivedAt <= deletedAt;
}

/** Whether MISP has unpublished its event while a publication waited. */
function isTakenBackSince(memory: EventMemory | undefined, { kind, confirmation, receivedAt }: Message): boolean {
  const { unpublished, unpublishedAt } = memory ?? {};
  const hasWaited = kind === "event.published" && confirmation !== undefined;
  return hasWaited && unpublished === true && unpublishedAt !== undefined && receivedAt <= unpublishedAt;
}

/** The decision with what is taken back; whoever is told that by a route is told it once. */
function withWithdrawal(decision: Decision, withdrawal: EventWithdrawal, now: number): Decision {
  const { alert, reason, destinations } = withdrawal;
  const isTaken = ({ destination, kind }: Delivery) => kind === alert.kind && destinations.includes(destination);
  const owed = decision.owed.map((one) => (isTaken(one) ? { ...one, withdraws: reason } : one));
  const byRoute = new Set(owed.filter(isTaken).map(({ destination }) => destination));
  const more = destinations.filter((name) => !byRoute.has(name)).map((name) => withdrawalTo(withdrawal, name, now));
  const withdrawals = more.map(({ destination: name, id }) => ({ name, delivery: id }));
  return {
    ...decision,
    trace: { ...decision.trace, ...(withdrawals.length > 0 && { withdrawals }) },
    alerts: [...decision.alerts, ...(more.length > 0 ? [alert] : [])],
    owed: [...owed, ...more],
  };
}

/** A message, and what it has taught. */
interface Learned {
  readonly message: Message;
  readonly before: EventMemory | undefined;
  readonly after: EventMemory | undefined;
  readonly stale: boolean;
  readonly unsure: boolean;
  readonly restored: boolean;
}

function decideOne(
  { message, before, after, stale, unsure, restored }: Learned,
  copy: WorkingCopy,
  now: number,
  rules: Rules,
  asked?: Asked,
): Decision {
  const kind = kindOf(message, before);
  // Of what may be about another event nothing is known.
  const event = unsure ? undefined : after;
  if (!kind) {
    return { trace: { message, stale, routes: [], destinations: [] }, ...NOTHING };
  }
  const isPublication = kind === "event.published";
  const version = isPublication ? versionAfter(message.version, event?.withdrawals ?? 0) : message.version;
  const change = changeOf(message, kind, before);
  const said = version === message.version ? message : { ...message, version };
  const draft = new AlertDraft(
    said,
    kind,
    { event, parts: copy.parts(event), stale, restored },
    change,
    copy.sightingsOf(countedIn(message), now),
  );
  const asking = matchableOf(draft, now);
  const nothing = { trace: { message, kind, stale, subject: asking, routes: [], destinations: [] }, ...NOTHING };
  // Most messages match nothing: then no more of the alert is worked out than rules have asked for.
  const takenFrom =
    asked || unsure || !mayTakeBackParts({ ...message, kind })
      ? []
      : toldOfParts(draft, copy.reached(message.instance, event?.event.uuid));
  const early = asked ? undefined : fire(rules.routes.get(kind), asking);
  if (early?.length === 0 && takenFrom.length === 0) {
    return nothing;
  }
  const first = draft.whole();
  // What is owed of the first one keeps what was known then: the decision brings its own content, less what is gone.
  const decided = asked && { ...first, id: alertId(first, true), withdrawals: asked.withdrawals ?? 0 };
  const left = decided ? remainder(decided, copy.memory(event)) : first;
  const alert = "takenBack" in left ? (decided ?? first) : left;
  const subject = matchableOf(alert, now);
  // What was asked of the draft is true of the whole: ten thousand routes that may fire are not asked twice.
  const fired = (alert === first && early) || fire(rules.routes.get(kind), subject);
  const told = message.late?.edited ? withoutWords(alert) : alert;
  const isCounted = isCopy(before, message);
  const thread = threadKey(message);
  const mayTellMore = thread !== undefined || (after !== undefined && !isPublication);
  const common = {
    memory: copy.memory(event),
    before,
    // A publication tells all that MISP would answer.
    canAsk: !asked && mayTellMore && (rules.asks?.has(message.instance) ?? false),
    isCounted,
    countedAt: isCounted ? before.countedAt : message.receivedAt,
    confirmation: message.confirmation,
    together: message.late?.together ? lateGroup(message.instance) : undefined,
    now,
    silences: fired.length > 0 && rules.silences ? silencesOn(rules.silences, subject) : [],
    factsOf: factsOfItems(told, subject),
  };
  const context = (destination: string, settings: DestinationRules) => ({
    ...common,
    destination,
    rules: settings,
    told: copy.told(alert.instance, destination, alert.event?.uuid),
    publications: copy.shown(alert.instance, destination, event?.event.uuid ?? alert.event?.uuid),
  });
  const shares: Named[] = [];
  for (const [destination, routes] of byDestination(fired)) {
    const settings = rules.destinations.get(destination);
    if (!settings || (asked && !asked.destinations.includes(destination))) {
      continue;
    }
    const about = context(destination, settings);
    const share =
      "takenBack" in left
        ? withdrawnShare(told, left.takenBack, routes, about)
        : stale && isPublication
          ? staleShare(told, message, routes, about)
          : shareOf(told, routes, about);
    shares.push({ destination, isProgram: settings.program ?? false, share });
  }
  const routed = new Set(shares.map(({ destination }) => destination));
  for (const destination of takenFrom.filter((name) => !routed.has(name))) {
    const settings = rules.destinations.get(destination);
    if (settings && withdraws(settings) && !("takenBack" in left)) {
      const share = partsShare(told, context(destination, settings));
      shares.push({ destination, isProgram: settings.program ?? false, share });
    }
  }
  const eventKey = unsure ? message.event?.id : (after?.key ?? thread);
  return settleShares(message, { alert: told, subject, fired, event, eventKey, stale, shares }, copy, now);
}

/** What planning one message has worked out before anything is owed. */
interface Shared {
  readonly alert: Alert;
  readonly subject: Matchable;
  readonly fired: readonly CandidateRoute[];
  /** Memory of the event after the message. */
  readonly event: EventMemory | undefined;
  /** Under which what is undecided about it waits. */
  readonly eventKey: string | undefined;
  readonly stale: boolean;
  readonly shares: readonly Named[];
}

interface Named {
  readonly destination: string;
  readonly isProgram: boolean;
  readonly share: Share;
}

/** Puts together what all destinations get. */
function settleShares(message: Message, shared: Shared, copy: WorkingCopy, now: number): Decision {
  const { alert, subject, fired, event, eventKey, stale, shares } = shared;
  const owed = shares.flatMap(({ isProgram, share }) => (share.kind === "owed" ? { ...share, isProgram } : []));
  const waiting = shares.flatMap(({ destination, share }) => (share.kind === "undecided" ? destination : []));
  const told = alert.kind === "event.published" ? owed : [];
  for (const { delivery, guarded } of told) {
    copy.tell(delivery, guarded);
  }
  if (event && owed.length > 0) {
    copy.owe(event);
  }
  const waits = told.map(({ delivery: { destination } }) => ({
    destination,
    undecided: copy.undecidedOf(event, destination),
  }));
  const undecided =
    eventKey !== undefined && waiting.length > 0 ? [undecidedOf(alert, message, eventKey, waiting, now)] : [];
  copy.wait(undecided);
  const stored = storedOf(alert, owed);
  return {
    trace: {
      message,
      kind: alert.kind,
      alert,
      subject,
      stale,
      routes: fired.map(({ route, truth }) => ({ name: route.name, truth })),
      destinations: shares.map(traceOf),
    },
    alerts: [...new Set([stored.people?.alert, stored.programs?.alert].flatMap((one) => one ?? []))],
    pages: stored.programs?.pages ?? [],
    owed: owed.map(({ delivery, own, isProgram }) => {
      const from = isProgram ? stored.programs : stored.people;
      const { alert: of = alert, items = [] } = from ?? {};
      return withMarks({ ...delivery, alert: of.id }, items, own);
    }),
    refused: shares.flatMap(({ share }) => ("record" in share ? share.record : [])),
    undecided,
    within: owed.flatMap(({ delivery, within }) =>
      within === undefined ? [] : [{ delivery: delivery.id, publication: within }],
    ),
    contained: containedIn(message, waits),
  };
}

type OwedShare = Extract<Share, { readonly kind: "owed" }> & { readonly isProgram: boolean };

/** What is stored for people and for programs: one alert for both where all of it fits into one row. */
function storedOf(alert: Alert, owed: readonly OwedShare[]): { readonly people?: Trimmed; readonly programs?: Whole } {
  const programs = owed.filter(({ isProgram }) => isProgram);
  if (owed.length === 0) {
    return {};
  }
  const forAll = trimmed(alert, visibleTo(owed));
  if (programs.length === 0) {
    return { people: forAll };
  }
  const forPrograms = whole(alert, visibleTo(programs), forAll);
  if (!forAll.isCut) {
    return { people: forPrograms, programs: forPrograms };
  }
  const people = owed.filter(({ isProgram }) => !isProgram);
  return { programs: forPrograms, ...(people.length > 0 && { people: trimmed(alert, visibleTo(people)) }) };
}

function visibleTo(owed: readonly OwedShare[]): Visible {
  return {
    items: new Set<Item>(owed.flatMap(({ kept }) => kept.items)),
    objects: new Set(owed.flatMap(({ kept }) => kept.objects)),
    matched: new Set<Item>(owed.flatMap(({ own }) => [...own])),
  };
}

function traceOf({ destination: name, share }: Named): Trace["destinations"][number] {
  const { routes } = share;
  switch (share.kind) {
    case "refused":
      return { name, routes, verdict: share.reason };
    case "undecided":
      return { name, routes, verdict: share.kind };
    case "owed":
      return { name, routes, verdict: share.kind, guarded: share.guarded, delivery: share.delivery.id };
    case "already-told":
      return { name, routes, verdict: share.kind, ...(share.guarded && { guarded: share.guarded }) };
    case "muted": {
      const { guarded, record } = share;
      const { reason, silence } = record;
      const why = { ...(reason !== undefined && { reason }), ...(silence !== undefined && { silence }) };
      return { name, routes, verdict: share.kind, guarded, ...why };
    }
  }
}

function byDestination(fired: readonly CandidateRoute[]): ReadonlyMap<string, readonly CandidateRoute[]> {
  const destinations = new Map<string, CandidateRoute[]>();
  for (const entry of fired) {
    for (const to of new Set(entry.route.options.notify.map((notify) => notify.to))) {
      const own = destinations.get(to);
      if (own) {
        own.push(entry);
      } else {
        destinations.set(to, [entry]);
      }
    }
  }
  return destinations;
}
