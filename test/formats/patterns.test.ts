import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { EXPRESSIBLE, patternOf } from "../../src/formats/stix/patterns.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const TYPES: readonly string[] = JSON.parse(readFileSync(join(ROOT, "test/fixtures/misp-types.json"), "utf8")).types;
const DOCS = readFileSync(join(ROOT, "docs/stix.md"), "utf8").replace(/```[\s\S]*?```/g, "");

const MD5 = "d41d8cd98f00b204e9800998ecf8427e";
const hex = (digits: number) => "0a".repeat(digits / 2);

/** A value of every type that has a pattern, and that pattern. */
const PATTERNS: readonly (readonly [type: string, value: string, pattern: string])[] = [
  ["md5", MD5, `[file:hashes.MD5 = '${MD5}']`],
  ["sha1", hex(40), `[file:hashes.'SHA-1' = '${hex(40)}']`],
  ["sha224", hex(56), `[file:hashes.'SHA-224' = '${hex(56)}']`],
  ["sha256", hex(64), `[file:hashes.'SHA-256' = '${hex(64)}']`],
  ["sha384", hex(96), `[file:hashes.'SHA-384' = '${hex(96)}']`],
  ["sha512", hex(128), `[file:hashes.'SHA-512' = '${hex(128)}']`],
  ["sha512/224", hex(56), `[file:hashes.'SHA-512-224' = '${hex(56)}']`],
  ["sha512/256", hex(64), `[file:hashes.'SHA-512-256' = '${hex(64)}']`],
  ["sha3-224", hex(56), `[file:hashes.'SHA3-224' = '${hex(56)}']`],
  ["sha3-256", hex(64), `[file:hashes.'SHA3-256' = '${hex(64)}']`],
  ["sha3-384", hex(96), `[file:hashes.'SHA3-384' = '${hex(96)}']`],
  ["sha3-512", hex(128), `[file:hashes.'SHA3-512' = '${hex(128)}']`],
  [
    "ssdeep",
    "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C",
    "[file:hashes.SSDEEP = '3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C']",
  ],
  ["tlsh", "T1ABC", "[file:hashes.TLSH = 'T1ABC']"],
  ["authentihash", hex(64), `[file:hashes.AUTHENTIHASH = '${hex(64)}']`],
  ["cdhash", hex(40), `[file:hashes.CDHASH = '${hex(40)}']`],
  ["impfuzzy", "48:a:b", "[file:hashes.IMPFUZZY = '48:a:b']"],
  ["pehash", hex(40), `[file:hashes.PEHASH = '${hex(40)}']`],
  ["telfhash", "t1ab", "[file:hashes.TELFHASH = 't1ab']"],
  ["vhash", "0150", "[file:hashes.VHASH = '0150']"],
  ["imphash", MD5, `[file:extensions.'windows-pebinary-ext'.imphash = '${MD5}']`],
  ["filename", "it's C:\\a.exe", "[file:name = 'it\\'s C:\\\\a.exe']"],
  ["attachment", "a.doc", "[file:name = 'a.doc']"],
  ["malware-sample", `a.exe|${MD5}`, `[file:name = 'a.exe' AND file:hashes.MD5 = '${MD5}']`],
  ["mime-type", "text/html", "[file:mime_type = 'text/html']"],
  ["size-in-bytes", "42", "[file:size = 42]"],
  ["ip-src", "198.51.100.7", "[ipv4-addr:value = '198.51.100.7']"],
  ["ip-dst", "2001:db8::/32", "[ipv6-addr:value ISSUBSET '2001:db8::/32']"],
  [
    "ip-src|port",
    "198.51.100.7|25",
    "[network-traffic:src_ref.type = 'ipv4-addr' AND network-traffic:src_ref.value = '198.51.100.7' AND network-traffic:src_port = 25]",
  ],
  [
    "ip-dst|port",
    "2001:db8::1|443",
    "[network-traffic:dst_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '2001:db8::1' AND network-traffic:dst_port = 443]",
  ],
  [
    "hostname|port",
    "c2.example|8443",
    "[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'c2.example' AND network-traffic:dst_port = 8443]",
  ],
  [
    "domain|ip",
    "c2.example|198.51.100.7",
    "[domain-name:value = 'c2.example' AND domain-name:resolves_to_refs[*].value = '198.51.100.7']",
  ],
  ["domain", "c2.example", "[domain-name:value = 'c2.example']"],
  ["hostname", "c2.example", "[domain-name:value = 'c2.example']"],
  ["onion-address", "abc.onion", "[domain-name:value = 'abc.onion']"],
  ["url", "https://c2.example/a?b='", "[url:value = 'https://c2.example/a?b=\\'']"],
  ["uri", "/gate.php", "[url:value = '/gate.php']"],
  ["link", "https://c2.example/", "[url:value = 'https://c2.example/']"],
  ["port", "4444", "[network-traffic:dst_port = 4444]"],
  ["AS", "AS64496", "[autonomous-system:number = 64496]"],
  ["mac-address", "00-0A-95-9D-68-16", "[mac-addr:value = '00:0a:95:9d:68:16']"],
  ["mac-eui-64", "00:0a:95:ff:fe:9d:68:16", "[mac-addr:value = '00:0a:95:ff:fe:9d:68:16']"],
  ["email", "a@c2.example", "[email-addr:value = 'a@c2.example']"],
  ["target-email", "a@c2.example", "[email-addr:value = 'a@c2.example']"],
  ["eppn", "a@c2.example", "[user-account:user_id = 'a@c2.example']"],
  ["email-src", "a@c2.example", "[email-message:from_ref.value = 'a@c2.example']"],
  ["email-dst", "a@c2.example", "[email-message:to_refs[*].value = 'a@c2.example']"],
  ["email-src-display-name", "A", "[email-message:from_ref.display_name = 'A']"],
  ["email-dst-display-name", "A", "[email-message:to_refs[*].display_name = 'A']"],
  ["email-subject", "Invoice", "[email-message:subject = 'Invoice']"],
  ["email-body", "Pay", "[email-message:body = 'Pay']"],
  ["email-message-id", "<a@b>", "[email-message:message_id = '<a@b>']"],
  ["email-attachment", "a.doc", "[email-message:body_multipart[*].body_raw_ref.name = 'a.doc']"],
  ["email-reply-to", "a@b", "[email-message:additional_header_fields.'Reply-To' = 'a@b']"],
  ["email-x-mailer", "M", "[email-message:additional_header_fields.'X-Mailer' = 'M']"],
  ["email-thread-index", "T", "[email-message:additional_header_fields.'Thread-Index' = 'T']"],
  ["user-agent", "curl/8", "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'curl/8']"],
  ["cookie", "a=b", "[network-traffic:extensions.'http-request-ext'.request_header.Cookie = 'a=b']"],
  ["http-method", "POST", "[network-traffic:extensions.'http-request-ext'.request_method = 'POST']"],
  ["regkey", "HKLM\\Run", "[windows-registry-key:key = 'HKLM\\\\Run']"],
  [
    "regkey|value",
    "HKLM\\Run|a|b",
    "[windows-registry-key:key = 'HKLM\\\\Run' AND windows-registry-key:values[*].data = 'a|b']",
  ],
  ["mutex", "Global\\m", "[mutex:name = 'Global\\\\m']"],
  ["windows-service-name", "svc", "[process:extensions.'windows-service-ext'.service_name = 'svc']"],
  ["windows-service-displayname", "Svc", "[process:extensions.'windows-service-ext'.display_name = 'Svc']"],
  ["cpe", "cpe:2.3:a:b:c:1:*:*:*:*:*:*:*", "[software:cpe = 'cpe:2.3:a:b:c:1:*:*:*:*:*:*:*']"],
  ["github-username", "mallory", "[user-account:account_type = 'github' AND user-account:account_login = 'mallory']"],
  ["twitter-id", "mallory", "[user-account:account_type = 'twitter' AND user-account:account_login = 'mallory']"],
  ["x509-fingerprint-md5", MD5, `[x509-certificate:hashes.MD5 = '${MD5}']`],
  ["x509-fingerprint-sha1", hex(40), `[x509-certificate:hashes.'SHA-1' = '${hex(40)}']`],
  ["x509-fingerprint-sha256", hex(64), `[x509-certificate:hashes.'SHA-256' = '${hex(64)}']`],
  ["yara", "rule a { condition: true }", "rule a { condition: true }"],
  ["sigma", "title: a", "title: a"],
  ["snort", "alert tcp any any -> any any", "alert tcp any any -> any any"],
  ["suricata", "alert tls any any -> any any", "alert tls any any -> any any"],
  ["stix2-pattern", "[file:name = 'a'] FOLLOWEDBY [file:name = 'b']", "[file:name = 'a'] FOLLOWEDBY [file:name = 'b']"],
];

