import { z } from "zod";
import { zeromq } from "./zeromq/source.ts";

/** The `feed:` of an instance: one line per source type. */
export const Feed = z.discriminatedUnion("type", [zeromq]);
export type Feed = z.output<typeof Feed>;

export { openReplay, type ReplayOptions } from "./replay/source.ts";
