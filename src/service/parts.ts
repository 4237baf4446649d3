import { openWakeups } from "../absorbing/absorb.ts";
import { feedRecovered, feedSilent, frameRefused, started } from "../absorbing/herald.ts";
import { UNOBSERVED } from "../absorbing/observer.ts";
import type { Parts } from "../app.ts";
import { LogLimiter } from "../base/log-limiter.ts";
import { RateLimiter } from "../base/rate-limiter.ts";
import { atOnce, type Steps } from "../base/steps.ts";
import { Wakeup } from "../base/wakeup.ts";
import type { Config } from "../config/schema.ts";
import type { DeliveryWorker } from "../delivery/deliver.ts";
import { Holds } from "../delivery/holds.ts";
import { openDeliveryState } from "../delivery/settle.ts";
import type { Silences } from "../delivery/silences.ts";
import type { Needless, Source } from "../model/frame.ts";
import type { Message } from "../model/message.ts";
import type { Store } from "../model/outbox.ts";
import type { PaceRules } from "../planning/pace.ts";
import type { Rules } from "../planning/plan.ts";
import { asksSightings } from "../routing/lists.ts";
import { compileMatch } from "../routing/match.ts";
import { compilingRoutes, preparing } from "../routing/route.ts";
import { NO_WATCH, type Watch } from "../routing/watch.ts";
import type { LiveSource, RefusedFrame } from "../sources/source.ts";
import { needlessWithout } from "../topics/needless.ts";
import { askedInstances, openInstanceLoops } from "./asking.ts";
import type { PartsContext, PreviousParts } from "./parts-context.ts";

const GRACE_MS = 5_000;
/** Alert and title-only form, each as an encrypted and a clear mail: more often no channel sends in one attempt. */
const SENDS_PER_ATTEMPT = 4;

/** What planning needs of a configuration. */
export function compileRules(config: Config, watch: Watch = NO_WATCH): Rules {
  return atOnce(compilingRules(config, watch));
}

/** The same in steps. */
function* compilingRules({ misp, routes, destinations }: Config, watch: Watch = NO_WATCH): Steps<Rules> {
  const asks = Object.entries(misp).flatMap(([instance, { api_key }]) => (api_key ? [instance] : []));
  const rules = Object.entries(destinations).map(
    ([name, options]) => [name, { ...options, pace: paceOf(options, watch) }] as const,
  );
  const excepts = Object.values(destinations).flatMap(({ quiet }) => quiet?.except ?? []);
  const counts = asksSightings([...routes.flatMap(({ match }) => match ?? []), ...excepts]);
  const compiled = yield* compilingRoutes(routes, watch);
  return { routes: compiled, destinations: new Map(rules), asks: new Set(asks), watch, counts };
}

/** The same, and what the first messages would have to wait for: seconds for tens of thousands of routes. */
export function* preparingRules(config: Config, watch: Watch): Steps<Rules> {
  const rules = yield* compilingRules(config, watch);
  yield* preparing(rules.routes);
  return rules;
}

/** When a destination is told. */
function paceOf({ flood, quiet, timezone }: Config["destinations"][string], watch: Watch): PaceRules {
  const { when: windows, action, except } = quiet ?? {};
  return {
    timezone,
    ...(flood !== "off" && { flood }),
    ...(windows && { quiet: { windows, timezone } }),
    ...(action === "drop" && { drops: true }),
    ...(except && { except, excepts: compileMatch(except, watch).matches }),
  };
}

/** The frames that change nothing under these rules. */
export function needlessOf({ routes }: Rules): Needless {
  return needlessWithout(new Set([...routes].flatMap(([kind, table]) => (table.routes.length > 0 ? [kind] : []))));
}

/** The live sources of a configuration, those of `before` where they are the same ones; opening one does no I/O. */
export function openSources(
  { misp }: Config,
  { log, clock, notices, gap }: PartsContext,
  before?: Pick<PreviousParts, "config" | "sources">,
): readonly LiveSource[] {
  return Object.entries(misp).map(([instance, { feed }]) => {
    const same = before?.config.misp[instance]?.feed.fingerprint === feed.fingerprint;
    const kept = same ? before?.sources.find(({ name }) => name === instance) : undefined;
    if (kept) {
      return kept;
    }
    const onSilence = (silent: boolean, sinceAt: number) =>
      notices?.say((silent ? feedSilent : feedRecovered)(instance, sinceAt, clock.now()));
    const silentSince = before?.sources.find(({ name }) => name === instance)?.status().silentSince;
    const onGap = () => gap?.(instance);
    const onRefused = (frame: RefusedFrame) => notices?.say(frameRefused(instance, frame, clock.now()));
    const known = silentSince === undefined ? {} : { silentSince };
    return feed.open({ instance, log, now: clock.now, onSilence, onGap, onRefused, ...known });
  });
}

