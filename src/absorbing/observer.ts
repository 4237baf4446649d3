import type { Frame } from "../model/frame.ts";
import type { RecordLine } from "../model/outbox.ts";
import type { Outcome } from "../model/payload.ts";
import type { Plan } from "../planning/plan.ts";

/** One attempt at the other side, in numbers. */
export interface AttemptReport {
  readonly destination: string;
  readonly outcome: Outcome["kind"];
  readonly durationMs: number;
}

/** Sees what the service does, and counts or shows it; what it does itself changes nothing. */
export interface Observer {
  /** All frames, before what they say is planned. */
  received(frames: readonly Frame[]): void;
  /** Every plan that was committed; `again`: of messages that had been planned before, and are decided now. */
  planned(plan: Plan, again: boolean): void;
  /** Each attempt, but for those that were cut. */
  attempted(tried: AttemptReport): void;
  /** Each line that enters the record. */
  settled(line: RecordLine): void;
}

/** Sees nothing. To see a part, spread it over this. */
export const UNOBSERVED: Observer = { received() {}, planned() {}, attempted() {}, settled() {} };
