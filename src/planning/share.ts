import { shortName, shortNameOfObject } from "../guard/fingerprint.ts";
import { guard, type Refusal, type Verdict } from "../guard/guard.ts";
import type { Guard } from "../guard/policy.ts";
import type { TakenBack } from "../guard/withdrawn.ts";
import type { Alert, Item } from "../model/alert.ts";
import type { Evidence } from "../model/evidence.ts";
import type { EventMemory, Memory, Told } from "../model/memory.ts";
import type { AttributeFacts, Confirmation, Message } from "../model/message.ts";
import type { Delivery, Group, RecordLine } from "../model/outbox.ts";
import type { GuardedAlert, WithdrawMode } from "../model/payload.ts";
import { mutedBy, type Silence, silenceGroup } from "../model/silence.ts";
import { matchableOfGuarded } from "../routing/facts.ts";
import type { Route } from "../routing/route.ts";
import { mute } from "../routing/silence.ts";
import { againVersion, changesOf, isNews } from "./changes.ts";
import { evidenceOf, mentionsOf } from "./evidence.ts";
import { groupsOf, withdrawalGroup } from "./groups.ts";
import { deliveryId } from "./identity.ts";
import { holdsOf, isMuted, type PaceRules, remindersOf } from "./pace.ts";
import { type PublicationAround, publicationAround } from "./shown.ts";

/** What planning needs to know of one destination. */
export interface DestinationRules {
  readonly guard: Guard;
  readonly repeats: "changed" | "never" | "always";
  /** Absent: whatever comes leaves as its routes say. */
  readonly pace?: PaceRules;
  /** Its readers are programs: nothing that they may see is left out. */
  readonly program?: boolean;
  /** Absent: its readers hear nothing of what is taken back, unless a route tells it. */
  readonly withdraw?: WithdrawMode;
}

/** A route that fires, or of which it is not known yet whether it does. */
export interface CandidateRoute {
  readonly route: Route;
  readonly truth: true | "unknown";
}

/** What one destination gets of an alert; `routes` are those by which it does. */
export type Share = { readonly routes: readonly string[] } & (
  | {
      readonly kind: "owed";
      readonly delivery: Owed;
      readonly guarded: GuardedAlert;
      readonly kept: Kept;
      readonly own: Set<Item>;
      /** The publication that it is in, which is owed too. */
      readonly within?: Delivery["id"];
    }
  | { readonly kind: "already-told"; readonly guarded?: GuardedAlert }
  | { readonly kind: "muted"; readonly guarded: GuardedAlert; readonly record: RecordLine }
  | { readonly kind: "undecided" }
  | { readonly kind: "refused"; readonly reason: Refusal | TakenBack; readonly record: RecordLine }
);

/** A delivery, and why it is owed; without a reason it tells what is taken back of what was told. */
export type Owed = Delivery & ({ readonly evidence: Evidence } | { readonly withdraws: "parts" });
type Passed = Exclude<Verdict, { readonly refused: Refusal }>;
type Kept = Passed["kept"];

/** One destination's part in planning one message. */
export interface ShareContext {
  readonly destination: string;
  readonly rules: DestinationRules;
  readonly memory: Memory;
  /** Memory of the event before the message. */
  readonly before: EventMemory | undefined;
  /** The version of the event that this destination was told last, or is owed. */
  readonly told: Told | undefined;
  readonly canAsk: boolean;
  /** What MISP says of the publication; absent: it was not asked. */
  readonly confirmation: Confirmation | undefined;
  /** Whether it is a copy of a publication that was counted. */
  readonly isCounted: boolean;
  /** When the publication was received first. */
  readonly countedAt: number;
  /** Where it waits with others, whatever the routes say; `undefined`: nowhere. */
  readonly together: Group | undefined;
  readonly now: number;
  /** Those that are true of it. */
  readonly silences: readonly Silence[];
  /** What this destination was told, or is owed, of the event. */
  readonly publications: readonly PublicationAround[];
  /** What rules may ask of an attribute of the alert. */
  readonly factsOf: (item: Item) => AttributeFacts | undefined;
}