/**
 * Turns a configuration into what `run` works with. `store` and `sources` are opened by the caller, who closes the store;
 * disposing of the parts closes the destinations. A destination that was there before goes on where it was: what it asked
 * us to wait for, and what it may have got already, is the same for whatever is in its place.
 */
export function openParts(
  config: Config,
  context: PartsContext,
  opened: {
    readonly store: Store;
    readonly sources: readonly Source[];
    readonly holds?: Holds;
    readonly silences?: Silences;
    /** The watch lists of the configuration; absent: what asks them stays unknown. */
    readonly watch?: Watch;
    /** The rules of the configuration, where they were compiled before. */
    readonly rules?: Rules;
  },
  before?: Pick<PreviousParts, "config" | "parts">,
): Parts & AsyncDisposable {
  const { log, clock, stdout, notices, observer = UNOBSERVED } = context;
  const holds = opened.holds ?? new Holds();
  const inForce = (now: number) => opened.silences?.inForce(now) ?? [];
  const rules = opened.rules ?? compileRules(config, opened.watch);
  const links = new Map(
    Object.entries(config.misp).flatMap(([instance, { url }]) => (url ? [[instance, url] as const] : [])),
  );
  const asked = askedInstances(config);
  const wakeups = openWakeups(
    Object.keys(config.destinations),
    asked.map(({ instance }) => instance),
  );
  const failures = new LogLimiter(log, "A template failed; the built-in alert is sent", clock.now);
  const workers = Object.entries(config.destinations).map(([name, options]): DeliveryWorker => {
    const same = before?.config.destinations[name]?.type === options.type;
    const quiet = rules.destinations.get(name)?.pace?.quiet;
    const worker = same ? before?.parts.workers.find(({ destination }) => destination.name === name) : undefined;
    return {
      destination: options.open({ name, log, now: clock.now, stdout }),
      breaker: holds.breaker(name),
      state: worker?.state ?? openDeliveryState(clock.now()),
      sending: {
        guard: options.guard,
        routes: rules.routes,
        links,
        silences: inForce,
        actions: options.links,
        program: options.program ?? false,
        updates: options.updates,
        withdraw: options.withdraw,
        wording: {
          template: options.template,
          style: { timeZone: options.timezone, defang: options.defang },
          failed: (reason) => failures.say({ destination: name, reason }),
        },
      },
      ...(options.rate && { limiter: new RateLimiter(options.rate, clock.now(), worker?.limiter) }),
      maxAgeMs: options.retry.max_age,
      concurrency: options.concurrency,
      ...(quiet && { quiet }),
      attemptMs: SENDS_PER_ATTEMPT * options.timeout,
      store: opened.store,
      wakeup: wakeups.destinations.get(name) ?? new Wakeup(),
      clock,
      log,
      observer,
      ...(notices && { notices }),
    };
  });
  const askers = asked.map((instance) => openInstanceLoops(instance, wakeups, context, before));
  return {
    ...opened,
    accounts: new Map(askers.map(({ instance, account }) => [instance, account])),
    // Whoever cannot be asked any more has what waited told as the feed had it.
    confirms: Object.keys(config.misp).map(
      (instance) => askers.find((asker) => asker.instance === instance)?.confirm ?? { instance, log },
    ),
    recalls: askers.map(({ recall }) => recall),
    reconciles: askers.map(({ reconcile }) => reconcile),
    workers,
    wakeups,
    rules,
    silences: inForce,
    clock,
    log,
    incomplete: before?.parts.incomplete ?? new LogLimiter(log, "Left out what cannot be read of a message", clock.now),
    unreadable: before?.parts.unreadable ?? new LogLimiter(log, "Cannot read a frame; the feed goes on", clock.now),
    graceMs: GRACE_MS,
    drains: false,
    opening: [],
    observer,
    ...(notices && { notices }),
    async [Symbol.asyncDispose]() {
      const closing = [...workers.map(({ destination }) => destination), ...askers.map(({ api }) => api)];
      const results = await Promise.allSettled(closing.map((one) => one[Symbol.asyncDispose]()));
      for (const result of results) {
        if (result.status === "rejected") {
          log.warn({ err: result.reason }, "A connection did not close cleanly");
        }
      }
    },
  };
}

/** `herald.started`, for every instance: an ordinary message that routes may choose. */
export function startedMessages({ misp }: Config, now: number, version: string): readonly Message[] {
  return Object.keys(misp).map((instance) => started(instance, version, now).message);
}