const FILE_TYPES = TYPES.filter((type) => type.startsWith("filename|"));

describe("patternOf()", () => {
  it.each(PATTERNS)("writes %s", (type, value, pattern) => {
    expect(patternOf({ type, value })?.pattern).toBe(pattern);
  });

  it.each(FILE_TYPES)("writes %s as a file with both", (type) => {
    const [, algorithm = ""] = type.split("|");
    const [, value = "", alone = ""] = PATTERNS.find(([name]) => name === algorithm) ?? [];
    const pattern = patternOf({ type, value: `a.exe|${value}` })?.pattern;
    expect(pattern).toBe(`[file:name = 'a.exe' AND ${alone.slice(1, -1)}]`);
  });

  it("is tried with every type that has a pattern", () => {
    const tried = new Set([...PATTERNS.map(([type]) => type), ...FILE_TYPES]);
    expect(EXPRESSIBLE.filter((type) => !tried.has(type) && TYPES.includes(type))).toEqual([]);
  });

  it("names the language of rules", () => {
    expect(["yara", "sigma", "snort", "suricata"].map((type) => patternOf({ type, value: "x" })?.language)).toEqual([
      "yara",
      "sigma",
      "snort",
      "suricata",
    ]);
  });

  it.each([
    ["ip-dst", "c2.example"],
    ["ip-dst", "198.51.100.7/33"],
    ["ip-dst", "198.51.100.7/8/8"],
    ["ip-dst", "fe80::1%eth0"],
    ["ip-dst|port", "198.51.100.7"],
    ["ip-dst|port", "198.51.100.7|65536"],
    ["domain|ip", "c2.example|not an address"],
    ["md5", "d41d8"],
    ["sha256", MD5],
    ["x509-fingerprint-sha1", MD5],
    ["filename|md5", "a.exe"],
    ["AS", "64496 and more"],
    ["size-in-bytes", "much"],
    ["stix2-pattern", "file:name = 'a'"],
    ["mutex", " "],
    ["comment", "words"],
    ["constructor", "x"],
    ["__proto__", "x"],
  ])("has no pattern for %s %s", (type, value) => {
    expect(patternOf({ type, value })).toBeUndefined();
  });

  it("takes the last address of a network by itself", () => {
    expect(patternOf({ type: "ip-src", value: "198.51.100.7/32" })?.pattern).toBe("[ipv4-addr:value = '198.51.100.7']");
  });
});

describe("docs/stix.md", () => {
  const [, without = ""] = DOCS.split("## What STIX cannot say");
  const listed = (text: string) => new Set([...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name));

  it("has every type that has a pattern, and lists every other type of MISP as not expressible", () => {
    const [mapped = ""] = DOCS.split("## What STIX cannot say");
    const isMapped = (type: string) =>
      listed(mapped.replaceAll("\\|", "|")).has(type) || (type.startsWith("filename|") && EXPRESSIBLE.includes(type));
    expect(EXPRESSIBLE.filter((type) => TYPES.includes(type) && !isMapped(type))).toEqual([]);
    expect(TYPES.filter((type) => !EXPRESSIBLE.includes(type) && !listed(without).has(type))).toEqual([]);
  });
});
