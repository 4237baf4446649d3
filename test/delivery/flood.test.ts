import { describe, expect, it } from "vitest";
import { attributeAdded, attributeOf, MINUTE, publication, T0, tags } from "../support/messages.ts";
import { CHANNEL, openSlackServer, TOKEN } from "../support/slack-server.ts";
import { addToOne, eventsIn, GUARD, pullToMail, pullToSlack, pullToTeams, pullToWebhook, ROUTES } from "./floods.ts";
import { type Arrival, play, pull, pulledEvent, type Told } from "./pull.ts";

describe("a pull of 1,000 events with 10 attributes each", () => {
  it.each([4, 1_000_000])("at %d events a second is at most 25 messages of Slack in ten minutes", async (perSecond) => {
    await pullToSlack(perSecond);
  });

  it("is as few mails, at once", async () => {
    await pullToMail(1_000_000, 1);
  });

  it("is as few cards of Teams, at 4 events a second", async () => {
    await pullToTeams(4, 1);
  });

  it("reaches a webhook whole, each by itself", () => pullToWebhook(1_000_000, 1));
});

describe("a flood", () => {
  const play20 = (arrivals: readonly Arrival[], restarts: readonly number[] = []) =>
    play(arrivals, {
      destination: { type: "console", guard: GUARD, color: "never" },
      routes: ROUTES,
      until: T0 + 30 * MINUTE,
      restarts,
    });

  it("of one partner's events holds no alert about others", async () => {
    const arrivals = pull(4, { events: 200, attributes: 0 });
    const at = T0 + 40_000;
    const local = pulledEvent(999, at, { attributes: 0, org: "ACME-CERT", origin: "local" });
    const { told } = await play20([
      ...arrivals.filter((one) => one.at <= at),
      { at, messages: local },
      ...arrivals.filter((one) => one.at > at),
    ]);
    const alone = told.find((one) => eventsIn(one).join().endsWith("999"));
    expect(alone && eventsIn(alone)).toHaveLength(1);
    expect((alone?.at ?? 0) - at).toBeLessThanOrEqual(2000);
  });

  it("takes along what is told of its attributes", async () => {
    const arrivals = pull(4, { events: 100, told: 10 });
    const { told, records } = await play20(arrivals);
    expect(told.length).toBeLessThanOrEqual(25);
    expect(records).toEqual(new Map([["sent", 1100]]));
  });

  it("goes on over restarts as if there were none", async () => {
    const arrivals = pull(2, { events: 300, attributes: 0 });
    const once = await play20(arrivals);
    const often = await play20(arrivals, [T0 + 5_000, T0 + 61_000, T0 + 100_000, T0 + 5 * MINUTE]);
    const shape = ({ at, payload }: Told) => [at - T0, payload.entries.length];
    expect(often.told.map(shape)).toEqual(once.told.map(shape));
  });
});

describe("a queue of a hundred alerts that are due", () => {
  it("is no longer than the next place for one that is urgent", async () => {
    await using slack = await openSlackServer();
    const at = T0 + 30_000;
    const { told } = await play(
      [...pull(1_000_000, { events: 100, attributes: 0 }), { at, messages: pulledEvent(999, at, { level: "1" }) }],
      {
        destination: {
          ...{ type: "slack", token: TOKEN, channel: CHANNEL, api_url: slack.apiUrl, guard: GUARD, flood: "off" },
        },
        routes: ROUTES,
        until: T0 + 10 * MINUTE,
      },
    );
    expect(told).toHaveLength(101);
    const urgent = told.find(({ payload }) => payload.priority === "high");
    expect((urgent?.at ?? 0) - at).toBeLessThanOrEqual(2000);
  });
});

describe("attributes that are added to one event", () => {
  it("are one message at once and then at most one for each interval, all of them counted", () => addToOne(1_500));
});

describe("messages of a publication with attributes that come behind it once more, each by itself", () => {
  it.each([
    [1_900, 1],
    // More than is remembered of one event: they are told once more, together.
    [2_500, 2],
  ])("%i of them, and %i in all", async (attributes, messages) => {
    const green = tags("tlp:green");
    const ids = Array.from({ length: attributes }, (_, n) => String(n + 100));
    const published = publication({ attributes: ids.map((id) => attributeOf(id, { tags: green })) });
    const arrivals: Arrival[] = [{ at: T0, messages: [published] }];
    for (let n = 0; n < ids.length; n += 500) {
      const messages = ids
        .slice(n, n + 500)
        .map((id) => attributeAdded({ id, attribute: { tags: green }, receivedAt: T0 + 1000 + n }));
      arrivals.push({ at: T0 + 1000 + n, messages });
    }
    const { told } = await play(arrivals, {
      destination: { type: "console", guard: GUARD, color: "never" },
      routes: ROUTES,
      until: T0 + 60 * MINUTE,
    });
    expect(told).toHaveLength(messages);
  });
});

describe("a digest", () => {
  it("leaves at its time in numbered parts, the gravest first, and each alert is in one of them", async () => {
    await using slack = await openSlackServer();
    const arrivals = pull(1, { events: 60, attributes: 1, urgent: 30 });
    const { told } = await play(arrivals, {
      destination: { type: "slack", token: TOKEN, channel: CHANNEL, api_url: slack.apiUrl, guard: GUARD },
      routes: [{ name: "daily", notify: "soc", digest: { cron: "0 13 * * *" } }],
      until: T0 + 90 * MINUTE,
      restarts: [T0 + 10 * MINUTE],
    });
    expect(told.length).toBeGreaterThan(1);
    expect(told.every(({ at }) => at >= T0 + 60 * MINUTE && at < T0 + 61 * MINUTE)).toBe(true);
    expect(told.map(({ payload }) => payload.part)).toEqual(told.map((_, n) => ({ n: n + 1, of: told.length })));
    expect(told.flatMap(eventsIn)[0]).toMatch(/30$/);
    expect(told.flatMap(eventsIn).sort()).toEqual(arrivals.map((_, n) => expect.stringMatching(new RegExp(`${n}$`))));
    expect(JSON.stringify(slack.posted[1]?.message)).toContain(`part 2 of ${told.length}`);
  });
});
