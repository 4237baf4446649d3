import fc from "fast-check";
import { expect, it } from "vitest";
import { escapeHtml, formatPage, html } from "../../src/alert/html.ts";

it("takes escaped text and not any other", () => {
  const hostile = "<script>";
  // @ts-expect-error A plain string has not been escaped.
  expect(html`${hostile}`).toBe(hostile);
  expect(html`<b>${escapeHtml(hostile)}</b>${[html`<i>`, html`</i>`]}`).toBe("<b>&lt;script&gt;</b><i></i>");
});

it("escapes so that no text ends an element or an attribute", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(escapeHtml(text)).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/);
    }),
  );
});

it("makes pages that may load nothing", () => {
  const page = formatPage("</title>", html``, html``);
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
  expect(page).toContain("<title>&lt;/title&gt;</title>");
});
