import type { AttemptReport } from "../absorbing/observer.ts";
import type { Frame } from "../model/frame.ts";
import type { RecordLine } from "../model/outbox.ts";
import type { Plan } from "../planning/plan.ts";
import type { LiveSource } from "../sources/source.ts";
import { isKnownTopic } from "../topics/index.ts";
import { LabelledCounts } from "./labelled-counts.ts";

/** What happened since the start, for status and metrics alike; a reload goes on counting. Labels are of our own vocabulary. */
export class Totals {
  /** By instance and topic, as they were read. */
  readonly frames = new LabelledCounts();
  readonly messages = new LabelledCounts();
  /** By route and whether it is sure. */
  readonly matches = new LabelledCounts();
  /** Each by destination and reason, or outcome. */
  readonly delivered = new LabelledCounts();
  readonly suppressed = new LabelledCounts();
  readonly muted = new LabelledCounts();
  readonly refused = new LabelledCounts();
  readonly withdrawn = new LabelledCounts();
  readonly dead = new LabelledCounts();
  /** By destination and what it was: a reminder, or an escalation to others. */
  readonly reminded = new LabelledCounts();
  /** By destination and what followed. */
  readonly failed = new LabelledCounts();
  /** By instance. */
  readonly late = new LabelledCounts();
  /** By instance, publications that were told without MISP's word. */
  readonly unconfirmed = new LabelledCounts();
  readonly #reconciledAt = new Map<string, number>();
  /** Sources whose place others have taken, as long as they still count. */
  readonly #leaving = new Set<LiveSource>();
  /** What sources that are gone have counted. */
  readonly #gone = { dropped: new LabelledCounts(), skipped: new LabelledCounts(), refused: new LabelledCounts() };
  #received = 0;

  /** Frames that are about to be read. */
  received(frames: readonly Frame[]): void {
    for (const { instance, topic } of frames) {
      this.frames.add([instance, topicOf(topic)]);
    }
  }

  /** A plan that was committed; `again`: of messages that had been planned before. */
  planned({ effects, traces }: Plan, again: boolean): void {
    for (const { kind, routes, destinations } of traces) {
      for (const { name, verdict } of destinations) {
        if (verdict === "already-told") {
          this.suppressed.add([name, verdict]);
        }
      }
      if (again) {
        continue;
      }
      this.messages.add([kind ?? "none"]);
      for (const { name, truth } of routes) {
        this.matches.add([name, String(truth)]);
      }
    }
    for (const line of effects.records) {
      this.settled(line);
    }
  }

  /** A line that entered the record. */
  settled({ destination, outcome, reason = "unknown", reminder }: RecordLine): void {
    switch (outcome) {
      case "sent":
      case "unproven":
        if (reminder) {
          this.reminded.add([destination, reminder.escalatedFrom === undefined ? "reminder" : "escalation"]);
        }
        this.delivered.add([destination, outcome]);
        break;
      case "muted":
        this.muted.add([destination, reason]);
        break;
      case "refused":
        this.refused.add([destination, reason]);
        break;
      case "withdrawn":
        this.withdrawn.add([destination, reason]);
        break;
      case "dead":
        this.dead.add([destination, reason]);
        break;
      default:
        outcome satisfies never;
    }
  }

  /** An attempt has ended. */
  attempted({ destination, outcome }: AttemptReport): void {
    if (outcome !== "done" && outcome !== "unproven") {
      this.failed.add([destination, outcome]);
    }
  }

  /** MISP has told all that it published. */
  reconciled(instance: string, late: number, now: number): void {
    if (late > 0) {
      this.late.add([instance], late);
    }
    this.#reconciledAt.set(instance, now);
  }

  reconciledAt(instance: string): number | undefined {
    return this.#reconciledAt.get(instance);
  }

  /** Another source takes the place of this one, which counts on until `gone`; what it has counted is kept. */
  async replaced(source: LiveSource, gone: Promise<unknown>): Promise<void> {
    this.#leaving.add(source);
    await gone;
    this.#leaving.delete(source);
    this.#received += source.status().received;
    for (const what of COUNTED) {
      add(this.#gone[what], source, what);
    }
  }

  /** Frames that `sources`, and those before them, have received. */
  receivedBy(sources: readonly LiveSource[]): number {
    return [...this.#leaving, ...sources].reduce((sum, source) => sum + source.status().received, this.#received);
  }

  /** Frames of `sources`, and of those before them, that came to nothing: by instance and topic. */
  countedBy(sources: readonly LiveSource[], what: Counted): LabelledCounts {
    const counted = copyOf(this.#gone[what]);
    for (const source of [...this.#leaving, ...sources]) {
      add(counted, source, what);
    }
    return counted;
  }

  /** All frames that were taken from the feed, also those that are not read. */
  takenBy(sources: readonly LiveSource[]): LabelledCounts {
    const counted = copyOf(this.frames);
    for (const { labels, n } of this.countedBy(sources, "skipped").counts) {
      counted.add(labels, n);
    }
    return counted;
  }

  /** Drops what was counted of all other names; sums over all destinations go on with it. */
  keep(named: {
    readonly instances: readonly string[];
    readonly routes: readonly string[];
    readonly destinations: readonly string[];
  }): void {
    const instances = new Set(named.instances);
    for (const counted of [this.frames, this.late, this.unconfirmed, ...Object.values(this.#gone)]) {
      counted.keep(instances);
    }
    for (const instance of this.#reconciledAt.keys()) {
      if (!instances.has(instance)) {
        this.#reconciledAt.delete(instance);
      }
    }
    this.matches.keep(new Set(named.routes));
    const destinations = new Set(named.destinations);
    for (const counted of [
      this.delivered,
      this.suppressed,
      this.muted,
      this.refused,
      this.withdrawn,
      this.dead,
      this.reminded,
      this.failed,
    ]) {
      counted.keep(destinations);
    }
  }

  /** For people: summed up over all destinations. */
  get counts() {
    return {
      messages: this.messages.total,
      told: this.delivered.total,
      refused: this.refused.byValue,
      withdrawn: this.withdrawn.total,
      muted: this.muted.total,
      dead: this.dead.byValue,
    };
  }
}

/** What a source counts by topic. */
const COUNTED = ["dropped", "skipped", "refused"] as const;
type Counted = (typeof COUNTED)[number];

function add(counted: LabelledCounts, source: LiveSource, what: Counted): void {
  for (const [topic, n] of Object.entries(source.status()[what])) {
    counted.add([source.name, topicOf(topic)], n);
  }
}

function copyOf(before: LabelledCounts): LabelledCounts {
  const counted = new LabelledCounts();
  for (const { labels, n } of before.counts) {
    counted.add(labels, n);
  }
  return counted;
}

/** A sender may make up any number of names. */
function topicOf(topic: string): string {
  return isKnownTopic(topic) ? topic : "other";
}
