import type { CleanText } from "./text.ts";

/** What a fact is about; channels choose by it which they have room for. */
export type FactId =
  | "about"
  | "because"
  | "quote"
  | "attributes"
  | "types"
  | "withdrawn"
  | "sightings"
  | "tag"
  | "line"
  | "more";

/** In a digest, what stands on lines of its own (reason and remedy of our own troubles), and what shares one. */
export function divideFacts(facts: readonly FactLine[]): {
  readonly own: readonly FactLine[];
  readonly shared: readonly FactLine[];
} {
  return { own: facts.filter(({ id }) => id === "line"), shared: facts.filter(({ id }) => id !== "line") };
}

/** Labels are ours, values are clean and as inert as the style wants them. */
export interface FactLine {
  readonly id: FactId;
  readonly label: CleanText;
  readonly value: CleanText;
}
