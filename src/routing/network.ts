import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

/** A network, or an address as one of its full length: IPv4 in 4 bytes, also where it was written in IPv6, IPv6 in 16. */
export interface Network {
  readonly bytes: readonly number[];
  readonly bits: number;
  /** What it is looked up by. */
  readonly key: string;
}

/** No address is longer; a text from MISP may have a megabyte. */
const MAX_ADDRESS = 64;
const MAX_DOMAIN = 1024;

/** Reads an address or a network such as `192.0.2.0/24`; what stands behind the prefix is ignored. Undefined: it is none. */
export function parseNetwork(text: string): Network | undefined {
  if (text.length > MAX_ADDRESS) {
    return undefined;
  }
  const [address = "", prefix, ...rest] = text.trim().split("/");
  const bytes = bytesOf(address);
  if (!bytes || rest.length > 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) {
    return undefined;
  }
  const all = bytes.length * 8;
  const bits = prefix === undefined ? all : Number(prefix) - (bytes.length === 4 && isIPv6(address) ? 96 : 0);
  return bits >= 0 && bits <= all ? { bytes, bits, key: networkKey(bytes, bits) } : undefined;
}

/** What the network of the first `bits` of an address is looked up by. */
export function networkKey(bytes: readonly number[], bits: number): string {
  const whole = bits >> 3;
  const codes = [bytes.length, bits, ...bytes.slice(0, whole)];
  const rest = bits & 7;
  if (rest > 0) {
    codes.push((bytes[whole] ?? 0) & (0xff00 >> rest) & 0xff);
  }
  return String.fromCharCode(...codes);
}

/** How long the prefix of a key is, and of which version. */
export function prefixOf(key: string): { readonly isIPv4: boolean; readonly bits: number } {
  return { isIPv4: key.charCodeAt(0) === 4, bits: key.charCodeAt(1) };
}

/** A network by its key, as people write it. */
export function formatNetwork(key: string): string {
  const { isIPv4: isShort, bits } = prefixOf(key);
  const bytes = Array.from({ length: isShort ? 4 : 16 }, (_, index) => key.charCodeAt(index + 2) || 0);
  if (isShort) {
    return `${bytes.join(".")}${bits < 32 ? `/${bits}` : ""}`;
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  ).join(":");
  const short = groups.replace(/(?:^|:)0(?::0)+(?:$|:)/, "::");
  return `${short}${bits < 128 ? `/${bits}` : ""}`;
}

function bytesOf(address: string): readonly number[] | undefined {
  if (isIPv4(address)) {
    return address.split(".").map(Number);
  }
  const [plain = "", zone] = address.split("%");
  if (!isIPv6(plain) || (zone !== undefined && zone === "")) {
    return undefined;
  }
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  const tail = (dotted?.[2] ?? "").split(".").map(Number);
  const text = dotted
    ? `${dotted[1]}${[0, 2].map((at) => (((tail[at] ?? 0) << 8) | (tail[at + 1] ?? 0)).toString(16)).join(":")}`
    : plain;
  const [left = "", right] = text.split("::");
  const groupsOf = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const head = groupsOf(left);
  const last = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: 8 - head.length - last.length }, () => 0);
  const bytes = [...head, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]);
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

const PLAIN = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** A domain in ASCII and small letters, without the dot at its end; undefined: it is none. */
export function canonicalDomain(text: string): string | undefined {
  if (text.length > MAX_DOMAIN) {
    return undefined;
  }
  const lower = text.trim().toLowerCase().replace(/\.$/, "");
  if (PLAIN.test(lower)) {
    return isIPv4(lower) ? undefined : lower;
  }
  // Only what has other letters than ASCII is written in another way.
  if (!/[^\0-\x7f]/.test(lower) || /[\s/@:?#\\%]/.test(lower)) {
    return undefined;
  }
  const ascii = domainToASCII(lower).replace(/\.$/, "");
  return PLAIN.test(ascii) && !isIPv4(ascii) ? ascii : undefined;
}
