import { describe, expect, it, test } from "vitest";
import { formatText as formatTerminal } from "../../src/destinations/console/format.ts";
import { formatContent } from "../../src/destinations/email/format.ts";
import { formatMessage as formatSlack } from "../../src/destinations/slack/format.ts";
import { formatMessage as formatTeams } from "../../src/destinations/teams/format.ts";
import { formatBody } from "../../src/formats/json.ts";
import type { Entry, Payload } from "../../src/model/payload.ts";
import { EVENT, entry, guarded, metadata, payload, publication } from "../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };
const PUBLISHED_AT = Date.UTC(2026, 10, 19, 6, 30);

const CHANNELS: Readonly<Record<string, (told: Payload) => string>> = {
  slack: (told) => JSON.stringify(formatSlack(told, STYLE).message),
  teams: (told) => JSON.stringify(formatTeams(told, STYLE).message),
  console: (told) => formatTerminal(told, { ...STYLE, colors: false, columns: 400 }),
  "the text of a mail": (told) => mailOf(told).text.replace(/\s+/g, " "),
  "the page of a mail": (told) => mailOf(told).html,
};

function mailOf(told: Payload) {
  return formatContent(told, { style: STYLE, attach: [], domain: "misp.example.org" });
}

/** The same, as reconcile has found it. */
function late(one: Entry): Entry {
  const { alert } = one.guarded;
  return { ...one, guarded: { ...one.guarded, alert: { ...alert, late: true, publishedAt: PUBLISHED_AT } } as never };
}

const FORMS: Readonly<Record<string, () => Entry>> = {
  "an alert": publication,
  "one without values": metadata,
  "one of which only title and link may be told": () => entry(guarded({ change: "new", event: EVENT })),
  "one in words of the operator": () => ({ ...publication(), custom: { title: "Look here", body: "one" } }),
};

describe.each(Object.entries(CHANNELS))("in %s", (name, format) => {
  it.each(Object.entries(FORMS))("%s says that the feed missed it", (_name, make) => {
    expect(format(payload([make()]))).not.toContain("missed by the feed");
    expect(format(payload([late(make())]))).toContain("missed by the feed");
  });

  it("a digest says how many of its alerts the feed missed", () => {
    for (const length of [4, 12, 40]) {
      const all = Array.from({ length }, (_one, n) => (n % 4 === 1 ? late(publication()) : publication()));
      expect(format(payload(all)), name).toContain(`${length / 4} missed by the feed`);
    }
    expect(format(payload([publication(), publication()]))).not.toContain("missed by the feed");
  });
});

test("in a body for programs each entry that the feed missed says so, and when it was published", () => {
  const { entries } = JSON.parse(
    formatBody(payload([late(publication()), publication(), late(metadata())]), 1_000_000, { ...STYLE, values: "raw" })
      .text,
  );
  expect(entries.map((one: Readonly<Record<string, unknown>>) => [one.late, one.published_at])).toEqual([
    [true, "2026-11-19T06:30:00.000Z"],
    [undefined, undefined],
    [true, "2026-11-19T06:30:00.000Z"],
  ]);
});
