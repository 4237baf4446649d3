import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AttemptReport } from "../../absorbing/observer.ts";
import type { Daemon } from "../../operations/daemon.ts";
import { FAMILIES, type FamilyName } from "./families.ts";
import { LoopDelay } from "./loop-delay.ts";
import { readProcess } from "./process.ts";
import { type Sample, samplesOf } from "./samples.ts";
import type { WriteProbe } from "./write-probe.ts";

/** From one answer on the same network to a mail server that ponders, in seconds. */
const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120];
const DURATION = "misp_herald_attempt_duration_seconds";

/** The numbers of the daemon in the text format of Prometheus. All but durations are read from it at each scrape. */
export class Metrics implements Disposable {
  readonly #registry = new Registry();
  readonly #fields = new Map<FamilyName, Counter | Gauge>();
  readonly #durations: Histogram;
  readonly #timed = new Set<string>();
  readonly #delay = new LoopDelay();
  #scrape: Promise<string> | undefined;

  constructor() {
    for (const name of namesOf(FAMILIES)) {
      const { type, help, labels } = FAMILIES[name];
      const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
      if (type === "counter") {
        this.#fields.set(name, new Counter(options));
      } else if (type === "gauge") {
        this.#fields.set(name, new Gauge(options));
      }
    }
    const { help, labels } = FAMILIES[DURATION];
    this.#durations = new Histogram({
      name: DURATION,
      help,
      labelNames: [...labels],
      buckets: BUCKETS,
      registers: [this.#registry],
    });
  }

  /** The content type of what `scrape` gives. */
  get type(): string {
    return this.#registry.contentType;
  }

  /** An attempt has ended. */
  attempted({ destination, durationMs }: AttemptReport): void {
    this.#timed.add(destination);
    this.#durations.observe({ destination }, durationMs / 1000);
  }

  /** Those who ask at the same time get the same. */
  scrape(daemon: Daemon, probe: WriteProbe): Promise<string> {
    this.#scrape ??= this.#read(daemon, probe).finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  [Symbol.dispose](): void {
    this.#delay[Symbol.dispose]();
  }

  async #read(daemon: Daemon, probe: WriteProbe): Promise<string> {
    const samples = [...(await samplesOf(daemon, probe)), ...(await this.#ownSamples())];
    const shown = new Set(samples.flatMap(({ name, labels }) => (name === SHOWN ? (labels.destination ?? []) : [])));
    for (const field of this.#fields.values()) {
      field.reset();
    }
    // Without a label a reset leaves a zero, also where nothing is known.
    for (const [name, field] of this.#fields) {
      if (FAMILIES[name].labels.length === 0) {
        field.remove({});
      }
    }
    for (const { name, labels, value } of samples) {
      this.#fields.get(name)?.inc(labels, value);
    }
    for (const destination of this.#timed) {
      if (shown.has(destination)) {
        continue;
      }
      this.#timed.delete(destination);
      this.#durations.remove({ destination });
    }
    return this.#registry.metrics();
  }

  async #ownSamples(): Promise<readonly Sample[]> {
    const facts = await readProcess();
    const { p50, p99, max } = this.#delay.take();
    const own: [FamilyName, number | undefined][] = [
      ["misp_herald_event_loop_delay_p50_seconds", p50],
      ["misp_herald_event_loop_delay_p99_seconds", p99],
      ["misp_herald_event_loop_delay_max_seconds", max],
      ["process_cpu_seconds_total", facts.cpuSeconds],
      ["process_resident_memory_bytes", facts.residentBytes],
      ["process_start_time_seconds", facts.startedAtSeconds],
      ["process_open_fds", facts.openFds],
      ["process_max_fds", facts.maxFds],
    ];
    return own.flatMap(([name, value]) => (value === undefined ? [] : { name, labels: {}, value }));
  }
}

/** Each destination that is configured, or still owed something, has one of these. */
const SHOWN: FamilyName = "misp_herald_deliveries_owed";

function namesOf(families: typeof FAMILIES): readonly FamilyName[] {
  return Object.keys(families).filter((name): name is FamilyName => Object.hasOwn(families, name));
}
