import type { Item } from "./alert.ts";
import type { MispObject, Reach } from "./misp.ts";
import type { FactName, MeasureName } from "./vocabulary.ts";

/**
 * By what a rule was true. A fact has to be one that readers may see, whatever its value is by now; of attributes and
 * objects one that made it true. Empty `all`: it asks for nothing.
 */
export type Reason<Part, Whole = Part> =
  | { readonly fact: FactName }
  | { readonly measure: MeasureName }
  | { readonly attributes: readonly Part[] }
  | { readonly objects: readonly Whole[] }
  | { readonly all: readonly Reason<Part, Whole>[] }
  | { readonly any: readonly Reason<Part, Whole>[] };

/** What a delivery keeps of why it is owed: whatever the rules say by then, one route's reason must still be visible. */
export interface Evidence {
  readonly routes: readonly {
    readonly name: string;
    /** Places in `items` and `objects`. Absent: the route asks for nothing. */
    readonly reason?: Reason<number>;
    readonly mentions?: readonly string[];
    readonly urgent?: true;
  }[];
  /** Without content: all that a guard needs to judge them again. */
  readonly items: readonly Item[];
  readonly objects: readonly (Pick<MispObject, "key"> & { readonly reach: readonly Reach[] })[];
  /** Which of the stored items this destination's own routes ask for: one hexadecimal digit for four, the first is 8. */
  readonly matched?: string;
}
