import { isIP, isIPv4, isIPv6 } from "node:net";

/** A detection pattern, and the language that it is in. */
export interface Detection {
  readonly pattern: string;
  readonly language: "stix" | "yara" | "sigma" | "snort" | "suricata";
}

/** What a pattern is made from. */
export interface StixValue {
  readonly type?: string;
  readonly value?: string;
}

/** Conditions that hold together in one observation; undefined: STIX has no way to say it. */
type Conditions = string | undefined;
type Write = (value: string) => Conditions;

/** What a table has under a name that MISP gives, and nothing that every object has. */
export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** A text in a pattern. */
function quoted(text: string): string {
  return `'${text.toWellFormed().replace(/['\\]/g, "\\$&")}'`;
}

const equals =
  (path: string): Write =>
  (value) =>
    `${path} = ${quoted(value)}`;

function both(...conditions: readonly Conditions[]): Conditions {
  return conditions.every((one) => one !== undefined) ? conditions.join(" AND ") : undefined;
}

/** Hashes of files by MISP's types: the name that STIX has for the algorithm, and how many hexadecimal digits it gives. */
const HASHES: Readonly<Record<string, readonly [name: string, digits?: number]>> = {
  md5: ["MD5", 32],
  sha1: ["SHA-1", 40],
  sha224: ["SHA-224", 56],
  sha256: ["SHA-256", 64],
  sha384: ["SHA-384", 96],
  sha512: ["SHA-512", 128],
  "sha512/224": ["SHA-512-224", 56],
  "sha512/256": ["SHA-512-256", 64],
  "sha3-224": ["SHA3-224", 56],
  "sha3-256": ["SHA3-256", 64],
  "sha3-384": ["SHA3-384", 96],
  "sha3-512": ["SHA3-512", 128],
  ssdeep: ["SSDEEP"],
  tlsh: ["TLSH"],
  authentihash: ["AUTHENTIHASH"],
  cdhash: ["CDHASH"],
  impfuzzy: ["IMPFUZZY"],
  pehash: ["PEHASH"],
  telfhash: ["TELFHASH"],
  vhash: ["VHASH"],
};

const CERTIFICATES: Readonly<Record<string, string>> = {
  "x509-fingerprint-md5": "md5",
  "x509-fingerprint-sha1": "sha1",
  "x509-fingerprint-sha256": "sha256",
};

function hash(path: string, type: string, value: string): Conditions {
  const [name, digits] = lookUp(HASHES, type) ?? [];
  const isWhole = digits === undefined || (value.length === digits && /^[0-9a-f]+$/i.test(value));
  if (name === undefined || value === "" || !isWhole) {
    return undefined;
  }
  return `${path}:hashes.${/^[A-Z0-9]+$/.test(name) ? name : quoted(name)} = ${quoted(value)}`;
}

/** Whether a file has this hash. */
export function fileHash({ type = "", value = "" }: StixValue): Conditions {
  return hash("file", type, value);
}

const imphash: Write = equals("file:extensions.'windows-pebinary-ext'.imphash");

/** An address or a network. */
const address: Write = (value) => {
  const [host = "", prefix, ...more] = value.trim().split("/");
  const version = isIP(host);
  if (version === 0 || more.length > 0 || host.includes("%")) {
    return undefined;
  }
  const path = `ipv${version}-addr:value`;
  if (prefix === undefined) {
    return `${path} = ${quoted(host)}`;
  }
  const bits = version === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) {
    return undefined;
  }
  return Number(prefix) === bits ? `${path} = ${quoted(host)}` : `${path} ISSUBSET ${quoted(`${host}/${prefix}`)}`;
};

function portNumber(value: string): number | undefined {
  const number = /^\d{1,5}$/.test(value.trim()) ? Number(value) : Number.NaN;
  return number <= 65_535 ? number : undefined;
}

type Side = "src" | "dst";

/** A connection to or from a host; several ports: any of them. */
export function connection(side: Side, host: string, ports: readonly string[]): Conditions {
  const numbers = ports.map(portNumber);
  const value = host.trim();
  if (numbers.length === 0 || numbers.includes(undefined) || value === "") {
    return undefined;
  }
  const [address] = value.split("/");
  const type = isIPv4(address ?? "") ? "ipv4-addr" : isIPv6(address ?? "") ? "ipv6-addr" : "domain-name";
  const comparison = type !== "domain-name" && value.includes("/") ? "ISSUBSET" : "=";
  const port = numbers.length === 1 ? `= ${numbers[0]}` : `IN (${numbers.join(", ")})`;
  return both(
    `network-traffic:${side}_ref.type = ${quoted(type)}`,
    `network-traffic:${side}_ref.value ${comparison} ${quoted(value)}`,
    `network-traffic:${side}_port ${port}`,
  );
}

const header = (name: string) =>
  equals(`email-message:additional_header_fields.${/^[A-Za-z]+$/.test(name) ? name : quoted(name)}`);
const request = (name: string) =>
  equals(
    `network-traffic:extensions.'http-request-ext'.request_header.${/^[A-Za-z]+$/.test(name) ? name : quoted(name)}`,
  );
const account = (service: string) => (value: string) =>
  both(equals("user-account:account_type")(service), equals("user-account:account_login")(value));

const count =
  (path: string): Write =>
  (value) =>
    /^\d{1,15}$/.test(value.trim()) ? `${path} = ${Number(value)}` : undefined;

