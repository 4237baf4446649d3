import type { Ledger } from "../../src/model/ledger.ts";
import type { RecordLine } from "../../src/model/outbox.ts";

/** The newest lines of the record, the newest first. */
export async function historyOf(
  { ledger }: { readonly ledger: Ledger },
  limit: number,
): Promise<readonly RecordLine[]> {
  const lines: RecordLine[] = [];
  for await (const page of ledger.records({})) {
    lines.push(...page);
    if (lines.length >= limit) {
      break;
    }
  }
  return lines.slice(0, limit);
}
