import type { Brand } from "../model/brand.ts";

/** Markup that a browser may be given: our own literals, and text that has been escaped. */
export type Html = Brand<string, "Html">;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for content and quoted attributes. */
export function escapeHtml(text: string): Html {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "") as Html;
}

/** Template tag: literals are ours, and a hole takes no plain string. */
export function html(literals: TemplateStringsArray, ...holes: readonly (Html | readonly Html[])[]): Html {
  return String.raw({ raw: literals }, ...holes.map((hole) => (Array.isArray(hole) ? hole.join("") : hole))) as Html;
}

/** A page of its own for a preview: no scripts, nothing remote; `css` knows light and dark. */
export function formatPage(title: string, css: Html, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
${css}
</style>
</head>
<body>
${body}
</body>
</html>
`;
}
