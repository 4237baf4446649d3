import type { Clock } from "../../src/base/clock.ts";
import { openLog } from "../../src/base/log.ts";
import { Gate, type GateOptions } from "../../src/recall/gate.ts";

/** What stands before every question to `cert`; it permits nearly any number of them. */
export function openGate(clock: Clock, rest: Partial<GateOptions> = {}): Gate {
  return new Gate({ instance: "cert", perMinute: 6000, clock, log: openLog("silent"), ...rest });
}
