// A plain model of what may leave, written from the rules and not from the code: it knows no memory, no guard and no plan.
// It hears what came, in the order in which it came, and is asked of each thing that leaves.
import {
  LABELS,
  type Label,
  type Marks,
  type Said,
  type SaidPart,
  type SaidWhole,
  type Spread,
  UNMARKED,
} from "./words.ts";

/** Who reads, and what they may see. */
export interface Reader {
  readonly ceiling: Label;
  /** Up to there they see the title, and nothing of the parts; by default as far as the rest. */
  readonly titles?: Label;
  /** They are of the organisation that owns every event, which is in the group of `members`. */
  readonly isOwner: boolean;
  readonly drafts: boolean;
  readonly personal: boolean;
}

/** How far MISP's clock may be ahead of ours, in seconds. */
const AHEAD = 300;
const NEVER = Number.NEGATIVE_INFINITY;

/** Times by MISP's clock: of the event whose list it is in, and of a part itself. */
interface Stamp {
  readonly list: number;
  readonly own: number;
}

/** When it came, and the times than which something must be newer to lift it. */
interface Dated {
  readonly at: number;
  readonly from: Stamp;
}

/** What is known of an event, an attribute or an object. */
interface Carrier {
  marks: ({ readonly marks: Marks } & Dated)[];
  spreads: ({ readonly spread: Spread } & Dated)[];
  /** The newest that was told of it. */
  held: Stamp;
  /** The time of the list that MISP gave last when it was asked. */
  answered: number;
  /** All its labels were told once. */
  isListed: boolean;
  isDeleted: boolean;
}

interface Known {
  readonly whole: Carrier;
  readonly object: Carrier;
  readonly parts: Map<string, Carrier>;
  number: string | undefined;
  /** MISP has published it, or it counts as that. */
  isPublished: boolean;
  /** The time of the publication that was believed last. */
  publishedTime: number | undefined;
  isUnpublished: boolean;
  /** Content that came before then was taken back. */
  takenBackAt: number;
}

/** Whether a pushed draft can be told from a publication: MISP is asked before anybody is told. */
export interface Hearing {
  readonly asksFirst: boolean;
}

/** What is known after some frames, by the rules alone. */
export class Judge {
  readonly #events = new Map<string, Known>();
  readonly #owners = new Map<string, string>();
  /** Which event had which number at some time. */
  readonly #claims = new Set<string>();
  readonly #shared = new Set<string>();
  /** What gives a number before it is known which event has it. */
  #waiting: Said[] = [];
  /** By title or value when it was told last, in the order of arrival. */
  readonly #heardAt = new Map<string, number>();
  #order = 0;

  /** Whether an event was ever published, as far as is known. */
  wasPublished(name: string): boolean {
    return this.#events.get(name)?.isPublished === true;
  }

