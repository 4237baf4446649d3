import { listItems, NOTHING_LISTED } from "../alert/indicators.ts";
import { formatEntry } from "../alert/json.ts";
import type { Style } from "../alert/style.ts";
import type { Entry, Payload } from "../model/payload.ts";

/** All that a template can see: plain data without prototypes, so that there is nothing to climb out by. */
export type TemplateView = { readonly [field: string]: unknown };

/** What the guard has let through of an entry, by the names that the webhook's body has; indicators as many as are listed. */
export function viewOf(entry: Entry, style: Style, show: Payload["show"]): TemplateView {
  const [listed = NOTHING_LISTED] = listItems({ entries: [entry], show, minimal: false });
  return seal({ ...formatEntry(entry, listed, "raw", style), more: listed.more });
}

/** A copy of JSON-like data in which no map has a prototype and no field is undefined. */
export function seal(data: Readonly<Record<string, unknown>>): TemplateView {
  const sealed: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(data)) {
    if (value !== undefined) {
      sealed[name] = sealValue(value);
    }
  }
  return sealed;
}

function sealValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sealValue);
  }
  return typeof value === "object" && value !== null ? seal({ ...value }) : value;
}
