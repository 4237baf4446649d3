import { systemClock } from "../../src/base/clock.ts";
import { watch } from "../../src/cli/watch.ts";
import type { Frame } from "../../src/model/frame.ts";
import { compileRules } from "../../src/service/parts.ts";
import { check } from "../support/checked-config.ts";

/** By which routes somebody is told of a frame, where nothing is known before it; throws for a configuration that is refused. */
export async function toldBy(config: string, frame: Frame): Promise<readonly string[]> {
  const { loaded, problems } = await check(config);
  if (!loaded) {
    throw new Refused(problems.join("\n"));
  }
  const source = {
    name: frame.instance,
    async *frames() {
      yield [frame];
    },
  };
  const clock = { ...systemClock, now: () => frame.receivedAt };
  const { signal } = new AbortController();
  for await (const { trace } of watch(source, compileRules(loaded.config), clock, signal)) {
    const owed = trace?.destinations.filter(({ verdict }) => verdict === "owed") ?? [];
    return [...new Set(owed.flatMap(({ routes }) => routes))];
  }
  throw new Error("There was no frame");
}

/** A configuration that is not taken. */
export class Refused extends Error {}
