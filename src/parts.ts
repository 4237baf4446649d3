import type { Writable } from "node:stream";
import type { Parts } from "./app.ts";
import type { Config } from "./config/schema.ts";
import { Bell } from "./delivery/bell.ts";
import type { Clock } from "./delivery/clock.ts";
import type { Lane } from "./delivery/deliver.ts";
import type { Notices } from "./delivery/notices.ts";
import { Pace } from "./delivery/pace.ts";
import { feedRecovered, feedSilent, started } from "./herald.ts";
import type { Log } from "./log.ts";
import type { Message, Source, Store } from "./model.ts";
import type { Rules } from "./planning/plan.ts";
import { Quiet } from "./quiet.ts";
import { compileRoutes } from "./routing/route.ts";

/** What the parts are opened with. */
export interface Surroundings {
  readonly log: Log;
  readonly clock: Clock;
  /** Where destinations of type `console` write. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Where the parts say what people should know of themselves; absent: only in the log. */
  readonly notices?: Notices;
}

const GRACE_MS = 5_000;

/** What planning needs of a configuration. */
export function compileRules({ routes, destinations }: Config): Rules {
  return { routes: compileRoutes(routes), destinations: new Map(Object.entries(destinations)) };
}

/** The live sources of a configuration; opening one does no I/O. */
export function openSources({ misp }: Config, { log, clock, notices }: Surroundings): readonly Source[] {
  return Object.entries(misp).map(([instance, { feed }]) => {
    const onSilence = (silent: boolean, sinceAt: number) =>
      notices?.say((silent ? feedSilent : feedRecovered)(instance, sinceAt, clock.now()));
    return feed.open({ instance, log, now: clock.now, onSilence });
  });
}

/**
 * Turns a configuration into what `run` works with. `store` and `sources` are opened by the caller, who closes the store;
 * disposing of the parts closes the destinations.
 */
export function openParts(
  config: Config,
  { log, clock, stdout, notices }: Surroundings,
  opened: { readonly store: Store; readonly sources: readonly Source[] },
): Parts & AsyncDisposable {
  const rules = compileRules(config);
  const links = new Map(
    Object.entries(config.misp).flatMap(([instance, { url }]) => (url ? [[instance, url] as const] : [])),
  );
  const bells = new Map(Object.keys(config.destinations).map((name) => [name, new Bell()]));
  const failures = new Quiet(log, "A template failed; the built-in alert is sent", clock.now);
  const lanes = Object.entries(config.destinations).map(([name, options]): Lane => {
    return {
      destination: options.open({ name, log, now: clock.now, stdout }),
      sight: {
        guard: options.guard,
        routes: rules.routes,
        links,
        wording: {
          template: options.template,
          style: { timeZone: options.timezone, defang: options.defang },
          failed: (reason) => failures.say({ destination: name, reason }),
        },
      },
      ...(options.rate && { pace: new Pace(options.rate, clock.now()) }),
      maxAgeMs: options.retry.max_age,
      store: opened.store,
      bell: bells.get(name) ?? new Bell(),
      clock,
      log,
      ...(notices && { notices }),
    };
  });
  return {
    ...opened,
    lanes,
    recalls: [],
    bells,
    rules,
    clock,
    log,
    unreadable: new Quiet(log, "Cannot read a frame; the feed goes on", clock.now),
    graceMs: GRACE_MS,
    drains: false,
    opening: [],
    ...(notices && { notices }),
    async [Symbol.asyncDispose]() {
      const results = await Promise.allSettled(lanes.map(({ destination }) => destination[Symbol.asyncDispose]()));
      for (const result of results)
        if (result.status === "rejected") log.warn({ err: result.reason }, "A destination did not close cleanly");
    },
  };
}

/** `herald.started`, for every instance: an ordinary message that routes may choose. */
export function startedMessages({ misp }: Config, now: number, version: string): readonly Message[] {
  return Object.keys(misp).map((instance) => started(instance, version, now).message);
}
