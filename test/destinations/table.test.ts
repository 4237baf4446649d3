import { describe, expect, it } from "vitest";
import { formatText as formatTerminal } from "../../src/destinations/console/format.ts";
import { formatContent } from "../../src/destinations/email/format.ts";
import { formatMessage as formatSlack } from "../../src/destinations/slack/format.ts";
import { formatMessage as formatTeams } from "../../src/destinations/teams/format.ts";
import { formatBody } from "../../src/formats/json.ts";
import type { Entry, Payload } from "../../src/model/payload.ts";
import { KINDS, THREAT_LEVELS } from "../../src/model/vocabulary.ts";
import { readBody, readHtml, readSlack, readTeams } from "../support/readers.ts";
import { type Row, TABLE } from "../support/table.ts";
import { FORMS, payloadsOf } from "../support/table-payloads.ts";

const STYLE = { timeZone: "Europe/Brussels", defang: true };

const CHANNELS: Readonly<Record<string, (payload: Payload) => string>> = {
  console: (payload) => formatTerminal(payload, { ...STYLE, colors: false, columns: 80 }).trimEnd(),
  slack: (payload) => readSlack(formatSlack(payload, STYLE).message),
  teams: (payload) => readTeams(formatTeams(payload, STYLE).message),
  "email-text": (payload) => {
    const { subject, text } = mailOf(payload);
    // What stands below every mail is in the golden mails.
    return `Subject: ${subject}\n${text.replace(/\n+(-{40}\n)?Sent by[\s\S]*$/, "")}`;
  },
  "email-html": (payload) => readHtml(mailOf(payload).body),
  // A program is told all there is, whatever `show` says.
  webhook: (payload) => readBody(formatBody({ ...payload, whole: true }, 262_144, { ...STYLE, values: "raw" }).text),
};

function mailOf(payload: Payload) {
  return formatContent(payload, { style: STYLE, attach: [], domain: "misp.example.org" });
}

const nothing = ({ never }: Row) => (never === undefined ? "(nothing leaves)" : `(nothing leaves: ${never})`);
const SAME = "(as in full)";
const ROWS = Object.values(TABLE).flat();
const GOLDEN = "../fixtures/golden/table";

/** The readings of several rows below each other; those that read alike stand there once. */
function sheet(read: readonly (readonly [name: string, text: string])[]): string {
  const names = new Map<string, string[]>();
  for (const [name, text] of read) {
    names.set(text, [...(names.get(text) ?? []), name]);
  }
  return `${[...names].map(([text, all]) => `${all.map((name) => `=== ${name}`).join("\n")}\n${text}`).join("\n\n")}\n`;
}

it("has a row for every kind that MISP sends, and for every alert of our own", () => {
  // What readers may not see any more is told without it: test/delivery/withdraw-channels.test.ts.
  const never = ["reference.edited", "event.withdrawn"];
  expect(new Set([...ROWS.map(({ kind }) => kind), ...never])).toEqual(new Set(KINDS));
});

it("shows what each row is, or says why nothing leaves", async () => {
  const silent = (await payloadsOf("full", ROWS)).filter(({ row, payload }) => (payload === undefined) !== !!row.never);
  expect(silent.map(({ name }) => name)).toEqual([]);
});

describe.each(Object.keys(FORMS))("%s", (form) => {
  it.each(Object.entries(CHANNELS))("in %s", async (channel, read) => {
    const readAll = async (of: string) =>
      (await payloadsOf(of, ROWS)).map(
        ({ name, row, payload }) => [name, payload ? read(payload) : nothing(row)] as const,
      );
    const full = new Map(await readAll("full"));
    const all = await readAll(form);
    const text = sheet(
      all.map(([name, one]) => [
        name,
        form !== "full" && !one.startsWith("(nothing") && one === full.get(name) ? SAME : one,
      ]),
    );
    await expect(text).toMatchFileSnapshot(`${GOLDEN}/${channel}/${form}.txt`);
  });
});

describe("as digests", () => {
  it.each(Object.entries(CHANNELS))("in %s", async (channel, read) => {
    const digests = Object.entries(TABLE).map(async ([name, rows]) => {
      const all = (await payloadsOf("full", rows)).flatMap(({ payload }) => payload ?? []);
      return [name, together(all)] as const;
    });
    const text = sheet((await Promise.all(digests)).map(([name, payload]) => [name, read(payload)]));
    await expect(text).toMatchFileSnapshot(`${GOLDEN}/${channel}/digest.txt`);
  });
});

/** What the outbox would have made of all of them in one group, about as many events. */
function together(payloads: readonly Payload[]): Payload {
  const [first] = payloads;
  if (!first) {
    throw new Error("Nothing leaves");
  }
  const entries = payloads.flatMap((payload) => payload.entries);
  const labels = new Set(payloads.map(({ tlp }) => tlp));
  const tlp = (["red", "amber+strict", "amber", "green", "clear"] as const).find((label) => labels.has(label));
  const gravity = ({ guarded: { alert } }: Entry) => THREAT_LEVELS.indexOf(alert.event?.threatLevel ?? "undefined");
  return { ...first, tlp: tlp ?? "untagged", entries: entries.sort((a, b) => gravity(a) - gravity(b)) };
}
