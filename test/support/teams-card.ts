import { createRequire } from "node:module";
import { z } from "zod";

// What Adaptive Cards 1.4 and the webhooks of Teams allow, without what misp-herald has no use for (inputs, images, media,
// facts, submitting actions). Names and values as in the schema of 1.4, which knows no further properties.

const SPACING = z.enum(["None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"]);
const STYLE = z.enum(["default", "emphasis", "good", "attention", "warning", "accent"]);
const COLOR = z.enum(["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"]);

const COMMON = {
  id: z.string().min(1).optional(),
  isVisible: z.boolean().optional(),
  separator: z.boolean().optional(),
  spacing: SPACING.optional(),
};

const FONT = {
  color: COLOR.optional(),
  fontType: z.enum(["Default", "Monospace"]).optional(),
  isSubtle: z.boolean().optional(),
  size: z.enum(["Small", "Default", "Medium", "Large", "ExtraLarge"]).optional(),
  weight: z.enum(["Lighter", "Default", "Bolder"]).optional(),
};

const OpenUrl = z.strictObject({
  type: z.literal("Action.OpenUrl"),
  url: z.url({ protocol: /^https?$/ }),
  title: z.string().min(1).optional(),
  id: z.string().optional(),
  style: z.enum(["default", "positive", "destructive"]).optional(),
});

const ToggleVisibility = z.strictObject({
  type: z.literal("Action.ToggleVisibility"),
  targetElements: z.array(z.string().min(1)).min(1),
  title: z.string().min(1).optional(),
  id: z.string().optional(),
  style: z.enum(["default", "positive", "destructive"]).optional(),
});

const Action = z.discriminatedUnion("type", [OpenUrl, ToggleVisibility]);

const TextRun = z.strictObject({
  type: z.literal("TextRun"),
  text: z.string().min(1),
  ...FONT,
  highlight: z.boolean().optional(),
  italic: z.boolean().optional(),
  strikethrough: z.boolean().optional(),
  underline: z.boolean().optional(),
  selectAction: Action.optional(),
});

const RichTextBlock = z.strictObject({
  type: z.literal("RichTextBlock"),
  inlines: z.array(TextRun).min(1),
  horizontalAlignment: z.enum(["Left", "Center", "Right"]).optional(),
  ...COMMON,
});

const TextBlock = z.strictObject({
  type: z.literal("TextBlock"),
  text: z.string().min(1),
  ...FONT,
  horizontalAlignment: z.enum(["Left", "Center", "Right"]).optional(),
  maxLines: z.number().int().positive().optional(),
  wrap: z.boolean().optional(),
  ...COMMON,
});

const BOX = { style: STYLE.optional(), bleed: z.boolean().optional(), selectAction: Action.optional(), ...COMMON };

const Container = z.strictObject({
  type: z.literal("Container"),
  get items() {
    return z.array(Element).min(1);
  },
  ...BOX,
});

const Column = z.strictObject({
  type: z.literal("Column"),
  width: z.string().regex(/^(auto|stretch|\d{1,3}px)$/),
  get items() {
    return z.array(Element).min(1);
  },
  ...BOX,
});

const ColumnSet = z.strictObject({ type: z.literal("ColumnSet"), columns: z.array(Column).min(1), ...BOX });

const Element: z.ZodType<unknown> = z.lazy(() =>
  z.discriminatedUnion("type", [RichTextBlock, TextBlock, Container, ColumnSet]),
);

const Card = z.strictObject({
  $schema: z.literal("http://adaptivecards.io/schemas/adaptive-card.json"),
  type: z.literal("AdaptiveCard"),
  version: z.enum(["1.0", "1.1", "1.2", "1.3", "1.4"]),
  msteams: z.strictObject({
    width: z.literal("Full"),
    entities: z
      .array(
        z.strictObject({
          type: z.literal("mention"),
          text: z.string().regex(/^<at>[^<>]+<\/at>$/),
          mentioned: z.strictObject({ id: z.string().min(1), name: z.string().min(1) }),
        }),
      )
      .optional(),
  }),
  fallbackText: z.string().min(1),
  body: z.array(Element).min(1),
  actions: z.array(Action).max(6).optional(),
});

const Message = z.strictObject({
  type: z.literal("message"),
  summary: z.string().min(1),
  attachments: z.tuple([
    z.strictObject({
      contentType: z.literal("application/vnd.microsoft.card.adaptive"),
      contentUrl: z.null(),
      content: Card,
    }),
  ]),
});

/** All objects in a card, however deep. */
export function* nodes(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (Array.isArray(value)) {
    for (const part of value) {
      yield* nodes(part);
    }
  } else if (typeof value === "object" && value !== null) {
    yield value as Readonly<Record<string, unknown>>;
    yield* nodes(Object.values(value));
  }
}

/** Texts of a card by what shows them: runs are shown as they are, blocks are parsed as Markdown. */
export function textsOf(value: unknown): { readonly runs: readonly string[]; readonly blocks: readonly string[] } {
  const of = (type: string) => [...nodes(value)].filter((node) => node.type === type).map((node) => String(node.text));
  return { runs: of("TextRun"), blocks: of("TextBlock") };
}

const MAX_BYTES = 28_000;

interface Library {
  readonly Versions: { readonly v1_4: unknown };
  readonly SerializationContext: new (
    version: unknown,
  ) => {
    readonly eventCount: number;
    getEventAt(index: number): { readonly message: string };
  };
  readonly AdaptiveCard: new () => {
    parse(card: unknown, context: unknown): void;
    validateProperties(): { readonly validationEvents: readonly { readonly message: string }[] };
  };
}
const library: Library = createRequire(import.meta.url)("adaptivecards/dist/adaptivecards.js");

function parserWarnings(card: unknown): string[] {
  const context = new library.SerializationContext(library.Versions.v1_4);
  const parsed = new library.AdaptiveCard();
  parsed.parse(card, context);
  return [
    ...Array.from({ length: context.eventCount }, (_, index) => context.getEventAt(index).message),
    ...parsed.validateProperties().validationEvents.map(({ message }) => message),
  ];
}

/** What Teams, and the flow before it, would not take or not show of a request's body; empty: all is well. */
export function judgeMessage(body: string): readonly string[] {
  const size = Math.max(Buffer.byteLength(body), 2 * body.length);
  const tooLarge = size > MAX_BYTES ? [`Request Entity too large: ${size}`] : [];
  const parsed = Message.safeParse(JSON.parse(body));
  if (!parsed.success) {
    return [...tooLarge, ...parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)];
  }
  const card = parsed.data.attachments[0].content;
  const ids = [...nodes(card.body)].flatMap(({ id }) => (typeof id === "string" ? [id] : []));
  const targets = [...nodes(card)].flatMap(({ targetElements }) =>
    Array.isArray(targetElements) ? targetElements.map(String) : [],
  );
  const { runs, blocks } = textsOf(card);
  const mentioned = blocks.flatMap((text) => text.match(/<at>.*?<\/at>/g) ?? []);
  const entities = (card.msteams.entities ?? []).map(({ text }) => text);
  return [
    ...tooLarge,
    ...(new Set(ids).size < ids.length ? ["an id is there twice"] : []),
    ...targets.filter((target) => !ids.includes(target)).map((target) => `nothing has the id ${target}`),
    ...(JSON.stringify(mentioned) === JSON.stringify(entities) ? [] : ["mentions and entities differ"]),
    ...(new Set(entities).size < entities.length ? ["two mentions have one text"] : []),
    ...runs.filter((text) => /<\/?at\b/i.test(text)).map((text) => `a mention in a run: ${text}`),
    ...parserWarnings(card),
  ];
}
