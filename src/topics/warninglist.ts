import type { Kind } from "../model/vocabulary.ts";
import { defineTopic, kindOf, readLines } from "./topic.ts";
import { boolean, id, integer, known, need } from "./values.ts";

const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["add", "warninglist.changed"],
  ["edit", "warninglist.changed"],
]);

/** `misp_json_warninglist`: a list of known values was stored, enabled or disabled. Its entries are not read. */
export const warninglist = defineTopic({
  name: "misp_json_warninglist",
  read(body) {
    const kind = kindOf(KINDS, body.action);
    const raw = need(body.Warninglist, "warninglist");
    const enabled = boolean(raw.enabled);
    return {
      kind,
      subject: known({ type: "warninglist" as const, id: id(raw.id) }),
      lines: readLines({
        name: raw.name,
        type: raw.type,
        category: raw.category,
        version: integer(raw.version)?.toString(),
        enabled: enabled === undefined ? undefined : enabled ? "yes" : "no",
      }),
    };
  },
});
