import type { z } from "zod";
import { flatten, type Issue } from "./flatten.ts";
import { isOpen, keysOf, type Outline, type Shapes, valuesOf } from "./shapes.ts";
import { nearest } from "./suggest.ts";
import {
  childOf,
  type Dict,
  entryAt,
  error,
  type Fault,
  type Node,
  nodeAt,
  type Path,
  quoted,
  type Scalar,
  type Span,
  scalarsOf,
  textOf,
} from "./tree.ts";

/** Says in plain words, at the exact place, what zod found wrong with a file. */
export function explainIssues(issues: readonly z.core.$ZodIssue[], root: Dict, outline: Outline): readonly Fault[] {
  const flat = flatten(issues);
  const secret = new Set([...outline.secrets(root)]);
  const faults: Fault[] = [];
  for (const issue of flat) {
    if (issue.kind === "keys") {
      for (const key of issue.keys) {
        faults.push(unknownKey(key, issue.path, root, outline.at(root, issue.path), outline));
      }
      continue;
    }
    const node = nodeAt(root, issue.path);
    if (node) {
      const told = node.kind === "scalar" && node.unread === "error";
      if (!told) {
        faults.push(wrong(issue, root, outline, secret));
      }
    } else if (issue.kind === "text") {
      faults.push(error(placeOf(root, issue.path.slice(0, -1)), `${labelOf(issue.path)} ${issue.message}`));
    } else if (!explainedByTypo(issue.path, flat, outline, root)) {
      faults.push(missing(issue.path, root, outline));
    }
  }
  return faults;
}

/** A key that the schema does not have at `path`, with the one that was probably meant. */
export function unknownKey(key: string, path: Path, root: Dict, shapes: Shapes, outline: Outline): Fault {
  const span = entryAt(root, [...path, key])?.key ?? placeOf(root, path);
  const known = keysOf(shapes);
  const near = nearest(key, known);
  if (near !== undefined) {
    return error(span, `unknown key ${quoted(key)}, did you mean ${quoted(near)}?`);
  }
  const inside = known.find((candidate) => keysOf(outline.child(shapes, candidate, undefined)).includes(key));
  if (inside !== undefined) {
    return error(span, `unknown key ${quoted(key)}, it belongs inside ${quoted(inside)}`, `${inside}: { ${key}: … }`);
  }
  if (path.length > 0 && keysOf(outline.at(root, path.slice(0, -1))).includes(key)) {
    return error(span, `unknown key ${quoted(key)} in ${quoted(String(path.at(-1)))}, it belongs one level up`);
  }
  return error(span, `unknown key ${quoted(key)}`, `known here: ${known.join(", ")}`);
}

/** A typo already told for a sibling: `chanel` is not also a missing `channel`. */
function explainedByTypo(path: Path, issues: readonly Issue[], outline: Outline, root: Dict): boolean {
  const parent = path.slice(0, -1);
  const known = keysOf(outline.at(root, parent));
  return issues.some(
    (issue) =>
      issue.kind === "keys" &&
      issue.path.length === parent.length &&
      issue.path.every((key, i) => key === parent[i]) &&
      issue.keys.some((key) => nearest(key, known) === path.at(-1)),
  );
}

const MISSING_HINTS: Readonly<Record<string, string>> = {
  max_tlp: "say how strict a marking this destination's readers may see, e.g. max_tlp: amber",
  guard: "say what this destination's readers may see, e.g. guard: { max_tlp: amber }",
  feed: "say where frames come from, e.g. feed: { type: zeromq, endpoints: [tcp://127.0.0.1:50000] }",
  misp: "name your MISP and its feed, e.g. misp: { cert: { feed: { … } } }",
  notify: "name the destinations that are told, e.g. notify: [soc]",
  name: "a short, stable, unique name, e.g. name: urgent",
  routes: "say who is told of what, e.g. routes: [{ name: all, notify: [soc] }]",
  destinations: "say where alerts go, e.g. destinations: { terminal: { type: console, guard: { max_tlp: red } } }",
};

function missing(path: Path, root: Dict, outline: Outline): Fault {
  const key = String(path.at(-1));
  const parent = path.slice(0, -1);
  const values = valuesOf(outline.at(root, path));
  const hint = MISSING_HINTS[key] ?? (values.length > 0 ? `${key} is one of ${values.join(", ")}` : undefined);
  const where = titleOf(parent, root);
  return error(placeOf(root, parent), `missing key ${quoted(key)}${where ? ` in ${where}` : ""}`, hint);
}

