import type { Item } from "../../model/alert.ts";
import { connection, type Detection, fileHash, inBrackets, lookUp, patternOf } from "./patterns.ts";

type Sibling = Pick<Item, "type" | "value" | "relation">;

/** Which side of a connection hosts and ports of an object are, by type or relation. */
const HOSTS: Readonly<Record<string, "src" | "dst">> = {
  "ip-src": "src",
  "ip-dst": "dst",
  hostname: "dst",
  domain: "dst",
};
const PORTS: Readonly<Record<string, "src" | "dst">> = { "src-port": "src", "dst-port": "dst", port: "dst" };

/**
 * How an attribute of an object is detected: a host by the ports that it has there, a file's name by the hashes of that file,
 * since by themselves they say more than MISP does. All others by themselves: each identifies the thing alone.
 */
export function patternAmong(item: Sibling, siblings: readonly Sibling[]): Detection | undefined {
  const { type = "", value = "" } = item;
  const alone = patternOf(item);
  const side = lookUp(HOSTS, type);
  if (alone && side) {
    const ports = siblings.filter((one) => one.type === "port" && lookUp(PORTS, one.relation ?? "") === side);
    const numbers = [...new Set(ports.map((port) => port.value ?? ""))].sort();
    return inBrackets(connection(side, value, numbers)) ?? alone;
  }
  if (alone && type === "filename") {
    const hashes = [...new Set(siblings.flatMap((one) => fileHash(one) ?? []))].sort();
    if (hashes.length > 0) {
      const any = hashes.length === 1 ? hashes.join("") : `(${hashes.join(" OR ")})`;
      return { pattern: `${alone.pattern.slice(0, -1)} AND ${any}]`, language: "stix" };
    }
  }
  return alone;
}
