import { formatDuration } from "../base/schema.ts";
import type { ConfiguredDestination } from "../destinations/destination.ts";
import type { Guard } from "../guard/policy.ts";
import type { QuietWindow } from "../model/pacing.ts";
import { KINDS, type Kind, TLP } from "../model/vocabulary.ts";
import { describeExpected, describeSightings } from "../routing/because.ts";
import type { AttributeMatch, CountMatch, Expected, Match, RouteOptions } from "../routing/schema.ts";
import type { Gap } from "./lint/kinds.ts";
import type { NeededSetting } from "./notifications.ts";
import type { Paragraph } from "./paragraphs.ts";
import type { Chance, Obstacle } from "./reachability.ts";

/** A guard in clauses that its owner can check against what they mean. */
export function describeGuard(guard: Guard): readonly string[] {
  const sentences = [`sees everything up to TLP:${guard.max_tlp.toUpperCase()}`];
  if (guard.metadata_up_to) {
    sentences.push(`up to TLP:${guard.metadata_up_to.toUpperCase()} title and tags without indicators`);
  }
  if (guard.pointer_up_to) {
    sentences.push(`up to TLP:${guard.pointer_up_to.toUpperCase()} only that there is an event`);
  }
  const last = guard.pointer_up_to ?? guard.metadata_up_to ?? guard.max_tlp;
  const above = TLP.slice(TLP.indexOf(last) + 1);
  sentences.push(
    above.length > 0
      ? `nothing of TLP:${(above[0] ?? "").toUpperCase()}${above.length > 1 ? " and above" : ""}`
      : "nothing is too strict for it",
  );
  sentences.push(
    guard.untagged === "deny"
      ? "nothing without a TLP label"
      : `what has no TLP label counts as TLP:${guard.untagged.toUpperCase()}`,
  );
  sentences.push(`indicators up to PAP:${guard.max_pap.toUpperCase()}`);
  const spread =
    guard.distribution.length > 0 ? `distributed to ${list(guard.distribution, "or")}` : "of no wider distribution";
  const groups = guard.sharing_groups.length > 0 ? `, in the sharing group ${list(guard.sharing_groups, "or")}` : "";
  const audience =
    guard.audience.length > 0
      ? `; also what stays with ${list(guard.audience, "and")} as one, and sharing groups that all of them are members of`
      : "; nothing that stays in one organisation or sharing group";
  sentences.push(
    `events ${spread}${groups}${groups && guard.audience.length === 0 ? "; nothing that stays in one organisation" : audience}`,
  );
  sentences.push(guard.drafts ? "drafts too, and there unknown markings count as none" : "no drafts");
  if (guard.personal) {
    sentences.push("personal and secret values too");
  }
  if (guard.also.length > 0) {
    sentences.push(`also ${list(guard.also, "and")}`);
  }
  return sentences;
}

/** A route in clauses. */
export function describeRoute(route: RouteOptions): readonly string[] {
  const match = route.match ? ` where ${route.match.map(describeMatch).join(", or ")}` : "";
  const otherwise = route.otherwise ? ", if no route above fired," : "";
  const to = list(
    route.notify.map(({ to, mention }) => (mention.length > 0 ? `${to} (mentioning ${list(mention, "and")})` : to)),
    "and",
  );
  const by = route.group.by.length > 0 ? `per ${route.group.by.join(", ")}` : "all together";
  const first = route.group.wait > 0 ? `after ${formatDuration(route.group.wait)}` : "at once";
  return [
    `${list(route.kinds, "or")}${match}${otherwise} → ${to}`,
    ...(route.priority === "high" ? ["high priority"] : []),
    route.digest
      ? `a digest at ${route.digest.cron}, by the time zone of the destination`
      : `${by}, first ${first}, then every ${formatDuration(route.group.interval)}`,
    ...(route.remind ? [describeRemind(route.remind)] : []),
    ...(route.stop ? ["later routes are not asked"] : []),
  ];
}

function describeRemind({ after, times, escalate }: NonNullable<RouteOptions["remind"]>): string {
  const rest =
    escalate.length > 0 ? `, then ${list(escalate, "and")} ${escalate.length === 1 ? "is" : "are"} told` : "";
  return `reminds every ${formatDuration(after)}, ${times === 1 ? "once" : `${times} times`} at most, until it is acknowledged${rest}`;
}

const WEEK = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

