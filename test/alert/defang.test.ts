import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defangText, defangValue } from "../../src/alert/defang.ts";
import { clean } from "../../src/alert/text.ts";

// Vectors of draft-grimminck-safe-ioc-sharing, figure 2, with the scheme in house style.
const VECTORS = [
  ["url", "https://bad.example/path/to/page?q=1#frag", "hxxps://bad[.]example/path/to/page?q=1#frag"],
  ["url", "HTTPS://bad.example", "HXXPS://bad[.]example"],
  ["url", "http://[2001:db8::1]:8080", "hxxp://[2001[:]db8[:][:]1]:8080"],
  ["url", "http://[::ffff:192.0.2.1]", "hxxp://[[:][:]ffff[:]192[.]0[.]2[.]1]"],
  ["ip-dst", "2001:db8:122:344::198.51.100.1", "2001[:]db8[:]122[:]344[:][:]198[.]51[.]100[.]1"],
  ["ip-src", "2001:db8::1%eth0", "2001[:]db8[:][:]1%eth0"],
  ["url", "http://user:pass@attacker.example", "hxxp://user:pass[@]attacker[.]example"],
  ["url", "http://evil%2eexample", "hxxp://evil[.]example"],
  ["url", "http://user%40attacker.example", "hxxp://user%40attacker[.]example"],
  ["hostname", "evil.example:443", "evil[.]example:443"],
  ["ip-dst", "2001:db8::/32", "2001[:]db8[:][:]/32"],
  ["url", "http://a.test/?u=http://b.test/?u=http://c.test", "hxxp://a[.]test/?u=hxxp://b[.]test/?u=hxxp://c[.]test"],
  ["url", "http://example.com/?contact=abuse@evil.example", "hxxp://example[.]com/?contact=abuse[@]evil[.]example"],
  ["url", "[https]://bad[.]example", "[https]://bad[.]example"],
] as const;

const TYPES = [
  ["link", "https://www.example.org/report.pdf", "hxxps://www[.]example[.]org/report.pdf"],
  ["uri", "ftp://files.bad.example/x.zip", "fxp://files[.]bad[.]example/x[.]zip"],
  ["url", "bad.example/gate.php", "bad[.]example/gate.php"],
  ["url", "http:\\\\bad.example", "hxxp:\\\\bad[.]example"],
  ["domain", "bad.example.exe", "bad[.]example[.]exe"],
  ["domain", "bad。example．com", "bad[.]example[.]com"],
  ["ip-dst", "198.51.100.7", "198[.]51[.]100[.]7"],
  ["ip-src", "192.0.2.0/24", "192[.]0[.]2[.]0/24"],
  ["domain|ip", "bad.example|192.0.2.1", "bad[.]example | 192[.]0[.]2[.]1"],
  ["hostname|port", "bad.example|443", "bad[.]example:443"],
  ["ip-dst|port", "192.0.2.1|8443", "192[.]0[.]2[.]1:8443"],
  ["ip-dst|port", "2001:db8::1|443", "[2001[:]db8[:][:]1]:443"],
  ["email-src", "first.last@bad.example", "first[.]last[@]bad[.]example"],
  ["email-dst", "mailto:user@example.com", "user[@]example[.]com"],
  ["filename", "invoice.pdf.zip", "invoice.pdf.zip"],
  ["filename", "http://bad.example/x.exe", "hxxp://bad[.]example/x.exe"],
  ["filename|md5", "setup.py|d41d8cd98f00b204e9800998ecf8427e", "setup.py | d41d8cd98f00b204e9800998ecf8427e"],
  ["malware-sample", "a.com|d41d8cd98f00b204e9800998ecf8427e", "a.com|d41d8cd98f00b204e9800998ecf8427e"],
  ["sha256", "e3b0c44298fc1c149afbf4c8996fb924", "e3b0c44298fc1c149afbf4c8996fb924"],
  ["ssdeep", "3:AIO9AJraNvsgzsVqSwl:A.com", "3:AIO9AJraNvsgzsVqSwl:A.com"],
  ["regkey|value", "HKLM\\Run|http://bad.example", "HKLM\\Run | hxxp://bad[.]example"],
  ["mac-eui-64", "00:11:22:33:44:55:66:77", "00:11:22:33:44:55:66:77"],
  ["twitter-id", "@channel", "channel"],
  ["AS", "AS64496", "AS64496"],
  ["vulnerability", "CVE-2024-3094", "CVE-2024-3094"],
  ["a-type-of-tomorrow", "see bad.example", "see bad[.]example"],
] as const;

