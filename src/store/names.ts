/** One text for a name of several parts, as the key of a map; no two names share one. */
export function nameOf(...parts: readonly (string | undefined)[]): string {
  return JSON.stringify(parts);
}
