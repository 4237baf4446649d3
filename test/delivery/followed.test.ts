import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../src/model/message.ts";
import type { Answer } from "../support/http-server.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeOf,
  eventDeleted,
  eventEdited,
  MINUTE,
  publication,
  sightingAdded,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { CHANNEL, openSlackServer, type ShownMessage, TOKEN } from "../support/slack-server.ts";
import { Scene } from "./scene.ts";

// Whatever becomes of what was told, and whatever Slack does meanwhile: in the end no message that can be changed shows what
// its readers may not see, and nothing of that is kept.

const HOUR = 60 * MINUTE;
/** Longer than it is tried to change a message. */
const LONG = 8 * HOUR;

type Step =
  | { readonly do: "publish" | "delete" | "unpublish" | "redden" | "narrow" | "edit"; readonly event: number }
  | { readonly do: "add" | "sight"; readonly event: number; readonly part: number }
  | { readonly do: "delete-part" | "redden-part"; readonly event: number; readonly part: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "restart" }
  | { readonly do: "reload"; readonly updates: string }
  | { readonly do: "forget"; readonly nth: number }
  | { readonly do: "trouble"; readonly answers: readonly Answer[] };

const eventNumber = fc.integer({ min: 1, max: 2 });
const partNumber = fc.integer({ min: 1, max: 3 });
const modes = fc.constantFrom("thread", "edit", "new");
const slackError = (error: string): Answer => ({
  ...{ status: 200, headers: { "content-type": "application/json" } },
  body: JSON.stringify({ ok: false, error }),
});
const trouble = fc.constantFrom<Answer>(
  { status: 503, body: "" },
  { status: 429, headers: { "retry-after": "20" }, body: "" },
  slackError("internal_error"),
  (_, socket) => socket.destroy(),
);
const ofEvent = <D extends string>(...names: readonly D[]) =>
  fc.record({ do: fc.constantFrom(...names), event: eventNumber });
const ofPart = <D extends string>(...names: readonly D[]) =>
  fc.record({ do: fc.constantFrom(...names), event: eventNumber, part: partNumber });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: ofEvent("publish") },
  { weight: 4, arbitrary: ofPart("add") },
  { weight: 4, arbitrary: ofPart("sight", "delete-part", "redden-part") },
  { weight: 4, arbitrary: ofEvent("edit", "delete", "unpublish", "redden", "narrow") },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: HOUR }) }) },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reload" as const), updates: modes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), nth: fc.integer({ min: 0, max: 5 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("trouble" as const), answers: fc.array(trouble, { maxLength: 5 }) }),
  },
);

/** MISP as far as it matters here: what nobody may see any more stays so, but for what is published again. */
class Misp {
  readonly #events = new Map<
    number,
    { parts: Set<number>; red: Set<number>; is: string; publishedAt?: number; isOver?: true }
  >();
  readonly #gone = new Set<string>();
  #version = 0;

  /** What MISP says when this is done; nothing where it cannot be. */
  say(one: Step): readonly Message[] {
    if (!("event" in one)) {
      return [];
    }
    this.#version += 1;
    const version = `v${this.#version}`;
    const changedAt = T0 + this.#version * MINUTE;
    const known = this.#events.get(one.event) ?? { parts: new Set([1, 2]), red: new Set<number>(), is: "new" };
    const id = String(one.event);
    const about = { id, uuid: uuidOf(id), info: titleOf(one.event), changedAt };
    const part = "part" in one ? one.part : 0;
    const partId = idOf(one.event, part);
    const attribute = { value: wordOf(one.event, part), tags: [], changedAt, uuid: uuidOf(partId) };
    const isHidden = known.is === "red" || known.is === "narrow";
    // What is added to an event that was published once is told, whether it is published just now or not.
    const isNews = known.is === "unpublished" && (one.do === "add" || one.do === "sight");
    if (known.is === "deleted" || (known.is === "new" && one.do !== "publish") || isNews) {
      return [];
    }
    this.#events.set(one.event, known);
    const labels = known.is === "red" ? tags("tlp:red") : tags("tlp:green");
    const distribution = known.is === "narrow" ? ("organisation" as const) : ("community" as const);
    const shared = { ...about, tags: labels, distribution };
    switch (one.do) {
      case "publish": {
        known.is = isHidden ? known.is : "published";
        known.publishedAt = changedAt;
        const attributes = [...known.parts].map((n) =>
          attributeOf(idOf(one.event, n), {
            ...{ value: wordOf(one.event, n), uuid: uuidOf(idOf(one.event, n)) },
            tags: known.red.has(n) ? tags("tlp:red") : [],
          }),
        );
        return [{ ...publication({ event: shared, attributes }), version }];
      }
      case "edit":
        if (known.is === "unpublished") {
          return [];
        }
        delete known.publishedAt;
        return [{ ...eventEdited({ ...shared, published: true }), version }];
      case "delete":
        known.is = "deleted";
        return [{ ...eventDeleted(about), version }];
      case "unpublish":
        // What is changed is not published any more, without a word.
        if (known.publishedAt === undefined) {
          return [];
        }
        known.is = isHidden ? known.is : "unpublished";
        known.isOver = true;
        return [{ ...eventEdited({ ...shared, changedAt: known.publishedAt, published: false }), version }];
      case "redden":
        known.is = known.is === "narrow" ? known.is : "red";
        return known.is === "red" ? [{ ...tagAttached("tlp:red", { eventId: id }), version }] : [];
      case "narrow": {
        known.is = known.is === "red" ? known.is : "narrow";
        const view = { ...about, distribution: "organisation" as const };
        const [own] = sightingAdded(partId).attributes;
        return known.is === "narrow"
          ? [
              {
                ...sightingAdded(partId),
                event: view,
                attributes: own ? [{ ...own, value: "sighted.example" }] : [],
                version,
              },
            ]
          : [];
      }
      case "add":
        if (known.parts.has(one.part) || this.#gone.has(partId)) {
          return [];
        }
        known.parts.add(one.part);
        return [{ ...attributeAdded({ id: partId, attribute, event: { ...about, distribution } }), version }];
      case "sight":
        return known.parts.has(one.part)
          ? [
              {
                ...sightingAdded(partId),
                subject: { type: "sighting", uuid: uuidOf(`${7000 + this.#version}`) },
                event: { ...about, distribution },
                attributes: [attributeOf(partId, { ...attribute })],
                version,
              },
            ]
          : [];
      case "delete-part":
        if (!known.parts.delete(one.part)) {
          return [];
        }
        this.#gone.add(partId);
        return [
          {
            ...attributeDeleted({
              id: partId,
              attribute: { ...attribute, deleted: true },
              event: { ...about, distribution },
            }),
            version,
          },
        ];
      case "redden-part":
        if (!known.parts.has(one.part)) {
          return [];
        }
        known.red.add(one.part);
        return [{ ...tagAttached("tlp:red", { attribute: partId, eventId: id }), version }];
    }
  }