const TEXTS = [
  ["see https://bad.example/a, or 198.51.100.7.", "see hxxps://bad[.]example/a, or 198[.]51[.]100[.]7."],
  ["mail first.last@bad.example", "mail first[.]last[@]bad[.]example"],
  ["@channel look", "[@]channel look"],
  ["C2 at 2001:db8::1.", "C2 at 2001[:]db8[:][:]1."],
  ["at 12:30:45 std::string v1.2.3 in report.pdf, 3.5 MB", "at 12:30:45 std::string v1.2.3 in report.pdf, 3.5 MB"],
  ["1.2.3.4.5 is a version", "1.2.3.4.5 is a version"],
  ["www.BAD.Example", "www[.]BAD[.]Example"],
  ["münchen.example пример.рф xn--e1afmkfd.xn--p1ai", "münchen[.]example пример[.]рф xn--e1afmkfd[.]xn--p1ai"],
  ["http://server.exe/x", "hxxp://server[.]exe/x"],
  ["smb://host.bad.example", "smb://host[.]bad[.]example"],
  ["Emotet epoch5 infrastructure", "Emotet epoch5 infrastructure"],
  ["hxxps://bad[.]example and abuse[@]evil.example", "hxxps://bad[.]example and abuse[@]evil[.]example"],
] as const;

describe("defangValue()", () => {
  it.each(VECTORS)("%s %s", (type, value, expected) => {
    expect(defangValue(type, clean(value))).toBe(expected);
  });

  it.each(TYPES)("%s %s", (type, value, expected) => {
    expect(defangValue(type, clean(value))).toBe(expected);
  });
});

describe("a product and its version", () => {
  it.each([
    ["Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36", "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36"],
    ["(Edg/120.0.2210.91)", "(Edg/120.0.2210.91)"],
    ["Chrome/192.0.2.1", "Chrome/192[.]0[.]2[.]1"],
    ["tcp/10.0.0.1", "tcp/10[.]0[.]0[.]1"],
    ["bad.example/10.0.0.1", "bad[.]example/10[.]0[.]0[.]1"],
    ["http://x/1.2.3.4", "hxxp://x/1[.]2[.]3[.]4"],
  ])("%s", (text, expected) => {
    expect(defangText(clean(text))).toBe(expected);
    expect(defangText(defangText(clean(text)))).toBe(expected);
  });
});

describe("defangText()", () => {
  it.each(TEXTS)("%s", (text, expected) => {
    expect(defangText(clean(text))).toBe(expected);
  });
});

const SOUP = fc
  .array(
    fc.constantFrom(
      ...[
        "http",
        "HTTPS",
        "ftp",
        "://",
        ":",
        "::",
        ".",
        "@",
        "[",
        "]",
        "[.]",
        "[@]",
        "[:]",
        "%2e",
        "/",
        "?",
        "#",
        "|",
        " ",
      ],
      ...["bad", "example", "com", "exe", "192.0.2.1", "2001:db8::1", "a", "1", "。", "mailto:", "\\", "%eth0", "é"],
    ),
    { maxLength: 25 },
  )
  .map((parts) => parts.join(""));
const ANY_TYPE = fc.constantFrom(
  ...[
    "url",
    "domain",
    "ip-dst",
    "domain|ip",
    "ip-dst|port",
    "email-src",
    "filename",
    "filename|md5",
    "text",
    "twitter-id",
  ],
);

// What link finders of chat and mail clients look for.
const LIVE =
  /https?:[/\\]|ftps?:[/\\]|\w@\w|(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-])|[a-z0-9]\.(?:com|example)(?![\w.-])/i;

describe("defanging any mix of tokens", () => {
  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(ANY_TYPE, SOUP, (type, soup) => {
        const once = defangValue(type, clean(soup));
        expect(defangValue(type, once)).toBe(once);
        const text = defangText(clean(soup));
        expect(defangText(text)).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });

  it("leaves nothing that a link finder takes", () => {
    fc.assert(
      fc.property(SOUP, (soup) => {
        expect(defangText(clean(soup))).not.toMatch(LIVE);
        for (const type of ["url", "domain", "ip-dst", "text"]) {
          expect(defangValue(type, clean(soup))).not.toMatch(LIVE);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("takes time that grows with the length and not faster", () => {
    const hostile = [
      "a".repeat(60_000),
      "a.".repeat(30_000),
      "http://".repeat(9000),
      ":".repeat(60_000),
      "a@".repeat(30_000),
    ];
    const startedAt = performance.now();
    for (const text of [...hostile, "1:".repeat(30_000), "%2e".repeat(20_000), `${"a".repeat(60_000)}.b`]) {
      defangText(clean(text, 60_000));
      defangValue("url", clean(text, 60_000));
    }
    // Quadratic work on 60,000 characters takes minutes; linear work takes milliseconds.
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});
