import { Cron } from "croner";

const compiled = new Map<string, Cron>();
const MAX_COMPILED = 1000;

/**
 * When the next digest of a route leaves, later than `after`; undefined: never. A slot that the clocks skip is the moment at
 * which they go on, and one that they show twice is the first of the two.
 */
export function nextSlot({ cron, timezone }: Slots, after: number): number | undefined {
  return compile({ cron, timezone }).nextRun(new Date(after))?.getTime();
}

/** What is wrong with a pattern of digests; undefined: nothing. */
export function cronProblem(cron: string): string | undefined {
  if (cron.trim().split(/\s+/).length !== 5) {
    return 'must be five fields, minute, hour, day of month, month and day of week, such as "0 7,13 * * *"';
  }
  try {
    const first = nextSlot({ cron, timezone: "UTC" }, 0);
    return first === undefined ? "never comes: there is no such day" : undefined;
  } catch (error) {
    const [, detail = ""] = /^CronPattern: (.*)$/.exec(error instanceof Error ? error.message : "") ?? [];
    return `cannot be read${detail ? `: ${detail}` : ""}; it is five fields such as "0 7,13 * * *"`;
  }
}

/** When digests leave: a pattern of cron's, by the clocks of a time zone. */
export interface Slots {
  readonly cron: string;
  readonly timezone: string;
}

function compile({ cron, timezone }: Slots): Cron {
  const key = JSON.stringify([cron, timezone]);
  const found = compiled.get(key);
  if (found) {
    return found;
  }
  const fresh = new Cron(cron, { timezone, mode: "5-part", paused: true });
  if (compiled.size >= MAX_COMPILED) {
    compiled.clear();
  }
  compiled.set(key, fresh);
  return fresh;
}
