import type { ActiveConfig, Deliveries, Feeds, StateAccess, Vitals } from "../../operations/daemon.ts";
import { formatOurs } from "../../operations/lines.ts";
import { damagedState } from "../../operations/status.ts";
import { jsonPage, type Page } from "./server.ts";
import type { WriteProbe } from "./write-probe.ts";

/** Whether the loops turn: a process that says no must be started anew. */
export function healthPage({ liveness }: Pick<Vitals, "liveness">): Page {
  const stuck = liveness.stuck();
  return stuck.length === 0
    ? jsonPage(200, { status: "ok" })
    : jsonPage(503, { status: "stuck", reasons: stuck.map((loop) => ({ reason: "loop-stuck", loop })) });
}

/**
 * Whether it hears and remembers. What keeps one destination from being told is information: nothing of it is lost. While
 * MISP refuses the key alerts wait and what is missed is not found: it is degraded, and no new process would mend that. So
 * it is with rows of the state file that could not be read.
 */
export async function readinessPage(
  daemon: ActiveConfig & Feeds & Pick<Deliveries, "holds"> & Pick<StateAccess, "store">,
  probe: WriteProbe,
): Promise<Page> {
  const trouble = await probe.trouble(daemon);
  const reasons = [
    ...(trouble === undefined ? [] : [{ reason: "store-not-writable", detail: trouble }]),
    ...feedReasons(daemon),
  ];
  const degraded = [...refusedKeys(daemon), ...stateDamage(daemon)];
  const information = [...heldDestinations(daemon), ...rejectedConfig(daemon)];
  return jsonPage(reasons.length === 0 ? 200 : 503, {
    status: reasons.length > 0 ? "not-ready" : degraded.length > 0 ? "degraded" : "ready",
    reasons: [...reasons, ...degraded],
    information,
  });
}

function feedReasons({ sources }: Pick<Feeds, "sources">): readonly object[] {
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

function refusedKeys({ budgets }: Pick<Feeds, "budgets">): readonly object[] {
  return [...budgets].flatMap(([misp, { refusal }]) =>
    refusal ? [{ reason: "api-key-refused", misp, since: formatOurs(refusal.since), detail: refusal.reason }] : [],
  );
}

/** What could be read goes on. */
function stateDamage({ store }: Pick<StateAccess, "store">): readonly object[] {
  const damaged = damagedState(store);
  return damaged ? [{ reason: "state-damaged", ...damaged }] : [];
}

function heldDestinations({
  holds,
  destinations,
}: Pick<Deliveries, "holds"> & Pick<ActiveConfig, "destinations">): readonly object[] {
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

function rejectedConfig({ config: { rejected } }: Pick<ActiveConfig, "config">): readonly object[] {
  return rejected ? [{ configuration: "rejected", at: formatOurs(rejected.at) }] : [];
}
