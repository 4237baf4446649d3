import type { CorePlace, PathDocument } from "../model/document.ts";
import type { Matchable, Truth } from "../model/message.ts";
import { CORE_NAMES, placesNamed } from "./core-json.ts";
import { firstOf } from "./path-evaluate.ts";
import { namesIn, parsePath } from "./path-syntax.ts";

/** Paths of a rule, one of which is to find something. */
export interface CompiledPaths {
  readonly test: (document: Matchable["document"]) => Truth;
  /** By what the first of them that finds something does. */
  readonly places: (document: Matchable["document"]) => readonly CorePlace[];
  /** What of the event they name. */
  readonly named: readonly CorePlace[];
}

/** What was found is asked for again when it is told why. */
type Answers = WeakMap<PathDocument<CorePlace>, ReturnType<typeof firstOf<CorePlace>>>;

/** Compiles paths that were checked before. */
export function compilePaths(paths: readonly string[]): CompiledPaths {
  const queries = paths.map((path) => {
    const query = parsePath(path);
    const answers: Answers = new WeakMap();
    return {
      query,
      ask: (document: PathDocument<CorePlace>) => {
        const answer = answers.get(document) ?? firstOf(query, document);
        answers.set(document, answer);
        return answer;
      },
    };
  });
  return {
    test: (document) => {
      if (document === undefined || document === "none") {
        return document === "none" ? false : "unknown";
      }
      let truth: Truth = false;
      for (const { ask } of queries) {
        const answer = ask(document);
        if (typeof answer === "object") {
          return true;
        }
        truth = answer === "unknown" ? answer : truth;
      }
      return truth;
    },
    places: (document) => {
      if (document === undefined || document === "none") {
        return [];
      }
      const found = queries.map(({ ask }) => ask(document)).find((answer) => typeof answer === "object");
      return typeof found === "object" ? found.places : [];
    },
    named: placesNamed(queries.flatMap(({ query }) => namesIn(query))),
  };
}

/** What is wrong with a path; undefined: nothing is. */
export function faultOf(path: string): string | undefined {
  try {
    const unknown = namesIn(parsePath(path)).find((name) => !CORE_NAMES.has(name));
    return unknown === undefined
      ? undefined
      : `asks for "${unknown}", which the event of a rule does not have; docs/rules.md lists what it has`;
  } catch (error) {
    if (error instanceof SyntaxError) {
      return error.message;
    }
    throw error;
  }
}
