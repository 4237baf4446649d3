import { z } from "zod";
import type { Matchable } from "../model/message.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { FactName } from "../model/vocabulary.ts";

/** Facts of which an alert has one value, so that it is clear what stands in an address. */
const FILLABLE = [
  "kind",
  "instance",
  "org",
  "org_uuid",
  "owner_org",
  "tlp",
  "threat_level",
  "analysis",
  "distribution",
  "info",
  "event_id",
  "event_uuid",
] as const satisfies readonly FactName[];
/** Of the attribute that matters most: one that a route matched, or else one for detection. */
const OF_ATTRIBUTE = ["value", "type"] as const;
const NAMES: readonly string[] = [...FILLABLE, ...OF_ATTRIBUTE];

const HOLE = /\{([^{}]*)\}/g;
/** Scheme and host are the operator's own: nothing from MISP decides where a button leads. */
const FIXED_HOST = /^https:\/\/[^/?#{}@\s\\]+(?:[/?#]|$)/i;

const Url = z
  .string()
  .max(2000)
  .superRefine((text, context) => {
    const say = (message: string) => context.addIssue({ code: "custom", message });
    if (!FIXED_HOST.test(text) || !URL.canParse(text.replace(HOLE, "x"))) {
      say("must be an https URL whose host has no {fact} in it, such as https://siem.example.org/search?q={value}");
      return;
    }
    for (const [hole, name = ""] of text.matchAll(HOLE)) {
      if (!NAMES.includes(name)) {
        say(`has ${hole}, which is none of ${NAMES.map((known) => `{${known}}`).join(", ")}`);
      }
    }
    if (/[{}]/.test(text.replace(HOLE, ""))) {
      say("has a brace without its other half");
    }
  });

/** One entry of `links:`, a button beside an alert. */
export const LinkOption = z.strictObject({
  label: z.string().trim().min(1).max(60).describe("What the button says."),
  url: Url.describe("Where it leads: https, with facts such as {event_uuid} or {value} filled in."),
});
export type LinkTemplate = z.output<typeof LinkOption>;

/** `links:` of a route or a destination. */
export const LinksOption = z
  .array(LinkOption)
  .max(5)
  .default([])
  .describe("Buttons of your own beside each alert: runbook, SIEM search, ticket.");

const MAX_LINKS = 5;
const MAX_VALUE = 1000;

/**
 * The links of an alert, filled in with what its readers may see, each value escaped as a part of a URL. A link that asks for
 * a fact that is not there, or not for these readers, is left out.
 */
export function fillLinks(
  templates: readonly LinkTemplate[],
  guarded: GuardedAlert,
  { facts }: Matchable,
): readonly { readonly label: string; readonly url: URL }[] {
  const items = guarded.alert.items.filter(({ withdrawn }) => !withdrawn);
  const item = items.find(({ matched }) => matched) ?? items.find(({ toIds }) => toIds) ?? items[0];
  const told = (name: string): string | undefined =>
    name === "value" ? item?.value : name === "type" ? item?.type : facts[name as FactName]?.values[0];
  const links = templates.flatMap(({ label, url: template }) => {
    let isWhole = true;
    const text = template.replace(HOLE, (_, name: string) => {
      const value = told(name);
      isWhole &&= value !== undefined && value !== "" && value.length <= MAX_VALUE;
      return encodeURIComponent((value ?? "").toWellFormed()).replace(/[!'()*]/g, escapeMore);
    });
    const url = isWhole && URL.canParse(text) ? new URL(text) : undefined;
    // A value of dots would lead up the path, which the operator did not write.
    return url && segmentsOf(url.pathname) === segmentsOf(pathOf(text)) ? [{ label, url }] : [];
  });
  return [...new Map(links.map((link) => [`${link.label} ${link.url.href}`, link])).values()].slice(0, MAX_LINKS);
}

function escapeMore(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function pathOf(text: string): string {
  return text.replace(/^https:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
}

function segmentsOf(path: string): number {
  return Math.max(1, path.split("/").length - 1);
}
