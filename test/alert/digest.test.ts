import { expect, it } from "vitest";
import { countLevels, formatDigestTitle } from "../../src/alert/digest.ts";
import { burst, metadata, payload, pointer, publication } from "../support/payloads.ts";

it("counts alerts by threat level, the gravest first, and those that tell none only in the sum", () => {
  const told = payload([pointer(), burst(), publication(), metadata()]);
  expect(countLevels(told)).toEqual([
    { level: "high", n: 2 },
    { level: "medium", n: 1 },
  ]);
  expect(formatDigestTitle(told)).toBe("4 alerts · 2 high · 1 medium");
  expect(formatDigestTitle(payload([pointer()]))).toBe("1 alert");
});