/** What becomes of earlier messages, and how many leave at once, in clauses; defaults that change nothing are left out. */
export function describeFollowing(
  destination: Pick<ConfiguredDestination, "updates" | "withdraw" | "concurrency">,
): readonly string[] {
  const { updates, withdraw, concurrency } = destination;
  return [
    ...(updates === "new" ? [] : [UPDATES_WORDS[updates]]),
    ...(withdraw === "mark" ? [] : [WITHDRAW_WORDS[withdraw]]),
    ...(concurrency > 1 ? [`up to ${concurrency} requests at once, in order within an event`] : []),
  ];
}

const UPDATES_WORDS = {
  thread: "an event again stands below its first message",
  edit: "an event again takes the place of its first message",
} as const;
const WITHDRAW_WORDS = {
  delete: "what is withdrawn is taken away",
  ignore: "nothing is said of what is withdrawn",
} as const;

/** When a destination is told, and when not. */
export function describePace({ flood, quiet, timezone }: Pick<ConfiguredDestination, "flood" | "quiet" | "timezone">) {
  const { when = [], action, except } = quiet ?? {};
  const windows = list(when.map(describeWindow), "and");
  const rest =
    action === "drop" ? "what comes then is dropped, and recorded as muted" : "what comes then follows after";
  const but = except ? ` but what has ${except.map(describeMatch).join(", or ")}` : "";
  return [
    ...(flood === "off"
      ? []
      : [
          `more than ${flood.over} within ${formatDuration(flood.withinMs)} is a flood, told every ${formatDuration(flood.everyMs)} in one digest`,
        ]),
    ...(when.length > 0 ? [`quiet ${windows} (${timezone})${but}; ${rest}`] : []),
  ];
}

