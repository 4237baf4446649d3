import { KINDS, type Kind } from "../model/vocabulary.ts";
import { compileGlob } from "./pattern.ts";

const MAX_GLOBS = 1_000;
const meant = new Map<string, ReadonlySet<Kind>>();

/** The kinds that a glob means, in which `*` stands for anything; remembered, since ten thousand routes name the same few. */
export function kindsMeantBy(glob: string): ReadonlySet<Kind> {
  const known = meant.get(glob) ?? new Set(KINDS.filter(compileGlob(glob)));
  if (meant.size < MAX_GLOBS) {
    meant.set(glob, known);
  }
  return known;
}

/** The kinds that any of these globs means, in the order of the vocabulary. */
export function kindsMeantByAny(globs: readonly string[]): readonly Kind[] {
  const [only] = globs;
  if (only !== undefined && globs.length === 1) {
    return [...kindsMeantBy(only)];
  }
  const kinds = new Set(globs.flatMap((glob) => [...kindsMeantBy(glob)]));
  return KINDS.filter((kind) => kinds.has(kind));
}

/** Tells whether a kind is meant by one of these globs. */
export function isOfKind(kind: Kind, globs: readonly string[]): boolean {
  return globs.some((glob) => kindsMeantBy(glob).has(kind));
}
