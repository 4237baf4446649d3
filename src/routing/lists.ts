import type { AttributeMatch, Match } from "./schema.ts";

/** The watch lists that conditions name, as they name them. */
export function listsIn(matches: readonly Match[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const match of matches) {
    gather(match, found);
  }
  return found;
}

/** Whether conditions ask of watch lists at all. */
export function asksLists(matches: readonly Match[]): boolean {
  return (
    listsIn(matches).size > 0 ||
    matches.some(
      ({ watch, all = [], any = [], not = [] }) => watch !== undefined || asksLists([...all, ...any, ...not]),
    )
  );
}

/** Whether conditions ask how often an attribute was sighted. */
export function asksSightings(matches: readonly Match[]): boolean {
  return matches.some(
    ({ sightings, all = [], any = [], not = [] }) => sightings !== undefined || asksSightings([...all, ...any, ...not]),
  );
}

function gather({ all = [], any = [], not = [], attribute = [] }: Match, found: Set<string>): void {
  for (const block of attribute) {
    gatherOfBlock(block, found);
  }
  for (const nested of [...all, ...any, ...not]) {
    gather(nested, found);
  }
}

function gatherOfBlock({ value = [], all = [], any = [], not }: AttributeMatch, found: Set<string>): void {
  for (const test of value) {
    for (const list of typeof test === "string" ? [] : (test.list ?? [])) {
      found.add(list);
    }
  }
  for (const nested of [...all, ...any, ...(not ? [not] : [])]) {
    gatherOfBlock(nested, found);
  }
}
