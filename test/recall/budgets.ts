import type { Clock } from "../../src/base/clock.ts";
import { openLog } from "../../src/base/log.ts";
import { Budget, type BudgetOptions } from "../../src/recall/budget.ts";

/** What stands before every question to `cert`; it permits nearly any number of them. */
export function openBudget(clock: Clock, rest: Partial<BudgetOptions> = {}): Budget {
  return new Budget({ instance: "cert", perMinute: 6000, clock, log: openLog("silent"), ...rest });
}
