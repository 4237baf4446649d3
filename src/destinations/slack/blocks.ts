import { lengthOf, type Mrkdwn, type SlackText, type SlackUrl } from "./text.ts";

// The part of Block Kit that alerts use (docs.slack.dev/reference/block-kit/blocks). Header, section, context, actions and
// rich_text are understood by every workspace; newer blocks are refused by some, GovSlack among them.

export interface PlainText {
  readonly type: "plain_text";
  readonly text: SlackText;
  /** Otherwise `:bomb:` in a title would be drawn. */
  readonly emoji: false;
}

export interface ParsedText {
  readonly type: "mrkdwn";
  readonly text: Mrkdwn;
  /** Only explicit `<…>` sequences act; bare links and names stay text. */
  readonly verbatim: true;
}

export interface Run {
  readonly type: "text";
  readonly text: SlackText;
  readonly style?: { readonly bold?: true; readonly strike?: true; readonly code?: true };
}

export interface RichLink {
  readonly type: "link";
  readonly url: SlackUrl;
  readonly text: SlackText;
  readonly style?: { readonly bold: true };
}

export interface RichParagraph {
  readonly type: "rich_text_section";
  readonly elements: readonly (Run | RichLink)[];
}

/** One below the other; what is long wraps within its own lines, also on a phone. */
export interface RichList {
  readonly type: "rich_text_list";
  readonly style: "bullet";
  readonly elements: readonly RichParagraph[];
}

export interface Button {
  readonly type: "button";
  readonly action_id: string;
  readonly text: PlainText;
  readonly url: SlackUrl;
  readonly style?: "primary";
}

export interface RichText {
  readonly type: "rich_text";
  readonly elements: readonly (RichParagraph | RichList)[];
}

export type Block =
  | RichText
  | { readonly type: "header"; readonly text: PlainText }
  | { readonly type: "context"; readonly elements: readonly (PlainText | ParsedText)[] }
  | { readonly type: "section"; readonly text: PlainText | ParsedText; readonly accessory?: Button }
  | { readonly type: "actions"; readonly elements: readonly Button[] };

/** What is posted, to the Web API and to incoming webhooks alike. */
export interface SlackMessage {
  /** What notifications and screen readers tell in place of blocks. */
  readonly text: Mrkdwn;
  readonly blocks: readonly Block[];
  /** The only thing with a coloured bar; beside `blocks` an attachment bears no other old field but `color`. */
  readonly attachments?: readonly { readonly color: string; readonly blocks: readonly Block[] }[];
  /** Slack would fetch what is linked, and tell an adversary that somebody looks. */
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

/** Slack's limits, in characters where it does not say otherwise. */
export const LIMITS = {
  /** docs.slack.dev/reference/block-kit/blocks: blocks of one message. */
  blocks: 50,
  /** header-block: plain_text. */
  header: 150,
  /** section-block and text-object. */
  text: 3000,
  /** Slack gives none for rich_text; that of a section is known to hold. */
  richText: 3000,
  /** chat.postMessage: recommended for `text`; 40,000 is where it is cut off. */
  fallback: 4000,
  /** Undocumented: `msg_blocks_too_long` was seen from 11,341 characters of all blocks on (slackapi/bolt-js#2867). */
  total: 10_000,
} as const;

/** How large a message is, in the units of `LIMITS`. */
export interface Sizes {
  readonly blocks: number;
  readonly header: number;
  readonly text: number;
  readonly richText: number;
  readonly fallback: number;
  readonly total: number;
}

/** All blocks of a message, also those in attachments. */
export function blocksOf(message: SlackMessage): readonly Block[] {
  return [...message.blocks, ...(message.attachments ?? []).flatMap(({ blocks }) => blocks)];
}

/** Measures a message; the largest block counts where a limit is for one. */
export function measure(message: SlackMessage): Sizes {
  const blocks = blocksOf(message);
  const largest = (types: readonly Block["type"][]) =>
    Math.max(0, ...blocks.filter(({ type }) => types.includes(type)).map(measureBlock));
  return {
    blocks: blocks.length,
    header: largest(["header"]),
    text: largest(["section", "context"]),
    richText: largest(["rich_text"]),
    fallback: message.text.length,
    total: blocks.reduce((sum, block) => sum + measureBlock(block), 0),
  };
}

/** Whether Slack takes a message. */
export function isWithinLimits(message: SlackMessage): boolean {
  const sizes = measure(message);
  return (
    sizes.blocks <= LIMITS.blocks &&
    sizes.header <= LIMITS.header &&
    sizes.text <= LIMITS.text &&
    sizes.richText <= LIMITS.richText &&
    sizes.fallback <= LIMITS.fallback &&
    sizes.total <= LIMITS.total
  );
}

function measureBlock(block: Block): number {
  switch (block.type) {
    case "header":
      return lengthOf(block.text.text);
    case "context":
      return sum(block.elements, ({ type, text }) => (type === "mrkdwn" ? text.length : lengthOf(text)));
    case "section":
      return (
        (block.text.type === "mrkdwn" ? block.text.text.length : lengthOf(block.text.text)) +
        (block.accessory ? measureButton(block.accessory) : 0)
      );
    case "actions":
      return sum(block.elements, measureButton);
    case "rich_text":
      return sum(block.elements, (element) =>
        element.type === "rich_text_list" ? sum(element.elements, measureParagraph) : measureParagraph(element),
      );
  }
}

function measureParagraph({ elements }: RichParagraph): number {
  return sum<Run | RichLink>(elements, (run) => lengthOf(run.text) + (run.type === "link" ? lengthOf(run.url) : 0));
}

function measureButton({ text, url }: Button): number {
  return lengthOf(text.text) + lengthOf(url);
}

function sum<T>(parts: readonly T[], size: (part: T) => number): number {
  return parts.reduce((total, part) => total + size(part), 0);
}

/** A `plain_text` object. */
export function plain(text: SlackText): PlainText {
  return { type: "plain_text", text, emoji: false };
}

/** A text element, which is never parsed. */
export function run(text: SlackText): Run {
  return { type: "text", text };
}

/** A text element in bold. */
export function bold(text: SlackText): Run {
  return { type: "text", text, style: { bold: true } };
}

/** A text element in the letters of a terminal, in which every character can be told from the others. */
export function code(text: SlackText): Run {
  return { type: "text", text, style: { code: true } };
}

/** A text element that is struck through. */
export function struck(text: SlackText): Run {
  return { type: "text", text, style: { strike: true } };
}

/** Text that flows. */
export function paragraph(elements: readonly (Run | RichLink)[]): RichParagraph {
  return { type: "rich_text_section", elements };
}

/** A list of paragraphs; those without text are left out, since Slack refuses them. */
export function list(elements: readonly RichParagraph[]): RichList {
  return { type: "rich_text_list", style: "bullet", elements: elements.filter((one) => one.elements.length > 0) };
}

/** A block of text that flows and of lists; undefined without any: Slack refuses an empty one. */
export function richText(elements: readonly (RichParagraph | RichList)[]): readonly RichText[] {
  const filled = elements.filter((element) => element.elements.length > 0);
  return filled.length > 0 ? [{ type: "rich_text", elements: filled }] : [];
}
