import { describe, expect, it } from "vitest";
import { email } from "../../../src/destinations/email/index.ts";

const SMTP = { host: "mail.example.org" };

function problems(options: Readonly<Record<string, unknown>>): readonly string[] {
  const parsed = email.safeParse({
    type: "email",
    smtp: SMTP,
    from: "herald@example.org",
    to: "soc@example.org",
    guard: { max_tlp: "amber" },
    ...options,
  });
  // Of "one or a list of them", what is said of the one.
  return (parsed.error?.issues ?? []).map((issue) => {
    const [inner = issue] = issue.code === "invalid_union" ? (issue.errors[0] ?? []) : [];
    return `${issue.path.join(".")} ${inner.message}`;
  });
}

describe("email's options", () => {
  it.each([
    ["one recipient", { to: "soc@example.org" }],
    ["several recipients", { to: ["soc@example.org", "Night shift <night@example.org>"], cc: "lead@example.org" }],
    ["names with commas and letters of any script", { from: "CERT, équipe 安全 <herald@example.org>" }],
    ["a plus in the address, and a host of one word", { to: "herald+soc@localhost" }],
    ["a login", { smtp: { ...SMTP, username: "herald", password: "x" } }],
    ["port 465", { smtp: { ...SMTP, port: 465 } }],
    ["a server of this machine in clear", { smtp: { host: "127.0.0.1", port: 25, require_tls: false } }],
    [
      "require_tls: false beside secure: true, which is TLS all the same",
      { smtp: { ...SMTP, secure: true, require_tls: false } },
    ],
    ["an address of IPv6", { smtp: { host: "2001:db8::25" } }],
    [
      "OAuth2",
      {
        smtp: {
          ...SMTP,
          oauth2: {
            user: "herald@example.org",
            client_id: "id",
            client_secret: "s",
            refresh_token: "r",
            access_url: "https://login.example.org/token",
          },
        },
      },
    ],
    ["attachments", { attach: ["csv", "json"] }],
    ["keys", { pgp: { keys: "/etc/misp-herald/soc.asc" } }],
    ["a list id", { list_id: "urgent.misp.example.org" }],
  ])("take %s", (_, options) => {
    expect(problems(options)).toEqual([]);
  });

  it.each([
    ["no recipient", { to: [] }, /^to /],
    ["a second header in an address", { to: "a@x.org\r\nBcc: SENTINEL@z.org" }, /^to must be one address/],
    ["a list in one text", { to: "a@x.org, SENTINEL@x.org" }, /^to must be one address/],
    ["a group", { to: "SENTINEL: a@x.org, b@x.org;" }, /^to must be one address/],
    ["an SMTP command in an address", { from: "a@x.org> RCPT TO:<SENTINEL@z.org" }, /^from must be one address/],
    ["a second header in a name", { from: "x\nBcc: SENTINEL <a@x.org>" }, /^from must be one address/],
    ["a name that runs backwards", { from: "\u202ESENTINEL <a@x.org>" }, /^from must be one address/],
    ["two addresses in a name", { reply_to: "SENTINEL <b@x.org> <a@x.org>" }, /^reply_to must be one address/],
    ["an address of another script", { cc: "SENTINEL@bücher.example" }, /^cc must be one address/],
    ["no address", { from: "SENTINEL" }, /^from must be one address/],
    ["a very long address", { from: `${"x".repeat(65)}@x.org` }, /^from must be one address/],
    ["a URL for a host", { smtp: { host: "smtp://SENTINEL" } }, /^smtp.host must be the name/],
    ["a host of two lines", { smtp: { host: "x\nSENTINEL" } }, /^smtp.host must be the name/],
    ["a username alone", { smtp: { ...SMTP, username: "SENTINEL" } }, /^smtp.username needs a password/],
    ["a password alone", { smtp: { ...SMTP, password: "SENTINEL" } }, /^smtp.password needs a username/],
    [
      "a username of two lines",
      { smtp: { ...SMTP, username: "a\nSENTINEL", password: "x" } },
      /^smtp.username must be one/,
    ],
    [
      "mail in clear over the network",
      { smtp: { ...SMTP, require_tls: false } },
      /^smtp.require_tls can be false only/,
    ],
    [
      "mail in clear to what only looks like this machine",
      { smtp: { host: "localhost.example.org", require_tls: false } },
      /^smtp.require_tls can be false only/,
    ],
    [
      "two ways to log in",
      {
        smtp: {
          ...SMTP,
          username: "herald",
          password: "SENTINEL",
          oauth2: {
            user: "u",
            client_id: "i",
            client_secret: "s",
            refresh_token: "r",
            access_url: "https://x.example",
          },
        },
      },
      /^smtp.oauth2 cannot be used together/,
    ],
    [
      "a token server in clear",
      {
        smtp: {
          ...SMTP,
          oauth2: {
            user: "u",
            client_id: "i",
            client_secret: "s",
            refresh_token: "r",
            access_url: "http://SENTINEL.org",
          },
        },
      },
      /^smtp.oauth2.access_url must be a complete URL/,
    ],
    ["a list id of two lines", { list_id: "a.b\r\nX-SENTINEL: 1" }, /^list_id must look like a host name/],
    ["pgp without keys", { pgp: { keys: [] } }, /^pgp.keys /],
  ])("refuse %s without repeating it", (_, options, expected) => {
    const found = problems(options);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
    expect(found[0]).not.toContain("SENTINEL");
  });

  it("pace mails, unless the operator sets another pace", () => {
    const base = { type: "email", smtp: SMTP, from: "a@x.org", to: "b@x.org", guard: { max_tlp: "red" } };
    expect(email.parse(base).rate).toEqual({ per_second: 1, burst: 1 });
    expect(email.parse({ ...base, rate: { per_second: 5 } }).rate).toEqual({ per_second: 5, burst: 1 });
    expect(email.parse(base).timeout).toBe(60_000);
  });
});
