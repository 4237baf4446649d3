import { test } from "vitest";
import { addToOne, pullToSlack } from "../delivery/floods.ts";

test("a pull of 1,000 events at 0.9 a second is at most 25 messages of Slack in ten minutes", () => pullToSlack(0.9));

test("10,000 attributes that are added to one event are at most one message for each interval", () => addToOne(10_000));
