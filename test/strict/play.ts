import type { Message } from "../../src/model/message.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import type { Entry, Payload } from "../../src/model/payload.ts";
import { SECOND, T0 } from "../support/messages.ts";
import { type Due, dueOf, EverSaid, lastPublications, missing } from "./due.ts";
import { believed, Judge, type Reader } from "./judge.ts";
import { MispSide } from "./misp-side.ts";
import { type Asking, type Settings, type Shelf, Stage } from "./stage.ts";
import type { History, Reload, Step } from "./steps.ts";
import { AUTHOR, indicatorOf, type Said, type SaidPart, type SaidWhole, titleOf, UNMARKED } from "./words.ts";
import { type Act, messageOf, World } from "./world.ts";

/** Readers as the judge knows them, and the same as a guard is configured. */
export const READERS: readonly (readonly [Reader, object])[] = [
  [{ ceiling: "green", isOwner: false, drafts: false, personal: false }, { max_tlp: "green" }],
  [
    { ceiling: "amber", isOwner: true, drafts: false, personal: true },
    { max_tlp: "amber", audience: ["ACME-CERT"], personal: true },
  ],
  [
    { ceiling: "green", isOwner: true, drafts: true, personal: false },
    { max_tlp: "green", audience: ["ACME-CERT"], drafts: true },
  ],
  [
    { ceiling: "green", titles: "red", isOwner: false, drafts: false, personal: false },
    { max_tlp: "green", metadata_up_to: "red" },
  ],
];

const KINDS = ["event.published", "event.edited", "event.created", "attribute.*", "object.*", "tag.*"];
const GROUP = { wait: "20s", interval: "40s" };
const ALL = { name: "all", kinds: KINDS, notify: ["soc", "desk"], group: GROUP };
const BAD = {
  name: "bad",
  kinds: KINDS,
  notify: ["soc", "desk"],
  match: { attribute: { value: "bad-*" } },
  group: GROUP,
};
export const ROUTES: readonly (readonly object[])[] = [
  [ALL],
  [BAD],
  [
    { ...ALL, notify: "desk" },
    { ...BAD, notify: "soc" },
  ],
  [{ ...ALL, kinds: ["event.published"] }],
];
/** Those by which every publication is owed to everybody. */
const TELLS_ALL = [true, false, false, true];

/** Time for all that can still leave: what is suspended is tried each 15 minutes. */
const REST_S = 3_600;

type Content = {
  readonly said: (SaidWhole & Pick<Said, "what">) | Extract<Said, { what: "created" }>;
  readonly parts: readonly SaidPart[];
};

/** What a fault is called: what left and why it may not have, or what did not and should have. */
export class Fault extends Error {
  override name = "Fault";
}

/** Plays a history with a service, beside a judge. */
export class Play {
  readonly #world: World;
  readonly #judge = new Judge();
  readonly #misp: MispSide;
  readonly #stage: Stage;
  readonly #asking: Asking;
  readonly #contents: Content[] = [];
  readonly #delayed: { readonly said: Exclude<Said, { what: "answered" }>; readonly dueAt: number }[] = [];
  /** Titles and values that MISP has published, or that could not be told from it. */
  readonly #public = new Set<string>();
  /** What was found while something left: what a destination throws is none of its service's. */
  readonly #faults: string[] = [];
  readonly #pushed: Extract<Said, { what: "published" }>[] = [];
  readonly #owed = new Set<string>();
  /** What is told with a publication that has it in it. */
  readonly #around = new Map<string, string>();
  readonly #ever = new EverSaid();
  /** The steps whose publication has to leave, if readers may see it. */
  readonly #last: ReadonlySet<number>;
  readonly #due: Due[] = [];
  #reload: Reload;
  #place = 0;
  told = 0;
  valuesTold = 0;
  /** How much had to be told. */
  expected = 0;

  private constructor(history: History, opened: { stage: (play: Play) => Stage; world: World }) {
    this.#world = opened.world;
    this.#asking = history.asking;
    this.#reload = history.first;
    this.#last = history.shares ? new Set() : lastPublications(history.steps);
    this.#misp = new MispSide(opened.world, (said) => this.#hear(said, false));
    this.#stage = opened.stage(this);
  }

