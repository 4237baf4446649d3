import type { Alert, Item, Marking } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Reach } from "../model/misp.ts";
import type { Entry, Form, GuardedAlert } from "../model/payload.ts";
import { type Kind, PAP, SENSITIVE, type Sensitive, TLP, type Tlp } from "../model/vocabulary.ts";
import { markingOf, rank } from "./marking.ts";
import { isPersonal } from "./personal.ts";
import type { Guard } from "./policy.ts";
import { passage, type Surroundings } from "./reach.ts";
import { reduce, shownLabel } from "./reduce.ts";
import { eventLevels, tighten } from "./tighten.ts";

/** Why a destination may not be told: stable words for the record, for metrics and for people. */
export type Refusal =
  | "kind-not-opened"
  | "no-event"
  | "draft"
  | "event-unknown"
  | "distribution"
  | "distribution-unknown"
  | "untagged"
  | "tlp-above-ceiling"
  | "tlp-unknown"
  | "personal"
  | "match-not-visible"
  | "stale"
  | "match-unknown"
  | "event-not-found"
  | "unknown";

/** What a guard decides about one alert for one destination. */
export type Verdict =
  | { readonly refused: Refusal }
  | {
      readonly guarded: GuardedAlert;
      /** How the event itself is marked; absent where there is none. */
      readonly eventMarking?: NonNullable<Entry["eventMarking"]>;
      /** The parts that are in it, as they were given. */
      readonly kept: { readonly items: readonly Item[]; readonly objects: Alert["objects"] };
    };

/** How strict a level counts, which holds for what is below it too; `tlp` and `pap` are their ranks. */
interface Floor {
  readonly tlp: number;
  readonly pap: number;
}

/** Where a label stands beside a level that has none, both count: which of the two is stricter each guard decides. */
interface Bare {
  readonly tlp: boolean;
  readonly pap: boolean;
}

/** How much of one level may be shown, and how strict it counts. */
type Judgement = { readonly form: Form; readonly floor: Floor } | { readonly refused: Refusal };

const LABELS = ["tlp", "pap"] as const;
const FORMS = ["full", "metadata", "pointer"] as const satisfies readonly Form[];

/**
 * Reduces an alert to what the readers of one destination may see. It runs when an alert is planned, and again with the
 * memory of that moment when it is sent: the strictest of both counts, and unknown never passes.
 */
