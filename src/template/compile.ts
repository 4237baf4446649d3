import { LiquidError } from "liquidjs";
import type { Style } from "../alert/style.ts";
import type { Entry, Payload } from "../model/payload.ts";
import { UnknownDirective } from "./date.ts";
import { engine, FILTERS, MAX_TEMPLATE, NotText, type Parsed, Reading, TAGS } from "./engine.ts";
import { SAMPLES } from "./samples.ts";
import { seal, type TemplateView, viewOf } from "./view.ts";

/** The parts of an alert that an operator may word; what has no template is built in. */
export const PARTS = ["title", "body"] as const;
export type Part = (typeof PARTS)[number];

/** A template as it stands in the configuration. */
export type TemplateSource = { readonly [part in Part]?: string | undefined };

/** A compiled template; parts of one may be laid over parts of another. Throws what is wrong with it. */
export type Template = { readonly [part in Part]?: (view: TemplateView, style: Style) => string };

/** What is wrong with a part, from our own vocabulary; `line` and `column` count from 1 inside the part. */
export interface TemplateProblem {
  readonly part: Part;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Why a template could not be rendered, for logs: it holds nothing of the template or the alert. */
export type TemplateFailure = "limit" | "too-long" | "error";

const MAX_OUTPUT = 20_000;
const TRIES = 3;
const STYLE: Style = { timeZone: "UTC", defang: true };

/** Compiles a template, and renders every kind of alert with it once, so that what cannot work does not wait for an alert. */
export function compileTemplate(
  source: TemplateSource,
): { readonly template: Template } | { readonly problems: readonly TemplateProblem[] } {
  const template: { [part in Part]?: (view: TemplateView, style: Style) => string } = {};
  const problems: TemplateProblem[] = [];
  for (const part of PARTS) {
    const text = source[part];
    if (text === undefined) {
      continue;
    }
    try {
      const parsed = parse(text);
      const render = (view: TemplateView, style: Style) => run(parsed, new Reading(view, style));
      for (const sample of SAMPLES) {
        patiently(() => render(seal(sample), STYLE));
      }
      template[part] = render;
    } catch (error) {
      problems.push({ part, ...positionOf(error), message: explain(error) });
    }
  }
  return problems.length > 0 ? { problems } : { template };
}

/** The engine's limit is one of time: a machine that stood still for a moment is not the fault of a template. */
function patiently(render: () => string): string {
  for (let left = TRIES; ; left -= 1) {
    try {
      return render();
    } catch (error) {
      if (left <= 1 || reasonOf(error) !== "limit") {
        throw error;
      }
    }
  }
}

/** Renders what a destination may see of an entry; a template that fails gives no half of a text. */
export function renderTemplate(
  template: Template,
  entry: Entry,
  style: Style,
  show: Payload["show"],
): { readonly title?: string; readonly body?: string } | { readonly failed: TemplateFailure } {
  try {
    const view = viewOf(entry, style, show);
    const rendered: { title?: string; body?: string } = {};
    for (const part of PARTS) {
      const text = template[part]?.(view, style);
      if (text !== undefined) {
        rendered[part] = text;
      }
    }
    return rendered;
  } catch (error) {
    return { failed: reasonOf(error) };
  }
}

/** Names that a template reads and that no alert has: probably misspelt. Empty for what does not compile. */
export function lintTemplate(text: string): readonly string[] {
  const unknown = new Set<string>();
  try {
    const parsed = parse(text);
    const [complete] = SAMPLES;
    const reading = new Reading(seal(complete), STYLE);
    run(parsed, reading);
    for (const name of reading.missing) {
      unknown.add(name);
    }
    // What stands in a branch that this alert does not take.
    for (const segments of engine.globalVariableSegmentsSync([...parsed])) {
      const missing = firstMissing(complete, segments);
      if (missing !== undefined) {
        unknown.add(missing);
      }
    }
  } catch {
    // Told where it is compiled.
  }
  return [...unknown].sort();
}

/** A tag that is alone on its line leaves no line: the break moves inside of it, where it is nothing, and positions stay. */
function parse(text: string): readonly Parsed[] {
  return engine.parse(text.replace(/^([ \t]*)(\{%-?[^%\n]*?)(-?%\})[ \t]*\r?\n/gm, "$2$1\n$3"));
}

function run(parsed: readonly Parsed[], reading: Reading): string {
  const text: unknown = engine.renderSync([...parsed], reading);
  if (typeof text !== "string") {
    return "";
  }
  if (text.length > MAX_OUTPUT) {
    throw new TooLong();
  }
  return text;
}

class TooLong extends Error {
  override readonly name = "TooLong";
}

/** Properties that the engine gives lists and texts. */
const BUILT_IN: ReadonlySet<unknown> = new Set(["size", "first", "last", "length"]);

function firstMissing(view: TemplateView, segments: readonly unknown[]): string | undefined {
  let value: unknown = view;
  for (const segment of segments) {
    if (Array.isArray(segment) || typeof segment === "number") {
      return undefined; // an index, or a name that is computed
    }
    if (BUILT_IN.has(segment)) {
      return undefined;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return undefined;
    }
    const next = Object.entries(value).find(([name]) => name === segment);
    if (!next) {
      return String(segment);
    }
    value = next[1];
  }
  return undefined;
}

/** What went wrong inside the engine's wrapping. */
function causeOf(error: unknown): unknown {
  return LiquidError.is(error) ? (error.originalError ?? error) : error;
}

function reasonOf(error: unknown): TemplateFailure {
  const cause = causeOf(error);
  if (cause instanceof TooLong) {
    return "too-long";
  }
  return cause instanceof Error && /limit exceeded/.test(cause.message) ? "limit" : "error";
}

function positionOf(error: unknown): { readonly line: number; readonly column: number } {
  const [line = 1, column = 1] = LiquidError.is(error) ? error.token.getPosition() : [];
  return { line, column };
}

/** In our own words: messages of the engine repeat the template, and it may hold what must not be printed. */
function explain(error: unknown): string {
  const cause = causeOf(error);
  if (cause instanceof TooLong) {
    return `renders more than ${MAX_OUTPUT.toLocaleString("en-US")} characters`;
  }
  if (cause instanceof NotText) {
    return "shows a map, of which only the fields have text";
  }
  if (cause instanceof UnknownDirective) {
    return "gives `date` a format with more than %Y %m %d %H %M %S %Z %%";
  }
  const message = cause instanceof Error ? cause.message : "";
  if (/parse length limit/.test(message)) {
    return `is longer than ${MAX_TEMPLATE.toLocaleString("en-US")} characters`;
  }
  if (/limit exceeded/.test(message)) {
    return "takes too much time or memory";
  }
  const filter = /^undefined filter: (\w{1,40})/.exec(message)?.[1];
  if (filter !== undefined) {
    return `has no filter "${filter}": there are ${Object.keys(FILTERS).join(", ")}`;
  }
  const tag = /^tag "(\w{1,40})" not found/.exec(message)?.[1];
  if (tag?.startsWith("end")) {
    return `has an "${tag}" of which nothing is open`;
  }
  if (tag !== undefined) {
    return `has no tag "${tag}": there are ${TAGS.slice(0, -1).join(", ")}`;
  }
  if (/not closed/.test(message)) {
    return "opens something here that is not closed";
  }
  return "cannot be understood here";
}
