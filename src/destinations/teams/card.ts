import type { CardText, InertText, MentionLine } from "./text.ts";

// The part of Adaptive Cards 1.4 that misp-herald uses, in the spelling of its schema. Text from MISP stands in TextRuns only:
// TextBlock and FactSet parse Markdown, and what a backslash does in them differs from client to client.

type Spacing = "None" | "Small" | "Default" | "Medium" | "Large";

export interface OpenUrl {
  readonly type: "Action.OpenUrl";
  readonly title?: CardText;
  readonly url: string;
  readonly style?: "positive";
}

export interface ToggleVisibility {
  readonly type: "Action.ToggleVisibility";
  readonly title: CardText;
  readonly targetElements: readonly string[];
}

export interface TextRun {
  readonly type: "TextRun";
  readonly text: CardText;
  readonly size?: "Small" | "Medium" | "Large";
  readonly weight?: "Bolder";
  readonly fontType?: "Monospace";
  readonly isSubtle?: true;
  readonly strikethrough?: true;
  readonly selectAction?: OpenUrl;
}

export interface RichTextBlock {
  readonly type: "RichTextBlock";
  readonly spacing?: Spacing;
  readonly separator?: true;
  readonly inlines: readonly TextRun[];
}

/** Parses Markdown: takes nothing but mentions. */
export interface MentionBlock {
  readonly type: "TextBlock";
  readonly text: MentionLine;
  readonly wrap: true;
}

export interface Container {
  readonly type: "Container";
  readonly id?: string;
  readonly isVisible?: false;
  readonly style?: "emphasis" | "attention" | "warning" | "accent";
  readonly bleed?: true;
  readonly spacing?: Spacing;
  readonly items: readonly Element[];
}

export interface ColumnSet {
  readonly type: "ColumnSet";
  readonly spacing?: Spacing;
  readonly columns: readonly {
    readonly type: "Column";
    readonly width: string;
    readonly items: readonly RichTextBlock[];
  }[];
}

export type Element = RichTextBlock | MentionBlock | Container | ColumnSet;

/** Someone whom Teams tells; its text stands in a MentionBlock. */
export interface MentionEntity {
  readonly type: "mention";
  readonly text: string;
  readonly mentioned: { readonly id: string; readonly name: string };
}

export interface Card {
  readonly $schema: "http://adaptivecards.io/schemas/adaptive-card.json";
  readonly type: "AdaptiveCard";
  /** Teams draws nothing of a card with a higher version that comes through a webhook. */
  readonly version: "1.4";
  readonly msteams: { readonly width: "Full"; readonly entities?: readonly MentionEntity[] };
  readonly fallbackText: InertText;
  readonly body: readonly Element[];
  readonly actions?: readonly (OpenUrl | ToggleVisibility)[];
}

/** What the stock templates of Workflows take: they post each attachment's `content` as a card. */
export interface CardMessage {
  readonly type: "message";
  readonly summary: InertText;
  readonly attachments: readonly [
    {
      readonly contentType: "application/vnd.microsoft.card.adaptive";
      readonly contentUrl: null;
      readonly content: Card;
    },
  ];
}

type Look = Omit<TextRun, "type" | "text">;

export function run(text: CardText, look: Look = {}): TextRun {
  return { type: "TextRun", text, ...look };
}

/** Runs that follow each other; one without text would make the card invalid. */
export function line(inlines: readonly TextRun[], look: Omit<RichTextBlock, "type" | "inlines"> = {}): RichTextBlock {
  return { type: "RichTextBlock", ...look, inlines: inlines.filter(({ text }) => text !== "") };
}

/** A link of the configuration; undefined for what Teams does not open. */
export function openUrl(link: URL | undefined, look: Omit<OpenUrl, "type" | "url"> = {}): OpenUrl | undefined {
  return link && /^https?:$/.test(link.protocol) ? { type: "Action.OpenUrl", ...look, url: link.href } : undefined;
}