export function guard(stored: Alert, policy: Guard, memory: Memory, cleared: readonly string[] = []): Verdict {
  const category = sensitive(stored.kind);
  if (category && !policy.also.includes(category)) {
    return { refused: "kind-not-opened" };
  }
  if (!stored.event && stored.kind !== "discussion.posted") {
    if (!category && !stored.kind.startsWith("herald.")) {
      return { refused: "no-event" };
    }
    const { items, objects } = stored;
    const guarded = reduce(stored, "full", { tlp: "untagged", pap: "untagged", chr: false, withheld: 0 });
    return { guarded, kept: { items, objects } };
  }
  const alert = tighten(stored, memory, policy.drafts);
  const { event, thread } = alert;
  const draft = event && refuseDraft(alert, policy);
  if (draft) {
    return { refused: draft };
  }

  const owner = event?.owner ?? memory.event?.event.owner;
  const around = { instance: alert.instance, owner, circles: memory.event?.circles, cleared };
  const bare = bareIn(stored, memory);
  const judge = (marking: Marking, reach: readonly Reach[], floor?: Partial<Floor>, type?: string): Judgement =>
    refuseReach(reach, policy, around) ?? judgeMarking(marking, policy, floor, type);

  // A discussion on no event has its own reach alone; one whose reach MISP does not tell has none that is known.
  const own = thread ?? (event ? undefined : {});
  const distant = own && refuseReach([own], policy, { ...around, owner: thread?.owner ?? owner });
  const least = floorOf(bare, policy);
  const whole = distant ?? ("refused" in least ? least : judge(alert.marking, eventLevels(event, memory), least));
  if ("refused" in whole) {
    return whole;
  }
  const isWhole = alert.subject.type === "event";
  let form = whole.form;
  const floors = [whole.floor];
  const parts = alert.items.map((item) => judge(item.marking, item.reach, whole.floor, item.type));
  const objects = alert.objects.map((object) => judge(NO_MARKING, object.reach, whole.floor));
  if (!isWhole) {
    // A publication sheds the parts that are too strict; an alert about a part is as strict as that part, which counts
    // also when its content was too strict to be stored.
    const counted = alert.counts.map((count) => judge(count.marking, count.reach, whole.floor, count.type));
    for (const part of [...counted, ...objects]) {
      if ("refused" in part) {
        return part;
      }
      form = weaker(form, part.form);
      floors.push(part.floor);
    }
  }
  if (form === "pointer" && alert.kind !== "event.published") {
    return { refused: "tlp-above-ceiling" };
  }

  const isVisible = (part: Judgement | undefined) => part !== undefined && !("refused" in part) && part.form === "full";
  const isFull = form === "full";
  const counts = alert.counts.filter((count) => {
    const part = judge(count.marking, count.reach, whole.floor, count.type);
    return !("refused" in part) && FORMS.indexOf(part.form) <= FORMS.indexOf(form);
  });
  const shown: Alert = {
    ...alert,
    items: isFull ? alert.items.filter((_, index) => isVisible(parts[index])) : [],
    objects: isFull ? alert.objects.filter((_, index) => isVisible(objects[index])) : [],
    ...(alert.objectCounts && {
      objectCounts: isFull
        ? alert.objectCounts.filter(({ reach }) => isVisible(judge(NO_MARKING, reach, whole.floor)))
        : [],
    }),
    // A pointer does not even tell how much there is.
    counts: form === "pointer" ? [] : counts,
  };
  const inside = [alert.marking, ...[...shown.items, ...shown.counts].map(({ marking }) => marking)];
  const labels = {
    tlp: shownLabel(
      TLP,
      inside.map(({ tlp }) => tlp),
      policy.untagged === "deny" ? undefined : policy.untagged,
      bare.tlp,
    ),
    pap: shownLabel(
      PAP,
      inside.map(({ pap }) => pap),
      "amber",
      bare.pap,
    ),
    chr: inside.some(({ chr }) => chr),
    withheld: form === "pointer" ? 0 : total(alert.counts) - total(counts),
    ...(form === "metadata" && hasContent(alert, counts) && { keptBack: keptBackBy(floors, policy) }),
  };
  const kept = {
    items: isFull ? stored.items.filter((_, index) => isVisible(parts[index])) : [],
    objects: isFull ? stored.objects.filter((_, index) => isVisible(objects[index])) : [],
  };
  return { guarded: reduce(shown, form, labels), kept, eventMarking: eventMarkingOf(alert.marking, bare, policy) };
}

/** The label of the event, and what that is beside the label of a part: without one it counts as `untagged` says. */
function eventMarkingOf({ tlp }: Marking, bare: Bare, { untagged }: Guard): NonNullable<Entry["eventMarking"]> {
  const own = tlp === "none" || tlp === "unknown" ? undefined : tlp;
  const counted = bare.tlp && untagged !== "deny" ? untagged : undefined;
  const floors = [own, counted].filter((label) => label !== undefined);
  const floor = floors.reduce<Tlp | undefined>(
    (a, b) => (a === undefined || rank(TLP, b) > rank(TLP, a) ? b : a),
    undefined,
  );
  return { tlp: own === undefined ? "untagged" : (floor ?? own), ...(floor !== undefined && { floor }) };
}

function refuseReach(reach: readonly Reach[], policy: Guard, around: Surroundings): { refused: Refusal } | undefined {
  for (const level of reach) {
    const { passes, known } = passage(level, policy, around);
    if (!passes) {
      return { refused: known ? "distribution" : "distribution-unknown" };
    }
  }
  return undefined;
}

const NO_MARKING: Marking = { tlp: "none", pap: "none", chr: false };

