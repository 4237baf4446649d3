import { isIPv6 } from "node:net";
import { type CleanText, clean } from "./text.ts";

// House style of the trade: `hxxps://bad[.]example`, `phish[@]bad[.]example`, `2001[:]db8[:][:]1`. Every expression below either
// consumes what it looked at or has a bounded reach, so that the work grows with the length of the text and not faster.

const DOT = "[.\\u3002\\uFF0E\\uFF61]"; // the ideographic and full-width dots are dots of a host name too (UTS 46)
const DOTS = new RegExp(`\\[\\.\\]|%2e|${DOT}`, "gi");
const DOTTED = new RegExp(`[\\p{L}\\p{M}\\p{N}_-]+(?:${DOT}[\\p{L}\\p{M}\\p{N}_-]+)*`, "gu");
const HAS_DOT = new RegExp(DOT);
const ASCII = /^[\x00-\x7f]*$/; // link finders disagree on where a host ends that is not
const EACH_DOT = new RegExp(DOT, "g");
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)[.\u3002\uFF0E\uFF61]){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;
const LAST_LABEL = /^(?:xn--[a-z0-9-]+|[\p{L}\p{M}]{2,})$/iu;
const COLONS = /[0-9A-Fa-f:.]+/g;

// Endings of file names that are no top-level domains. All other endings count as one: new domains appear every month, and
// brackets in a sentence cost less than a live link.
const FILE_ENDINGS = new Set(
  (
    "apk asp aspx bak bat bin bmp cfg class cmd conf config css csv dat dll dmg dmp doc docm docx eml exe gif gz hta htm " +
    "html img ini iso jar jpeg jpg js jse json jsp lnk log lua mp3 mp4 msg msi odt ocx ods pcap pdf php php3 php5 pif png " +
    "ppt pptm pptx ps1 psm1 rar rtf scr sql svg swf sys tar tgz tmp txt vbe vbs war wsf xls xlsb xlsm xlsx xml yaml yml"
  ).split(" "),
);

/** An IPv6 address wherever it stands on its own, also in brackets, with a zone or a prefix length behind it. */
function defangIpv6(text: string): string {
  return text.replace(COLONS, (run, offset: number) => {
    const end = offset + run.length;
    const address = run.replace(/[:.]$/, (last) => (run.endsWith("::") ? last : ""));
    if (run.length > 46 || !/[0-9a-f]/i.test(run) || !isIPv6(address)) {
      return run;
    }
    // Part of a word, or of something that has its brackets already.
    if (
      /(?:\w|\[[.:]\])$/.test(text.slice(Math.max(0, offset - 3), offset)) ||
      /^(?:\w|\[[.:]\])/.test(text.slice(end, end + 3))
    ) {
      return run;
    }
    return address.replace(/[:.]/g, (token) => `[${token}]`) + run.slice(address.length);
  });
}

function defangDots(text: string): string {
  return text.replace(DOTS, "[.]");
}

function defangAts(text: string): string {
  return text.replace(/(?<!\[)@|(?<=\[)@(?!\])/g, "[@]");
}

/** `http` and `ftp` schemes, the ones that clients turn into links by themselves. */
function defangSchemes(text: string): string {
  return text
    .replace(
      /(h)(tt)(ps?:[/\\])/gi,
      (_, h: string, tt: string, rest: string) => `${h}${tt === "TT" ? "XX" : "xx"}${rest}`,
    )
    .replace(/(f)(t)(ps?:[/\\])/gi, (_, f: string, t: string, rest: string) => `${f}${t === "T" ? "X" : "x"}${rest}`);
}

const MAX_PRODUCT = 32;
const PRODUCT = /(?:^|[\s(;,"'])([A-Za-z][A-Za-z0-9_-]{1,31})\/$/;
/** What stands before an address in the same way as a product before its version. */
const PROTOCOLS = new Set(["tcp", "udp", "icmp", "ip", "ipv4", "http", "https", "ftp", "ssh", "smb", "dns", "rdp"]);

/**
 * `Chrome/120.0.0.0` is a product and its version (RFC 9110 10.1.5), though four numbers look like an address. Only what
 * ends in `.0.0.0`, which is no host, is left as it is: anybody may write a word and a slash before an address.
 */
function isVersion(text: string, run: string, offset: number): boolean {
  if (!run.endsWith(".0.0.0")) {
    return false;
  }
  const product = PRODUCT.exec(text.slice(Math.max(0, offset - MAX_PRODUCT - 2), offset))?.[1];
  return product !== undefined && !PROTOCOLS.has(product.toLowerCase());
}

/** Host names and IPv4 addresses among other text, and all that stands beside `@` or behind `://`. */
function defangHosts(text: string): string {
  return text.replace(DOTTED, (run, offset: number) => {
    if (!HAS_DOT.test(run)) {
      return run;
    }
    const before = text.slice(Math.max(0, offset - 3), offset);
    if (IPV4.test(run) && isVersion(text, run, offset)) {
      return run;
    }
    const last = run.split(EACH_DOT).at(-1) ?? "";
    const isHost =
      before === "://" ||
      /@\]?$/.test(before) ||
      /^\[?@/.test(text.slice(offset + run.length, offset + run.length + 2)) ||
      IPV4.test(run) ||
      !ASCII.test(run) ||
      (LAST_LABEL.test(last) && !FILE_ENDINGS.has(last.toLowerCase()));
    return isHost ? defangDots(run) : run;
  });
}

function scan(text: string): string {
  const escaped = text.replace(/:\/\/[^\s/?#]*/g, (authority) => authority.replace(/%2e/gi, "[.]"));
  return defangSchemes(defangAts(defangHosts(defangIpv6(escaped))));
}

/** Something that is a host, an address or a URL as a whole: each dot up to the path, then the path like free text. */
function defangLocator(text: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+-]{0,31}:\/\//.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length);
  const end = rest.search(/[/?#]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  // Schemes again over the whole: what is one scheme's tail may be another one's head.
  return defangSchemes(scheme + defangAts(defangDots(defangIpv6(authority))) + scan(rest.slice(authority.length)));
}

function defangMail(text: string): string {
  return defangSchemes(defangAts(defangDots(text.replace(/^(?:mailto:)+/i, ""))));
}

const LOCATOR_TYPES = new Set("url uri link domain hostname onion-address ip ip-src ip-dst domain-ip".split(" "));
const MAIL_TYPES = new Set(
  (
    "email email-src email-dst email-reply-to target-email whois-registrant-email dns-soa-email eppn jabber-id " +
    "email-message-id"
  ).split(" "),
);
// Dots and colons in these mean something else; changed, they could not be searched for.
const VERBATIM = (type: string) =>
  /^(filename|regkey|mutex|pdb|process|malware-|attachment$|named pipe$|mac-|hassh|ja3|jarm|community-id$)/.test(
    type,
  ) ||
  /^(md5|sha\d|ssdeep|tlsh|imphash|impfuzzy|authentihash|pehash|vhash|cdhash|telfhash|dom-hash)/.test(type) ||
  /(-fingerprint-\w+|^ssh-fingerprint|^AS|^vulnerability|^cpe|^port|^size-in-bytes|^datetime|^float|^counter)$/.test(
    type,
  );

function defangOne(type: string, text: string): string {
  if (LOCATOR_TYPES.has(type)) {
    return defangLocator(text);
  }
  if (MAIL_TYPES.has(type)) {
    return defangMail(text);
  }
  if (/^(github-|twitter-)/.test(type)) {
    return scan(text.replace(/^@+/, ""));
  }
  // A file name with a URL in it is no file name.
  return VERBATIM(type) && !text.includes("://") ? text : scan(text);
}

/** Clean text with brackets added is clean; it may have grown, so that a cap could cut a bracket off again. */
function cleanStill(text: string): CleanText {
  return clean(text, Number.POSITIVE_INFINITY);
}

/** Makes the value of an attribute of MISP type `type` inert; a second time it changes nothing. */
export function defangValue(type: string, value: CleanText): CleanText {
  const [headType = "", tailType] = type.split("|", 2);
  const bar = value.indexOf("|");
  if (tailType === undefined || bar < 0) {
    return cleanStill(defangOne(headType, value));
  }
  const head = defangOne(headType, value.slice(0, bar).trim());
  const tail = defangOne(tailType, value.slice(bar + 1).trim());
  if (tailType !== "port" || !/^\d{1,5}$/.test(tail)) {
    return cleanStill(`${head} | ${tail}`);
  }
  return cleanStill(head.includes("[:]") && !head.startsWith("[") ? `[${head}]:${tail}` : `${head}:${tail}`);
}

/** Makes URLs, mail addresses, IP addresses and host names in free text inert; a second time it changes nothing. */
export function defangText(text: CleanText): CleanText {
  return cleanStill(scan(text));
}

const HOST = /[^\s/?#@:|[\]]+/gu;

/** The hosts in a locator as they are asked for in DNS, where letters look like others: `xn--pple-43d.com` of `аpple.com`. */
export function punycodeOf(type: string, value: CleanText): readonly CleanText[] {
  const isLocator = type.split("|", 2).some((part) => LOCATOR_TYPES.has(part) || MAIL_TYPES.has(part));
  if (!isLocator || ASCII.test(value)) {
    return [];
  }
  const authority = value.replace(/^[A-Za-z][A-Za-z0-9+-]{0,31}:\/\//, "").replace(/[/?#].*$/s, "");
  const hosts = (authority.slice(0, 1000).match(HOST) ?? []).filter((part) => !ASCII.test(part));
  return hosts.flatMap((host) => {
    const url = `http://${host.replace(EACH_DOT, ".")}`;
    const ascii = URL.canParse(url) ? new URL(url).hostname : "";
    return ascii === "" || ascii === host ? [] : [cleanStill(defangDots(ascii))];
  });
}

/** Types whose values are programs: no channel shows them, only that they are there. */
export const RULE_TYPES: ReadonlySet<string> = new Set([
  "snort",
  "suricata",
  "zeek",
  "bro",
  "yara",
  "sigma",
  "stix2-pattern",
  "kusto-query",
  "gene",
]);
