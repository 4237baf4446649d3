import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import type { Facts } from "../../src/model/message.ts";
import { KINDS } from "../../src/model/vocabulary.ts";
import { isOfKind } from "../../src/routing/kinds.ts";
import { compileRoutes, fire } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";

function fired(facts: Facts, ...routes: readonly object[]): readonly string[] {
  const compiled = compileRoutes(
    routes.map((route, index) => RouteOptions.parse({ name: `r${index}`, notify: "soc", ...route })),
  );
  return fire(compiled.get("event.published"), {
    at: 0,
    measures: {},
    facts,
    attributes: [],
    attributesComplete: true,
  }).map(({ route, truth }) => (truth === true ? route.name : `${route.name}?`));
}

const YES = { match: { org: "acme" } };
const NO = { match: { org: "other" } };
const MAYBE = { match: { info: "x" } };
const facts: Facts = { org: { values: ["ACME"], complete: true } };

describe("fire()", () => {
  it.each([
    ["every route that matches, in file order", [YES, NO, YES], ["r0", "r2"]],
    ["what may match too", [MAYBE, YES], ["r0?", "r1"]],
    ["nothing after a stop", [{ ...YES, stop: true }, YES], ["r0"]],
    ["what follows a stop that does not match", [{ ...NO, stop: true }, YES], ["r1"]],
    [
      "what follows a stop that may match, as unknown",
      [{ ...MAYBE, stop: true }, YES, NO, MAYBE],
      ["r0?", "r1?", "r3?"],
    ],
    ["otherwise, when nothing above matches", [NO, { otherwise: true }], ["r1"]],
    ["not otherwise, when one above matches", [YES, { otherwise: true }], ["r0"]],
    ["otherwise as unknown, when one above may match", [MAYBE, { otherwise: true }], ["r0?", "r1?"]],
    ["not otherwise, when one above matches and another may", [MAYBE, YES, { otherwise: true }], ["r0?", "r1"]],
    ["not otherwise, when its own match is false", [NO, { ...NO, otherwise: true }], []],
    ["otherwise, whatever stands below", [{ otherwise: true }, YES], ["r0", "r1"]],
    ["only the first otherwise", [NO, { otherwise: true }, { otherwise: true }], ["r1"]],
    ["otherwise with a stop", [NO, { otherwise: true, stop: true }, YES], ["r1"]],
  ])("gives %s", (_, routes, names) => {
    expect(fired(facts, ...routes)).toEqual(names);
  });

  it("asks only routes of the kind", () => {
    expect(fired(facts, { kinds: ["attribute.*"] }, { kinds: ["event.*"] })).toEqual(["r1"]);
  });
});

describe("kinds", () => {
  it.each([
    ["*", KINDS],
    ["event.published", ["event.published"]],
    ["event.*", KINDS.filter((kind) => kind.startsWith("event."))],
    ["*.added", KINDS.filter((kind) => kind.endsWith(".added"))],
    ["*t.*d", KINDS.filter((kind) => /t\..*d$/.test(kind))],
    ["*v*t.e*d", ["event.edited"]],
    ["event", []],
    ["event.*d*d*d*d", []],
  ])("%s means %j", (glob, kinds) => {
    expect(KINDS.filter((kind) => isOfKind(kind, [glob]))).toEqual(kinds);
  });

  it("may be several", () => {
    expect(KINDS.filter((kind) => isOfKind(kind, ["user.*", "audit.logged"]))).toEqual(
      KINDS.filter((kind) => kind.startsWith("user.") || kind === "audit.logged"),
    );
  });

  it.each(["event.(", "event.(created|edited)", "events.*", "eventXpublished", "[", "misp_json"])(
    "%s is an error of the config that says what kinds there are",
    (kind) => {
      const result = RouteOptions.safeParse({ name: "r", kinds: [kind], notify: "soc" });
      expect(z.prettifyError(result.error ?? new z.ZodError([]))).toContain("is no kind; kinds are event.published");
    },
  );
});

test("compileRoutes() makes a route for each kind that it names, by default publications", () => {
  const routes = compileRoutes([
    RouteOptions.parse({ name: "a", notify: "soc" }),
    RouteOptions.parse({ name: "b", kinds: ["*"], notify: "soc" }),
  ]);
  for (const kind of KINDS) {
    expect(routes.get(kind)?.routes.map(({ name }) => name)).toEqual(kind === "event.published" ? ["a", "b"] : ["b"]);
  }
});
