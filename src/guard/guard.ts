import type { EventView, Organisation, Reach } from "../misp.ts";
import type { Alert, Form, GuardedAlert, Marking, Memory } from "../model.ts";
import { type Kind, PAP, SENSITIVE, type Sensitive, TLP, type Tlp } from "../vocabulary.ts";
import { rank } from "./marking.ts";
import { isPersonal } from "./personal.ts";
import type { Guard } from "./policy.ts";
import { passage } from "./reach.ts";
import { tighten } from "./tighten.ts";

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
  | "match-unknown";

/** What a guard decides about one alert for one destination. */
export type Verdict =
  | { readonly refused: Refusal }
  | {
      readonly guarded: GuardedAlert;
      /** Keys of the sharing groups that pass because every reader is a member of them. */
      readonly cleared: readonly string[];
    };

/** How much of one level may be shown, and how strict it counts (an index into TLP). */
type Judgement = { readonly form: Form; readonly level: number } | { readonly refused: Refusal };

const FORMS = ["full", "metadata", "pointer"] as const satisfies readonly Form[];

/**
 * Reduces an alert to what the readers of one destination may see. It runs when an alert is planned, and again with the
 * memory of that moment when it is sent: the strictest of both counts, and unknown never passes.
 */
export function guard(stored: Alert, policy: Guard, memory: Memory, cleared: readonly string[] = []): Verdict {
  const category = sensitive(stored.kind);
  if (category && !policy.also.includes(category)) return { refused: "kind-not-opened" };
  if (!stored.event) {
    if (!category && !stored.kind.startsWith("herald.")) return { refused: "no-event" };
    return { guarded: reduce(stored, "full", "untagged", "untagged", 0), cleared: [] };
  }
  const alert = tighten(stored, memory);
  const event = alert.event ?? stored.event;
  const draft = refuseDraft(alert, policy);
  if (draft) return { refused: draft };

  const groups = new Set<string>();
  const owner = event.owner ?? memory.event?.event.owner;
  const judge = (marking: Marking, reach: readonly Reach[], floor: number, type?: string): Judgement => {
    for (const level of reach) {
      const { passes, known, cleared: group } = passage(level, owner, policy, cleared);
      if (!passes) return { refused: known ? "distribution" : "distribution-unknown" };
      if (group !== undefined) groups.add(group);
    }
    return judgeMarking(marking, policy, floor, type);
  };

  const whole = judge(alert.marking, memory.event ? [event, memory.event.event] : [event], -1);
  if ("refused" in whole) return whole;
  const isWhole = alert.subject.type === "event";
  let form = whole.form;
  const parts = alert.items.map((item) => judge(item.marking, item.reach, whole.level, item.type));
  const objects = alert.objects.map((object) => judge(NO_MARKING, object.reach, whole.level));
  if (!isWhole) {
    // A publication sheds the parts that are too strict; an alert about a part is as strict as that part, which counts
    // also when its content was too strict to be stored.
    const counted = alert.counts.map((count) => judge(count.marking, count.reach, whole.level, count.type));
    for (const part of [...counted, ...objects]) {
      if ("refused" in part) return part;
      form = weaker(form, part.form);
    }
  }
  if (form === "pointer" && alert.kind !== "event.published") return { refused: "tlp-above-ceiling" };

  const isVisible = (part: Judgement | undefined) => part !== undefined && !("refused" in part) && part.form === "full";
  const items = form === "full" ? alert.items.filter((_, index) => isVisible(parts[index])) : [];
  const counts = alert.counts.filter((count) => {
    const part = judge(count.marking, count.reach, whole.level, count.type);
    return !("refused" in part) && FORMS.indexOf(part.form) <= FORMS.indexOf(form);
  });
  const inside = [alert.marking, ...(isWhole ? items : alert.counts).map((item) => item.marking)];
  const shown: Alert = {
    ...alert,
    items,
    objects: form === "full" ? alert.objects.filter((_, index) => isVisible(objects[index])) : [],
    counts: form === "pointer" ? [] : counts,
  };
  const tlp = shownLabel(
    TLP,
    inside.map((marking) => marking.tlp),
    policy.untagged === "deny" ? undefined : policy.untagged,
  );
  const pap = shownLabel(
    PAP,
    inside.map((marking) => marking.pap),
    "amber",
  );
  // A pointer does not even tell how much there is.
  const guarded = reduce(shown, form, tlp, pap, form === "pointer" ? 0 : total(alert.counts) - total(counts));
  return { guarded, cleared: [...groups] };
}

