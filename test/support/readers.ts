// What a receiver reads of a payload, as plain text that people can look through: `*bold*`, `~struck~`, `` `code` ``,
// `[text](link)`. Everything that is drawn is in it, in the order in which it is drawn.
import type { Block, RichList, RichParagraph, SlackMessage } from "../../src/destinations/slack/blocks.ts";
import type { CardMessage, Element, RichTextBlock } from "../../src/destinations/teams/card.ts";

const NOTHING: readonly string[] = [];

/** A Slack message: the notification, then its blocks; those behind the coloured bar begin with `|`. */
export function readSlack({ text, blocks, attachments = [] }: SlackMessage): string {
  return [
    `(notification: ${text})`,
    ...blocks.flatMap(slackBlock),
    ...attachments.flatMap(({ color, blocks: inside }) => [
      `|${color}`,
      ...inside.flatMap(slackBlock).map((line) => (line === "" ? "|" : `| ${line}`)),
    ]),
  ].join("\n");
}

function slackBlock(block: Block): readonly string[] {
  switch (block.type) {
    case "header":
      return [`# ${block.text.text}`];
    case "context":
      return [`(small: ${block.elements.map(({ text }) => text).join("  ")})`];
    case "section":
      return [block.text.text, ...(block.accessory ? [`[${block.accessory.text.text}](${block.accessory.url})`] : [])];
    case "actions":
      return [block.elements.map(({ text, url }) => `[${text.text}](${url})`).join(" ")];
    default:
      return block.elements.flatMap(slackRich);
  }
}

function slackRich(part: RichParagraph | RichList): readonly string[] {
  if (part.type === "rich_text_list") {
    return part.elements
      .map((element) => `• ${slackRuns(element).replaceAll("\n", "\n  ")}`)
      .join("\n")
      .split("\n");
  }
  return slackRuns(part).split("\n");
}

function slackRuns({ elements }: RichParagraph): string {
  return elements
    .map((run) => {
      const { bold, strike, code }: { bold?: true; strike?: true; code?: true } = run.style ?? {};
      const marked = strike ? `~${run.text}~` : code ? `\`${run.text}\`` : bold ? mark(run.text) : run.text;
      return run.type === "link" ? `[${marked}](${run.url})` : marked;
    })
    .join("");
}

/** `*bold*`, with the line break in front of it outside. */
function mark(text: string): string {
  return text.replace(/^(\n*)(.*)$/s, "$1*$2*");
}

/** A card: the summary for notifications, its body, and its buttons. */
export function readTeams({ summary, attachments: [{ content }] }: CardMessage): string {
  const actions = (content.actions ?? []).map((action) =>
    action.type === "Action.OpenUrl" ? `[${action.title ?? ""}](${action.url})` : `[${action.title}]`,
  );
  return [
    `(summary: ${summary})`,
    ...content.body.flatMap(teamsElement),
    ...(actions.length > 0 ? [actions.join(" ")] : NOTHING),
  ].join("\n");
}

function teamsElement(element: Element): readonly string[] {
  switch (element.type) {
    case "TextBlock":
      return [element.text];
    case "RichTextBlock":
      return [...(element.separator ? ["---"] : NOTHING), teamsRuns(element)];
    case "ColumnSet":
      return [element.columns.map(({ items }) => items.map(teamsRuns).join(" ")).join(": ")];
    default: {
      const mark = element.isVisible === false ? "(hidden) " : element.style ? `|${element.style} ` : "";
      return element.items.flatMap(teamsElement).map((line) => `${mark}${line}`);
    }
  }
}

function teamsRuns({ inlines }: RichTextBlock): string {
  return inlines
    .map(({ text, weight, strikethrough, fontType, selectAction }) => {
      const marked = strikethrough ? `~${text}~` : fontType ? `\`${text.trim()}\` ` : weight ? `*${text}*` : text;
      return selectAction ? `[${marked}](${selectAction.url})` : marked;
    })
    .join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&nbsp;": " ",
  "&middot;": "·",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&amp;": "&",
};

/** The HTML of a mail's body: a line for each row of its tables. */
export function readHtml(body: string): string {
  return body
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/\n/g, "")
    .replace(/<div style="display:none[^>]*>(.*?)<\/div>/s, "(preheader: $1)\n")
    .replace(/<span style="text-decoration:line-through">(.*?)<\/span>/g, "~$1~")
    .replace(/<h[12][^>]*>(.*?)<\/h[12]>/g, "# $1")
    .replace(/<strong[^>]*>(.*?)<\/strong>/g, "*$1*")
    .replace(/<a [^>]*href="([^"]*)"[^>]*>(.*?)<\/a>/g, "[$2]($1) ")
    .replace(/<br>|<\/tr>|<table[^>]*>/g, "\n")
    .replace(/<\/t[hd]>(?=<t[hd])/g, "  ")
    .replace(/<[^>]*>/g, "")
    .replace(/&[a-z#0-9]+;/g, (entity) => ENTITIES[entity] ?? entity)
    .replace(/[ \t]+\n/g, "\n")
    .replace(/\n{2,}/g, "\n")
    .trim();
}

/** A body for programs: a line for each field, and for each element of a list of maps. */
export function readBody(text: string): string {
  const { entries, ...head } = JSON.parse(text);
  return [
    ...fields(head, ["type", "version", "id", "timestamp", "destination", "priority", "part", "parts"]),
    ...entries.flatMap((entry: object) => ["-", ...fields(entry, []).map((line) => `  ${line}`)]),
  ].join("\n");
}

function fields(of: object, without: readonly string[]): readonly string[] {
  return Object.entries(of)
    .filter(([name]) => !without.includes(name))
    .flatMap(([name, value]) =>
      Array.isArray(value) && value.some((one) => typeof one === "object")
        ? [`${name}:`, ...value.map((one) => `  - ${JSON.stringify(one)}`)]
        : [`${name}: ${JSON.stringify(value)}`],
    );
}
