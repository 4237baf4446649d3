import { nearest } from "./suggest.ts";

// Vocabularies that MISP, its taxonomies and its users add to: what is not here may be right.

const HASHES = [
  "md5 sha1 sha224 sha256 sha384 sha512 sha512/224 sha512/256 sha3-224 sha3-256 sha3-384 sha3-512",
  "authentihash ssdeep tlsh imphash impfuzzy pehash vhash",
].flatMap((line) => line.split(" "));

/** Types of attributes, as MISP's describeTypes.json has them. */
const TYPES = [
  ...HASHES,
  ...HASHES.map((hash) => `filename|${hash}`),
  "named pipe",
  ...[
    "AS aba-rtn anonymised attachment bank-account-nr bic bin boolean bro btc campaign-id campaign-name cc-number cdhash",
    "chrome-extension-id comment community-id cookie cortex counter country-of-residence cpe dash date-of-birth datetime dkim",
    "dkim-signature dns-soa-email dom-hash domain domain|ip email email-attachment email-body email-dst email-dst-display-name",
    "email-header email-message-id email-mime-boundary email-reply-to email-src email-src-display-name email-subject",
    "email-thread-index email-x-mailer eppn favicon-mmh3 filename filename-pattern first-name float frequent-flyer-number",
    "full-name gender gene git-commit-id github-organisation github-repository github-username hassh-md5 hasshserver-md5 hex",
    "hostname hostname|port http-method iban identity-card-number integer ip-dst ip-dst|port ip-src ip-src|port",
    "issue-date-of-the-visa ja3-fingerprint-md5 jabber-id jarm-fingerprint kusto-query last-name link mac-address mac-eui-64",
    "malware-sample malware-type middle-name mime-type mobile-application-id mutex nationality onion-address other",
    "passport-country passport-expiration passport-number pattern-in-file pattern-in-memory pattern-in-traffic payment-details",
    "pdb pgp-private-key pgp-public-key phone-number place-of-birth port primary-residence process-state prtn redress-number",
    "regkey regkey|value sigma size-in-bytes snort ssh-fingerprint stix2-pattern target-email target-external target-location",
    "target-machine target-org target-user telfhash text threat-actor travel-details twitter-id uri url user-agent",
    "visa-number vulnerability weakness whois-creation-date whois-registrant-email whois-registrant-name whois-registrant-org",
    "whois-registrant-phone whois-registrar windows-scheduled-task windows-service-displayname windows-service-name",
    "x509-fingerprint-md5 x509-fingerprint-sha1 x509-fingerprint-sha256 xmr yara zeek",
  ].flatMap((line) => line.split(" ")),
];

const CATEGORIES = [
  "Antivirus detection",
  "Artifacts dropped",
  "Attribution",
  "External analysis",
  "Financial fraud",
  "Internal reference",
  "Network activity",
  "Other",
  "Payload delivery",
  "Payload installation",
  "Payload type",
  "Persistence mechanism",
  "Person",
  "Social network",
  "Support Tool",
  "Targeting data",
];

/** Labels that guards know; any other of their namespace hides what bears it. */
const TLP_LABELS = ["clear", "white", "green", "amber", "amber+strict", "red", "ex:chr", "unclear"];
const PAP_LABELS = ["clear", "white", "green", "amber", "red"];
const LABELS = [...TLP_LABELS.map((name) => `tlp:${name}`), ...PAP_LABELS.map((name) => `PAP:${name.toUpperCase()}`)];

/** What is known of an open vocabulary, of which `matches` says what a rule takes; undefined: there is nothing to doubt. */
export function doubtOf(
  key: string,
  text: string,
  matches: (value: string) => boolean,
): { readonly near: string | undefined } | undefined {
  if (key === "tag" || key === "event_tag") {
    return /^\s*(tlp|pap):/i.test(text) && !LABELS.some(matches) ? { near: nearest(text, LABELS) } : undefined;
  }
  const known = key === "type" ? TYPES : key === "category" ? CATEGORIES : undefined;
  // A type that is like none of these is new, and not misspelt.
  const near = known && !known.some(matches) ? nearest(text, known) : undefined;
  return near === undefined ? undefined : { near };
}
