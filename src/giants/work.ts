import { DecodeError } from "../base/errors.ts";
import type { Frame } from "../model/frame.ts";
import type { Known } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects } from "../model/outbox.ts";
import { withMarkings } from "../planning/confirm.ts";
import { type Asked, type Plan, plan, type Trace } from "../planning/plan.ts";
import { textIn } from "../routing/weight.ts";
import { decode, leftOut } from "../topics/index.ts";
import { type PlainRules, rulesOf } from "./rules.ts";

/** A publication with no more than this is planned like any other once it has been read. */
const FEW_PARTS = 500;
/** Labels, clusters and members of its sharing group. */
const FEW_AROUND = 2_000;
const LITTLE_TEXT = 2 ** 18;

/** How many parts of an event are handed over, and stored, at once. */
export const SLICE = 2_000;
/** The same of pages, which are as long as a row may be. */
const PAGES = 8;

/** What became of reading a giant. */
export type Read =
  | { readonly type: "read"; readonly message?: Message }
  | { readonly type: "unreadable"; readonly reason: string };

/** What is planned: one message that stands for a giant, upon what is known of its event. */
export interface GiantQuestion {
  readonly message: Message;
  readonly known: Known;
  readonly now: number;
  readonly rules: PlainRules;
  readonly asked?: Asked;
}

/** What of a plan there may be hundreds of thousands of. */
export type Rows = Pick<Effects, "parts" | "forget" | "reborn" | "pages">;

/** Reads one giant and plans it, away from the main loop; what it hands over is small, or in slices. */
export class GiantWork {
  readonly #name: string;
  #whole: Message | undefined;
  #rows: Rows = { parts: [], forget: [] };

  /** `name`: under which the main loop asks for it. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The message, where it is small after all, `mostText` counting; else one without parts that stands for it. */
  read(frame: Frame, mostText: number): Read {
    let message: Message | undefined;
    try {
      message = decode(frame);
    } catch (error) {
      if (error instanceof DecodeError) {
        return { type: "unreadable", reason: error.message };
      }
      throw error;
    }
    if (!message || isSmall(message, mostText)) {
      return { type: "read", ...(message && { message }) };
    }
    this.#whole = message;
    return { type: "read", message: outlineOf(message, this.#name) };
  }

  /** The plan without its rows, which `next` gives. */
  plan({ message, known, now, rules, asked }: GiantQuestion): Plan {
    const { effects, traces } = plan([this.#wholeOf(message)], known, now, rulesOf(rules), asked && [asked]);
    const { reborn, pages, ...others } = effects;
    const { parts, forget } = effects;
    this.#rows = { parts, forget, ...(reborn && { reborn }), ...(pages && { pages }) };
    return {
      effects: { ...others, parts: [], forget: [] },
      traces: traces.map((trace) => outlineTrace(trace, message)),
    };
  }

  /** The next rows of the plan; undefined: there are no more. What the event had before it came back goes with the first. */
  next(): Rows | undefined {
    const { parts, forget, reborn = [], pages = [] } = this.#rows;
    if (parts.length + forget.length + reborn.length + pages.length === 0) {
      return undefined;
    }
    this.#rows = { parts: parts.slice(SLICE), forget: forget.slice(SLICE), pages: pages.slice(PAGES) };
    return {
      parts: parts.slice(0, SLICE),
      forget: forget.slice(0, SLICE),
      pages: pages.slice(0, PAGES),
      ...(reborn.length > 0 && { reborn }),
    };
  }

  /** The message again with all of its parts, and what MISP has said of them. */
  #wholeOf({ skipped: _, giant, ...outline }: Message): Message {
    const whole = this.#whole;
    if (!whole) {
      throw new Error("What was not read cannot be planned");
    }
    const { attributes, objects, lines, skipped } = whole;
    return withMarkings(
      { ...outline, attributes, objects, lines, ...(skipped !== undefined && { skipped }) },
      giant?.markings,
    );
  }
}

/** A publication of many parts without them: as much as it takes to remember, confirm and, if need be, tell that it was. */
function outlineOf(message: Message, name: string): Message {
  const { attributes, objects, skipped = 0, lines } = message;
  const missing = skipped + attributes.length + objects.length;
  const others = lines.filter(({ label }) => label !== leftOut(1).label);
  return {
    ...message,
    attributes: [],
    objects: [],
    skipped: missing,
    lines: [...others, leftOut(missing)],
    giant: { name },
  };
}

/** Only publications have any number of parts. */
function isSmall(message: Message, mostText: number): boolean {
  const { kind, attributes, objects } = message;
  if (kind !== "event.published") {
    return true;
  }
  const { tags = [], clusters = [], sharingGroup } = message.event ?? {};
  const around = tags.length + clusters.length + (sharingGroup?.members?.length ?? 0);
  return (
    attributes.length + objects.length <= FEW_PARTS &&
    around <= FEW_AROUND &&
    textIn(message) <= Math.min(LITTLE_TEXT, mostText)
  );
}

function outlineTrace({ kind, stale, routes, destinations }: Trace, message: Message): Trace {
  return {
    message,
    ...(kind && { kind }),
    stale,
    routes,
    destinations: destinations.map(({ guarded: _, ...verdict }) => verdict),
  };
}
