import type { Config } from "../../config/schema.ts";
import { quoted, warning } from "../../config/tree.ts";
import { isPersonal } from "../../guard/personal.ts";
import type { Guard } from "../../guard/policy.ts";
import { PAP, TLP, type Tlp } from "../../model/vocabulary.ts";
import { isExpression } from "../../routing/pattern.ts";
import type { AttributeMatch, Match, RouteOptions } from "../../routing/schema.ts";
import { chancesOf, deadKinds, type Obstacle } from "../reachability.ts";
import { describeObstacle } from "../sentences.ts";
import type { Linted } from "./linted.ts";
import { spotOf } from "./spots.ts";

/** Routes that ask for what the guard of a destination never lets through: they look as if they told it, and never do. */
export function checkGuards({ root, config, report }: Linted): void {
  for (const [index, route] of config.routes.entries()) {
    const dead = deadKinds(route, chancesOf(route, config));
    for (const { glob, why } of dead) {
      const place = spotOf(root, ["routes", index, "kinds", route.kinds.indexOf(glob)]);
      const message = `route ${quoted(route.name)} can never tell ${glob}: ${describeObstacle(why)}`;
      report(warning(place, message, HINTS[why]));
    }
    for (const [place, { to }] of route.notify.entries()) {
      const shut = shutBy(route, config.destinations[to]);
      if (shut) {
        const message = `${quoted(to)} is never told by route ${quoted(route.name)}: ${shut.why}`;
        report(warning(spotOf(root, ["routes", index, "notify", place]), message, shut.hint));
      }
    }
  }
}

const HINTS: Partial<Readonly<Record<Obstacle, string>>> = {
  "no-event-passes": "say in guard who reads it: distribution, audience or sharing_groups",
  "frames-tell-too-little": "give the instance an api_key, with which MISP is asked",
};

interface Shut {
  readonly why: string;
  readonly hint: string;
}

/** Why none of a route's alternatives passes a guard. */
function shutBy({ match }: RouteOptions, destination: Config["destinations"][string] | undefined): Shut | undefined {
  if (match === undefined || !destination) {
    return undefined;
  }
  return shutAll(match, destination.guard);
}

function shutAll(maps: readonly Match[], guard: Guard): Shut | undefined {
  const shut = maps.map((map) => shutMap(map, guard));
  return shut.includes(undefined) ? undefined : shut[0];
}

function shutMap(map: Match, guard: Guard): Shut | undefined {
  return (
    shutByTlp(map, guard) ??
    shutByPap(map, guard) ??
    shutByDistribution(map, guard) ??
    shutByType(map.attribute, guard) ??
    (map.all ?? []).map((one) => shutMap(one, guard)).find((shut) => shut !== undefined) ??
    (map.any && shutAll(map.any, guard))
  );
}

/** What is seen of parts is in what is told in full alone. */
function asksOfParts({ attribute, watch, object }: Match): boolean {
  return attribute !== undefined || watch !== undefined || object !== undefined;
}

function shutByTlp(map: Match, guard: Guard): Shut | undefined {
  const labels = labelsOf(map);
  const isFull = asksOfParts(map);
  const ceiling = isFull ? guard.max_tlp : (guard.metadata_up_to ?? guard.max_tlp);
  if (!labels || labels.some((label) => passes(label, ceiling, guard))) {
    return undefined;
  }
  if (labels.every((label) => label === "none") && guard.untagged === "deny") {
    return { why: "its guard denies what has no TLP label", hint: "say in guard what that counts as: untagged: amber" };
  }
  const what = isFull && guard.metadata_up_to ? "indicators" : "anything";
  const pointer =
    guard.pointer_up_to && !isFull ? "; that there is an event is told by routes that do not ask for its label" : "";
  return {
    why: `its guard shows ${what} up to TLP:${ceiling.toUpperCase()} alone, and the route asks for what is above${pointer}`,
    hint: `raise ${isFull || !guard.metadata_up_to ? "max_tlp" : "metadata_up_to"}, ask for another label, or take it out of notify`,
  };
}

/** The labels that a map asks for, by the fact or by tags; undefined: any may be. */
function labelsOf({ tlp, event_tag }: Match): readonly (Tlp | "none")[] | undefined {
  if (tlp) {
    return tlp.every(isLabel) ? tlp.filter(isLabel) : undefined;
  }
  const tagged = (event_tag ?? []).map((tag) => (/^tlp:(.*)$/i.exec(tag)?.[1] ?? "").toLowerCase());
  return event_tag && tagged.every(isLabel) ? tagged.filter(isLabel) : undefined;
}

function isLabel(text: string): text is Tlp | "none" {
  return text === "none" || TLP.some((label) => label === text);
}

function passes(label: Tlp | "none", ceiling: Tlp, { untagged }: Guard): boolean {
  const level = label === "none" ? untagged : label;
  return level !== "deny" && TLP.indexOf(level) <= TLP.indexOf(ceiling);
}

function shutByPap(map: Match, { max_pap }: Guard): Shut | undefined {
  const levels: readonly string[] = PAP;
  const above = (label: string) => levels.indexOf(label) > levels.indexOf(max_pap);
  if (!asksOfParts(map) || !map.pap?.every(above)) {
    return undefined;
  }
  return {
    why: `its guard shows indicators up to PAP:${max_pap.toUpperCase()} alone, and the route asks for those above`,
    hint: "raise max_pap, or ask for the event and not for its attributes",
  };
}

function shutByDistribution({ distribution, sharing_group }: Match, guard: Guard): Shut | undefined {
  const asked = distribution ?? (sharing_group ? ["sharing_group"] : undefined);
  if (!asked || asked.some((name) => isGlob(name) || mayPass(name, guard))) {
    return undefined;
  }
  const needed =
    asked.includes("organisation") || asked.includes("sharing_group") ? "audience or sharing_groups" : "distribution";
  return {
    why: `nothing that is distributed to ${asked.join(" or ")} passes its guard`,
    hint: `say in guard who reads it: ${needed}`,
  };
}

function mayPass(name: string, { distribution, audience, sharing_groups }: Guard): boolean {
  if (name === "organisation") {
    return audience.length > 0;
  }
  return name === "sharing_group"
    ? audience.length > 0 || sharing_groups.length > 0
    : distribution.some((wide) => wide === name);
}

function shutByType(blocks: readonly AttributeMatch[] | undefined, { personal }: Guard): Shut | undefined {
  const types = blocks?.map(({ type }) => type);
  if (personal || !types || !types.every((some) => some?.every((type) => !isGlob(type) && isPersonal(type)))) {
    return undefined;
  }
  return {
    why: "its guard withholds personal and secret values, which the route asks for",
    hint: "say personal: true in its guard, if its readers may see them",
  };
}

function isGlob(value: string): boolean {
  return value.includes("*") || isExpression(value);
}
