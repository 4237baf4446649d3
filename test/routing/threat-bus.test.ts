import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Frame } from "../../src/model/frame.ts";
import { configOf } from "../support/checked-config.ts";
import { frameOf } from "../topics/frames.ts";
import { Refused, toldBy } from "./told-by.ts";

/** A filter of Threat Bus' MISP plugin, a message, and what its own code made of it. */
interface Case {
  readonly name: string;
  readonly filter: unknown;
  readonly attributeMessage: unknown;
  /** Absent: it threw, and its receiver ended. */
  readonly expected?: boolean;
  /** What ought to come of it, where that is something else. */
  readonly recommended?: boolean;
}

const FIXTURES = new URL("../fixtures/threat-bus/", import.meta.url);
const CASES: readonly Case[] = ["filter-cases.json", "throwing-cases.json"].flatMap(
  (name) => JSON.parse(readFileSync(new URL(name, FIXTURES), "utf8")) as readonly Case[],
);

/** What becomes of a message: it is told, or not; or the configuration is refused. */
type Ours = boolean | "refused";

/** Where we do otherwise on purpose. */
const DEVIATIONS = new Map<string, readonly [ours: Ours, why: string]>([
  ["D15 org name is not accepted", [true, "organisations may be named, too"]],
  ["D17 orgc_id missing", [true, "who made the event matters only where the rule asks for it"]],
  ["D18 orgc_id null", [true, "who made the event matters only where the rule asks for it"]],
  ["D20 orgc_id numeric zero", [true, "who made the event matters only where the rule asks for it"]],
  ["D23 attribute type empty", [true, "the type matters only where the rule asks for it"]],
  [
    "D36 malformed tag entries are skipped",
    [false, "a tag that cannot be read may be the marking: none is known then"],
  ],
  ["D44 type as a string: accidental substring", [false, "one value is a list of one"]],
  ["D45 tags as a string: compares characters", [true, "one value is a list of one"]],
  ["D47 orgs as a string containing the id", [false, "one value is a list of one"]],
  [
    "D62 extra unknown key next to known ones is ignored",
    [false, "`published` is known here, and the event is a draft"],
  ],
  ["E01 non-numeric orgc_id, org not listed", [true, "it goes by the UUID, which is that of the organisation"]],
  ["E04 filter entry is a string", ["refused", "what is no map of conditions is refused when it is loaded"]],
  ["E07 Tag list holds strings", [false, "a tag that cannot be read may be the marking: none is known then"]],
]);

/** An organisation is named by its UUID, since its number is another one on every MISP: each number has its own here. */
const uuidOf = (id: string) =>
  id === "1" ? "5f7b21ea-52a4-49f0-87df-032ac0a82f02" : `5f7b21ea-52a4-49f0-87df-${id.padStart(12, "0")}`;

const isNumber = (value: unknown): boolean => /^[0-9]+$/.test(String(value));

/** One entry of a filter as a map of `match`; what is empty asks nothing. */
function mapOf(entry: unknown): unknown {
  if (typeof entry !== "object" || entry === null) {
    return entry;
  }
  const { orgs, types, tags, ...unknown } = entry as Record<string, unknown>;
  const isAsked = (values: unknown) => values !== undefined && (!Array.isArray(values) || values.length > 0);
  const all = [orgs].flat();
  const attribute = { ...(isAsked(types) && { type: types }), ...(isAsked(tags) && { tag: tags }) };
  return {
    ...(isAsked(orgs) && (all.every(isNumber) ? { org_uuid: all.map((id) => uuidOf(String(id))) } : { org: orgs })),
    ...(Object.keys(attribute).length > 0 && { attribute }),
    ...unknown,
  };
}

/** A filter as `match`; undefined: all of it. */
function matchOf(filter: unknown): unknown {
  if (!Array.isArray(filter)) {
    return Object.keys(filter as object).length > 0 ? mapOf(filter) : undefined;
  }
  const maps = filter.map(mapOf);
  return maps.length === 0 || maps.some((map) => JSON.stringify(map) === "{}") ? undefined : maps;
}

/** The message as a MISP sends it: each organisation has a UUID of its own. */
function sent({ attributeMessage }: Case): Frame {
  const message = structuredClone(attributeMessage) as { Event?: { Orgc?: { id?: unknown; uuid?: string } } } | null;
  const orgc = message?.Event?.Orgc;
  if (orgc && isNumber(orgc.id)) {
    orgc.uuid = uuidOf(String(orgc.id));
  }
  return frameOf("misp_json_attribute", message, Date.UTC(2020, 9, 5, 14));
}

async function tell(one: Case): Promise<Ours> {
  const match = matchOf(one.filter);
  const route = { name: "all", kinds: ["attribute.*"], notify: "bus", ...(match !== undefined && { match }) };
  const bus = "  bus: { type: console, guard: { max_tlp: red, drafts: true } }";
  try {
    return (await toldBy(configOf(bus, JSON.stringify([route])), sent(one))).length > 0;
  } catch (error) {
    if (error instanceof Refused) {
      return "refused";
    }
    throw error;
  }
}

test.each(CASES.map((one) => [one.name, one] as const))("%s", async (name, one) => {
  const [ours, why] = DEVIATIONS.get(name) ?? [one.recommended ?? one.expected, ""];
  expect(await tell(one), why).toBe(ours);
});

test("every deviation is one, and is about a case that there is", () => {
  for (const [name, [ours]] of DEVIATIONS) {
    const one = CASES.find((known) => known.name === name);
    expect(one && (one.recommended ?? one.expected), name).not.toBe(ours);
  }
  expect(CASES.length).toBe(71 + 9);
});