  static async open(history: History, shelf: Shelf): Promise<Play> {
    const store = await shelf.open();
    const world = new World(history);
    return new Play(history, {
      world,
      stage: (play) =>
        new Stage({ store, shelf, misp: play.#misp, asking: history.asking }, settingsOf(history.first), {
          leaves: (destination, payload) => play.#look(destination, payload),
          planned: ({ effects }) => {
            for (const { id } of effects.deliveries) {
              play.#owed.add(id);
            }
            for (const { delivery, publication } of effects.within ?? []) {
              play.#around.set(delivery, publication);
            }
          },
        }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }

  get records(): readonly RecordLine[] {
    return this.#stage.records;
  }

  async step(step: Step): Promise<void> {
    await this.#pass(step.after);
    this.#place += 1;
    if ("act" in step) {
      await this.#act(step.act, step.way);
    } else if ("reload" in step) {
      this.#reload = step.reload;
      await this.#stage.reload(settingsOf(step.reload));
    } else if ("restart" in step) {
      await this.#stage.restart(step.restart * SECOND);
    } else if ("mood" in step) {
      this.#stage.moods.set(step.of, step.mood);
    } else if ("mispIsDown" in step) {
      this.#misp.isDown = step.mispIsDown;
      this.#giveUp();
    }
    const due = this.#delayed.filter(({ dueAt }) => dueAt <= this.#place);
    this.#delayed.splice(0, this.#delayed.length, ...this.#delayed.filter(({ dueAt }) => dueAt > this.#place));
    for (const { said } of due) {
      await this.#arrive([{ ...said, at: this.#now }]);
    }
    this.#check();
  }

  /** Everything comes that is still to come, and everything leaves that may; then it is looked for what did not. */
  async end(): Promise<void> {
    for (const { said } of this.#delayed.splice(0)) {
      await this.#arrive([{ ...said, at: this.#now }]);
    }
    this.#stage.moods.clear();
    this.#misp.isDown = false;
    const { store } = this.#stage;
    for (let left = REST_S; left > 0 && (left === REST_S || (await this.#isBusy())); left -= 120) {
      await this.#pass(120);
    }
    this.#check();
    const owed = await store.owed();
    if (owed.length > 0) {
      throw new Fault(`still owed after an hour: ${JSON.stringify(owed)}`);
    }
    if ((await store.unconfirmed("cert", 10, [])).length > 0) {
      throw new Fault("a publication still waits for MISP's word");
    }
    const undecided = await store.undecided("cert", Number.MAX_SAFE_INTEGER, []);
    if (this.#asking !== "keyless" && undecided) {
      throw new Fault("something is still undecided");
    }
    const ended = new Set<string>(this.records.map(({ delivery }) => delivery));
    const vanished = [...this.#owed].filter((id) => !ended.has(id) && !ended.has(this.#around.get(id) ?? id));
    if (vanished.length > 0) {
      throw new Fault(`${vanished.length} owed deliveries ended nowhere`);
    }
    this.#checkDue();
  }

  async #isBusy(): Promise<boolean> {
    const { store } = this.#stage;
    return (
      (await store.owed()).length > 0 ||
      (await store.unconfirmed("cert", 1, [])).length > 0 ||
      (this.#asking !== "keyless" && (await store.undecided("cert", 0, [])) !== undefined)
    );
  }

  #check(): void {
    const [fault] = this.#faults;
    if (fault !== undefined) {
      throw new Fault(fault);
    }
  }

  get #now(): number {
    return Math.floor((this.#stage.clock.now() - T0) / SECOND);
  }

  async #pass(seconds: number): Promise<void> {
    await this.#stage.clock.pass(seconds * SECOND);
  }

  async #act(act: Act, way: Step extends { way: infer W } ? W : string): Promise<void> {
    const said = this.#world.act(act, this.#now, this.#place);
    if (!said || said.what === "answered") {
      return;
    }
    if (act.do === "publish" && said.what === "published") {
      this.#makePublic(said);
      if (this.#last.has(this.#place - 1) && tellsAll(this.#reload)) {
        this.#due.push(dueOf(said));
      }
    }
    switch (way) {
      case "lost":
        return;
      case "late":
        this.#delayed.push({ said, dueAt: this.#place + 3 });
        return;
      case "twice":
        await this.#arrive([said, said]);
        return;
      default:
        await this.#arrive([said]);
    }
  }

  async #arrive(all: readonly Exclude<Said, { what: "answered" }>[]): Promise<void> {
    const asksFirst = this.#asking === "hold" || this.#asking === "tell";
    for (const said of all) {
      // MISP is asked of the first publication; a later push is taken for one.
      const isTaken = said.what === "published" && (!asksFirst || this.#judge.wasPublished(said.event));
      this.#hear(said, asksFirst);
      if (isTaken) {
        this.#makePublic(said);
      }
    }
    this.#giveUp();
    await this.#stage.hear(all.map((said): Message => messageOf(said)));
  }

  /** What MISP does not confirm in time is told as the feed has it, if so configured. */
  #giveUp(): void {
    for (const said of this.#asking === "tell" && this.#misp.isDown ? this.#pushed : []) {
      this.#judge.believe(said.event);
      this.#makePublic(said);
    }
  }

  #makePublic({ event, place, parts }: Extract<Said, { what: "published" }>): void {
    this.#public.add(titleOf(event, place));
    for (const one of parts) {
      this.#public.add(indicatorOf(event, one));
    }
  }

  #hear(said: Said, asksFirst: boolean): void {
    this.#judge.hear(said, { asksFirst });
    this.#ever.hear(said);
    if (said.what === "published" && said.pushed) {
      this.#pushed.push(said);
    }
    if (said.what === "answered") {
      // Nobody can tell what was pushed a moment before it was published from the publication.
      this.#pushed
        .filter(({ event, time }) => event === said.event && this.#world.counts(event, time))
        .map((one) => this.#makePublic(one));
    }
    if ("place" in said) {
      this.#keep({ said, parts: "parts" in said ? (said.parts ?? []) : [] });
    } else if (said.what === "part") {
      this.#keep({ said: { ...said, what: "created", place: -1, spread: "inherit" }, parts: [said.told] });
    }
  }

  /** What is told anew is as strict as it is told then, if that is newer, or MISP was asked. */
  #keep(content: Content): void {
    const { event, place } = content.said;
    const time = orderOf(content.said);
    const isNewer = (one: Content) =>
      one.said.event === event && (content.said.what === "answered" || time > orderOf(one.said));
    const values = new Set(content.parts.map((part) => indicatorOf(event, part)));
    const isAsked = content.said.what === "answered";
    const others = this.#contents.splice(0).flatMap((one) => {
      if (!isNewer(one)) {
        return one;
      }
      const parts = one.parts.filter((part) => !values.has(indicatorOf(event, part)));
      return one.said.place === place
        ? { said: { ...one.said, what: "created" as const, place: -1, spread: "inherit" as const }, parts }
        : { said: isAsked && one.said.what === "answered" ? { ...one.said, marks: UNMARKED } : one.said, parts };
    });
    this.#contents.push(...others, content);
  }

