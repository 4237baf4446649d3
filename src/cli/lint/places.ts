import { childOf, listOf, mapOf, type Node, quoted, type Scalar, textOf, warning } from "../../config/tree.ts";
import type { Linted } from "./linted.ts";

/** Where a destination of each type writes to: by one of these. */
const PLACES: Readonly<Record<string, readonly { readonly option: string; readonly what: string }[]>> = {
  slack: [
    { option: "channel", what: "to the same channel" },
    { option: "webhook_url", what: "to the same channel" },
  ],
  teams: [{ option: "webhook_url", what: "to the same channel" }],
  email: [{ option: "to", what: "to one address" }],
  webhook: [{ option: "url", what: "to the same address" }],
};

/** Whoever reads two destinations that write to one place is told everything twice that both are told. */
export function checkPlaces({ root, report }: Linted): void {
  const taken = new Map<string, string>();
  for (const [name, { key, node }] of mapOf(root, "destinations")?.entries ?? []) {
    const type = textOf(childOf(node, "type")) ?? "";
    for (const { option, what } of PLACES[type] ?? []) {
      for (const place of listOf(childOf(node, option))) {
        const known = placeOf(type, option, place);
        const other = known === undefined ? undefined : taken.get(known);
        if (known !== undefined && other === undefined) {
          taken.set(known, name);
        }
        if (other === undefined || other === name) {
          continue;
        }
        const isInherited = node.kind === "map" && node.entries.get(option)?.inherited === true;
        const message = `${quoted(name)} writes ${what} as ${quoted(other)}: what both are told is told twice there`;
        const hint = `name only one of them in notify, or keep one of both: a destination that several routes name is told once`;
        report(warning(isInherited ? key : place, message, hint));
      }
    }
  }
}

/** A name for a place that is the same for the same place; of a secret that could not be read, what it is read from. */
function placeOf(type: string, option: string, node: Node): string | undefined {
  if (node.kind !== "scalar") {
    return undefined;
  }
  const text = node.unread === undefined ? addressIn(String(node.value)) : readFrom(node);
  return text === undefined ? undefined : JSON.stringify([type, option, option === "to" ? text.toLowerCase() : text]);
}

function readFrom({ references }: Scalar): string | undefined {
  return references?.join(" ");
}

/** `SOC <soc@example.org>` is `soc@example.org`. */
function addressIn(text: string): string {
  return (/<([^<>]*)>\s*$/.exec(text)?.[1] ?? text).trim();
}
