// What MISP says, in the words of the rules: no wire, no memory, no guard.

/** TLP, loosest first; `none` is known to have no label. */
export type Label = "none" | "clear" | "green" | "amber" | "red";
export const LABELS: readonly Label[] = ["none", "clear", "green", "amber", "red"];

/** `members`: a group with the owner in it; `lost`: the same group without; `strangers`: another one. */
export type Spread = "community" | "organisation" | "members" | "lost" | "strangers" | "inherit";

/** What marks an event or an attribute. */
export interface Marks {
  readonly label: Label;
  /** One more label, that is not exportable: publications leave it out. */
  readonly hidden: Label;
  /** PAP:RED: values are for nobody. */
  readonly papRed: boolean;
  /** tlp:ex:chr: whose it is may not be told. */
  readonly secret: boolean;
}

export const UNMARKED: Marks = { label: "none", hidden: "none", papRed: false, secret: false };

/** One attribute as it is told; `place` is the step that gave it its value. */
export interface SaidPart {
  readonly part: string;
  readonly place: number;
  /** When it was changed last, by MISP's clock. */
  readonly time: number;
  readonly marks: Marks;
  readonly spread: Spread;
  /** What a route asks for. */
  readonly bad: boolean;
  /** Of a type whose values are personal data. */
  readonly personal: boolean;
  /** It is in the object of its event. */
  readonly inObject: boolean;
}

interface Common {
  /** When it came, and when it was done, in seconds of our clock. */
  readonly at: number;
  readonly doneAt: number;
  readonly event: string;
  readonly number: string;
}

/** The state of an event as a frame or an answer tells it; `place` is the step that gave it its title. */
export interface SaidWhole extends Common {
  readonly place: number;
  readonly time: number;
  readonly marks: Marks;
  readonly spread: Spread;
}

/** One thing that came; `time` is what it says of itself, by MISP's clock. */
export type Said =
  | (SaidWhole & {
      readonly what: "published";
      readonly parts: readonly SaidPart[];
      readonly objectSpread: Spread;
      /** By hand, of what MISP has not published. */
      readonly pushed: boolean;
    })
  | (SaidWhole & { readonly what: "edited" | "unpublished" })
  | (Common & { readonly what: "created"; readonly place: number; readonly time: number; readonly spread: Spread })
  | (Common & { readonly what: "deleted" })
  | (Common & { readonly what: "tagged"; readonly mark: Mark; readonly part?: string })
  | (Common & {
      readonly what: "part";
      readonly does: "adds" | "edits" | "deletes";
      readonly time: number;
      readonly eventSpread: Spread;
      readonly objectSpread: Spread;
      readonly told: SaidPart;
      /** Its labels are in the frame. */
      readonly isMarked: boolean;
    })
  | (Common & { readonly what: "object"; readonly does: "edits" | "deletes"; readonly spread: Spread })
  /** MISP was asked; `parts` absent: about the event alone. */
  | (SaidWhole & {
      readonly what: "answered";
      readonly isPublished: boolean;
      readonly parts?: readonly SaidPart[];
      readonly objectSpread?: Spread;
      /** What marks its parts, where they are not told. */
      readonly partMarks?: readonly Pick<SaidPart, "part" | "marks">[];
    });

/** One tag that marks. */
export type Mark =
  | { readonly label: Exclude<Label, "none">; readonly isHidden: boolean }
  | { readonly papRed: true }
  | { readonly secret: true };

/** What carries it by itself which step it is from. */
export const titleOf = (event: string, place: number) => `TITLE-${event}-${place}-`;
export const indicatorOf = (event: string, { part, place, bad }: Pick<SaidPart, "part" | "place" | "bad">) =>
  `${bad ? "bad" : "good"}-${event}-${part}-${place}.example`;
/** Who made all events. */
export const AUTHOR = "AUTHOR-ORG";
