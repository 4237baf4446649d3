import { Context, Drop, type FilterImplOptions, Liquid, type Template as Parsed, type Scope } from "liquidjs";
import { defangText } from "../alert/defang.ts";
import { formatTlp } from "../alert/headline.ts";
import type { Style } from "../alert/style.ts";
import { clean, truncate } from "../alert/text.ts";
import { TLP } from "../model/vocabulary.ts";
import { formatDate } from "./date.ts";
import type { TemplateView } from "./view.ts";

export type { Parsed };

/** How long a template may be, in UTF-16 units. */
export const MAX_TEMPLATE = 20_000;
const MAX_RENDER_MS = 100;
// In the engine's own measure: elements of ranges, characters of joins.
const MAX_MEMORY = 100_000;

/** What a template can do: choose, repeat, name. What includes files, counts across renders or builds up text is left out. */
export const TAGS = ["if", "unless", "case", "for", "break", "continue", "assign", "comment", "raw", "#"] as const;

/** What one render may read, in which style its filters write, and what it asked for in vain. */
export class Reading extends Context {
  readonly style: Style;
  readonly missing = new Set<string>();

  constructor(view: TemplateView, style: Style) {
    super(view, engine.options, { sync: true, globals: NOTHING }, { liquid: engine });
    this.style = style;
  }

  /** The engine reads inherited properties of its own objects, such as `forloop`: only what those are for is let through. */
  override readProperty(scope: Scope, key: string | number | Drop): unknown {
    if (scope instanceof Drop && !(typeof key === "string" && LOOP.has(key))) {
      return undefined;
    }
    const value: unknown = super.readProperty(scope, key);
    if (value === undefined && typeof key === "string" && scope !== undefined && scope !== null) {
      this.missing.add(key);
    }
    return value;
  }
}

const NOTHING: object = Object.freeze(Object.create(null));
const LOOP: ReadonlySet<string> = new Set(["index", "index0", "rindex", "rindex0", "first", "last", "length"]);

/** All that a template can do with a value. */
export const FILTERS: Readonly<Record<string, FilterImplOptions>> = {
  defang: (value: unknown) => defangText(clean(show(value))),
  tlp_badge: (value: unknown) => formatTlp(TLP.find((label) => label === value) ?? "untagged"),
  truncate: (value: unknown, length: unknown) =>
    truncate(clean(show(value)), Math.max(1, Math.trunc(Number(length)) || 80)),
  join(value: unknown, separator: unknown = ", ") {
    const parts = Array.isArray(value) ? value : [value];
    const between = show(separator);
    this.context.memoryLimit.use(parts.length * between.length);
    const text = parts.map(show).join(between);
    this.context.memoryLimit.use(text.length);
    return text;
  },
  date(value: unknown, format: unknown) {
    const zone = this.context instanceof Reading ? this.context.style.timeZone : "UTC";
    return formatDate(value, typeof format === "string" ? format : undefined, zone);
  },
};

/** A value as text; a list by commas. Throws for a map, which has no text. */
function show(value: unknown): string {
  if (value === undefined || value === null) {
    return "";
  }
  if (Array.isArray(value)) {
    return value.map(show).join(", ");
  }
  if (typeof value === "object") {
    throw new NotText();
  }
  return String(value);
}

/** A template shows a map or a list of maps where it can only show what is in them. */
export class NotText extends Error {
  override readonly name = "NotText";
}

/** One engine for all templates: it holds nothing of any of them. */
export const engine = createEngine();

function createEngine(): Liquid {
  const created = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    jsTruthy: true, // as in Jinja: no text and no number is false
    dynamicPartials: false,
    relativeReference: false,
    templates: {}, // there is no file system behind it, whatever a tag asks for
    globals: NOTHING,
    parseLimit: MAX_TEMPLATE,
    renderLimit: MAX_RENDER_MS,
    memoryLimit: MAX_MEMORY,
    // A value from MISP is one line: it cannot pass for a line of the template's.
    outputEscape: (value: unknown) => clean(show(value)),
  });
  const allowed: ReadonlySet<string> = new Set(TAGS);
  for (const name of Object.keys(created.tags)) {
    if (!allowed.has(name)) {
      delete created.tags[name];
    }
  }
  for (const name of Object.keys(created.filters)) {
    created.unregisterFilter(name);
  }
  for (const [name, filter] of Object.entries(FILTERS)) {
    created.registerFilter(name, filter);
  }
  return created;
}
