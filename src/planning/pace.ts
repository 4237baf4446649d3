import type { Alert } from "../model/alert.ts";
import type { Facts, Matchable, Truth } from "../model/message.ts";
import type { Delivery } from "../model/outbox.ts";
import type { Pacing } from "../model/pacing.ts";
import { type Kind, takesBack } from "../model/vocabulary.ts";
import { goesFirst } from "../pacing/place.ts";
import { quietUntil } from "../pacing/quiet.ts";
import type { Route } from "../routing/route.ts";
import type { Match } from "../routing/schema.ts";

/** When a destination is told, as its configuration has it. */
export interface PaceRules extends Pacing {
  /** Whose times of day digests go by. */
  readonly timezone: string;
  /** What comes in quiet hours is muted, not held. */
  readonly drops?: boolean;
  /** What quiet hours let pass. */
  readonly excepts?: (subject: Matchable) => Truth;
  /** The same as it is configured. */
  readonly except?: readonly Match[];
}

/** Whether nothing may hold an alert of this kind back: what is taken back, and what we say of ourselves. */
function isUnheld(kind: Kind): boolean {
  return takesBack(kind) || kind.startsWith("herald.");
}

/** Whether an alert comes when its readers are left alone, and want to hear of nothing that comes then. */
export function isMuted(
  delivery: Pick<Delivery, "priority" | "unheld">,
  rules: PaceRules | undefined,
  now: number,
): boolean {
  return Boolean(rules?.drops && rules.quiet && !goesFirst(delivery) && quietUntil(rules.quiet, now) !== undefined);
}

/** What holds an alert back, and what does not; `subject`: what its readers may see. */
export function holdsOf(
  kind: Kind,
  subject: Matchable,
  rules: PaceRules | undefined,
): Pick<Delivery, "unheld" | "cause"> {
  if (isUnheld(kind)) {
    return { unheld: "always" };
  }
  const cause = causeOf(subject.facts);
  return {
    ...(rules?.excepts?.(subject) === true && { unheld: "in-quiet" as const }),
    ...(cause !== undefined && { cause }),
  };
}

/**
 * How readers are reminded of an alert: as soon and as often as any of its routes wants it, and with all whom they name. Nobody
 * is of what cannot be acknowledged, or is taken back.
 */
export function remindersOf(
  { kind, event }: Pick<Alert, "kind" | "event">,
  routes: readonly Pick<Route, "options">[],
): Pick<Delivery, "remind"> {
  const wanted = routes.flatMap(({ options: { remind } }) => remind ?? []);
  if (wanted.length === 0 || event?.uuid === undefined || isUnheld(kind)) {
    return {};
  }
  const afterMs = Math.min(...wanted.map(({ after }) => after));
  const times = Math.max(...wanted.map((one) => one.times));
  return { remind: { afterMs, times, escalate: [...new Set(wanted.flatMap(({ escalate }) => escalate))] } };
}

/** One organisation whose events come from another MISP or a feed: it may bring a thousand of them at once. */
function causeOf({ origin, event_org, org }: Facts): string | undefined {
  const isBrought = origin?.values.some((value) => value === "pulled" || value === "feed") ?? false;
  const [name, ...others] = (event_org ?? org)?.values ?? [];
  return isBrought && others.length === 0 ? name : undefined;
}
