import type { Style } from "../alert/style.ts";
import type { Guard } from "../guard/policy.ts";
import type { Entry, GuardedAlert, Payload, UpdatesMode, WithdrawMode } from "../model/payload.ts";
import { TLP } from "../model/vocabulary.ts";
import { describeReason } from "../routing/because.ts";
import { matchableOfGuarded } from "../routing/facts.ts";
import type { Routes } from "../routing/route.ts";
import type { CompiledSilence } from "../routing/silence.ts";
import { renderTemplate, type Template, type TemplateFailure } from "../template/compile.ts";
import { fillLinks, type LinkTemplate } from "../template/links.ts";

/** What the second look at a batch needs to know. */
export interface SendContext {
  readonly guard: Guard;
  /** As they are now, for their templates: what they tell was decided when it was planned. */
  readonly routes: Routes;
  /** The base URL of each instance's web pages. */
  readonly links: ReadonlyMap<string, URL>;
  /** What readers want to have at hand, whatever the route. */
  readonly actions?: readonly LinkTemplate[];
  /** How the destination words its alerts; absent: as they are built in, unless a route says otherwise. */
  readonly wording?: Wording;
  /** What operators do not want to be told at that instant; absent: nothing. */
  readonly silences?: (now: number) => readonly CompiledSilence[];
  /** Its readers are programs. */
  readonly program?: boolean;
  /** How it is told of an event again; absent: by new messages. */
  readonly updates?: UpdatesMode;
  readonly withdraw?: WithdrawMode;
}

/** The template of a destination, what its filters need to know, and whom to tell when one fails. */
export interface Wording {
  readonly template?: Template | undefined;
  readonly style: Style;
  readonly failed: (reason: TemplateFailure) => void;
}

/** The payload of these entries, in the words and with the links of now. */
export function show(
  bare: readonly Entry[],
  around: Pick<Payload, "batch" | "destination" | "createdAt" | "priority" | "mentions" | "show" | "part">,
  { guard: policy, routes, actions = [], wording, program = false }: SendContext,
): Payload {
  const explainedOnes = bare.map((entry) => explained(entry, routes, actions));
  const entries = wording ? explainedOnes.map((entry) => worded(entry, wording, routes, around.show)) : explainedOnes;
  const labels = new Set(entries.map(({ guarded }) => guarded.tlp));
  // Beside one that has a label, an alert without one takes part as what it counts as.
  if (labels.has("untagged") && labels.size > 1 && policy.untagged !== "deny") {
    labels.add(policy.untagged);
  }
  return {
    ...around,
    tlp: [...TLP].reverse().find((label) => labels.has(label)) ?? "untagged",
    entries,
    ...(program && { whole: true as const }),
    minimal: false,
  };
}

/** An entry with why its readers are told, and what its routes and the destination want to have at hand beside it. */
function explained(entry: Entry, routes: Routes, actions: readonly LinkTemplate[]): Entry {
  if (entry.guarded.form === "pointer" || entry.withdrawn) {
    return entry;
  }
  const found = entry.routes.flatMap((name) => {
    const kind = entry.kinds.find((count) => routes.get(count.kind)?.named(name));
    return (kind && routes.get(kind.kind)?.named(name)?.options) ?? [];
  });
  const subject = matchableOfGuarded(entry.guarded, entry.guarded.alert.receivedAt);
  const watch = routes.get(entry.guarded.alert.kind)?.watch;
  const because = [...new Set(found.flatMap((options) => describeReason(options, subject, watch)))];
  const links = fillLinks([...found.flatMap((options) => options.links), ...actions], entry.guarded, subject);
  return { ...entry, ...(because.length > 0 && { because }), ...(links.length > 0 && { links }) };
}

/** An entry in the words of the first of its routes that has a template, or else of the destination. */
function worded(entry: Entry, { template: own, style, failed }: Wording, routes: Routes, show: Payload["show"]): Entry {
  const tables = entry.kinds.map(({ kind }) => routes.get(kind));
  const of = entry.routes.flatMap((name) => tables.map((table) => table?.named(name)?.options.template));
  const template = { ...own, ...of.find((candidate) => candidate !== undefined) };
  if (Object.keys(template).length === 0 || entry.withdrawn || entry.custom) {
    return entry;
  }
  const rendered = renderTemplate(template, entry, style, show);
  if (!("failed" in rendered)) {
    return { ...entry, custom: rendered };
  }
  failed(rendered.failed);
  return { ...entry, templateFailed: true };
}

/** MISP shows an event under its UUID as well as under its id (`/events/view/…`). */
export function linkOf({ alert }: GuardedAlert, links: ReadonlyMap<string, URL>): URL | undefined {
  const base = links.get(alert.instance);
  const about = alert.event?.uuid ?? alert.event?.id;
  if (!base || about === undefined) {
    return undefined;
  }
  const path = base.pathname.endsWith("/") ? base.pathname : `${base.pathname}/`;
  return new URL(`${path}events/view/${encodeURIComponent(about)}`, base);
}