  /** Nothing leaves that the judge does not let through. */
  #look(destination: string, { entries }: Payload): void {
    const [reader] = READERS[this.#reload[destination === "soc" ? "soc" : "desk"]] ?? [];
    for (const entry of entries) {
      const fault = reader ? this.#faultOf(entry, reader) : "there is no such reader";
      if (fault) {
        this.#faults.push(`${fault}\nto ${destination}: ${JSON.stringify(reader)}\n${JSON.stringify(entry)}`);
      }
      this.told += 1;
    }
  }

  #faultOf(entry: Entry, reader: Reader): string | undefined {
    const text = JSON.stringify(entry);
    const isPublication = entry.kinds.some(({ kind }) => kind === "event.published");
    const isAlone = entry.kinds.every(({ kind }) => kind === "event.published");
    const shown: SaidPart[] = [];
    let name = "";
    for (const { said, parts } of this.#contents) {
      const title = titleOf(said.event, said.place);
      if (text.includes(title)) {
        name = said.event;
        const why =
          this.#judge.forbidsTitle(reader, said.event, said) ?? this.#forbidsUnsaid(title, isPublication, reader);
        if (why) {
          return `${title} left, but ${why}`;
        }
      }
      for (const part of parts) {
        const value = indicatorOf(said.event, part);
        const item = entry.guarded.alert.items.find((one) => one.value === value);
        if (!text.includes(value)) {
          continue;
        }
        this.valuesTold += 1;
        name = said.event;
        shown.push(part);
        const isTakenBack = item?.withdrawn !== undefined;
        const why =
          this.#judge.forbidsValue(reader, said.event, part, isTakenBack) ??
          this.#forbidsUnsaid(value, isAlone && !isTakenBack, reader);
        if (why) {
          return `${value} left, but ${why}`;
        }
      }
    }
    if (name !== "" && text.includes(AUTHOR) && this.#judge.isSecret(name, shown)) {
      return `${AUTHOR} left, but whose it is is secret`;
    }
    if (entry.routes.includes("bad") && !entry.routes.includes("all") && !shown.some(({ bad }) => bad)) {
      return "a route is named whose reason is hidden";
    }
    return undefined;
  }

  /** An alert of a publication tells what was published, not what somebody has edited since. */
  #forbidsUnsaid(token: string, isPublication: boolean, reader: Reader): string | undefined {
    return isPublication && !reader.drafts && !this.#public.has(token) ? "nobody has published it" : undefined;
  }

  #checkDue(): void {
    for (const due of this.#due) {
      for (const destination of ["soc", "desk"] as const) {
        const [reader] = READERS[this.#reload[destination]] ?? [];
        const left = this.#stage.left.filter((one) => one.destination === destination && one.outcome !== "retry");
        const texts = left.map(({ payload }) => JSON.stringify(payload));
        const fault = reader && missing(due, reader, texts, this.#ever);
        if (fault) {
          throw new Fault(`${fault} to ${destination}: ${JSON.stringify(reader)}\n${JSON.stringify(this.records)}`);
        }
        this.expected += 1;
      }
    }
  }
}

/** By what it is newer or older than something else that was said. */
function orderOf({ time, at }: { readonly time: number; readonly at: number }): number {
  return believed(time, at);
}

/** Whether every publication is owed to everybody. */
function tellsAll({ route }: Reload): boolean {
  return TELLS_ALL[route] ?? false;
}

function settingsOf({ soc, desk, route }: Reload): Settings {
  return {
    destinations: { soc: READERS[soc]?.[1] ?? {}, desk: READERS[desk]?.[1] ?? {} },
    routes: ROUTES[route] ?? [],
  };
}
