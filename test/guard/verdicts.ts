import { guard, type Verdict } from "../../src/guard/guard.ts";
import { Guard, type Guard as Policy } from "../../src/guard/policy.ts";
import { withCircles } from "../../src/guard/readers.ts";
import type { Alert } from "../../src/model/alert.ts";
import type { EventMemory, Memory, PartMemory } from "../../src/model/memory.ts";
import type { Message } from "../../src/model/message.ts";
import type { GuardedAlert } from "../../src/model/payload.ts";
import { advanceEvent } from "../../src/planning/advance.ts";
import { advanceParts } from "../../src/planning/advance-parts.ts";
import { AlertDraft } from "../../src/planning/compose.ts";
import { partKey } from "../../src/planning/working-copy.ts";

export const NOTHING: Memory = { parts: [] };

/** The alert about a message that comes after `before`, and what is remembered by then. */
export function composed(message: Message, ...before: readonly Message[]): { alert: Alert; memory: Memory } {
  let event: EventMemory | undefined;
  const rows = new Map<string, PartMemory>();
  let stale = false;
  for (const one of [...before, message]) {
    const advanced = advanceEvent(event, one);
    if (!advanced) {
      continue;
    }
    event = withCircles(advanced.event, event, one);
    stale = advanced.stale;
    const { upsert, forget } = advanceParts(rows, event, one);
    for (const row of upsert) {
      rows.set(partKey(row), row);
    }
    for (const name of forget) {
      rows.delete(partKey(name));
    }
  }
  if (!message.kind) {
    throw new Error("Nobody is told of this message");
  }
  const alert = new AlertDraft(
    message,
    message.kind,
    { event, parts: rows, stale },
    message.kind === "event.published" ? "new" : undefined,
  ).whole();
  return { alert, memory: { ...(event && { event }), parts: [...rows.values()] } };
}

/** What a destination with this `guard:` is told of the last message. */
export function judge(policy: object, message: Message, ...before: readonly Message[]): Verdict {
  const { alert, memory } = composed(message, ...before);
  return guard(alert, parse(policy), memory);
}

export function parse(policy: object): Policy {
  return Guard.parse({ max_tlp: "amber", ...policy });
}

/** In a word: the reason of a refusal, or how much is shown. */
export function wordOf(verdict: Verdict): string {
  return "refused" in verdict ? verdict.refused : verdict.guarded.form;
}

export function guardedOf(verdict: Verdict): GuardedAlert {
  if ("refused" in verdict) {
    throw new Error(`refused: ${verdict.refused}`);
  }
  return verdict.guarded;
}

/** Ids of the attributes that are shown. */
export function shown(verdict: Verdict): readonly (string | undefined)[] {
  return guardedOf(verdict).alert.items.map(({ id }) => id);
}

/** How many attributes are shown or counted as visible, and how many are withheld. */
export function tally(verdict: Verdict): { readonly told: number; readonly withheld: number } {
  const { alert, withheld } = guardedOf(verdict);
  return { told: alert.counts.reduce((sum, { n }) => sum + n, 0), withheld };
}
