// The other half of the model: what had to leave. It counts as strict whatever was ever said, and expects only what nothing
// speaks against; what has to be told must have been told.
import { isAbove, isOpen, type Reader } from "./judge.ts";
import type { Step } from "./steps.ts";
import { indicatorOf, type Marks, type Said, type SaidPart, type Spread, titleOf } from "./words.ts";

/** A publication that has to leave, whoever may see it: nothing about its event was ever in doubt. */
export interface Due {
  readonly title: string;
  readonly parts: readonly SaidPart[];
  readonly event: string;
}

/** All that was ever said of events and parts, by what it is about. */
export class EverSaid {
  readonly #marks = new Map<string, Marks[]>();
  readonly #spreads = new Map<string, Spread[]>();

  hear(said: Said): void {
    if ("marks" in said) {
      this.#add(said.event, said.marks, said.spread);
    }
    if (said.what === "part") {
      this.#spreads.set(said.event, [...(this.#spreads.get(said.event) ?? []), said.eventSpread]);
    }
    const parts = "parts" in said ? (said.parts ?? []) : said.what === "part" ? [said.told] : [];
    for (const one of parts) {
      this.#add(`${said.event} ${one.part}`, one.marks, one.spread);
    }
    for (const { part, marks } of said.what === "answered" ? (said.partMarks ?? []) : []) {
      this.#add(`${said.event} ${part}`, marks, "inherit");
    }
    if (said.what === "tagged") {
      const { mark, part } = said;
      const label = "label" in mark ? mark.label : "none";
      const marks: Marks = { label, hidden: "none", papRed: "papRed" in mark, secret: false };
      this.#add(part === undefined ? said.event : `${said.event} ${part}`, marks, "inherit");
    }
  }

  isOpenTo(reader: Reader, event: string, ceiling = reader.ceiling): boolean {
    return this.#passes(reader, ceiling, [event]);
  }

  isPartOpenTo(reader: Reader, event: string, { part, personal, inObject }: SaidPart): boolean {
    const names = [event, `${event} ${part}`];
    const marks = names.flatMap((name) => this.#marks.get(name) ?? []);
    // What becomes of what is in an object is not foreseen.
    return (
      !inObject &&
      (!personal || reader.personal) &&
      !marks.some(({ papRed }) => papRed) &&
      this.#passes(reader, reader.ceiling, names)
    );
  }

  #passes(reader: Reader, ceiling: Reader["ceiling"], names: readonly string[]): boolean {
    const [event = []] = names.map((name) => this.#marks.get(name) ?? []);
    const marks = names.flatMap((name) => this.#marks.get(name) ?? []);
    const spreads = names.flatMap((name) => this.#spreads.get(name) ?? []);
    const isBare = event.some(({ label, hidden }) => label === "none" && hidden === "none");
    // Whether the owner sees what is for others alone is not foreseen.
    return (
      spreads.every((spread) => isOpen(reader, [spread])) &&
      !isAbove(ceiling, marks) &&
      !(isBare && isAbove(ceiling, []))
    );
  }

  #add(name: string, marks: Marks, spread: Spread): void {
    this.#marks.set(name, [...(this.#marks.get(name) ?? []), marks]);
    this.#spreads.set(name, [...(this.#spreads.get(name) ?? []), spread]);
  }
}

/** What leaves no doubt that the event is published, and that a publication dated by our clock is the newest. */
function isPlain(step: Step): boolean {
  return (
    !("act" in step) ||
    (step.act.skew <= 0 && step.way !== "late" && ["publish", "edit", "mark", "part"].includes(step.act.do))
  );
}

/** The last thing that happened to each event, if that was a publication after which no configuration came. */
export function lastPublications(steps: readonly Step[]): ReadonlySet<number> {
  const last = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    if ("act" in step) {
      last.set(step.act.event, index);
    }
  }
  const reloaded = steps.findLastIndex((step) => "reload" in step);
  const isDue = (event: string, index: number) => {
    const step = steps[index];
    return (
      step !== undefined &&
      "act" in step &&
      step.act.do === "publish" &&
      step.act.isFresh &&
      step.act.skew === 0 &&
      step.way !== "lost" &&
      index > reloaded &&
      steps.every((one) => isPlain(one) || ("act" in one && one.act.event !== event))
    );
  };
  return new Set([...last].flatMap(([event, index]) => (isDue(event, index) ? index : [])));
}

/** What had to be in what left to some readers, and is not. */
export function missing(due: Due, reader: Reader, left: readonly string[], ever: EverSaid): string | undefined {
  const told = left.filter((text) => text.includes(due.title));
  if (!ever.isOpenTo(reader, due.event, reader.titles ?? reader.ceiling)) {
    return undefined;
  }
  if (told.length === 0) {
    return `${due.title} was not told`;
  }
  const part = due.parts.find(
    (one) =>
      ever.isPartOpenTo(reader, due.event, one) && !told.some((text) => text.includes(indicatorOf(due.event, one))),
  );
  return part && `${indicatorOf(due.event, part)} was not told`;
}

export function dueOf(said: Extract<Said, { what: "published" }>): Due {
  return { title: titleOf(said.event, said.place), parts: said.parts, event: said.event };
}