/** Why an alert is muted that comes when its readers are left alone. */
const QUIET_HOURS = "quiet-hours";

/** Reasons that end when more is known. */
const UNKNOWN: readonly Refusal[] = ["match-unknown", "event-unknown", "distribution-unknown", "tlp-unknown"];

/** Decides what one destination gets of an alert. */
export function shareOf(alert: Alert, fired: readonly CandidateRoute[], context: ShareContext): Share {
  const { rules, memory, canAsk, now } = context;
  const decided = decide(alert, fired, rules.guard, memory, context);
  const routes = decided.routes.map((route) => route.name);
  if ("refused" in decided) {
    const reason = decided.refused;
    // What a publication has shown to these readers needs no answer; what it asks for beside that may.
    if (UNKNOWN.includes(reason) && context.publications.length > 0) {
      const around = publicationAround(alert, askedFor(fired, context.destination), context);
      if (around && (around.isLeaving || !canAsk)) {
        return { kind: "already-told", routes };
      }
    }
    if (canAsk && UNKNOWN.includes(reason)) {
      return { kind: "undecided", routes };
    }
    const common = { ...commonOf(alert, context), routes };
    return {
      kind: "refused",
      routes,
      reason,
      record: { delivery: idOf(alert, context), at: now, ...common, outcome: "refused", reason },
    };
  }
  const { guarded } = decided;
  const told = alert.kind === "event.published" ? context.told : undefined;
  if (told && !isNews(told, alert, rules.repeats, context.isCounted)) {
    return { kind: "already-told", routes, guarded };
  }
  const { silence, routes: left } = mute(context.silences, {
    ...{ kind: alert.kind, destination: context.destination, routes },
  });
  if (silence?.afterwards === "nothing") {
    return mutedShare(alert, guarded, routes, context, mutedBy(silence));
  }
  const audible = silence ? decided : tellBy(decided, left);
  const delivery = deliveryOf(alert, audible, told?.changedAt, context, silence);
  if (!silence && isMuted(delivery, rules.pace, now)) {
    return mutedShare(alert, guarded, delivery.routes, context, { outcome: "muted", reason: QUIET_HOURS });
  }
  const own = matchedOf(audible, context);
  const marked = markMatched(guarded, audible.kept, own);
  const around = publicationAround(alert, delivery, context) ?? publicationAround(alert, undefined, context);
  if (around && around.delivery === undefined) {
    return { kind: "already-told", routes, guarded: marked };
  }
  return {
    kind: "owed",
    ...{ routes: delivery.routes, guarded: marked, kept: audible.kept, own, delivery },
    ...(around?.delivery !== undefined && { within: around.delivery }),
  };
}

/** With which priority, and whom mentioning, routes would have something told. */
function askedFor(fired: readonly CandidateRoute[], destination: string): Pick<Delivery, "priority" | "mentions"> {
  return {
    priority: fired.some(({ route }) => route.options.priority === "high") ? "high" : "normal",
    mentions: fired.flatMap(({ route }) => mentionsOf(route, destination)),
  };
}

function mutedShare(
  alert: Alert,
  guarded: GuardedAlert,
  routes: readonly string[],
  context: ShareContext,
  end: ReturnType<typeof mutedBy>,
): Share {
  const common = { ...commonOf(alert, context), routes, ...end };
  return { kind: "muted", routes, guarded, record: { delivery: idOf(alert, context), at: context.now, ...common } };
}

/** What only these routes tell. */
function tellBy(decided: Decision, names: readonly string[]): Decision {
  return { ...decided, routes: decided.routes.filter(({ name }) => names.includes(name)) };
}