  /** Words that nobody may read any more. */
  hidden(): readonly string[] {
    return [...this.#events].flatMap(([event, { red, is, isOver }]) => {
      const all = is !== "published" ? [1, 2, 3] : [...red];
      // What was said to be taken back is done with: its title may stay.
      const isSecret = !isOver && (is === "red" || is === "narrow");
      return [...all.map((n) => wordOf(event, n)), ...(isSecret ? [titleOf(event)] : [])];
    });
  }
}

const titleOf = (event: number) => `Secret${event}campaign`;
const wordOf = (event: number, part: number) => `v${event}p${part}.example`;
const idOf = (event: number, part: number) => String(1000 + event * 10 + part);
/** As readers see it, who see no dots. */
const legible = ({ message }: ShownMessage) => JSON.stringify(message).replaceAll("[.]", ".");

const RUNS = Number(process.env.FOLLOWED_RUNS ?? 20);

test("no message that can be changed shows what is hidden, nothing of it is kept, and every alert ends once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 25 }),
      fc.record({ updates: modes, withdraw: fc.constantFrom("mark", "delete") }),
      fc.constantFrom<object>({ interval: "0s" }, { by: [], wait: "1m", interval: "0s" }, { wait: "30s" }),
      async (steps, options, group) => {
        await using server = await openSlackServer();
        const at = { type: "slack", token: TOKEN, channel: CHANNEL, api_url: server.apiUrl, flood: "off" };
        const kinds = ["event.published", "attribute.added", "sighting.added"];
        const scene = await Scene.open({ ...at, ...options }, [{ name: "all", kinds, notify: "soc", group }]);
        const misp = new Misp();
        for (const one of steps) {
          await scene.plan(...misp.say(one));
          switch (one.do) {
            case "wait":
              await scene.run(one.ms);
              break;
            case "restart":
              await scene.restart();
              break;
            case "reload":
              scene.reload({ updates: one.updates });
              break;
            case "forget":
              server.forget(server.channel[one.nth]?.ts ?? "");
              break;
            case "trouble":
              for (const answer of one.answers) {
                server.next(answer);
              }
              break;
          }
        }
        await scene.run(LONG);
        const shown = server.channel.filter(({ isDeleted }) => !isDeleted).map(legible);
        const dump = await scene.dump();
        for (const word of misp.hidden()) {
          expect(shown.filter((text) => text.includes(word))).toEqual([]);
          if (word.endsWith(".example")) {
            expect(dump).not.toContain(word);
          }
        }
        expect(await scene.store.owed()).toEqual([]);
        const ends = new Map<string, number>();
        for (const { delivery } of scene.records) {
          ends.set(delivery, (ends.get(delivery) ?? 0) + 1);
        }
        expect([...ends.values()].filter((n) => n !== 1)).toEqual([]);
        expect(scene.records.filter(({ outcome }) => outcome === "dead")).toEqual([]);
      },
    ),
    // The same ones in each `npm test`; others where more are asked for.
    { numRuns: RUNS, ...(process.env.FOLLOWED_RUNS === undefined && { seed: 15 }) },
  );
});
