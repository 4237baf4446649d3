import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { Silences } from "../delivery/silences.ts";
import { loadDemoConfig } from "../demo/config.ts";
import { openNarrator } from "../demo/narrator.ts";
import { play } from "../demo/play.ts";
import { openPublisher } from "../demo/publisher.ts";
import { SceneObserver } from "../demo/scene-observer.ts";
import { openTemporaryDirectory } from "../demo/temporary.ts";
import type { Silence } from "../model/silence.ts";
import { openParts, openSources } from "../service/parts.ts";
import { openStore } from "../store/index.ts";
import { type Context, hasColor, NAME, openContextLog } from "./context.ts";

/** `misp-herald demo`: plays a recorded session into the real pipeline. Resolves when it is over, or was interrupted. */
export async function demoCommand(options: { readonly speed: number }, context: Context): Promise<void> {
  const narrator = openNarrator(context.stdout, hasColor(context.stdout, context.env));
  await using directory = await openTemporaryDirectory();
  await using publisher = await openPublisher();
  const { config } = await loadDemoConfig(publisher.endpoint, join(directory.path, "state.db"));
  const log = openContextLog(config.log.level, context);
  const clock = systemClock;
  await using store = await openStore(config);
  const surroundings = { log, clock, stdout: context.stdout };
  const silences = new Silences(store.ledger);
  const opened = { store, silences, sources: openSources(config, surroundings) };
  await using parts = openParts(config, surroundings, opened);
  const silence = async (one: Silence) => {
    await silences.put(one);
    for (const wakeup of parts.wakeups.destinations.values()) {
      wakeup.wake();
    }
  };
  const hasten = async (destination: string) => {
    for await (const _ of store.ledger.hasten({ destinations: [destination] }, clock.now())) {
    }
    parts.wakeups.destinations.get(destination)?.wake();
  };

  const observer = new SceneObserver();
  const over = new AbortController();
  const broken = new AbortController();
  const watched = observer.watch(parts, ({ destination }) => narrator.audience(destination));
  const running = context.start(watched, AbortSignal.any([context.signal, over.signal])).ended;
  running.catch((error: unknown) => broken.abort(error));
  const signal = AbortSignal.any([context.signal, broken.signal]);
  try {
    const self = context.self ?? NAME;
    await play({ narrator, observer, publisher, store, silence, hasten, clock, speed: options.speed, signal, self });
  } catch (error) {
    if (!context.signal.aborted) {
      throw error;
    }
    narrator.clear();
    narrator.say("Stopped.");
  } finally {
    over.abort();
    await running;
  }
}