  hear(said: Said, { asksFirst }: Hearing): void {
    this.#order += 1;
    const name = this.#nameOf(said);
    if (name === undefined) {
      return;
    }
    const event = this.#event(name);
    switch (said.what) {
      case "published":
        this.#renew(event, said.number);
        this.#publish(event, said, asksFirst);
        return;
      case "edited":
      case "unpublished":
        this.#renew(event, said.number);
        this.#note(titleKey(said));
        settle(event.whole, { marks: besides(event.whole, said), spread: vague(said.spread) }, stampOf(said), {
          clock: "list",
          at: said.at,
        });
        event.whole.isListed = true;
        // MISP does not say of what it dates ahead whether it was published or edited last.
        if (
          said.what === "unpublished" &&
          event.publishedTime === said.time &&
          !event.isUnpublished &&
          !(asksFirst && said.time > said.at + AHEAD)
        ) {
          event.isUnpublished = true;
          event.takenBackAt = this.#order;
        }
        return;
      case "created":
        // A new number is given to what is new: that the former was deleted may have been lost.
        if (event.number !== undefined && event.number !== said.number && !event.whole.isDeleted) {
          event.whole.isDeleted = true;
          event.takenBackAt = this.#order;
        }
        this.#renew(event, said.number);
        this.#note(titleKey(said));
        tighten(event.whole, { spread: said.spread }, said.at);
        return;
      case "deleted":
        if (event.number === undefined || event.number === said.number) {
          event.number = said.number;
          if (!event.whole.isDeleted) {
            event.takenBackAt = this.#order;
          }
          event.whole.isDeleted = true;
        }
        return;
      case "tagged": {
        const { mark, part } = said;
        const marks: Marks = {
          ...UNMARKED,
          ...("label" in mark ? (mark.isHidden ? { hidden: mark.label } : { label: mark.label }) : mark),
        };
        if (part === undefined) {
          tighten(event.whole, { marks }, said.at);
        } else if (name === said.event) {
          tighten(this.#part(event, part), { marks }, said.at);
        }
        return;
      }
      case "part":
        this.#hearPart(event, said);
        return;
      case "object":
        if (name === said.event) {
          tighten(event.object, { spread: said.spread }, said.at);
          event.object.isDeleted ||= said.does === "deletes";
        }
        return;
      case "answered":
        this.#answer(event, said);
        return;
    }
  }

  /** MISP did not answer in time: what the feed called a publication counts as one. */
  believe(name: string): void {
    this.#event(name).isPublished = true;
  }

  /** Why readers may not see a title that leaves now; undefined: they may. */
  forbidsTitle(
    reader: Reader,
    name: string,
    said: (SaidWhole & Pick<Said, "what">) | Extract<Said, { what: "created" }>,
  ): string | undefined {
    const event = this.#event(name);
    const marks = "marks" in said ? [said.marks] : [];
    const spread = said.what === "edited" || said.what === "unpublished" ? vague(said.spread) : said.spread;
    return (
      this.#forbidsEvent(reader, event, marks, [spread], reader.titles ?? reader.ceiling) ??
      this.#forbidsTaken(reader, event, titleKey(said))
    );
  }

  /** Why readers may not see a value that leaves now; `withdrawn`: it leaves as taken back. */
  forbidsValue(reader: Reader, name: string, told: SaidPart, withdrawn = false): string | undefined {
    const event = this.#event(name);
    const part = this.#part(event, told.part);
    const object = told.inObject ? [event.object] : [];
    const marks = [...marksOf(part), told.marks];
    const spreads = [...spreadsOf(part), told.spread, ...object.flatMap(spreadsOf)];
    const key = valueKey(name, told);
    if (told.personal && !reader.personal) {
      return "it is personal";
    }
    if (!reader.drafts && !part.isListed) {
      return "its labels are not known";
    }
    if ([...marksOf(event.whole), ...marks].some(({ papRed }) => papRed)) {
      return "PAP:RED";
    }
    if (!withdrawn && [part, ...object].some(({ isDeleted }) => isDeleted)) {
      return "it is deleted";
    }
    return (
      this.#forbidsEvent(reader, event, marks, spreads, reader.ceiling) ??
      (withdrawn ? undefined : this.#forbidsTaken(reader, event, key))
    );
  }

  /** Whether nobody may be told whose it is, beside these parts. */
  isSecret(name: string, parts: readonly SaidPart[]): boolean {
    const event = this.#event(name);
    const carriers = [event.whole, ...parts.map(({ part }) => this.#part(event, part))];
    return carriers.some((one) => marksOf(one).some(({ secret }) => secret));
  }

  #forbidsEvent(reader: Reader, event: Known, marks: readonly Marks[], spreads: readonly Spread[], ceiling: Label) {
    const { whole, isPublished } = event;
    if (!isPublished && !reader.drafts) {
      return "it was never published";
    }
    if (!whole.isListed && !reader.drafts) {
      return "the labels of its event are not known";
    }
    const reach = [...spreadsOf(whole), ...spreads];
    if (!isOpen(reader, reach)) {
      return `it is for ${reach.join(", ")}`;
    }
    return isAbove(ceiling, [...marksOf(whole), ...marks]) ? "its label is too strict" : undefined;
  }

  /** What is not published any more is a draft for those who may see drafts, if that is known when it is planned. */
  #forbidsTaken({ drafts }: Reader, event: Known, key: string): string | undefined {
    if (drafts && event.isUnpublished && !event.whole.isDeleted) {
      return undefined;
    }
    return event.whole.isDeleted || (this.#heardAt.get(key) ?? 0) < event.takenBackAt ? "it was taken back" : undefined;
  }

  /** The event that is meant; undefined: that is not sure, or not known yet. */
  #nameOf(said: Said): string | undefined {
    const owner = this.#owners.get(said.number);
    if (said.what !== "tagged" && said.what !== "object") {
      const claim = `${said.number} ${said.event}`;
      if (owner !== said.event && this.#claims.has(claim)) {
        this.#shared.add(said.number); // seen under it in turn: whom a mere number means is not sure any more
      }
      this.#claims.add(claim);
      this.#owners.set(said.number, said.event);
      const early = this.#waiting.filter(({ number }) => number === said.number);
      this.#waiting = this.#waiting.filter(({ number }) => number !== said.number);
      for (const one of early) {
        this.hear(one, { asksFirst: false });
      }
      return said.event;
    }
    if (this.#shared.has(said.number)) {
      return undefined;
    }
    if (owner === undefined) {
      this.#waiting.push(said);
    }
    return owner;
  }

  /** An event that was deleted and comes back under another number is a new one. */
  #renew(event: Known, number: string): void {
    if (event.whole.isDeleted && event.number !== undefined && event.number !== number) {
      const { takenBackAt } = event;
      Object.assign(event, { ...unknown(), takenBackAt });
    }
    event.number = number;
    event.whole.isDeleted = false;
  }

  #publish(event: Known, said: Extract<Said, { what: "published" }>, asksFirst: boolean): void {
    const { whole } = event;
    const stamp = stampOf(said);
    const isOld = stamp.list < whole.held.list;
    const isDraft = said.pushed && asksFirst;
    const keys = [titleKey(said), ...said.parts.map((one) => valueKey(said.event, one))];
    for (const key of keys) {
      this.#note(key);
    }
    settle(whole, said, stamp, { clock: "list", at: said.at, isCut: true });
    whole.isListed = true;
    if (!isDraft) {
      event.isPublished = true;
      if (!isOld) {
        event.publishedTime = said.time;
        event.isUnpublished = false;
      }
    }
    for (const one of said.parts) {
      this.#list(event, one, stampOf(said, one.time), said.at);
    }
    if (said.parts.some(({ inObject }) => inObject)) {
      settle(event.object, { marks: UNMARKED, spread: said.objectSpread }, stamp, { clock: "list", at: said.at });
      event.object.isDeleted &&= isOld;
    }
  }

