import { createHash } from "node:crypto";
import type { BatchId, DeliveryId, PartNumber, RecordLine, Slice } from "../model/outbox.ts";
import { TLP } from "../model/vocabulary.ts";

/** What became of the parts of one delivery that are settled. */
export interface PartsEnd {
  /** The line that they are worth together; absent: none is settled. */
  readonly line?: RecordLine;
  /** One of them has left. */
  readonly isTold?: true;
  /** Short names of items that have not left, though their parts are settled. */
  readonly missing: readonly string[];
}

/** The best first: a delivery ends as the worst of its parts. */
const OUTCOMES: readonly RecordLine["outcome"][] = ["sent", "unproven", "muted", "withdrawn", "refused", "dead"];

/** With one part more. */
export function endPart(
  { line: before, isTold, missing }: PartsEnd,
  line: RecordLine,
  more: readonly string[],
): PartsEnd {
  const told = isTold || wasTold(line);
  return {
    line: before ? worse(before, line) : line,
    ...(told && { isTold: true as const }),
    missing: [...missing, ...more],
  };
}

/** Whether the destination has got what the line is about. */
export function wasTold({ outcome }: RecordLine): boolean {
  return outcome === "sent" || outcome === "unproven";
}

function worse(before: RecordLine, line: RecordLine): RecordLine {
  const isWorse = OUTCOMES.indexOf(line.outcome) >= OUTCOMES.indexOf(before.outcome);
  const { outcome, reason, by } = isWorse ? line : before;
  const { outcome: _, reason: __, by: ___, tlp: ____, ...rest } = line;
  const tlp = strictest(before.tlp, line.tlp);
  return {
    ...rest,
    outcome,
    ...(reason !== undefined && { reason }),
    ...(by !== undefined && { by }),
    ...(tlp !== undefined && { tlp }),
  };
}

const LABELS: readonly string[] = ["untagged", ...TLP, "unknown"];

function strictest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && LABELS.indexOf(b) > LABELS.indexOf(a)) ? b : a;
}

/** The name of a batch that is a part of one delivery: no other part, and no other division, has the same. */
export function sliceIdOf(delivery: DeliveryId, { from, to }: Slice, { n, of }: PartNumber): BatchId {
  const parts = JSON.stringify([delivery, from, to, n, of]);
  return createHash("sha256").update(parts).digest("hex").slice(0, 32) as BatchId;
}
