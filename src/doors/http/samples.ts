import { FAILURES } from "../../delivery/deliver.ts";
import type {
  ActiveConfig,
  Daemon,
  Deliveries,
  Feeds,
  OperationContext,
  ProcessIdentity,
  StateAccess,
  Vitals,
} from "../../operations/daemon.ts";
import type { LabelledCounts } from "../../operations/labelled-counts.ts";
import { forgetUnnamed, knownDestinations, type OwedTotals } from "../../operations/named.ts";
import type { FamilyName } from "./families.ts";
import type { WriteProbe } from "./write-probe.ts";

/** One value of one metric. */
export interface Sample {
  readonly name: FamilyName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const DIGEST_DIGITS = 12;

/**
 * What the daemon counts and how it is. Labels are configured names and our own vocabulary: never text from MISP. Whatever
 * the configuration does not name any more is left out, destinations only once they are owed nothing.
 */
export async function samplesOf(daemon: Daemon, probe: WriteProbe): Promise<readonly Sample[]> {
  const owed = await daemon.store.owed();
  forgetUnnamed(daemon, owed);
  return [
    ...service(daemon),
    ...(await feeds(daemon)),
    ...counted(daemon.routes, daemon.totals.matches, "misp_herald_route_matches_total", ["route", "truth"]),
    ...all(daemon.totals.messages, "misp_herald_messages_total", ["kind"]),
    ...(await destinations(daemon, owed)),
    ...(await state(daemon, probe)),
  ];
}

function service({
  version,
  config,
  liveness,
}: Pick<ProcessIdentity, "version"> & Pick<ActiveConfig, "config"> & Pick<Vitals, "liveness">): readonly Sample[] {
  return [
    sample("misp_herald_build_info", 1, { version, node: process.versions.node }),
    sample("misp_herald_stuck_loops", liveness.stuck().length),
    sample("misp_herald_config_info", 1, { digest: config.digest.slice(0, DIGEST_DIGITS) }),
    sample("misp_herald_config_last_reload_successful", config.rejected ? 0 : 1),
    sample("misp_herald_config_last_reload_success_timestamp_seconds", config.since / 1000),
  ];
}

async function feeds({
  instances,
  sources,
  totals,
  unreadable,
  wakeups,
  budgets,
  store,
}: Feeds &
  Pick<ActiveConfig, "instances"> &
  Pick<Vitals, "totals"> &
  Pick<StateAccess, "store"> &
  Pick<Deliveries, "wakeups">): Promise<readonly Sample[]> {
  const undecided = new Map((await store.ledger.undecided()).map(({ instance, messages }) => [instance, messages]));
  const perInstance = instances.flatMap((misp) => {
    const askedAt = (totals.reconciledAt(misp) ?? 0) / 1000;
    const asks = wakeups.instances.has(misp);
    const budget = budgets.get(misp);
    return [
      ...(budget ? [sample("misp_herald_api_key_refused", Number(budget.refusal !== undefined), { misp })] : []),
      sample("misp_herald_undecided_messages", undecided.get(misp) ?? 0, { misp }),
      ...(asks ? [sample("misp_herald_reconcile_last_success_timestamp_seconds", askedAt, { misp })] : []),
    ];
  });
  const perSource = sources.flatMap((source) => {
    const { endpoints, silentSince, lastFrameAt } = source.status();
    const misp = source.name;
    return [
      ...endpoints.map(({ endpoint, connected }) =>
        sample("misp_herald_feed_connected", Number(connected), { misp, endpoint }),
      ),
      sample("misp_herald_feed_silent", Number(silentSince !== undefined), { misp }),
      ...(lastFrameAt === undefined
        ? []
        : [sample("misp_herald_feed_last_frame_timestamp_seconds", lastFrameAt / 1000, { misp })]),
    ];
  });
  const byTopic = ["misp", "topic"];
  return [
    ...perInstance,
    ...perSource,
    ...counted(instances, totals.takenBy(sources), "misp_herald_feed_frames_total", byTopic),
    ...counted(instances, totals.countedBy(sources, "skipped"), "misp_herald_feed_frames_skipped_total", byTopic),
    ...counted(instances, totals.countedBy(sources, "dropped"), "misp_herald_feed_frames_dropped_total", byTopic),
    ...counted(instances, totals.countedBy(sources, "refused"), "misp_herald_feed_frames_refused_total", byTopic),
    ...counted(instances, totals.unconfirmed, "misp_herald_unconfirmed_publications_total", ["misp"], [[]]),
    ...counted(instances, totals.late, "misp_herald_late_publications_total", ["misp"], [[]]),
    sample("misp_herald_frames_unreadable_total", unreadable.total),
  ];
}

async function destinations(
  daemon: Pick<ActiveConfig, "destinations"> &
    Pick<StateAccess, "store"> &
    Pick<Deliveries, "holds"> &
    Pick<Vitals, "totals"> &
    Pick<OperationContext, "clock">,
  lines: OwedTotals,
): Promise<readonly Sample[]> {
  const { destinations: types, store, holds, totals, clock } = daemon;
  const owed = new Map(lines.filter((line) => line.owed > 0).map((line) => [line.destination, line]));
  const names = knownDestinations(daemon, lines);
  const now = clock.now();
  const silences = await store.ledger.silences(now);
  const silenced = new Map<string, number>();
  for (const { destination, n } of silences.flatMap(({ held }) => held)) {
    silenced.set(destination, (silenced.get(destination) ?? 0) + n);
  }
  const collected = await store.ledger.collected();
  const changes = new Map((await store.ledger.pendingChanges()).map((line) => [line.destination, line]));
  const samples: Sample[] = [sample("misp_herald_silences", silences.length)];
  for (const destination of names) {
    const type = types.get(destination);
    const line = owed.get(destination);
    const toldAt = await store.ledger.toldAt(destination);
    const nextAt = await store.ledger.nextDue(destination);
    const about = { destination };
    if (nextAt !== undefined) {
      samples.push(sample("misp_herald_next_due_timestamp_seconds", nextAt / 1000, about));
    }
    for (const { collects, n } of collected.filter((one) => one.destination === destination)) {
      samples.push(sample("misp_herald_deliveries_collected", n, { destination, in: collects }));
    }
    const { n = 0, urgent = 0, oldestAt = now } = changes.get(destination) ?? {};
    samples.push(
      sample("misp_herald_messages_to_change", urgent, { destination, to: "hide" }),
      sample("misp_herald_messages_to_change", n - urgent, { destination, to: "update" }),
      sample("misp_herald_oldest_change_seconds", Math.max(0, now - oldestAt) / 1000, about),
    );
    const held = (kind: "paused" | "suspended") => Number(holds.find(destination, kind) !== undefined);
    if (type !== undefined) {
      samples.push(sample("misp_herald_destination_info", 1, { destination, type }));
    }
    const pauseEnd = holds.find(destination, "paused")?.until;
    if (pauseEnd !== undefined) {
      samples.push(sample("misp_herald_destination_pause_end_timestamp_seconds", pauseEnd / 1000, about));
    }
    if (toldAt !== undefined) {
      samples.push(sample("misp_herald_last_delivery_timestamp_seconds", toldAt / 1000, about));
    }
    samples.push(
      sample("misp_herald_deliveries_owed", line?.owed ?? 0, about),
      sample("misp_herald_oldest_owed_seconds", line ? Math.max(0, now - line.oldestAt) / 1000 : 0, about),
      sample("misp_herald_deliveries_silenced", silenced.get(destination) ?? 0, about),
      sample("misp_herald_destination_paused", held("paused"), about),
      sample("misp_herald_destination_suspended", held("suspended"), about),
    );
  }
  const reasons = ["destination", "reason"];
  const outcomes = [["sent"], ["unproven"]];
  const classes = FAILURES.map((kind) => [kind]);
  return [
    ...samples,
    ...counted(names, totals.refused, "misp_herald_deliveries_refused_total", reasons),
    ...counted(names, totals.withdrawn, "misp_herald_deliveries_withdrawn_total", reasons),
    ...counted(names, totals.suppressed, "misp_herald_deliveries_suppressed_total", reasons),
    ...counted(names, totals.muted, "misp_herald_deliveries_suppressed_total", reasons),
    ...counted(names, totals.dead, "misp_herald_deliveries_dead_total", reasons),
    ...counted(names, totals.delivered, "misp_herald_deliveries_delivered_total", ["destination", "outcome"], outcomes),
    ...counted(names, totals.reminded, "misp_herald_reminders_total", ["destination", "what"]),
    ...counted(names, totals.failed, "misp_herald_attempts_failed_total", ["destination", "class"], classes),
  ];
}

async function state(daemon: StateAccess, probe: WriteProbe): Promise<readonly Sample[]> {
  const { store, maxStateBytes } = daemon;
  const { used, file } = await store.size.measure();
  return [
    sample("misp_herald_state_writable", Number((await probe.trouble(daemon)) === undefined)),
    sample("misp_herald_state_rows_damaged_total", store.damage.rows),
    sample("misp_herald_state_used_bytes", used),
    sample("misp_herald_state_file_bytes", file),
    sample("misp_herald_state_limit_bytes", maxStateBytes),
  ];
}

function sample(name: FamilyName, value: number, labels: Readonly<Record<string, string>> = {}): Sample {
  return { name, labels, value };
}

function all(counted: LabelledCounts, name: FamilyName, names: readonly string[]): readonly Sample[] {
  return counted.counts.map(({ labels, n }) => sample(name, n, zip(names, labels)));
}

/** What is counted of `about`, the first label; with `from`, the rest of the labels, also before anything is: at zero. */
function counted(
  about: readonly string[],
  counted: LabelledCounts,
  name: FamilyName,
  names: readonly string[],
  from: readonly (readonly string[])[] = [],
): readonly Sample[] {
  const zeros = about.flatMap((first) => from.map((rest) => sample(name, 0, zip(names, [first, ...rest]))));
  // Adding nothing to what is there changes nothing.
  return [...zeros, ...all(counted, name, names).filter(({ labels }) => about.includes(labels[names[0] ?? ""] ?? ""))];
}

function zip(names: readonly string[], values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
}
