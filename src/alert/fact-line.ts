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

/** Labels are ours, values are clean and as inert as the style wants them. */
export interface FactLine {
  readonly id: FactId;
  readonly label: CleanText;
  readonly value: CleanText;
}
