// A plain model of what may leave, written from the rules and not from the code: it knows no memory, no guard and no plan.
// A frame is what MISP said, when it said so by its own clock, and when it came.

/** TLP, loosest first; `none` is an event that is known to have no label. */
export type Label = "none" | "clear" | "green" | "amber" | "red";
/** `members`: a group with the owner in it; `lost`: the same group without; `strangers`: another one. */
export type Spread = "community" | "organisation" | "members" | "lost" | "strangers" | "inherit";

/** One attribute as a frame tells it. */
export interface SaidPart {
  readonly part: string;
  readonly label: Label;
  readonly spread: Spread;
  /** What a route asks for. */
  readonly bad: boolean;
}

/** One frame, in words; `at` is when it came and `time` what it says of itself, both in seconds. */
export type Said = { readonly at: number; readonly event: string; readonly number: string } & (
  | {
      readonly what: "published";
      readonly time: number;
      readonly label: Label;
      readonly spread: Spread;
      readonly parts: readonly SaidPart[];
    }
  | { readonly what: "edited"; readonly time: number; readonly label: Label; readonly spread: Spread }
  | { readonly what: "tagged"; readonly label: Label; readonly part?: string }
);

/** Who reads, and what they may see. */
export interface Reader {
  readonly ceiling: Label;
  /** They are of the organisation that owns every event, which is in the group of `members`. */
  readonly isOwner: boolean;
  readonly drafts: boolean;
}

const LABELS: readonly Label[] = ["none", "clear", "green", "amber", "red"];
/** How far MISP's clock may be ahead of ours, in seconds. */
const AHEAD = 300;

interface Carrier {
  readonly labels: Label[];
  readonly spreads: Spread[];
  /** The newest that was told of it, and when something stricter came that was not newer. */
  held: number;
  readonly strictAt: { labels: number; spreads: number };
}

interface Known {
  readonly whole: Carrier;
  readonly parts: Map<string, Carrier>;
  /** Attributes that a route asks for, in any frame. */
  readonly bad: Set<string>;
  published: boolean;
}

/** What is known after some frames, by the rules alone. */
export class Judge {
  readonly #events = new Map<string, Known>();
  readonly #owners = new Map<string, string>();
  readonly #shared = new Set<string>();
  /** What gives a number before it is known which event has it. */
  #waiting: Said[] = [];

  hear(said: Said): void {
    const owner = this.#owners.get(said.number);
    const isNamed = said.what === "published" || said.what === "edited";
    if (isNamed) {
      if (owner !== undefined && owner !== said.event) {
        this.#shared.add(said.number); // whom a mere number means is not sure any more
      }
      this.#owners.set(said.number, said.event);
      const early = this.#waiting.filter(({ number }) => number === said.number);
      this.#waiting = this.#waiting.filter(({ number }) => number !== said.number);
      for (const one of early) {
        this.hear(one);
      }
    } else if (this.#shared.has(said.number)) {
      return;
    } else if (owner === undefined) {
      this.#waiting.push(said);
      return;
    }
    // A number means the event that has it, whichever somebody had in mind.
    const name = isNamed ? said.event : (owner ?? said.event);
    const event = this.#event(name);
    switch (said.what) {
      case "published":
      case "edited":
        this.#list(event, said);
        return;
      case "tagged":
        if (said.part === undefined) {
          tightenTo(event.whole, said.label, said.at);
        } else if (name === said.event) {
          tightenTo(this.#part(event, said.part), said.label, said.at);
        }
        return;
    }
  }

  /** Whether readers may see what a frame said of the event itself. */
  maySeeEvent(reader: Reader, name: string, frame: Extract<Said, { what: "published" | "edited" }>): boolean {
    const event = this.#event(name);
    return (
      (event.published || reader.drafts) &&
      isWithin(reader, [...event.whole.labels, frame.label], [...event.whole.spreads, frame.spread])
    );
  }

  /** Whether readers may see an attribute of it, as that frame told it. */
  maySeePart(reader: Reader, name: string, frame: Extract<Said, { what: "published" }>, said: SaidPart): boolean {
    const event = this.#event(name);
    const part = event.parts.get(said.part);
    return (
      this.maySeeEvent(reader, name, frame) &&
      isWithin(
        reader,
        [...event.whole.labels, frame.label, ...(part?.labels ?? []), said.label],
        [...event.whole.spreads, frame.spread, ...(part?.spreads ?? []), said.spread],
      )
    );
  }

  #list(event: Known, said: Extract<Said, { what: "published" | "edited" }>): void {
    const time = said.time > said.at + AHEAD ? said.at : said.time;
    settle(event.whole, said, time, said.at);
    if (said.what === "edited") {
      return;
    }
    event.published = true;
    for (const one of said.parts) {
      const part = this.#part(event, one.part);
      settle(part, one, time, said.at);
      if (one.bad) {
        event.bad.add(one.part);
      }
    }
  }

  #event(name: string): Known {
    const known = this.#events.get(name) ?? unknown();
    this.#events.set(name, known);
    return known;
  }

  #part(event: Known, name: string): Carrier {
    const part = event.parts.get(name) ?? carrier();
    event.parts.set(name, part);
    return part;
  }
}

/** A complete list replaces what is older than it; what it says stricter counts in any case. */
function settle(of: Carrier, said: { label: Label; spread: Spread }, time: number, at: number): void {
  for (const one of ["labels", "spreads"] as const) {
    if (time > Math.max(of.held, of.strictAt[one])) {
      of[one].length = 0;
    } else if (time < of.held && isStricter(of, said, one)) {
      of.strictAt[one] = at;
    }
  }
  of.labels.push(said.label);
  of.spreads.push(said.spread);
  of.held = Math.max(of.held, time);
}

function isStricter(of: Carrier, said: { label: Label; spread: Spread }, one: "labels" | "spreads"): boolean {
  return one === "labels"
    ? rank(said.label) > Math.max(...of.labels.map(rank))
    : width(said.spread) > Math.max(...of.spreads.map(width));
}

/** A label that was put on it is as new as its arrival. */
function tightenTo(of: Carrier, label: Label, at: number): void {
  of.labels.push(label);
  of.strictAt.labels = at;
}

function unknown(): Known {
  return {
    ...{ whole: carrier(), parts: new Map(), bad: new Set<string>() },
    published: false,
  };
}

function carrier(): Carrier {
  const never = Number.NEGATIVE_INFINITY;
  return { labels: [], spreads: [], held: never, strictAt: { labels: never, spreads: never } };
}

/**
 * Everything counts that is said of it. What has no label counts as amber, and below an event as what that is. Nobody is
 * nearer to it than the organisation that owns it, whatever group it is in, too.
 */
function isWithin({ ceiling, isOwner }: Reader, labels: readonly Label[], spreads: readonly Spread[]): boolean {
  const strictest = Math.max(...labels.map(rank));
  const level = strictest === 0 ? rank("amber") : strictest;
  if (level > rank(ceiling)) {
    return false;
  }
  return spreads.includes("organisation") ? isOwner : spreads.every((spread) => OPEN_TO[spread](isOwner));
}

const OPEN_TO: Readonly<Record<Spread, (isOwner: boolean) => boolean>> = {
  community: () => true,
  inherit: () => true,
  organisation: (isOwner) => isOwner,
  members: (isOwner) => isOwner,
  lost: () => false,
  strangers: () => false,
};

const NARROWER: readonly Spread[] = ["inherit", "community", "members", "lost", "strangers", "organisation"];

function width(spread: Spread): number {
  return NARROWER.indexOf(spread);
}

function rank(label: Label): number {
  return LABELS.indexOf(label);
}
