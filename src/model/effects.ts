import type { Effects } from "./outbox.ts";

/** Nothing is to be done; what is, is spread over it. */
export const NO_EFFECTS: Effects = {
  events: [],
  aliases: [],
  adopted: [],
  parts: [],
  forget: [],
  alerts: [],
  deliveries: [],
  records: [],
  undecided: [],
  decided: [],
  cursors: [],
};
