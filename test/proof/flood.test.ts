import { describe, test } from "vitest";
import { addToOne, pullToMail, pullToSlack, pullToTeams, pullToWebhook } from "../delivery/floods.ts";

const CHANNELS = { Slack: pullToSlack, mail: pullToMail, Teams: pullToTeams };
const CASES = Object.entries(CHANNELS).flatMap(([name, play]) =>
  [4, 0.9, 1_000_000].map((perSecond) => ({ name, perSecond, play })),
);

describe("a pull of 1,000 events with 10 attributes each", () => {
  test.each(CASES)("at $perSecond a second is at most 25 messages of $name in ten minutes", async (one) => {
    const { early, all, urgentMs } = await one.play(one.perSecond);
    const what = `${one.name}, ${one.perSecond} events a second`;
    process.stdout.write(
      `${what}: ${early} messages in ten minutes, ${all} in all, the urgent one after ${urgentMs} ms\n`,
    );
  });

  test.each([4, 0.9, 1_000_000])("at %d a second reaches a webhook whole", (perSecond) => pullToWebhook(perSecond));
});

test("10,000 attributes that are added to one event are at most one message for each interval", () => addToOne(10_000));