const NO_MARKING: Marking = { tlp: "none", pap: "none", chr: false };

function judgeMarking(marking: Marking, policy: Guard, floor: number, type: string | undefined): Judgement {
  if (isPersonal(type) && !policy.personal) return { refused: "personal" };
  // People who write events see drafts, whose tags MISP announces after the parts they belong to.
  const tlp = marking.tlp === "unknown" && policy.drafts ? "none" : marking.tlp;
  const pap = marking.pap === "unknown" && policy.drafts ? "none" : marking.pap;
  if (tlp === "unknown") return { refused: "tlp-unknown" };
  if (tlp === "none" && floor < 0 && policy.untagged === "deny") return { refused: "untagged" };
  const own =
    tlp === "none"
      ? floor < 0
        ? rank(TLP, policy.untagged === "deny" ? "red" : policy.untagged)
        : floor
      : rank(TLP, tlp);
  const level = Math.max(own, floor);
  const form = formOf(level, policy);
  if (!form) return { refused: "tlp-above-ceiling" };
  // FIRST and MISP's mails take amber for what carries no PAP label.
  const values = rank(PAP, pap === "none" ? "amber" : pap) <= rank(PAP, policy.max_pap);
  return { form: form === "full" && !values ? "metadata" : form, level };
}

function formOf(level: number, policy: Guard): Form | undefined {
  const upTo = (ceiling: Tlp | undefined) => ceiling !== undefined && level <= rank(TLP, ceiling);
  if (upTo(policy.max_tlp)) return "full";
  if (upTo(policy.metadata_up_to)) return "metadata";
  return upTo(policy.pointer_up_to) ? "pointer" : undefined;
}

function refuseDraft(alert: Alert, policy: Guard): Refusal | undefined {
  if (policy.drafts || alert.everPublished === true) return undefined;
  return alert.everPublished === false ? "draft" : "event-unknown";
}

/** Makes the only thing that formatters get: what may not be seen is not in it. */
function reduce(
  alert: Alert,
  form: Form,
  tlp: GuardedAlert["tlp"],
  pap: GuardedAlert["pap"],
  withheld: number,
): GuardedAlert {
  const { marking, everPublished: _, event, sighting, ...rest } = alert;
  const visible: Omit<Alert, "marking" | "everPublished"> =
    form === "pointer"
      ? {
          id: rest.id,
          kind: rest.kind,
          instance: rest.instance,
          receivedAt: rest.receivedAt,
          subject: rest.subject,
          version: rest.version,
          ...(event && { event: pointTo(event) }),
          items: [],
          counts: [],
          objects: [],
          lines: [],
        }
      : {
          ...rest,
          ...(event && { event: withoutReaders(event, marking.chr) }),
          ...(sighting && { sighting: form === "full" ? sighting : withoutSource(sighting) }),
          ...(form === "metadata" && { lines: [] }),
        };
  // The brand is given here and nowhere else.
  return { form, alert: visible, tlp, pap, withheld } as GuardedAlert;
}

function pointTo({ id, uuid }: EventView): EventView {
  return { ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) };
}

/** Who is in a sharing group stays here; `tlp:ex:chr` (Chatham House Rule) hides where it comes from. */
function withoutReaders({ sharingGroup, org, owner, ...rest }: EventView, chr: boolean): EventView {
  const { members: _, ...group } = sharingGroup ?? {};
  const organisations: { org?: Organisation; owner?: Organisation } = {
    ...(org && !chr && { org }),
    ...(owner && !chr && { owner }),
  };
  return { ...rest, ...organisations, ...(sharingGroup && { sharingGroup: group }) };
}

function withoutSource({ source: _, ...rest }: NonNullable<Alert["sighting"]>): NonNullable<Alert["sighting"]> {
  return rest;
}

/** The strictest label among them; where one level has none and counts as `untagged`, it takes part as that. */
function shownLabel<T extends string>(
  ladder: readonly T[],
  labels: readonly (T | "none" | "unknown")[],
  untagged: T | undefined,
): T | "untagged" {
  const given = labels.filter((label): label is T => label !== "none" && label !== "unknown");
  if (given.length === 0) return "untagged";
  // The event is the first: its label, or what it counts as without one, holds for all parts.
  const floor = labels[0] === "none" || labels[0] === "unknown" ? untagged : undefined;
  return [...given, ...(floor ? [floor] : [])].reduce((a, b) => (rank(ladder, b) > rank(ladder, a) ? b : a));
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
