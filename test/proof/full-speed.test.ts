import { test } from "vitest";
import { sendAtFullSpeed } from "../e2e/full-speed.ts";

test("10,000 frames at full speed: every publication is delivered once, and nothing else", () => sendAtFullSpeed(500));
