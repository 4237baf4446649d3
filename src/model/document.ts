import type { FactName, MeasureName } from "./vocabulary.ts";

/** What a path is asked of, as JSON; a value that is not known is a symbol of whoever made it. */
export interface PathDocument<Place> {
  readonly root: unknown;
  /** About how many nodes it has, and how much text: the work on a path is bounded by a multiple of it. */
  readonly size: number;
  /** Where a value of the document, or its member, belongs to; undefined: to what it is in. */
  readonly placeOf: (parent: unknown, key: string | number) => Place | undefined;
}

/** What makes a path true: an attribute by its place in the subject, an object by its name, or what is said of the event. */
export type CorePlace =
  | { readonly fact: FactName }
  | { readonly measure: MeasureName }
  | { readonly attributes: readonly number[] }
  | { readonly objects: readonly string[] };
