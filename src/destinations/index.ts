import { z } from "zod";
import type { DestinationSchema } from "./destination.ts";
import * as REGISTRY from "./registry.ts";

export { REGISTRY };

/** Names that `type:` of a destination may have. */
export const DESTINATION_TYPES: readonly string[] = Object.keys(REGISTRY);

const SCHEMAS: ReadonlyMap<string, DestinationSchema> = new Map(Object.entries(REGISTRY));

/** Why a destination of this type cannot mention somebody, and what to do; undefined: it can, or passes mentions on. */
export function mentionProblem(type: string, mention: string): string | undefined {
  return SCHEMAS.get(type)?.mentionProblem?.(mention);
}

/** Whether readers of destinations of this type are programs. */
export function isForPrograms(type: string): boolean {
  return SCHEMAS.get(type)?.program === true;
}

type Registered = (typeof REGISTRY)[keyof typeof REGISTRY];

/** One entry of `destinations:`; parses to a ConfiguredDestination. */
export const DestinationEntry = z.discriminatedUnion(
  "type",
  // The registry is never empty.
  Object.values(REGISTRY) as unknown as readonly [Registered, ...Registered[]],
);