  #list(event: Known, one: SaidPart, stamp: Stamp, at: number): void {
    const part = this.#part(event, one.part);
    const isOld = stamp.list < part.held.list;
    settle(part, one, stamp, { clock: "list", at, isCut: true });
    part.isListed = true;
    part.isDeleted &&= isOld;
  }

  #hearPart(event: Known, said: Extract<Said, { what: "part" }>): void {
    const { told, time, at } = said;
    this.#note(valueKey(said.event, told));
    tighten(event.whole, { spread: vague(said.eventSpread) }, at);
    const part = this.#part(event, told.part);
    const stamp = { own: believed(time, at), list: Math.max(event.whole.held.list, believed(time, at)) };
    const isOld = stamp.own < part.held.own;
    const { marks } = part;
    settle(part, told, stamp, { clock: "own", at });
    if (said.isMarked) {
      part.isListed = true;
    } else {
      part.marks = marks;
    }
    if (told.inObject) {
      tighten(event.object, { spread: said.objectSpread }, at);
    }
    part.isDeleted = said.does === "deletes" || (part.isDeleted && isOld);
  }

  /** What MISP says when it is asked holds for all that came before. */
  #answer(event: Known, said: Extract<Said, { what: "answered" }>): void {
    this.#note(titleKey(said));
    this.#renew(event, said.number);
    replace(event.whole, { ...said, marks: besides(event.whole, said) }, stampOf(said), said.at);
    event.isPublished ||= said.isPublished;
    for (const one of said.parts ?? []) {
      this.#note(valueKey(said.event, one));
      const part = this.#part(event, one.part);
      replace(part, one, stampOf(said, one.time), said.at);
      part.isDeleted = false;
    }
    if (said.objectSpread) {
      replace(event.object, { marks: UNMARKED, spread: said.objectSpread }, stampOf(said), said.at);
      event.object.isDeleted = false;
    }
  }

  #note(key: string): void {
    this.#heardAt.set(key, this.#order);
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

interface Level {
  readonly marks: Marks;
  readonly spread: Spread;
}

/** MISP's time where that can be, else that of the arrival. */
export function believed(time: number, at: number): number {
  return time > at + AHEAD ? at : time;
}

function stampOf({ time, at }: { readonly time: number; readonly at: number }, own = time): Stamp {
  return { list: believed(time, at), own: believed(own, at) };
}

/** How something is newer than something else: lists by the time of their event, frames about a part by its own. */
interface By {
  readonly clock: keyof Stamp;
  readonly at: number;
  /** It lacks what is hidden. */
  readonly isCut?: true;
}

/** What tells of all lifts what is older than it; what it says stricter counts in any case. */
function settle(of: Carrier, said: Level, stamp: Stamp, { clock, at, isCut }: By): void {
  const [time, held] = [stamp[clock], of.held[clock]];
  // A list of the time of MISP's answer says what that said.
  // Of one second as what was held: older than both is what is older than it.
  if (time >= held || (clock === "list" && time === of.answered)) {
    of.marks = of.marks.flatMap((one) => {
      const { hidden } = one.marks;
      const rest = isCut && hidden !== "none" ? [{ ...one, marks: { ...UNMARKED, hidden } }] : [];
      return one.from[clock] < time ? rest : one;
    });
    of.spreads = of.spreads.filter(({ from }) => from[clock] >= time);
  }
  // What is older than what is known is dated by its arrival, where it says more.
  const late = time < held ? { list: at, own: at } : stamp;
  of.marks.push({ marks: said.marks, at, from: isStricter(of.marks, said.marks) ? late : stamp });
  of.spreads.push({ spread: said.spread, at, from: isNarrower(of.spreads, said.spread) ? late : stamp });
  of.held = latest(of.held, stamp);
}

