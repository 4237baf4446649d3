import { expect, test } from "vitest";
import { openLog } from "../../src/base/log.ts";
import { Secret } from "../../src/base/secret.ts";
import { openMispApi } from "../../src/misp-api/client.ts";
import { confirmEvents } from "../../src/service/confirming.ts";
import { uuidOf } from "../support/messages.ts";
import { API_KEY, FAILURES, type MispServer, openMispServer } from "../support/misp-server.ts";
import { sample } from "../topics/frames.ts";

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};
const [ATTRIBUTE] = PUBLISHED.Attribute as readonly Readonly<Record<string, unknown>>[];

/** An event of that number with these tags, of which one attribute carries its own. */
function put(misp: MispServer, n: number, tags: readonly string[], own: readonly string[] = []): string {
  const uuid = uuidOf(String(n));
  const Tag = (names: readonly string[]) => names.map((name) => ({ name, exportable: false }));
  const attribute = { ...ATTRIBUTE, id: String(1000 + n), uuid: uuidOf(String(1000 + n)), event_id: String(n) };
  const plain = { ...attribute, id: String(2000 + n), uuid: uuidOf(String(2000 + n)) };
  misp.put(
    { ...PUBLISHED, id: String(n), uuid, Tag: Tag(tags), Attribute: [{ ...attribute, Tag: Tag(own) }, plain] },
    { published: true, publish_timestamp: "1795197500" },
  );
  return uuid;
}

async function ask(misp: MispServer, uuids: readonly string[], hasParts = true) {
  await using api = openMispApi({
    url: misp.url,
    apiKey: new Secret(API_KEY),
    timeoutMs: 10_000,
    now: Date.now,
    log: openLog("silent"),
  });
  const turns: string[] = [];
  const budget = { turn: async (who: string) => turns.push(who) > 0 };
  const answer = await confirmEvents(
    api,
    budget,
    uuids.map((uuid) => ({ uuid, hasParts })),
    new AbortController().signal,
  );
  return { answer, turns };
}

test("events are asked about in one question, and only the attributes that are marked themselves in the next", async () => {
  await using misp = await openMispServer();
  const plain = put(misp, 1, [], ["tlp:red"]);
  const green = put(misp, 2, ["tlp:green"], ["TLP:RED", "type:OSINT"]);
  const also = put(misp, 3, ["tlp:green"]);
  const { answer, turns } = await ask(misp, [plain, green, also, uuidOf("99")]);
  if (answer.kind !== "events") {
    throw new Error(answer.reason);
  }
  expect(answer.events.has(uuidOf("99"))).toBe(false);
  expect(answer.events.get(green)?.event).toMatchObject({ published: true, tags: [{ name: "tlp:green" }] });
  expect(
    [...(answer.events.get(plain)?.markings ?? [])].map(([uuid, tags]) => [uuid, tags.map(({ name }) => name)]),
  ).toEqual([
    [uuidOf("1001"), ["tlp:red"]],
    [uuidOf("1002"), ["TLP:RED"]],
  ]);
  expect(misp.searches).toHaveLength(1);
  expect(misp.attributeSearches).toMatchObject([
    { eventid: [plain], tags: ["tlp:%", "pap:%"] },
    { eventid: [green, also] },
  ]);
  // Each further question has waited for its own turn.
  expect(turns).toEqual(["confirm", "confirm"]);
});

test("events without parts need one question", async () => {
  await using misp = await openMispServer();
  const { turns } = await ask(misp, [put(misp, 1, ["tlp:green"])], false);
  expect([turns, misp.attributeSearches]).toEqual([[], []]);
});

test("a question about attributes that fails makes the whole answer unsaid", async () => {
  await using misp = await openMispServer();
  const uuid = put(misp, 1, []);
  misp.next(FAILURES.badKey);
  expect((await ask(misp, [uuid])).answer).toMatchObject({ kind: "forbidden", reason: "key-not-accepted" });
  misp.next(FAILURES.crashed);
  expect((await ask(misp, [uuid])).answer).toMatchObject({ kind: "retry", reason: "http-500" });
});
