import type { Config } from "../config/schema.ts";
import type { Guard } from "../guard/policy.ts";
import { KINDS, type Kind, SENSITIVE } from "../model/vocabulary.ts";
import { isOfKind } from "../routing/kinds.ts";
import { compilePattern } from "../routing/pattern.ts";
import type { RouteOptions } from "../routing/schema.ts";

/** What stands between a kind and a destination, beyond the markings of what is told. */
export type Obstacle =
  | "kind-not-opened"
  | "no-event-passes"
  | "frames-tell-too-little"
  | "event-known"
  | "attribute-tagged"
  | "event-tag"
  | "ask-misp";

/** Kinds of one route that share what stands between them and the same destinations. */
export interface Chance {
  readonly can: "never" | "sometimes" | "asked";
  readonly why: Obstacle;
  readonly kinds: readonly Kind[];
  readonly destinations: readonly string[];
  /** Asking MISP would decide it, and these instances have no `api_key`. */
  readonly unasked: readonly string[];
}

/** What of a route is not always judged by what the feed tells; what is in no entry always is. */
export function chancesOf(route: RouteOptions, { misp, destinations }: Pick<Config, "misp" | "destinations">) {
  const instances = Object.keys(misp).filter(mayComeFrom(route));
  const unasked = instances.filter((name) => !misp[name]?.api_key);
  const chances = new Map<string, Chance>();
  for (const kind of KINDS.filter((kind) => isOfKind(kind, route.kinds))) {
    const byChance = new Map<string, Omit<Chance, "kinds">>();
    for (const name of new Set(route.notify.map(({ to }) => to))) {
      const guard = destinations[name]?.guard;
      const chance = guard && chanceOf(kind, guard, instances, unasked);
      if (!chance) {
        continue;
      }
      const key = chance.why;
      byChance.set(key, { ...chance, destinations: [...(byChance.get(key)?.destinations ?? []), name] });
    }
    for (const chance of byChance.values()) {
      const key = JSON.stringify([chance.why, chance.destinations]);
      chances.set(key, { ...chance, kinds: [...(chances.get(key)?.kinds ?? []), kind] });
    }
  }
  return [...chances.values()].sort((a, b) => ORDER.indexOf(a.can) - ORDER.indexOf(b.can));
}

const ORDER: readonly Chance["can"][] = ["never", "sometimes", "asked"];

/** The entries of `kinds` of which nothing can reach anybody, and why; the loader warns of kinds that no guard opens. */
export function deadKinds(route: RouteOptions, chances: readonly Chance[]): readonly { glob: string; why: Obstacle }[] {
  const everybody = new Set(route.notify.map(({ to }) => to));
  return route.kinds.flatMap((glob) => {
    const kinds = KINDS.filter((kind) => isOfKind(kind, [glob]));
    const never = chances.filter(({ can, kinds: of }) => can === "never" && kinds.some((kind) => of.includes(kind)));
    const isDead = kinds.every((kind) => {
      const unreached = never.filter((chance) => chance.kinds.includes(kind)).flatMap((chance) => chance.destinations);
      return [...everybody].every((name) => unreached.includes(name));
    });
    const why = never.find((chance) => chance.why !== "kind-not-opened")?.why;
    return isDead && why ? [{ glob, why }] : [];
  });
}

/** Judged as the guard does; `unasked` are the instances that cannot be asked. */
function chanceOf(
  kind: Kind,
  guard: Guard,
  instances: readonly string[],
  unasked: readonly string[],
): Omit<Chance, "kinds" | "destinations"> | undefined {
  const never = (why: Obstacle) => ({ can: "never", why, unasked: [] }) as const;
  const category = Object.entries(SENSITIVE).find(([, kinds]) => (kinds as readonly Kind[]).includes(kind))?.[0];
  if (category && !guard.also.some((name) => name === category)) {
    return never("kind-not-opened");
  }
  const isAboutEvent = !category && !kind.startsWith("herald.");
  if (isAboutEvent && [guard.distribution, guard.audience, guard.sharing_groups].every(({ length }) => length === 0)) {
    return never("no-event-passes");
  }
  const lacks = lacking(kind, guard.drafts);
  if (!lacks) {
    return undefined;
  }
  if (unasked.length === 0) {
    return { can: "asked", why: "ask-misp", unasked };
  }
  const isNever = lacks === "frames-tell-too-little" && unasked.length === instances.length;
  return { can: isNever ? "never" : "sometimes", why: lacks, unasked };
}

/** What a kind's frames leave out that a guard needs; with `drafts` unknown markings count as none. */
function lacking(kind: Kind, drafts: boolean): Obstacle | undefined {
  switch (kind) {
    case "event.created":
    case "event.deleted":
      return drafts ? undefined : "event-known";
    case "attribute.added":
    case "attribute.edited":
      return drafts ? undefined : "attribute-tagged";
    case "attribute.deleted":
      return drafts ? "event-known" : "attribute-tagged";
    case "object.added":
    case "object.edited":
    case "object.deleted":
    case "discussion.posted":
    case "audit.logged":
      return "event-known";
    case "tag.attached":
    case "tag.detached":
      return "event-tag";
    case "reference.added":
    case "reference.edited":
    case "reference.deleted":
    case "sighting.added":
    case "sighting.deleted":
      return "frames-tell-too-little";
    default:
      return undefined;
  }
}

/** A route may name instances; where one of its alternatives names none, it is about all of them. */
export function mayComeFrom({ match }: RouteOptions): (instance: string) => boolean {
  const patterns = match?.map(({ instance }) => instance?.map(compilePattern));
  return (name) => patterns?.every((any) => any && !any.some((matches) => matches(name))) !== true;
}