/** A publication that is older than what memory holds is told to nobody; reconcile finds the one that counts. */
export function staleShare(
  alert: Alert,
  { event }: Message,
  fired: readonly CandidateRoute[],
  context: ShareContext,
): Share {
  const certain = fired.filter(({ truth }) => truth === true);
  const routes = (certain.length > 0 ? certain : fired).map(({ route }) => route.name);
  const { changedAt } = event ?? {};
  const common = { ...commonOf(alert, context), ...(changedAt !== undefined && { changedAt }), routes };
  const record = { delivery: idOf(alert, context), at: context.now, ...common };
  return { kind: "refused", routes, reason: "stale", record: { ...record, outcome: "refused", reason: "stale" } };
}

/** What MISP took back while it was undecided is told to nobody. */
export function withdrawnShare(
  alert: Alert,
  reason: TakenBack,
  fired: readonly CandidateRoute[],
  context: ShareContext,
): Share {
  const routes = fired.map(({ route }) => route.name);
  const record = { delivery: idOf(alert, context), at: context.now, ...commonOf(alert, context), routes };
  return { kind: "refused", routes, reason, record: { ...record, outcome: "withdrawn", reason } };
}

/** The attributes that the routes ask for by which this destination is told. */
function matchedOf({ routes, kept }: Decision, { factsOf }: ShareContext): Set<Item> {
  const picks = routes.flatMap(({ picks: isPicked }) => isPicked ?? []);
  return new Set(
    kept.items.filter((item) => {
      const facts = picks.length > 0 ? factsOf(item) : undefined;
      return facts && picks.some((isPicked) => isPicked(facts));
    }),
  );
}

function markMatched(guarded: GuardedAlert, { items }: Kept, own: ReadonlySet<Item>): GuardedAlert {
  if (own.size === 0) {
    return guarded;
  }
  const shown = guarded.alert.items.map((item, place) => {
    const given = items[place];
    return given && own.has(given) ? { ...item, matched: true } : item;
  });
  // Nothing is added that readers could not see.
  return { ...guarded, alert: { ...guarded.alert, items: shown } } as GuardedAlert;
}

/** What takes attributes back is told to whoever was told them, as a change of their event, whatever the routes say. */
export function partsShare(alert: Alert, context: ShareContext): Share {
  const { rules, memory, now } = context;
  const verdict = guard(alert, rules.guard, memory);
  if ("refused" in verdict) {
    const common = { ...commonOf(alert, context), routes: [] };
    const record = { delivery: idOf(alert, context), at: now, ...common };
    const { refused: reason } = verdict;
    return { kind: "refused", routes: [], reason, record: { ...record, outcome: "refused", reason } };
  }
  const { guarded, kept } = verdict;
  const delivery: Owed = {
    ...{ id: idOf(alert, context), alert: alert.id, ...commonOf(alert, context), createdAt: now },
    ...{
      priority: "normal",
      routes: [],
      mentions: [],
      groups: [withdrawalGroup(alert.event?.uuid, "withdrawn parts")],
    },
    ...holdsOf(alert.kind, matchableOfGuarded(guarded, now), rules.pace),
    withdraws: "parts",
  };
  return isMuted(delivery, rules.pace, now)
    ? mutedShare(alert, guarded, [], context, { outcome: "muted", reason: QUIET_HOURS })
    : { kind: "owed", routes: [], guarded, kept, own: new Set(), delivery };
}

type Decision = Passed & { readonly routes: readonly Route[] };

