import { expect, test } from "vitest";
import { Config } from "../../src/config/schema.ts";
import { check } from "../support/checked-config.ts";

const REST = `
destinations: { terminal: { type: console, guard: { max_tlp: red } } }
routes: [{ name: all, notify: [terminal] }]
`;
const FEED = 'feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] }';
const URL = "url: https://misp.example.org";

function instance(keys: string): string {
  return `misp: { cert: { ${FEED}, ${keys} } }${REST}`;
}

function parse(keys: Readonly<Record<string, unknown>>) {
  const feed = { type: "zeromq", endpoints: ["tcp://127.0.0.1:50000"] };
  const destinations = { terminal: { type: "console", guard: { max_tlp: "red" } } };
  const routes = [{ name: "all", notify: ["terminal"] }];
  return Config.parse({ misp: { cert: { feed, ...keys } }, destinations, routes }).misp.cert;
}

test("an instance that asks MISP does so by these defaults", () => {
  const api_key = "T0PSECRETt0psecretT0PSECRETt0psecret4242";
  const asked = parse({ url: "https://misp.example.org", api_key, recall: { per_minute: 5 } });
  expect(asked?.recall).toEqual({
    settle: 5_000,
    per_minute: 5,
    patience: 600_000,
    confirm: "first",
    within: 30_000,
    otherwise: "tell",
  });
  expect(asked?.reconcile).toEqual({ every: 300_000, max_age: 86_400_000 });
  expect(asked?.api_key?.reveal()).toBe(api_key);
  expect(parse({})).toMatchObject({ recall: { per_minute: 60 }, reconcile: { every: 300_000 } });
});

test.each([
  [
    "an api_key without a url",
    "api_key: T0PSECRET",
    /url" is missing: api_key is for the MISP at this address, such as https:\/\/misp\.example\.org/,
  ],
  ["the whole header as api_key", `${URL}, api_key: "Bearer T0PSECRET"`, /api_key" must be the key alone: 40 letters/],
  ["an empty api_key", `${URL}, api_key: ""`, /api_key" must not be empty/],
  ["no question at all", `${URL}, recall: { per_minute: 0 }`, /per_minute/],
  ["a patience without end", `${URL}, recall: { patience: 30d }`, /patience" must be from 1s to 1d/],
  ["a reconcile without pause", `${URL}, reconcile: { every: 0s }`, /every" must be from 10s to 1d/],
  ["a misspelt key", `${URL}, reconcile: { evry: 5m }`, /unknown key "evry", did you mean "every"\?/],
])("an instance with %s is refused, and the key is not told", async (_, keys, problem) => {
  const { problems, printed } = await check(instance(keys));
  expect(problems).toEqual([expect.stringMatching(problem)]);
  expect(printed).not.toContain("T0PSECRET");
});
