import { createHash } from "node:crypto";

/** What STIX takes for a UUID; MISP does not check its own. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Names of our own are UUIDs in this namespace (RFC 9562, version 5): the same for the same, everywhere. */
const NAMESPACE = Buffer.from("6d697370686572616c64000000000001", "hex");

/** The identifier of what MISP calls `uuid`; without one that STIX takes it is made from `name`. */
export function idOf(type: string, uuid: string | undefined, name: string): string {
  const own = uuid?.toLowerCase();
  return `${type}--${own !== undefined && UUID.test(own) ? own : named(uuid ?? name)}`;
}

/** A UUID that stands for a name. */
export function named(name: string): string {
  const bytes = createHash("sha1").update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