function wrong(
  issue: Exclude<Issue, { kind: "keys" }>,
  root: Dict,
  outline: Outline,
  secret: ReadonlySet<Scalar>,
): Fault {
  const { path } = issue;
  const node = nodeAt(root, path);
  const entry = entryAt(root, path);
  const label = labelOf(path);
  if (!node) {
    return missing(path, root, outline);
  }
  const span: Span =
    node.kind === "scalar" && node.end > node.at ? node : (entry?.key ?? { at: node.at, end: node.at + 1 });
  if (node.kind === "scalar" && node.value === null) {
    return empty(node, span, label, path, secret.has(node));
  }
  if (node.kind === "scalar" && node.unread) {
    return error(span, `${label} cannot be checked without ${(node.references ?? []).join(" and ")}`);
  }
  const value = node.kind === "scalar" ? shown(node, secret) : undefined;

  switch (issue.kind) {
    case "name":
      return error(entry?.key ?? span, `name ${quoted(String(path.at(-1)))} ${issue.message}`);
    case "type":
      return wrongType(issue.expected, outline, outline.at(root, path), node, span, label, secret);
    case "value": {
      const allowed = issue.allowed.length > 0 ? issue.allowed : valuesOf(outline.at(root, path));
      const text = node.kind === "scalar" && !node.references && !secret.has(node) ? String(node.value) : undefined;
      // `TLP:AMBER` is how MISP and people write it.
      const near =
        text === undefined ? undefined : (nearest(text, allowed) ?? nearest(text.replace(/^\w+:/, ""), allowed));
      const hint = allowed.length > 1 ? `one of ${allowed.join(", ")}` : undefined;
      if (node.kind !== "scalar") {
        return error(span, `${label} must be ${listed(allowed)}, is ${kindOf(node)}`);
      }
      if (near !== undefined) {
        return error(span, `${label} cannot be ${value}, did you mean ${quoted(near)}?`, hint);
      }
      return error(span, `${label} cannot be ${value}`, hint ?? `it can only be ${allowed[0] ?? ""}`);
    }
    default: {
      const message = concealed(issue.message, node, root, secret);
      if (message === undefined) {
        return error(span, `${value ?? label} is not valid for ${label}`);
      }
      if (message.startsWith("is ")) {
        return isNone(message, node, span, value ?? label);
      }
      if (node.kind !== "scalar" || issue.kind === "size" || node.value === "") {
        return error(span, `${label} ${message}`);
      }
      if (node.references) {
        return error(span, `${value} ${message}`);
      }
      return error(span, secret.has(node) ? `${label} ${message}` : `${label} ${message}, is ${value}`);
    }
  }
}

/** "is no kind; kinds are a, b, c": what there is instead is the hint, and the source of a suggestion. */
function isNone(message: string, node: Node, span: Span, subject: string): Fault {
  const [statement = message, instead] = message.split(/; (.*)/s);
  const words = instead?.match(/[\w.-]+/g) ?? [];
  const text = node.kind === "scalar" && !node.references ? textOf(node) : undefined;
  const near = text === undefined ? undefined : nearest(text, words);
  return error(
    span,
    `${subject} ${statement}${near === undefined ? "" : `, did you mean ${quoted(near)}?`}`,
    near === undefined ? instead : undefined,
  );
}

function empty(node: Scalar, span: Span, label: string, path: Path, hidden: boolean): Fault {
  if (node.swallowed === undefined) {
    return error(span, `${label} has no value`);
  }
  const text = hidden ? '"#…"' : quoted(/^\S*[^\s,\]}]/.exec(node.swallowed)?.[0] ?? node.swallowed);
  const key = path.at(-1);
  const fix = typeof key === "string" ? `${key}: ${text}` : `- ${text}`;
  return error(span, `${label} has no value, because # starts a comment`, `if it is text, quote it: ${fix}`);
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

function wrongType(
  expected: readonly string[],
  outline: Outline,
  shapes: Shapes,
  node: Node,
  span: Span,
  label: string,
  secret: ReadonlySet<Scalar>,
): Fault {
  const wanted = [...new Set(expected.map((name) => TYPES[name] ?? name))];
  const message = `${label} must be ${listed(wanted)}, is ${kindOf(node)}`;
  if (node.kind === "scalar" && node.references) {
    return error(span, `${label} must be ${listed(wanted)}, and ${node.references.join("")} is always text`);
  }
  if (node.kind === "list") {
    return error({ at: node.at, end: node.at + 1 }, message);
  }
  if (node.kind === "map") {
    return error({ at: node.at, end: node.at + 1 }, message);
  }
  const hidden = secret.has(node);
  if (typeof node.value === "number") {
    const fits = (text: string) => shapes.some(({ pattern }) => pattern && new RegExp(pattern).test(text));
    const unit = fits("1") ? undefined : ["s", "MiB"].find((word) => fits(`1${word}`));
    if (unit !== undefined) {
      return error(span, `${label} must have a unit`, `e.g. ${node.written ?? node.value}${unit}`);
    }
  }
  const value = node.written ?? String(node.value);
  if (wanted.includes("text") && typeof node.value !== "string") {
    return error(span, message, hidden ? "put it in quotes" : `put it in quotes: ${quoted(value)}`);
  }
  if (wanted.includes("a list") && !hidden) {
    const entries = outline.child(shapes, 0, node);
    const isMaps = entries.length > 0 && entries.every(({ type }) => type === "object");
    return error(span, message, isMaps ? `write { ${keysOf(entries).join(": …, ")}: … }` : `write [${value}]`);
  }
  const bare =
    (wanted.includes("a number") && /^-?\d+(\.\d+)?$/.test(value)) ||
    (wanted.includes("true or false") && /^(true|false)$/.test(value));
  if (bare && !hidden) {
    return error(span, message, `without quotes: ${value}`);
  }
  if (wanted.includes("true or false") && /^(yes|no|on|off)$/i.test(value)) {
    return error(span, message, `write ${/^(yes|on)$/i.test(value) ? "true" : "false"}`);
  }
  return error(span, message);
}

