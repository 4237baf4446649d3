import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { escapeHtml, type Html, html } from "../../alert/html.ts";
import type { Card } from "./card.ts";
import { DARK, LIGHT } from "./theme.ts";

const CSS = html`
:root { color-scheme: light dark; --page: #f5f5f5; --card: #ffffff; --ink: #242424; --faint: #616161; --line: #e0e0e0; --button: #ffffff; --edge: #d1d1d1; --brand: #5b5fc7; --on-brand: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --page: #141414; --card: #292929; --ink: #ffffff; --faint: #adadad; --line: #3d3d3d; --button: #333333; --edge: #666666; --brand: #7f85f5; --on-brand: #000000; } }
body { margin: 0; padding: 24px; background: var(--page); color: var(--ink); font: 14px/1.4 "Segoe UI", system-ui, sans-serif; }
main { display: grid; grid-template-columns: 32px minmax(0, 760px); gap: 4px 12px; }
.face { grid-row: span 2; width: 32px; height: 32px; border-radius: 6px; background: #0f6cbd; color: #ffffff; font-weight: 600; line-height: 32px; text-align: center; }
.who { font-size: 12px; color: var(--faint); }
.who b { color: var(--ink); margin-right: 8px; }
#card { background: var(--card); border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.ac-pushButton { font: 600 14px/20px "Segoe UI", system-ui, sans-serif; padding: 5px 12px; border-radius: 4px; border: 1px solid var(--edge); background: var(--button); color: var(--ink); cursor: pointer; }
.ac-pushButton.style-positive { background: var(--brand); border-color: var(--brand); color: var(--on-brand); }
.ac-textRun { overflow-wrap: anywhere; }
.ac-anchor, .ac-anchor:visited { color: var(--brand); }
.mention { color: var(--brand); font-weight: 600; }
`;

/** Draws the card again whenever the reader's theme changes; everything in it comes out of `#data`. */
const DRAW = `
const data = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  const inert = text.replace(/[&<>"]/g, (c) => "&#" + c.charCodeAt(0) + ";");
  result.outputHtml = inert.replace(/&#60;at&#62;(.*?)&#60;\\/at&#62;/g, '<span class="mention">$1</span>');
  result.didProcess = true;
};
function draw() {
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = new AdaptiveCards.HostConfig(dark.matches ? data.dark : data.light);
  card.onExecuteAction = (action) => {
    if (action instanceof AdaptiveCards.OpenUrlAction) open(action.url, "_blank", "noopener,noreferrer");
  };
  card.parse(data.card);
  document.getElementById("card").replaceChildren(card.render());
}
dark.addEventListener("change", draw);
draw();
`;

/** A script of ours or of a package; a browser would end it at `</script`. */
function scriptBody(text: string): Html {
  return text.replace(/<(?=\/script|!--)/gi, "\\x3c") as Html;
}

/** JSON that no markup in it can end. */
function jsonBody(value: unknown): Html {
  return JSON.stringify(value).replace(/</g, "\\u003c") as Html;
}

function hashOf(script: Html): Html {
  return html`'sha256-${escapeHtml(createHash("sha256").update(script).digest("base64"))}'`;
}

/** Draws a card as Teams does, with the library that Microsoft publishes for it; no other script may run. */
export async function formatCardPage(card: Card, at: string): Promise<string> {
  const path = createRequire(import.meta.url).resolve("adaptivecards/dist/adaptivecards.min.js");
  const library = scriptBody(await readFile(path, "utf8"));
  const draw = scriptBody(DRAW);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${hashOf(library)} ${hashOf(draw)}; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Microsoft Teams</title>
<style>${CSS}</style>
</head>
<body>
<main>
<div class="face" aria-hidden="true">W</div>
<div class="who"><b>Workflows</b>${escapeHtml(at)}</div>
<div id="card"></div>
</main>
<script type="application/json" id="data">${jsonBody({ card, light: LIGHT, dark: DARK })}</script>
<script>${library}</script>
<script>${draw}</script>
</body>
</html>
`;
}
