import type { z } from "zod";
import type { Path } from "./tree.ts";

type Raw = z.core.$ZodIssue;

/** One mistake: zod's issue without unions and with the whole path. */
export type Issue =
  | { readonly kind: "type"; readonly path: Path; readonly expected: readonly string[] }
  | { readonly kind: "value"; readonly path: Path; readonly allowed: readonly string[] }
  | { readonly kind: "keys"; readonly path: Path; readonly keys: readonly string[] }
  | { readonly kind: "name"; readonly path: Path; readonly message: string }
  | { readonly kind: "size"; readonly path: Path; readonly message: string }
  | { readonly kind: "text"; readonly path: Path; readonly message: string };

/** Reduces zod's issues to one for each mistake: of a union, those of the branch that fits best. */
export function flatten(issues: readonly Raw[], base: Path = []): readonly Issue[] {
  return issues.flatMap((issue) => flattenOne(issue, [...base, ...issue.path]));
}

function flattenOne(issue: Raw, path: Path): readonly Issue[] {
  switch (issue.code) {
    case "invalid_union":
      return issue.errors.length === 0
        ? [
            {
              kind: "value",
              path,
              allowed: "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [],
            },
          ]
        : best(
            issue.errors.map((branch) => flatten(branch, path)),
            path,
          );
    case "invalid_type":
      return [{ kind: "type", path, expected: [String(issue.expected)] }];
    case "invalid_value":
      return [{ kind: "value", path, allowed: issue.values.map(String) }];
    case "unrecognized_keys":
      return [{ kind: "keys", path, keys: issue.keys }];
    case "invalid_key":
      return [{ kind: "name", path, message: own(issue.issues[0]?.message ?? "") ?? "is not allowed" }];
    case "invalid_element":
      return flatten(issue.issues, path);
    case "too_small":
    case "too_big":
      return [{ kind: "size", path, message: own(issue.message) ?? sizeOf(issue) }];
    case "invalid_format":
      return [{ kind: "text", path, message: own(issue.message) ?? FORMATS[issue.format] ?? "has not the right form" }];
    case "not_multiple_of":
      return [{ kind: "text", path, message: own(issue.message) ?? `must be a multiple of ${issue.divisor}` }];
    default:
      return [{ kind: "text", path, message: own(issue.message) ?? "is not valid" }];
  }
}

/** The branch whose outer type fits, and of several the one with the fewest mistakes; where none fits, all that is allowed. */
function best(branches: readonly (readonly Issue[])[], path: Path): readonly Issue[] {
  const here = (issue: Issue) => issue.path.length === path.length;
  const fitting = branches.filter((branch) => !branch.some((issue) => issue.kind === "type" && here(issue)));
  const values = fitting.map((branch) => branch.find((issue) => issue.kind === "value" && here(issue)));
  if (fitting.length > 0 && values.every((value) => value !== undefined)) {
    return [{ kind: "value", path, allowed: values.flatMap((value) => (value.kind === "value" ? value.allowed : [])) }];
  }
  const chosen = [...fitting].sort((a, b) => a.length - b.length)[0];
  if (chosen) {
    return chosen;
  }
  const expected = branches.flatMap((branch) =>
    branch.flatMap((issue) => (issue.kind === "type" && here(issue) ? issue.expected : [])),
  );
  return [{ kind: "type", path, expected: [...new Set(expected)] }];
}

const FORMATS: Readonly<Record<string, string>> = {
  url: "must be a complete URL such as https://misp.example.org",
  email: "must be a mail address",
  uuid: "must be a UUID",
};

function sizeOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const small = issue.code === "too_small";
  const bound = Number(small ? issue.minimum : issue.maximum);
  if (issue.origin === "number" || issue.origin === "int") {
    const exclusive = issue.inclusive === false;
    if (small) {
      return exclusive ? `must be more than ${bound}` : `must be at least ${bound}`;
    }
    return exclusive ? `must be less than ${bound}` : `must be at most ${bound}`;
  }
  if (small && bound <= 1) {
    return "must not be empty";
  }
  const unit = issue.origin === "string" ? "characters" : "entries";
  return `must have ${small ? "at least" : "at most"} ${bound} ${unit}`;
}

/** A message that a schema of ours gave, which begins in lower case; zod's own begin with a capital. */
function own(message: string): string | undefined {
  return /^[^A-Z]/.test(message) ? message : undefined;
}
