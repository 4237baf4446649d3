import type { Daemon } from "../control/daemon.ts";
import { formatOurs } from "../control/lines.ts";
import { StoreError } from "../errors.ts";
import { jsonPage, type Page } from "./server.ts";

/** Trying to write costs a disk a moment, and anybody may ask. */
const PROBE_EVERY_MS = 5_000;

/** Whether the loops turn: a process that says no must be started anew. */
export function healthPage({ pulse }: Daemon): Page {
  const stuck = pulse.stuck();
  return stuck.length === 0
    ? jsonPage(200, { status: "ok" })
    : jsonPage(503, { status: "stuck", reasons: stuck.map((loop) => ({ reason: "loop-stuck", loop })) });
}

/** Whether it hears and remembers. What keeps one destination from being told is information: nothing of it is lost. */
export class Readiness {
  readonly #now: () => number;
  #probe: { readonly at: number; readonly result: Promise<string | undefined> } | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  async page(daemon: Daemon): Promise<Page> {
    const reasons = [...(await this.#storeReasons(daemon)), ...feedReasons(daemon)];
    const information = [...heldDestinations(daemon), ...rejectedConfig(daemon)];
    return jsonPage(reasons.length === 0 ? 200 : 503, {
      status: reasons.length === 0 ? "ready" : "not-ready",
      reasons,
      information,
    });
  }

  async #storeReasons({ store }: Daemon): Promise<readonly object[]> {
    if (!this.#probe || this.#now() - this.#probe.at >= PROBE_EVERY_MS) {
      const result = store.ledger.probe().then(
        () => undefined,
        // Only its own words: they name the file, and no one's content.
        (error: unknown) => (error instanceof StoreError ? error.message : "the state file cannot be written"),
      );
      this.#probe = { at: this.#now(), result };
    }
    const detail = await this.#probe.result;
    return detail === undefined ? [] : [{ reason: "store-not-writable", detail }];
  }
}

function feedReasons({ sources }: Daemon): readonly object[] {
  return sources.flatMap((source) => {
    const { endpoints, silentSince, lastFrameAt } = source.status();
    const last = lastFrameAt === undefined ? {} : { last_frame_at: formatOurs(lastFrameAt) };
    const lost = endpoints.filter(({ connected }) => !connected);
    return [
      ...lost.map(({ endpoint }) => ({ reason: "feed-disconnected", misp: source.name, endpoint, ...last })),
      ...(silentSince !== undefined && lost.length === 0
        ? [{ reason: "feed-silent", misp: source.name, ...last }]
        : []),
    ];
  });
}

function heldDestinations({ holds, destinations }: Daemon): readonly object[] {
  return holds.all
    .filter(({ kind, destination }) => kind !== "unnamed" && destinations.has(destination))
    .map(({ destination, kind, since, note }) => ({
      destination,
      is: kind,
      since: formatOurs(since),
      // Who paused it is for those who may use the control socket.
      ...(kind === "suspended" && { reason: note }),
    }));
}

function rejectedConfig({ config: { rejected } }: Daemon): readonly object[] {
  return rejected ? [{ configuration: "rejected", at: formatOurs(rejected.at) }] : [];
}
