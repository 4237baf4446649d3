import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Redactor } from "../../src/base/redact.ts";

function knowing(...secrets: readonly string[]): Redactor {
  const redactor = new Redactor();
  for (const secret of secrets) {
    redactor.learn(secret);
  }
  return redactor;
}

describe("Redactor", () => {
  it("leaves text without secrets as it is", () => {
    expect(new Redactor().redact("a line")).toBe("a line");
    expect(knowing("s3cret!").redact("a line")).toBe("a line");
  });

  it("takes a secret out of text however it is written there", () => {
    const secret = 'pä$$ "w/rd+\\&';
    const forms = [
      secret,
      encodeURIComponent(secret),
      encodeURIComponent(secret).toLowerCase(),
      new URLSearchParams({ q: secret }).toString().slice(2),
      JSON.stringify(secret),
      JSON.stringify(JSON.stringify(secret)),
    ];
    for (const form of forms) {
      const clean = knowing(secret).redact(`before ${form} after`);
      expect(clean, form).toMatch(/^before \W*\[redacted\]\W* after$/);
    }
  });

  it("finds a secret at any place inside base64", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 6 }),
        fc.string({ maxLength: 9 }),
        fc.string({ maxLength: 9 }),
        fc.constantFrom("base64" as const, "base64url" as const),
        (secret, before, after, encoding) => {
          const bytes = Buffer.from(before + secret + after);
          const text = bytes.toString(encoding);
          expect(knowing(secret).redact(text)).toContain("[redacted]");
        },
      ),
    );
  });

  it("leaves nothing of secrets that overlap", () => {
    const redactor = knowing("abcdefgh", "efghijkl", "abcdefghijklmnop");
    expect(redactor.redact("xabcdefghijkly")).toBe("x[redacted]y");
    expect(redactor.redact("abcdefghijklmnop")).toBe("[redacted]");
  });

  it("does not know what is too short to be told from words", () => {
    expect(knowing("info").redact("info")).toBe("info");
  });

  it("knows the path and the token of a URL", () => {
    const redactor = knowing("https://hooks.example.org/services/T0/B0/abcdefghijklmnopqrst");
    expect(redactor.redact("POST /services/T0/B0/abcdefghijklmnopqrst")).toBe("POST [redacted]");
    expect(redactor.redact("token abcdefghijklmnopqrst of hooks.example.org")).toBe(
      "token [redacted] of hooks.example.org",
    );
  });

  it("keeps a line of JSON one, whatever the secret and wherever it is", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 });
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 6, maxLength: 12 }), text, text, (secret, before, after) => {
        const line = `${JSON.stringify({ level: "info", n: 123456789, msg: before + secret + after })}\n`;
        const { msg } = JSON.parse(knowing(secret, "345678").redactJson(line));
        expect(msg).toContain("[redacted]");
        expect(msg.replaceAll("[redacted]", "")).not.toContain(secret);
      }),
    );
    expect(knowing("345678").redactJson('{"n":123456789}\n')).toBe('{"n":"12[redacted]9"}\n');
  });
});
