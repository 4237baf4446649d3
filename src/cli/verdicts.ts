import { defangText } from "../alert/defang.ts";
import { clean } from "../alert/text.ts";
import type { Rules, Trace } from "../planning/plan.ts";
import { type Obstruction, obstructionOf } from "../routing/verdict.ts";
import { NO_WATCH } from "../routing/watch.ts";

/** What a route makes of a message. */
export interface RouteVerdict {
  readonly name: string;
  /** `not-asked`: a route above has ended the search, or has fired in its place. */
  readonly verdict: "matched" | "unknown" | "no" | "not-asked";
  readonly obstruction?: Obstruction;
}

/** What each route about the kind of a message makes of it, in file order: the first condition that does not hold, and what is there. */
export function verdictsOf(
  { kind, subject, routes: fired }: Trace,
  { routes, watch = NO_WATCH }: Rules,
): readonly RouteVerdict[] {
  if (!kind || !subject) {
    return [];
  }
  return (routes.get(kind)?.routes ?? []).map(({ name, options }): RouteVerdict => {
    const truth = fired.find((route) => route.name === name)?.truth;
    if (truth === true) {
      return { name, verdict: "matched" };
    }
    const obstruction = obstructionOf(options.match, subject, watch);
    if (truth === "unknown") {
      return { name, verdict: "unknown", ...(obstruction && { obstruction }) };
    }
    return obstruction ? { name, verdict: "no", obstruction } : { name, verdict: "not-asked" };
  });
}

/** The verdicts as lines; `canAsk`: MISP is asked for what is not known. */
export function describeVerdicts(verdicts: readonly RouteVerdict[], canAsk: boolean): readonly string[] {
  return verdicts.map(({ name, verdict, obstruction }) => {
    if (verdict === "matched") {
      return `✓ ${name}`;
    }
    if (!obstruction) {
      return verdict === "unknown"
        ? `? ${name}: whether a route above fires is not known`
        : `· ${name}: not asked, a route above has fired`;
    }
    const { path, expected, actual, truth } = obstruction;
    const asked = `asked for: ${clean(expected, 400)}`;
    if (truth === "unknown" && !actual) {
      const how = canAsk ? "MISP is asked for it" : "an api_key lets MISP be asked for it";
      return `? ${name}: ${path} is not known (${asked}); ${how}`;
    }
    if (!actual) {
      return `✗ ${name}: ${clean(expected, 400)} does not hold`;
    }
    const found = actual.map((text) => defangText(clean(text, 140))).join(", ");
    const more = truth === "unknown" ? ", as far as it is known" : "";
    return `${truth === "unknown" ? "?" : "✗"} ${name}: ${path} is ${found}${more} (${asked})`;
  });
}

/** What a destination may see of an alert, as far as that is not all. */
export function describeShown({ guarded }: Trace["destinations"][number]): string {
  if (!guarded) {
    return "";
  }
  const { form, withheld } = guarded;
  const parts = [
    ...(form === "metadata" ? ["only title and tags"] : form === "pointer" ? ["only that there is an event"] : []),
    ...(withheld > 0 ? [`${withheld} ${withheld === 1 ? "attribute" : "attributes"} withheld`] : []),
  ];
  return parts.length > 0 ? ` (${parts.join(", ")})` : "";
}

/** What keeps something from a destination: its name in the record, and what it means. */
export function describeRefusal(
  { name, verdict, reason, silence }: Trace["destinations"][number],
  { destinations }: Rules,
): string {
  const { guard, repeats } = destinations.get(name) ?? {};
  if (verdict === "muted") {
    const why = silence === undefined ? "its quiet hours drop what comes" : `the silence ${clean(silence)} is on`;
    return `muted${reason === undefined ? "" : ` (${reason})`}: ${why}`;
  }
  if (verdict === "already-told") {
    return `already-told: it was told as much of the event (repeats: ${repeats ?? "changed"})`;
  }
  if (verdict === "tlp-above-ceiling" && guard) {
    const ceiling = guard.pointer_up_to ?? guard.metadata_up_to ?? guard.max_tlp;
    return `${verdict}: its guard shows nothing above TLP:${ceiling.toUpperCase()}`;
  }
  const words = REFUSALS[verdict];
  return words === undefined ? verdict : `${verdict}: ${words}`;
}

const REFUSALS: Partial<Readonly<Record<Trace["destinations"][number]["verdict"], string>>> = {
  undecided: "MISP is asked for what is not known",
  "kind-not-opened": "its guard does not name the kind in also",
  draft: "the event was never published",
  "event-unknown": "whether the event was ever published is not known",
  distribution: "its readers are not among those to whom the event is distributed",
  "distribution-unknown": "how far the event is distributed is not known",
  untagged: "the event has no TLP label, which its guard denies",
  "tlp-unknown": "the event's TLP is not known",
  personal: "personal and secret values are withheld",
  "match-not-visible": "what the routes ask for is withheld, so that it would tell them",
  "match-unknown": "whether the routes ask for it is not known",
  stale: "something newer is known",
};
