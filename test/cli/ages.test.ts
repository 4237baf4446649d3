import { expect, test } from "vitest";
import { formatAge, formatAgo, formatSpan, formatStamp, formatUntil } from "../../src/cli/ages.ts";
import { formatTable } from "../../src/cli/table.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

test.each([
  [-5, "0s"],
  [0, "0s"],
  [999, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [61_000, "1m 1s"],
  [3_600_000, "1h"],
  [86_399_000, "23h 59m"],
  [90_000_000, "1d 1h"],
  [8_640_000_000, "100d"],
])("formatSpan(%i) is %s", (ms, text) => {
  expect(formatSpan(ms)).toBe(text);
});

test("an instant is told by how far away it is, and none is nothing", () => {
  expect(formatAgo("2026-11-21T11:59:00Z", NOW)).toBe("1m ago");
  // What has happened does not lie ahead, also by a clock that was set back since.
  expect(formatAgo("2026-11-21T13:00:00Z", NOW)).toBe("0s ago");
  expect(formatUntil("2026-11-21T13:00:00Z", NOW)).toBe("in 1h");
  expect(formatUntil("2026-11-21T12:00:00Z", NOW)).toBe("now");
  expect(formatAge("2026-11-21T10:00:00Z", NOW)).toBe("2h");
  expect(formatStamp("2026-11-21T10:00:00.123Z")).toBe("2026-11-21 10:00:00");
  expect([formatAgo(undefined, NOW), formatAge("never", NOW), formatStamp(undefined)]).toEqual(["", "", ""]);
});

test("a table is as wide as its cells, and no cell commands the terminal", () => {
  expect(
    formatTable(
      ["A", "LONG"],
      [
        ["wide cell", ""],
        ["\u001b[2J\nx", "\u202ey"],
      ],
    ),
  ).toEqual(["A          LONG", "wide cell  -", "[2J x      y"]);
});
