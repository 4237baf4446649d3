import { escapeHtml, formatPage, html } from "../../alert/html.ts";
import type { MailContent } from "./format.ts";
import { MAIL_CSS } from "./layout.ts";

const CSS = html`
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --faint: #57606a; --line: #d8dee4; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --faint: #9da7b3; --line: #30363d; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/1.5 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; padding: 16px 24px; border-bottom: 1px solid var(--line); }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
`;

/** Draws a mail as a mail program does: its headers, then its HTML. */
export function formatMailPage(
  headers: readonly (readonly [name: string, value: string])[],
  content: MailContent,
): string {
  const list = headers.map(([name, value]) => html`<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return formatPage("Mail", html`${CSS}${MAIL_CSS}`, html`<dl>${list}</dl>\n${content.body}`);
}