/** `silence`: whose end it waits for. */
function deliveryOf(
  alert: Alert,
  decided: Decision,
  since: number | undefined,
  context: ShareContext,
  silence: Silence | undefined,
): Owed {
  const { routes, guarded, kept } = decided;
  const { destination, before, together, now } = context;
  const { pace } = context.rules;
  const isUrgent = routes.some(({ options }) => options.priority === "high");
  const priority = isUrgent ? "high" : "normal";
  const subject = matchableOfGuarded(guarded, now);
  const holds = holdsOf(alert.kind, subject, pace);
  const hidden = alert.kind === "event.published" ? hiddenOf(alert, kept, context.rules.program) : [];
  const waitsIn = silence ? silenceGroup(silence, now) : isUrgent ? undefined : together;
  return {
    id: idOf(alert, context),
    alert: alert.id,
    ...commonOf(alert, context),
    ...(alert.kind === "event.published" && { version: alert.version }),
    createdAt: now,
    priority,
    routes: routes.map((route) => route.name),
    mentions: [...new Set(routes.flatMap((route) => mentionsOf(route, destination)))],
    groups: waitsIn
      ? [waitsIn]
      : groupsOf(routes, {
          ...holds,
          priority,
          destination,
          facts: subject.facts,
          attributes: subject.attributes,
          timezone: pace?.timezone ?? "UTC",
        }),
    ...holds,
    // Programs acknowledge nothing.
    ...(!context.rules.program && remindersOf(alert, routes)),
    ...(hidden.length > 0 && { hidden }),
    ...(since !== undefined && { since }),
    ...(since !== undefined && since === before?.publishedAt && changesOf(before, alert)),
    evidence: evidenceOf(routes, guarded, subject, destination),
    ...(context.confirmation === "unconfirmed" && { unconfirmed: true as const }),
  };
}

/** As many as fingerprints tell apart. */
const MAX_HIDDEN = 2500;

function hiddenOf({ items, objects }: Alert, kept: Kept, program = false): readonly string[] {
  if (kept.items.length === items.length && kept.objects.length === objects.length) {
    return [];
  }
  const visible = new Set<unknown>([...kept.items, ...kept.objects]);
  const max = program ? Number.POSITIVE_INFINITY : MAX_HIDDEN;
  const hidden = <T>(all: readonly T[]) => all.filter((one) => !visible.has(one)).slice(0, max);
  const names = [...hidden(objects).map(shortNameOfObject), ...hidden(items).flatMap((item) => shortName(item) ?? [])];
  return names.slice(0, max);
}

/** What a delivery and its line in the record have in common. */
function commonOf({ kind, instance, event }: Alert, { destination }: ShareContext) {
  return {
    destination,
    instance,
    kind,
    ...(event?.uuid !== undefined && { eventUuid: event.uuid }),
    ...(event?.changedAt !== undefined && { changedAt: event.changedAt }),
  };
}

function idOf(alert: Alert, { destination, rules, countedAt }: ShareContext): Delivery["id"] {
  const version = rules.repeats === "always" ? againVersion(alert, countedAt) : alert.version;
  return deliveryId({ ...alert, version }, destination);
}

type Decided = { readonly routes: readonly Route[] } & ({ readonly refused: Refusal } | Passed);

/** What matched must itself be visible: a route counts only if it also matches on what the destination may see. */
function decide(
  alert: Alert,
  fired: readonly CandidateRoute[],
  policy: Guard,
  memory: Memory,
  { confirmation, now }: Pick<ShareContext, "confirmation" | "now">,
): Decided {
  const certain = fired.filter(({ truth }) => truth === true).map(({ route }) => route);
  if (certain.length === 0) {
    return { routes: fired.map(({ route }) => route), refused: "match-unknown" };
  }
  // It may have been published before: what it holds now was not.
  const refuted =
    confirmation === "not-found" ? "event-not-found" : isDraft(confirmation, policy) ? "draft" : undefined;
  if (refuted) {
    return { routes: certain, refused: refuted };
  }
  const verdict = guard(alert, policy, memory);
  if ("refused" in verdict) {
    return { routes: certain, refused: verdict.refused };
  }
  const subject = matchableOfGuarded(verdict.guarded, now);
  const visible = certain.filter((route) => route.matches(subject) === true);
  return visible.length === 0 ? { routes: certain, refused: "match-not-visible" } : { routes: visible, ...verdict };
}

function isDraft(confirmation: Confirmation | undefined, { drafts }: Guard): boolean {
  return confirmation === "unpublished" && !drafts;
}