/** Where what is of one second says that there is no label and which, nobody can tell which was first. */
function besides({ marks }: Carrier, said: SaidWhole): Marks {
  const others = marks
    .filter(({ from, at }) => from.list === stampOf(said).list || at === said.at)
    .map((one) => levelOf(one.marks));
  const lowest = Math.min(...others.filter((level) => level > 0));
  return levelOf(said.marks) === 0 && lowest < rank("amber")
    ? { ...said.marks, label: LABELS[lowest] ?? "none" }
    : said.marks;
}

/** MISP is asked: what came before is over, but in the second of the question nobody knows which was first. */
function replace(of: Carrier, { marks, spread }: Level, from: Stamp, at: number): void {
  of.marks = [...of.marks.filter((one) => one.at >= at), { marks, at, from }];
  of.spreads = [...of.spreads.filter((one) => one.at >= at), { spread, at, from }];
  of.held = latest(of.held, from);
  of.answered = from.list;
  of.isListed = true;
}

/** It counts at once, and is as new as its arrival. */
function tighten(of: Carrier, { marks, spread }: Partial<Level>, at: number): void {
  const from = { list: at, own: at };
  if (marks) {
    of.marks.push({ marks, at, from });
  }
  if (spread && isNarrower(of.spreads, spread)) {
    of.spreads.push({ spread, at, from });
  }
}

function latest(a: Stamp, b: Stamp): Stamp {
  return { list: Math.max(a.list, b.list), own: Math.max(a.own, b.own) };
}

function isStricter(known: Carrier["marks"], { label, hidden, papRed, secret }: Marks): boolean {
  return (
    Math.max(rank(label), rank(hidden)) > Math.max(-1, ...known.map(({ marks }) => levelOf(marks))) ||
    (papRed && !known.some(({ marks }) => marks.papRed)) ||
    (secret && !known.some(({ marks }) => marks.secret))
  );
}

const NARROWER: readonly Spread[] = ["inherit", "community", "members", "lost", "strangers", "organisation"];

function isNarrower(known: Carrier["spreads"], spread: Spread): boolean {
  return NARROWER.indexOf(spread) > Math.max(-1, ...known.map((one) => NARROWER.indexOf(one.spread)));
}

/** What has no label counts as amber, and below an event as what that is. */
export function isAbove(ceiling: Label, marks: readonly Marks[]): boolean {
  const strictest = Math.max(0, ...marks.map(levelOf));
  return (strictest === 0 ? rank("amber") : strictest) > rank(ceiling);
}

/** Whoever is to see it has to be reached by all of it. */
export function isOpen({ isOwner }: Reader, spreads: readonly Spread[]): boolean {
  return spreads.every(
    (spread) => ["community", "inherit"].includes(spread) || (["organisation", "members"].includes(spread) && isOwner),
  );
}

/** Frames that list nobody name a group of which they do not say who is in it: what is known of that goes on. */
function vague(spread: Spread): Spread {
  return spread === "members" || spread === "lost" ? "inherit" : spread;
}

function marksOf({ marks }: Carrier): readonly Marks[] {
  return marks.map((one) => one.marks);
}

function spreadsOf({ spreads }: Carrier): readonly Spread[] {
  return spreads.map(({ spread }) => spread);
}

function levelOf({ label, hidden }: Marks): number {
  return Math.max(rank(label), rank(hidden));
}

function rank(label: Label): number {
  return LABELS.indexOf(label);
}

function titleKey({ event, place }: { readonly event: string; readonly place: number }): string {
  return `${event} ${place}`;
}

function valueKey(event: string, { part, place }: SaidPart): string {
  return `${event} ${part} ${place}`;
}

function unknown(): Known {
  return {
    ...{ whole: carrier(), object: carrier(), parts: new Map() },
    ...{ number: undefined, isPublished: false, publishedTime: undefined, isUnpublished: false, takenBackAt: 0 },
  };
}

function carrier(): Carrier {
  return {
    ...{
      marks: [],
      spreads: [],
      held: { list: NEVER, own: NEVER },
      answered: NEVER,
      isListed: false,
      isDeleted: false,
    },
  };
}