function describeWindow({ days, from, to }: QuietWindow): string {
  const names = days.length === WEEK.length ? "every day" : days.map((day) => WEEK[day]).join(", ");
  const time = (minutes: number) =>
    `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  return from === to ? `${names} all day` : `${names} from ${time(from)} to ${time(to)}`;
}

const OBSTACLES: Readonly<Record<Obstacle, string>> = {
  "kind-not-opened": "guard.also does not name it",
  "no-event-passes": "distribution, audience and sharing_groups of the guard are empty, so that no event passes",
  "frames-tell-too-little": "the feed tells neither markings nor distribution",
  "event-known": "only about events that the feed has told of",
  "attribute-tagged": "only with tags of their own, in events that the feed has told of",
  "event-tag": "only tags of events that the feed has told of, not of attributes",
  "ask-misp": "what the feed leaves out is asked of MISP",
};

/** Why something is not always told. */
export function describeObstacle(why: Obstacle): string {
  return OBSTACLES[why];
}

/** What of a route is not always told, in one sentence; undefined: all of it is. */
export function describeChances(route: RouteOptions, chances: readonly Chance[]): string | undefined {
  if (chances.length === 0) {
    return undefined;
  }
  const everybody = new Set(route.notify.map(({ to }) => to)).size;
  const parts = chances.map(({ can, why, kinds, destinations }) => {
    const to = destinations.length < everybody ? ` to ${list(destinations, "and")}` : "";
    return `${can === "asked" ? "once asked" : can} ${familiesOf(kinds).join(", ")}${to} (${describeObstacle(why)})`;
  });
  const unasked = [...new Set(chances.flatMap((chance) => chance.unasked))];
  const hint =
    unasked.length > 0
      ? `; with an api_key for ${list(unasked, "and")} MISP is asked for what the feed leaves out`
      : "";
  return `${parts.join("; ")}${hint}.`;
}

/** What of a route's conditions is not always known, in one sentence; undefined: all of it is. */
export function describeGaps(gaps: readonly Gap[]): string | undefined {
  const parts = GAPS.flatMap(({ known, words }) =>
    gaps
      .filter((gap) => gap.known === known)
      .map(({ facts, kinds }) => `of ${list(familiesOf(kinds), "and")} ${words(list(facts, "and"), facts.length > 1)}`),
  );
  const [first, ...others] = parts;
  return first === undefined ? undefined : `What it asks for: ${[first, ...others].join("; ")}.`;
}

const GAPS: readonly {
  readonly known: Gap["known"];
  readonly words: (facts: string, several: boolean) => string;
}[] = [
  { known: "absent", words: (facts) => `there are no ${facts}` },
  { known: "never", words: (facts) => `only MISP knows ${facts}` },
  {
    known: "sometimes",
    words: (facts, several) => `${facts} ${several ? "are" : "is"} known once the feed has told of the event`,
  },
];

/** A setting of MISP, and what for. */
export function describeNeed({ setting, kinds, routes, without }: NeededSetting): Paragraph {
  const named = list(routes, "and");
  return {
    name: setting,
    clauses: [
      ...(kinds.length > 0
        ? [`for ${list(familiesOf(kinds), "and")}, which ${named} ${routes.length === 1 ? "names" : "name"}`]
        : []),
      ...(without === undefined ? [] : [`without it ${without}`]),
      ...(kinds.length === 0 && without === undefined ? ["for all of it"] : []),
    ],
  };
}

/** Kinds, with `attribute.*` in place of all that begin so. */
function familiesOf(kinds: readonly Kind[]): readonly string[] {
  const names = kinds.map((kind) => {
    const prefix = kind.slice(0, kind.indexOf(".") + 1);
    const family = KINDS.filter((other) => other.startsWith(prefix));
    return family.length > 1 && family.every((other) => kinds.includes(other)) ? `${prefix}*` : kind;
  });
  return [...new Set(names)];
}

function describeMatch(match: Match): string {
  const {
    all,
    any,
    not,
    attribute,
    min_threat_level,
    max_age,
    max_event_age,
    date,
    attributes,
    sightings,
    jsonpath,
    ...facts
  } = match;
  const parts = Object.entries(facts).map(([name, values]) => describeFact(name, values));
  if (min_threat_level) {
    parts.push(`threat level is at least ${min_threat_level}`);
  }
  if (max_age !== undefined) {
    parts.push(`it was changed within ${formatDuration(max_age)}`);
  }
  if (max_event_age !== undefined) {
    parts.push(`its date is within ${formatDuration(max_event_age)}`);
  }
  if (date) {
    parts.push(`its date is ${describeExpected(date)}`);
  }
  if (attributes) {
    parts.push(describeCount(attributes));
  }
  if (jsonpath) {
    parts.push(`${list(jsonpath, "or")} finds something in it`);
  }
  if (sightings) {
    parts.push(`its attribute was sighted ${describeSightings(sightings)}`);
  }
  if (attribute) {
    parts.push(`for one attribute ${attribute.map(describeBlock).join(", or ")}`);
  }
  return nested(parts, { all: all?.map(describeMatch), any: any?.map(describeMatch), not: not?.map(describeMatch) });
}

function describeBlock({ all, any, not, max_age, ...facts }: AttributeMatch): string {
  const parts = Object.entries(facts).map(([name, values]) => describeFact(name, values));
  if (max_age !== undefined) {
    parts.push(`it was changed within ${formatDuration(max_age)}`);
  }
  return nested(parts, {
    all: all?.map(describeBlock),
    any: any?.map(describeBlock),
    not: not && [describeBlock(not)],
  });
}

/** Conditions, and those that nest in them. */
function nested(
  parts: readonly string[],
  { all, any, not }: { readonly [K in "all" | "any" | "not"]: readonly string[] | undefined },
): string {
  const bracketed = (words: readonly string[]) => words.map((part) => `(${part})`);
  const whole = [
    ...parts,
    ...(all ? [bracketed(all).join(" and ")] : []),
    ...(any ? [bracketed(any).join(" or ")] : []),
    ...(not ? [`not (${not.join(" or ")})`] : []),
  ];
  return whole.length > 0 ? whole.join(" and ") : "anything holds";
}

function describeFact(name: string, values: readonly Expected[] = []): string {
  const words = values.map((value) =>
    typeof value === "object" && value.is !== undefined
      ? `the text ${describeExpected(value)}`
      : describeExpected(value),
  );
  return `${name} is ${list(words, "or")}`;
}

function describeCount({ min, max, type, to_ids }: CountMatch): string {
  const bounds = [
    ...(min === undefined ? [] : [`${min} or more`]),
    ...(max === undefined ? [] : [`${max} or fewer`]),
  ].join(" and ");
  const kind = type ? ` of type ${list(type, "or")}` : "";
  const detection = to_ids === undefined ? "" : to_ids ? " for detection" : " not for detection";
  return `it has ${bounds} ${max === undefined && min === 1 ? "attribute" : "attributes"}${kind}${detection}`;
}

function list(words: readonly string[], conjunction: "and" | "or"): string {
  if (words.length <= 1) {
    return words.join("");
  }
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words.at(-1)}`;
}
