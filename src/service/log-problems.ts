import type { Log } from "../base/log.ts";
import { type Problem, positionOf } from "../base/problem.ts";

/** One line for each problem of a configuration, for those who read the log and not a terminal. */
export function logProblems(problems: readonly Problem[], log: Log): void {
  for (const problem of problems) {
    const { severity, message, hint } = problem;
    log[severity === "error" ? "error" : "warn"](
      { where: positionOf(problem), reason: message, hint },
      severity === "error" ? "The configuration is wrong" : "The configuration is doubtful",
    );
  }
}