/** The value for a message, or what stands for it where it must not be seen. */
function shown(node: Scalar, secret: ReadonlySet<Scalar>): string {
  if (node.references) {
    return `the value of ${node.references.join(" and ")}`;
  }
  if (secret.has(node)) {
    return "this value";
  }
  if (typeof node.value !== "string") {
    return node.written ?? String(node.value);
  }
  return quoted(node.value.replace(/(?<=:\/\/)[^\s/?#]+(?=@)/, "…")); // a user and a password in a URL
}

/** The message of a schema, which may quote values, without those that came from a reference; undefined: nothing is left. */
function concealed(message: string, node: Node, root: Dict, secret: ReadonlySet<Scalar>): string | undefined {
  for (const scalar of scalarsOf(node)) {
    const value = String(scalar.value);
    if ((scalar.references || secret.has(scalar)) && value.length >= 3 && message.includes(value)) {
      return undefined;
    }
  }
  let safe = message;
  for (const { references, value } of scalarsOf(root)) {
    if (references && typeof value === "string" && value.length >= 4) {
      safe = safe.replaceAll(value, references.join(""));
    }
  }
  return safe;
}

function kindOf(node: Node): string {
  if (node.kind === "list") {
    return "a list";
  }
  if (node.kind === "map") {
    return "a map";
  }
  if (typeof node.value === "string") {
    return "text";
  }
  return typeof node.value === "number" ? "a number" : String(node.value);
}

function labelOf(path: Path): string {
  const key = [...path].reverse().find((part) => typeof part === "string");
  const inList = typeof path.at(-1) === "number";
  if (key === undefined) {
    return "the file";
  }
  return inList ? `an entry of ${quoted(key)}` : quoted(String(key));
}

const NAMED: Readonly<Record<string, string>> = { destinations: "destination", misp: "instance", routes: "route" };

/** What a map is, for people: `guard of destination "soc"`. */
export function titleOf(path: Path, root: Dict): string {
  const [first, second] = path;
  const word = typeof first === "string" ? NAMED[first] : undefined;
  let owner = "";
  if (word !== undefined && second !== undefined) {
    const name = nodeAt(root, [...path.slice(0, 2), "name"]);
    const text =
      typeof second === "string" ? second : name?.kind === "scalar" && !name.references ? name.value : undefined;
    owner = typeof text === "string" ? `${word} ${quoted(text)}` : `${word} number ${Number(second) + 1}`;
    if (path.length === 2) {
      return owner;
    }
  }
  const key = [...path].reverse().find((part) => typeof part === "string");
  if (key === undefined) {
    return "";
  }
  return owner && key !== first ? `${quoted(key)} of ${owner}` : quoted(String(key));
}

/** Where a map is told of: its key; of what `defaults` brought, the nearest place of its own. */
function placeOf(root: Dict, path: Path): Span {
  for (let length = path.length; length > 0; length--) {
    const here = path.slice(0, length);
    const entry = entryAt(root, here);
    if (entry && !entry.inherited) {
      return entry.key;
    }
    const node = nodeAt(root, here);
    if (!entry && node) {
      return { at: node.at, end: node.at + 1 };
    }
  }
  return { at: root.at, end: root.at + 1 };
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}

/** Reports keys below `path` that the schema does not have, whether or not anything uses the map they are in. */
export function* unknownKeys(node: Node, path: Path, root: Dict, shapes: Shapes, outline: Outline): Generator<Fault> {
  if (node.kind !== "map" || shapes.length === 0) {
    return;
  }
  for (const [key, { node: value }] of node.entries) {
    const inner = outline.child(shapes, key, childOf(node, key));
    if (inner.length === 0 && !isOpen(shapes)) {
      yield unknownKey(key, path, root, shapes, outline);
    } else {
      yield* unknownKeys(value, [...path, key], root, inner, outline);
    }
  }
}
