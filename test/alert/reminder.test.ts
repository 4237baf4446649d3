import { describe, expect, it } from "vitest";
import { formatDigestTitle } from "../../src/alert/digest.ts";
import { headline } from "../../src/alert/headline.ts";
import { formatText } from "../../src/destinations/console/format.ts";
import { formatMessage } from "../../src/destinations/slack/format.ts";
import type { Reminder } from "../../src/model/remind.ts";
import { EVENT, entry, guarded, payload, pointer, publication } from "../support/payloads.ts";

const STYLE = { timeZone: "UTC", defang: true };
const REMINDER: Reminder = { n: 2, of: 3, since: Date.UTC(2026, 10, 20, 14) };
const HOW = "Nobody has acknowledged it since it was told, 2026-11-20 14:00 UTC";

describe("a reminder in words", () => {
  it("is one in its title, its state and what it asks for, on every channel", () => {
    const reminder = { ...publication(), reminder: REMINDER };
    expect(headline(reminder, STYLE)).toMatchObject({
      title: expect.stringMatching(/^Reminder: \S/),
      state: expect.stringMatching(/^Reminder 2 of 3 · /),
      notice: `${HOW} · misp-herald ack cert:4711`,
    });
    const slack = JSON.stringify(formatMessage(payload([reminder]), STYLE).message);
    const text = formatText(payload([reminder]), { ...STYLE, colors: false, columns: 200 });
    for (const shown of [slack, text]) {
      expect(shown).toContain("Reminder: ");
      expect(shown).toContain("misp-herald ack cert:4711");
    }
  });

  it("says to whom it was told in vain, where others are told", () => {
    const told = { ...publication(), reminder: { ...REMINDER, escalatedFrom: "soc" } };
    expect(headline(told, STYLE)).toMatchObject({
      title: expect.stringMatching(/^Not acknowledged: \S/),
      state: expect.stringMatching(/^Not acknowledged after 2 reminders to soc/),
    });
  });

  it("of a pointer names the event only as far as its link does", () => {
    const { link: _, ...hidden } = pointer();
    expect(headline({ ...hidden, reminder: REMINDER }, STYLE)).toMatchObject({
      title: "Reminder: A restricted event was published",
      notice: HOW,
    });
    const notice = String(headline({ ...pointer(), reminder: REMINDER }, STYLE).notice);
    expect(notice).not.toContain("4711");
  });

  it.each(["7; rm -rf /", "$(id)", "x".repeat(50), "7\n8"])("gives nobody %j to copy into a shell", (id) => {
    const told = entry(guarded({ event: { ...EVENT, id, uuid: `${id}-uuid` } }), { reminder: REMINDER });
    expect(headline(told, STYLE).notice).toBe(HOW);
  });

  it("counts reminders as such where several leave together", () => {
    const reminder = { ...publication(), reminder: REMINDER };
    expect(formatDigestTitle(payload([reminder, reminder]))).toMatch(/^2 reminders · /);
    expect(formatDigestTitle(payload([reminder, publication()]))).toMatch(/^2 alerts · /);
  });
});

describe("what somebody has acknowledged", () => {
  const progress = {
    firstAt: 0,
    updates: 0,
    sightings: 0,
    acknowledged: { by: "jane", at: Date.UTC(2026, 10, 20, 14) },
  };
  const said = "Acknowledged by jane, 2026-11-20 14:00 UTC";

  it("is said, of a pointer as well, which tells nothing else of what has become of it", () => {
    expect(headline({ ...publication(), progress }, STYLE).notice).toBe(said);
    const more = { ...progress, updates: 3, updatedAt: progress.acknowledged.at, sightings: 2 };
    expect(headline({ ...publication(), progress: more }, STYLE).notice).toContain(`Sighted 2× · ${said}`);
    expect(headline({ ...pointer(), progress: more }, STYLE).notice).toBe(said);
    expect(headline({ ...pointer(), progress, withdrawn: "restricted" }, STYLE).notice ?? "").not.toContain("jane");
  });
});

describe("that it is an update", () => {
  const firstToldAt = Date.UTC(2026, 10, 20, 14);
  const compared = { toldAt: firstToldAt, added: 1, changed: 0, removed: 0, unchanged: 5 };
  const said = "An update of the alert of 2026-11-20 14:00 UTC";

  it("is said where what has changed does not say since then", () => {
    const told = { ...publication(), since: 1, firstToldAt };
    expect(headline({ ...told, compared }, STYLE)).not.toHaveProperty("notice");
    expect(headline({ ...told, compared }, STYLE).changed).toContain("since 2026-11-20 14:00 UTC");
    expect(headline({ ...told, compared: { ...compared, toldAt: firstToldAt + 3_600_000 } }, STYLE).notice).toBe(said);
    expect(headline(told, STYLE).notice).toBe(said);
  });
});
