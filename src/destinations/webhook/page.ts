import { escapeHtml, formatPage, type Html, html } from "../../alert/html.ts";

const CSS = html`
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --key: #0550ae; --text: #0a3069; --plain: #953800; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --faint: #8b949e; --line: #30363d; --key: #79c0ff; --text: #a5d6ff; --plain: #ffa657; } }
body { margin: 0; padding: 24px; background: var(--paper); color: var(--ink); font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 0 16px; padding-bottom: 16px; border-bottom: 1px solid var(--line); }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.key { color: var(--key); }
.text { color: var(--text); }
.plain { color: var(--plain); }
`;

/** Draws a request as people read one: the headers, and the body with its keys and values told apart by colour. */
export function formatRequestPage(headers: readonly (readonly [name: string, value: string])[], body: string): string {
  const list = headers.map(([name, value]) => html`<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return formatPage("Webhook", CSS, html`<dl>${list}</dl>\n<pre>${highlight(body)}</pre>`);
}

/** Tokens of JSON as `JSON.stringify` indents it: keys, strings, other values. */
const TOKEN = /("(?:[^"\\]|\\.)*")(:)?|\b(true|false|null|-?\d[\d.eE+-]*)\b/g;

function highlight(json: string): readonly Html[] {
  const parts: Html[] = [];
  let end = 0;
  for (const match of json.matchAll(TOKEN)) {
    const [whole, quoted, colon] = match;
    parts.push(escapeHtml(json.slice(end, match.index)));
    const look = html`${colon ? escapeHtml("key") : escapeHtml(quoted ? "text" : "plain")}`;
    parts.push(html`<span class="${look}">${escapeHtml(quoted ?? whole)}</span>${escapeHtml(colon ?? "")}`);
    end = match.index + whole.length;
  }
  return [...parts, escapeHtml(json.slice(end))];
}
