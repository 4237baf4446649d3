import type { AttributeFacts, Fact } from "../model/message.ts";
import { canonicalDomain, type Network, networkKey, parseNetwork } from "./network.ts";
import { foldText } from "./pattern.ts";

/** What an attribute's value names: the texts of it and of its halves, addresses and networks, and domains. */
export interface Observed {
  readonly texts: readonly string[];
  readonly networks: readonly Network[];
  readonly domains: readonly string[];
}

const NOTHING: Observed = { texts: [], networks: [], domains: [] };
/** Types whose values look like domains, and are none. */
const NO_DOMAINS = /^(filename|attachment|malware-sample|pattern-in-|yara|sigma|snort|user-agent|mime-type|named pipe)/;
/** No host stands behind so many characters. */
const MAX_HOST = 2048;

/** Each value is read once, whatever routes and lists ask of it. */
const seen = new WeakMap<Fact, Observed>();

/** What the value of an attribute names; nothing where it is unknown. */
export function observedOf({ value, type }: AttributeFacts): Observed {
  if (!value) {
    return NOTHING;
  }
  const known = seen.get(value);
  if (known) {
    return known;
  }
  const isHost = !NO_DOMAINS.test(type?.values[0] ?? "");
  const hosts = value.values.flatMap((text) => (text.length > 0 ? hostsOf(text) : []));
  const networks = hosts.flatMap((host) => parseNetwork(host) ?? []);
  const domains = isHost ? hosts.flatMap((host) => canonicalDomain(host) ?? []) : [];
  const observed = {
    texts: [...new Set(value.values.map(foldText))],
    networks: [...new Map(networks.map((network) => [network.key, network])).values()],
    domains: [...new Set(domains)],
  };
  seen.set(value, observed);
  return observed;
}

/** What in a text may be an address, a network or a domain: itself, the host of a URL, the domain of a mail, without a port. */
function hostsOf(raw: string): readonly string[] {
  const scheme = /^[a-z][a-z0-9+.-]{0,30}:\/\//i.exec(raw.slice(0, 64))?.[0];
  const rest = raw.slice(scheme?.length ?? 0, (scheme?.length ?? 0) + MAX_HOST);
  const end = rest.search(/[/?#\\]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  if (end < 0 && raw.length > MAX_HOST) {
    return [];
  }
  const host = withoutPort(authority.slice(authority.lastIndexOf("@") + 1).trim());
  // A network has a slash, too.
  return scheme === undefined && end >= 0 && parseNetwork(rest) ? [rest] : [host];
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]{0,64})\](?::\d{1,5})?$/.exec(text);
  if (bracketed?.[1] !== undefined) {
    return bracketed[1];
  }
  // More colons than one are those of an address.
  const [host = "", port, ...more] = text.split(":", 3);
  return port !== undefined && more.length === 0 && /^\d{1,5}$/.test(port) ? host : text;
}

/** A domain, and each one that it is below of. */
export function parentsOf(domain: string): readonly string[] {
  const parents: string[] = [];
  for (let at = 0; at >= 0; at = domain.indexOf(".", at) + 1 || -1) {
    parents.push(domain.slice(at));
  }
  return parents;
}

/** The keys of the networks that a network is within, of these prefix lengths. */
export function networksAround({ bytes, bits }: Network, lengths: readonly number[]): readonly string[] {
  return lengths.filter((length) => length <= bits).map((length) => networkKey(bytes, length));
}