/** Whether the alert, or what memory knows, is known to have no label; labels of older frames do not replace one. */
function bareIn({ marking, event }: Alert, memory: Memory): Bare {
  const { event: known } = memory;
  const tags = known?.event.tags && [...known.event.tags, ...known.attached.filter(({ old }) => !old)];
  const now =
    tags &&
    markingOf(
      tags.map(({ name }) => name),
      true,
    );
  return {
    tlp: event !== undefined && (marking.tlp === "none" || now?.tlp === "none"),
    pap: event !== undefined && (marking.pap === "none" || now?.pap === "none"),
  };
}

function floorOf(bare: Bare, { untagged }: Guard): Partial<Floor> | { readonly refused: Refusal } {
  if (bare.tlp && untagged === "deny") {
    return { refused: "untagged" };
  }
  return {
    ...(bare.tlp && untagged !== "deny" && { tlp: rank(TLP, untagged) }),
    ...(bare.pap && { pap: rank(PAP, "amber") }),
  };
}

function judgeMarking({ tlp, pap }: Marking, policy: Guard, floor?: Partial<Floor>, type?: string): Judgement {
  if (isPersonal(type) && !policy.personal) {
    return { refused: "personal" };
  }
  if (tlp === "unknown") {
    return { refused: "tlp-unknown" };
  }
  const untagged = policy.untagged === "deny" ? undefined : rank(TLP, policy.untagged);
  const own = tlp === "none" ? (floor?.tlp ?? untagged) : rank(TLP, tlp);
  if (own === undefined) {
    return { refused: "untagged" };
  }
  // FIRST and MISP's mails take amber for what carries no PAP label.
  const ownPap = pap === "none" ? (floor?.pap ?? rank(PAP, "amber")) : rank(PAP, pap);
  const strict = { tlp: Math.max(own, floor?.tlp ?? 0), pap: Math.max(ownPap, floor?.pap ?? 0) };
  const form = formOf(strict.tlp, policy);
  if (!form) {
    return { refused: "tlp-above-ceiling" };
  }
  const values = strict.pap <= rank(PAP, policy.max_pap);
  return { form: form === "full" && !values ? "metadata" : form, floor: strict };
}

function formOf(level: number, policy: Guard): Form | undefined {
  const upTo = (ceiling: Tlp | undefined) => ceiling !== undefined && level <= rank(TLP, ceiling);
  if (upTo(policy.max_tlp)) {
    return "full";
  }
  if (upTo(policy.metadata_up_to)) {
    return "metadata";
  }
  return upTo(policy.pointer_up_to) ? "pointer" : undefined;
}

function refuseDraft(alert: Alert, policy: Guard): Refusal | undefined {
  if (policy.drafts || alert.everPublished === true) {
    return undefined;
  }
  return alert.everPublished === false ? "draft" : "event-unknown";
}

/** Whether there is anything that metadata leaves out; objects that nobody may see are not stored with the alert. */
function hasContent({ subject, objects, lines }: Alert, counts: Alert["counts"]): boolean {
  return total(counts) + objects.length + lines.length > 0 || subject.type === "object";
}

/** Which labels are above what is shown in full. */
function keptBackBy(floors: readonly Floor[], { max_tlp, max_pap }: Guard): NonNullable<GuardedAlert["keptBack"]> {
  const most = { tlp: rank(TLP, max_tlp), pap: rank(PAP, max_pap) };
  return LABELS.filter((label) => floors.some((floor) => floor[label] > most[label]));
}

function weaker(a: Form, b: Form): Form {
  return FORMS.indexOf(a) > FORMS.indexOf(b) ? a : b;
}

function total(counts: Alert["counts"]): number {
  return counts.reduce((sum, { n }) => sum + n, 0);
}

function sensitive(kind: Kind): Sensitive | undefined {
  return (Object.keys(SENSITIVE) as Sensitive[]).find((category) =>
    (SENSITIVE[category] as readonly Kind[]).includes(kind),
  );
}
