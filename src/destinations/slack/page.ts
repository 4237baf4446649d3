import { escapeHtml, formatPage, type Html, html } from "../../alert/html.ts";
import { formatInstant, type Style } from "../../alert/style.ts";
import type { Block, Button, RichLink, Run, SlackMessage } from "./blocks.ts";

const CSS = html`
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d1c1d; --faint: #616061; --line: #dddddd; --code: #f8f8f8; --link: #1264a3; --button: #007a5a; --call: #fbf3d9; --app: #e8e8e8; }
@media (prefers-color-scheme: dark) { :root { --paper: #1a1d21; --ink: #d1d2d3; --faint: #ababad; --line: #42464c; --code: #222529; --link: #1d9bd1; --button: #007a5a; --call: #3f3922; --app: #35373b; } }
body { margin: 0; padding: 20px; background: var(--paper); color: var(--ink); font: 15px/1.46668 Lato, "Noto Sans", "Liberation Sans", "DejaVu Sans", system-ui, sans-serif; }
.message { display: grid; grid-template-columns: 36px 1fr; gap: 8px; max-width: 760px; }
.face { width: 36px; height: 36px; border-radius: 6px; background: #1b3a57; color: #ffffff; display: grid; place-items: center; font-weight: 900; }
.name { font-weight: 900; }
.app { font-size: 10px; font-weight: 700; background: var(--app); color: var(--faint); border-radius: 2px; padding: 1px 3px; margin: 0 4px; vertical-align: 1px; }
.time, .context { color: var(--faint); font-size: 12px; }
.header { font-size: 18px; font-weight: 900; margin: 8px 0 4px; overflow-wrap: anywhere; }
.block { margin: 4px 0 8px; white-space: pre-wrap; overflow-wrap: anywhere; }
.block > p { margin: 0; }
.section { display: flex; justify-content: space-between; align-items: flex-start; gap: 16px; }
.attachment { border-left: 4px solid; border-radius: 4px; padding: 2px 0 2px 12px; margin: 8px 0; }
ul { margin: 2px 0; padding-left: 22px; }
li { margin: 2px 0; }
code { background: var(--code); border: 1px solid var(--line); border-radius: 3px; padding: 1px 3px; font: 12px/1.50001 Monaco, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.context span + span::before { content: "  "; white-space: pre; }
.link { color: var(--link); }
.mention { background: var(--call); color: var(--link); border-radius: 3px; padding: 0 2px 1px; }
.button { display: inline-block; margin: 0 8px 4px 0; border: 1px solid var(--line); border-radius: 4px; padding: 4px 12px; font-size: 13px; font-weight: 700; white-space: nowrap; }
.primary { background: var(--button); border-color: var(--button); color: #ffffff; }
`;

/** Draws a message as Slack does, in light and dark. */
export function formatSlackPage(message: SlackMessage, sentAt: number, style: Style): string {
  const time = escapeHtml(formatInstant(sentAt, style)?.split(" ")[1] ?? "");
  const attachments = (message.attachments ?? []).map(
    ({ color, blocks }) =>
      html`<div class="attachment" style="border-color: ${escapeHtml(color)}">${blocks.map(drawBlock)}</div>`,
  );
  return formatPage(
    "Slack",
    CSS,
    html`<div class="message"><div class="face">M</div><div>
<span class="name">misp-herald</span><span class="app">APP</span><span class="time">${time}</span>
${message.blocks.map(drawBlock)}${attachments}
</div></div>`,
  );
}

function drawBlock(block: Block): Html {
  switch (block.type) {
    case "header":
      return html`<div class="header">${escapeHtml(block.text.text)}</div>`;
    case "context":
      return html`<div class="block context">${block.elements.map((element) =>
        element.type === "mrkdwn"
          ? html`<span>${drawDates(element.text)}</span>`
          : html`<span>${escapeHtml(element.text)}</span>`,
      )}</div>`;
    case "actions":
      return html`<div class="block">${block.elements.map(drawButton)}</div>`;
    case "section": {
      const text = block.text.type === "mrkdwn" ? drawMentions(block.text.text) : escapeHtml(block.text.text);
      const button = block.accessory ? [drawButton(block.accessory)] : [];
      return html`<div class="block section"><span>${text}</span>${button}</div>`;
    }
    case "rich_text":
      return html`<div class="block">${block.elements.map((element) =>
        element.type === "rich_text_list"
          ? html`<ul>${element.elements.map((item) => html`<li>${item.elements.map(drawRun)}</li>`)}</ul>`
          : html`<p>${element.elements.map(drawRun)}</p>`,
      )}</div>`;
  }
}

function drawRun(run: Run | RichLink): Html {
  const text = run.type === "link" ? html`<span class="link">${escapeHtml(run.text)}</span>` : escapeHtml(run.text);
  const strike = run.type === "text" && run.style?.strike ? html`<s>${text}</s>` : text;
  const code = run.type === "text" && run.style?.code ? html`<code>${strike}</code>` : strike;
  return run.style?.bold ? html`<b>${code}</b>` : code;
}

function drawButton({ text, style }: Button): Html {
  const look = escapeHtml(style === "primary" ? "button primary" : "button");
  return html`<span class="${look}">${escapeHtml(text.text)}</span>`;
}

/** Of a date what clients show that cannot tell it in the reader's zone. */
function drawDates(text: string): Html {
  return escapeHtml(text.replace(/<!date\^[^|>]*\|([^>]*)>/g, "$1"));
}

/** Slack shows names in place of ids; which ones only Slack knows. */
function drawMentions(text: string): readonly Html[] {
  return text.split(" ").map((part) => {
    const name = part.replace(/^<(?:!subteam\^|[@!])(.*)>$/, "@$1");
    return html`<span class="mention">${escapeHtml(name)}</span> `;
  });
}