/** Types whose value is one thing. */
const SINGLE: Readonly<Record<string, Write>> = {
  ...Object.fromEntries(
    Object.keys(HASHES).map((type): [string, Write] => [type, (value) => hash("file", type, value)]),
  ),
  ...Object.fromEntries(
    Object.entries(CERTIFICATES).map(([type, algorithm]): [string, Write] => [
      type,
      (value) => hash("x509-certificate", algorithm, value),
    ]),
  ),
  imphash,
  filename: equals("file:name"),
  attachment: equals("file:name"),
  "mime-type": equals("file:mime_type"),
  "size-in-bytes": count("file:size"),
  "ip-src": address,
  "ip-dst": address,
  domain: equals("domain-name:value"),
  hostname: equals("domain-name:value"),
  "onion-address": equals("domain-name:value"),
  url: equals("url:value"),
  uri: equals("url:value"),
  link: equals("url:value"),
  port: (value) => (portNumber(value) === undefined ? undefined : `network-traffic:dst_port = ${portNumber(value)}`),
  AS: (value) => {
    const number = /^(?:asn?)?\s*(\d{1,10})$/i.exec(value.trim())?.[1];
    return number === undefined ? undefined : `autonomous-system:number = ${Number(number)}`;
  },
  "mac-address": (value) => equals("mac-addr:value")(value.toLowerCase().replaceAll("-", ":")),
  "mac-eui-64": (value) => equals("mac-addr:value")(value.toLowerCase().replaceAll("-", ":")),
  email: equals("email-addr:value"),
  "target-email": equals("email-addr:value"),
  eppn: equals("user-account:user_id"),
  "email-src": equals("email-message:from_ref.value"),
  "email-dst": equals("email-message:to_refs[*].value"),
  "email-src-display-name": equals("email-message:from_ref.display_name"),
  "email-dst-display-name": equals("email-message:to_refs[*].display_name"),
  "email-subject": equals("email-message:subject"),
  "email-body": equals("email-message:body"),
  "email-message-id": equals("email-message:message_id"),
  "email-attachment": equals("email-message:body_multipart[*].body_raw_ref.name"),
  "email-reply-to": header("Reply-To"),
  "email-x-mailer": header("X-Mailer"),
  "email-thread-index": header("Thread-Index"),
  "user-agent": request("User-Agent"),
  cookie: request("Cookie"),
  "http-method": equals("network-traffic:extensions.'http-request-ext'.request_method"),
  regkey: equals("windows-registry-key:key"),
  mutex: equals("mutex:name"),
  "windows-service-name": equals("process:extensions.'windows-service-ext'.service_name"),
  "windows-service-displayname": equals("process:extensions.'windows-service-ext'.display_name"),
  cpe: equals("software:cpe"),
  "github-username": account("github"),
  "twitter-id": account("twitter"),
};

/** Types whose value is two things; the first has no `|` in it. */
const COMPOSITE: Readonly<Record<string, (first: string, second: string) => Conditions>> = {
  ...Object.fromEntries(
    Object.keys(HASHES).map((type): [string, (name: string, value: string) => Conditions] => [
      `filename|${type}`,
      (name, value) => both(equals("file:name")(name), hash("file", type, value)),
    ]),
  ),
  "filename|imphash": (name, value) => both(equals("file:name")(name), imphash(value)),
  "malware-sample": (name, value) => both(equals("file:name")(name), hash("file", "md5", value)),
  "ip-src|port": (host, port) => connection("src", host, [port]),
  "ip-dst|port": (host, port) => connection("dst", host, [port]),
  "hostname|port": (host, port) => connection("dst", host, [port]),
  "domain|ip": (domain, ip) =>
    isIP(ip.trim()) === 0
      ? undefined
      : both(equals("domain-name:value")(domain), equals("domain-name:resolves_to_refs[*].value")(ip.trim())),
  "regkey|value": (key, data) =>
    both(equals("windows-registry-key:key")(key), equals("windows-registry-key:values[*].data")(data)),
};

/** Types whose value is a rule in a language that STIX knows by name. */
const RULES: Readonly<Record<string, Detection["language"]>> = {
  yara: "yara",
  sigma: "sigma",
  snort: "snort",
  suricata: "suricata",
  "stix2-pattern": "stix",
};

/** All types that have a pattern. */
export const EXPRESSIBLE: readonly string[] = [
  ...Object.keys(SINGLE),
  ...Object.keys(COMPOSITE),
  ...Object.keys(RULES),
].sort();

/** How a value is detected, as its type says; undefined: STIX has no way to say that. */
export function patternOf({ type = "", value = "" }: StixValue): Detection | undefined {
  const language = lookUp(RULES, type);
  if (value.trim() === "") {
    return undefined;
  }
  if (language !== undefined) {
    const isOne = language !== "stix" || /^\s*[[(]/.test(value);
    return isOne ? { pattern: value.toWellFormed(), language } : undefined;
  }
  const split = value.indexOf("|");
  const composite = lookUp(COMPOSITE, type);
  if (composite) {
    return inBrackets(split < 0 ? undefined : composite(value.slice(0, split), value.slice(split + 1)));
  }
  return inBrackets(lookUp(SINGLE, type)?.(value));
}

/** Conditions as a pattern. */
export function inBrackets(conditions: Conditions): Detection | undefined {
  return conditions === undefined ? undefined : { pattern: `[${conditions}]`, language: "stix" };
}
