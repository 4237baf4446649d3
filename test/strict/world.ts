import type { Message } from "../../src/model/message.ts";
import type { Attribute, EventView, MispObject, Reach, Tag } from "../../src/model/misp.ts";
import type { Confirmed } from "../../src/planning/confirm.ts";
import type { FetchedEvent } from "../../src/planning/enrich.ts";
import { eventView, SECOND, T0, uuidOf } from "../support/messages.ts";
import {
  AUTHOR,
  indicatorOf,
  type Label,
  type Mark,
  type Marks,
  type Said,
  type SaidPart,
  type SaidWhole,
  type Spread,
  titleOf,
  UNMARKED,
} from "./words.ts";

export const EVENTS = ["a", "b"] as const;
export type EventName = (typeof EVENTS)[number];
export const PARTS = ["1", "2", "3"] as const;

/** What somebody does in MISP. `skew`: how far the clock that dates it is from ours, in seconds. */
export type Act = { readonly event: EventName; readonly skew: number } & (
  | { readonly do: "publish"; readonly isFresh: boolean }
  | { readonly do: "push" | "unpublish" | "delete" | "create" }
  | { readonly do: "edit"; readonly marks: Marks; readonly spread: Spread }
  | { readonly do: "mark"; readonly mark: Mark; readonly part?: string }
  | { readonly do: "part"; readonly told: Omit<SaidPart, "place" | "time">; readonly isMarked: boolean }
  | { readonly do: "deletePart"; readonly part: string }
  | { readonly do: "object"; readonly spread: Spread }
  | { readonly do: "deleteObject" }
);

interface Part extends SaidPart {
  readonly isDeleted: boolean;
}

/** An event as MISP has it. */
interface State {
  number: string;
  exists: boolean;
  place: number;
  time: number;
  marks: Marks;
  spread: Spread;
  isPublished: boolean;
  wasPublished: boolean;
  publishedAt: number;
  objectSpread: Spread;
  isObjectDeleted: boolean;
  readonly parts: Map<string, Part>;
}

/** MISP itself: what is in it, what it says when something is done, and what it answers. */
export class World {
  readonly #events = new Map<string, State>();
  #next = 7;

  /** `shares`: the second event was made when MISP had been installed anew, and numbers began again. */
  constructor({ shares }: { readonly shares: boolean }) {
    for (const event of EVENTS) {
      this.#events.set(event, newState(String(this.#next), 0));
      this.#next += shares ? 0 : 1;
    }
    this.#next = 100;
  }

  /** Does it at `at`, in seconds; gives what MISP says of it. */
  act(act: Act, at: number, place: number): Said | undefined {
    const state = this.#state(act.event);
    if (!state.exists && act.do !== "create") {
      return undefined;
    }
    const time = at + act.skew;
    const common = { at, doneAt: at, event: act.event, number: state.number };
    switch (act.do) {
      case "publish":
      case "push": {
        if (act.do === "publish") {
          if (act.isFresh) {
            this.#refresh(state, place, time);
          }
          Object.assign(state, { isPublished: true, wasPublished: true, publishedAt: at });
        } else if (state.isPublished) {
          return undefined;
        }
        return this.published(act.event, at, act.do === "push");
      }
      case "edit":
        Object.assign(state, { marks: act.marks, spread: act.spread, place, time, isPublished: false });
        return { ...common, what: "edited", ...whole(state) };
      case "unpublish":
        if (!state.isPublished) {
          return undefined;
        }
        state.isPublished = false;
        return { ...common, what: "unpublished", ...whole(state) };
      case "delete":
        state.exists = false;
        return { ...common, what: "deleted" };
      case "create":
        if (state.exists) {
          return undefined;
        }
        this.#events.set(act.event, newState(String(this.#next++), place));
        Object.assign(this.#state(act.event), { time });
        return { ...common, what: "created", number: this.#state(act.event).number, place, time, spread: "community" };
      case "mark": {
        if (act.part === undefined) {
          state.marks = withMark(state.marks, act.mark);
          return { ...common, what: "tagged", mark: act.mark };
        }
        const part = state.parts.get(act.part);
        if (!part || part.isDeleted) {
          return undefined;
        }
        state.parts.set(act.part, { ...part, marks: withMark(part.marks, act.mark) });
        return { ...common, what: "tagged", mark: act.mark, part: act.part };
      }
      case "part": {
        const before = state.parts.get(act.told.part);
        const does = before && !before.isDeleted ? "edits" : "adds";
        // A new attribute is announced before its tags are stored.
        const isMarked = act.isMarked && does === "edits";
        const told = { ...act.told, place, time };
        state.parts.set(told.part, { ...told, isDeleted: false });
        Object.assign(state, { time, isPublished: false });
        return {
          ...{ ...common, what: "part", does, time, told: isMarked ? told : { ...told, marks: UNMARKED }, isMarked },
          ...{ eventSpread: state.spread, objectSpread: state.objectSpread },
        };
      }
      case "deletePart": {
        const part = state.parts.get(act.part);
        if (!part || part.isDeleted) {
          return undefined;
        }
        state.parts.set(act.part, { ...part, isDeleted: true, time });
        Object.assign(state, { time, isPublished: false });
        return {
          ...{
            ...common,
            what: "part",
            does: "deletes",
            time,
            told: { ...part, time, marks: UNMARKED },
            isMarked: false,
          },
          ...{ eventSpread: state.spread, objectSpread: state.objectSpread },
        };
      }
      case "object":
        state.objectSpread = act.spread;
        return { ...common, what: "object", does: "edits", spread: act.spread };
      case "deleteObject":
        state.isObjectDeleted = true;
        return { ...common, what: "object", does: "deletes", spread: state.objectSpread };
    }
  }

  /** As `misp_json` tells it. */
  published(event: string, at: number, pushed: boolean): Extract<Said, { what: "published" }> {
    const state = this.#state(event);
    return {
      ...{ what: "published", at, doneAt: at, event, number: state.number, ...cut(whole(state)) },
      ...{ parts: listed(state).map(cut), objectSpread: state.objectSpread, pushed },
    };
  }

  /** What MISP answers about an event; undefined: it has none of that name. */
  answer(event: string, at: number, withParts: boolean): Extract<Said, { what: "answered" }> | undefined {
    const state = this.#state(event);
    if (!state.exists) {
      return undefined;
    }
    return {
      ...{ what: "answered", at, doneAt: at, event, number: state.number, ...whole(state) },
      isPublished: state.isPublished || state.wasPublished,
      ...(withParts
        ? { parts: listed(state), objectSpread: state.objectSpread }
        : { partMarks: listed(state).map(({ part, marks }) => ({ part, marks })) }),
    };
  }

  /** The same as the service reads it. */
  fetched(event: string): FetchedEvent {
    const state = this.#state(event);
    return { event: viewNow(event, state), ...partsOf(event, state.number, { ...state, parts: listed(state) }, true) };
  }

  confirmed(event: string): Confirmed | undefined {
    const state = this.#state(event);
    if (!state.exists) {
      return undefined;
    }
    const marked = listed(state).filter(({ marks }) => tagsOf(marks, true).length > 0);
    return {
      event: viewNow(event, state),
      ...(state.wasPublished && { publishedAt: T0 + state.publishedAt * SECOND }),
      markings: new Map(marked.map(({ part, marks }) => [partUuid(event, part), tagsOf(marks, true)])),
    };
  }

  /** What was published since then, the oldest first. */
  since(at: number): readonly { readonly event: EventName; readonly view: EventView; readonly publishedAt: number }[] {
    return EVENTS.flatMap((event) => {
      const state = this.#state(event);
      return state.exists && state.wasPublished && state.publishedAt >= at
        ? [{ event, view: viewNow(event, state), publishedAt: T0 + state.publishedAt * SECOND }]
        : [];
    }).sort((x, y) => x.publishedAt - y.publishedAt);
  }

  /** Whether MISP says, when it is asked now, that something of that time was published. */
  counts(event: string, time: number): boolean {
    const { isPublished, wasPublished, publishedAt } = this.#state(event);
    return isPublished || (wasPublished && publishedAt >= time);
  }

  #refresh(state: State, place: number, time: number): void {
    Object.assign(state, { place, time });
    for (const [name, part] of state.parts) {
      if (!part.isDeleted) {
        state.parts.set(name, { ...part, place, time });
      }
    }
  }

  #state(event: string): State {
    const state = this.#events.get(event);
    if (!state) {
      throw new Error(`No event ${event}`);
    }
    return state;
  }
}

function newState(number: string, place: number): State {
  return {
    ...{ number, exists: true, place, time: 0, marks: { ...UNMARKED, label: "green" }, spread: "community" },
    ...{ isPublished: false, wasPublished: false, publishedAt: 0, objectSpread: "inherit", isObjectDeleted: false },
    parts: new Map(),
  };
}

function whole({ place, time, marks, spread }: State): Pick<SaidWhole, "place" | "time" | "marks" | "spread"> {
  return { place, time, marks, spread };
}

function listed({ parts, isObjectDeleted }: State): readonly SaidPart[] {
  return [...parts.values()]
    .filter(({ isDeleted, inObject }) => !isDeleted && !(inObject && isObjectDeleted))
    .map(({ isDeleted: _, ...part }) => part);
}

/** What is not exportable is in no publication. */
function cut<T extends { readonly marks: Marks }>(told: T): T {
  return { ...told, marks: { ...told.marks, hidden: "none" } };
}

function withMark(marks: Marks, mark: Mark): Marks {
  if ("papRed" in mark || "secret" in mark) {
    return { ...marks, ...mark };
  }
  return mark.isHidden ? { ...marks, hidden: mark.label } : { ...marks, label: mark.label };
}

// ---- as the service reads it

const UUIDS: Readonly<Record<string, string>> = { a: uuidOf("701"), b: uuidOf("702") };

export function eventUuid(event: string): string {
  return UUIDS[event] ?? "";
}

function partUuid(event: string, part: string): string {
  return uuidOf(`${event === "a" ? 1 : 2}${part}`);
}

/** Numbers of attributes are given anew with that of their event. */
function partId(event: string, number: string, part: string): string {
  return `${event === "a" ? 1 : 2}${number}${part}`;
}

const objectKey = (event: string) => uuidOf(event === "a" ? "801" : "802");

function tagsOf({ label, hidden, papRed, secret }: Marks, withHidden: boolean): readonly Tag[] {
  return [
    ...tagOf(label),
    ...(withHidden ? tagOf(hidden).map((tag) => ({ ...tag, exportable: false })) : []),
    ...(papRed ? [{ name: "PAP:RED" }] : []),
    ...(secret ? [{ name: "tlp:ex:chr" }] : []),
  ];
}

function tagOf(label: Label): readonly Tag[] {
  return label === "none" ? [] : [{ name: `tlp:${label}` }];
}

const GROUP = { id: "5", uuid: uuidOf("55"), name: "Banks" };

function reachOf(spread: Spread, withMembers = true): Pick<EventView, "sharingGroup"> & Reach {
  switch (spread) {
    case "members":
    case "lost": {
      const members = [{ name: spread === "members" ? "ACME-CERT" : "OTHER" }];
      return { distribution: "sharing_group", sharingGroup: withMembers ? { ...GROUP, members } : { id: GROUP.id } };
    }
    case "strangers":
      return {
        distribution: "sharing_group",
        sharingGroup: { id: "6", ...(withMembers && { members: [{ name: "OTHER" }] }) },
      };
    default:
      return { distribution: spread };
  }
}

/** An event's own reach is never inherited. */
function eventReach(spread: Spread, withMembers = true): Pick<EventView, "distribution" | "sharingGroup"> {
  const { distribution, ...group } = reachOf(spread, withMembers);
  return distribution === undefined || distribution === "inherit" ? {} : { distribution, ...group };
}

const ORG = { org: { name: AUTHOR, uuid: uuidOf("1001") } };

function viewNow(event: string, state: State): EventView {
  const { isPublished, wasPublished } = state;
  return {
    ...viewOf(event, { number: state.number, ...whole(state) }, true),
    published: isPublished,
    ...(wasPublished && { wasPublished }),
  };
}

function viewOf(
  event: string,
  { number, place, time, marks, spread }: Pick<SaidWhole, "number" | "place" | "time" | "marks" | "spread">,
  withHidden: boolean,
): EventView {
  return eventView({
    ...{ id: number, uuid: eventUuid(event), info: titleOf(event, place), changedAt: T0 + time * SECOND, ...ORG },
    ...{ tags: tagsOf(marks, withHidden), ...eventReach(spread) },
  });
}

function partsOf(
  event: string,
  number: string,
  { parts, objectSpread }: { readonly parts: readonly SaidPart[]; readonly objectSpread: Spread },
  withHidden: boolean,
): { readonly attributes: readonly Attribute[]; readonly objects: readonly MispObject[] } {
  return {
    attributes: parts.map((part) => attributeOf(event, number, part, tagsOf(part.marks, withHidden))),
    objects: parts.some(({ inObject }) => inObject) ? [objectOf(event, objectSpread)] : [],
  };
}

function objectOf(event: string, spread: Spread, withMembers = true): MispObject {
  const key = objectKey(event);
  return { key, uuid: key, name: "file", ...reachOf(spread, withMembers) };
}

function attributeOf(
  event: string,
  number: string,
  said: SaidPart,
  tags: readonly Tag[] | undefined,
  withMembers = true,
): Attribute {
  return {
    ...{ id: partId(event, number, said.part), uuid: partUuid(event, said.part), value: indicatorOf(event, said) },
    ...{ type: said.personal ? "phone-number" : "domain", category: "Network activity", toIds: true },
    changedAt: T0 + said.time * SECOND,
    ...(tags && { tags }),
    ...reachOf(said.spread, withMembers),
    ...(said.inObject && { objectKey: objectKey(event) }),
  };
}

/** A frame as the service reads it. */
export function messageOf(said: Exclude<Said, { what: "answered" }>): Message {
  const { event, number } = said;
  const uuid = eventUuid(event);
  const common = { instance: "cert", receivedAt: T0 + said.at * SECOND, attributes: [], objects: [], lines: [] };
  const subject = { type: "event" as const, uuid, id: number };
  const seconds = (time: number) => T0 / SECOND + time;
  switch (said.what) {
    case "published":
      return {
        ...{ ...common, kind: "event.published", topic: "misp_json", subject },
        // What it says beside its time makes it another publication.
        version: `${seconds(said.time)}.${said.place}-${said.parts.map(({ part, place }) => `${part}${place}`).join("")}`,
        event: viewOf(event, said, false),
        ...partsOf(event, number, said, false),
      };
    case "edited":
    case "unpublished":
      return {
        ...{ ...common, kind: "event.edited", topic: "misp_json_event", subject, version: String(seconds(said.time)) },
        event: { ...withoutMembers(viewOf(event, said, true)), published: false },
      };
    case "created": {
      const { tags: _, ...row } = viewOf(event, { ...said, marks: UNMARKED }, false);
      return {
        ...{ ...common, kind: "event.created", topic: "misp_json_event", subject },
        ...{ version: `${seconds(said.time)}:add`, event: { ...row, published: false } },
      };
    }
    case "deleted":
      return {
        ...{
          ...common,
          kind: "event.deleted",
          topic: "misp_json_event",
          subject,
          version: `${seconds(said.doneAt)}:delete`,
        },
        event: { id: number, uuid, changedAt: T0 + said.doneAt * SECOND, published: false },
      };
    case "tagged": {
      const on = said.part === undefined ? ("event" as const) : ("attribute" as const);
      const attributeId = said.part === undefined ? undefined : partId(event, number, said.part);
      const [tag = { name: "" }] = tagsOf(withMark(UNMARKED, said.mark), true);
      return {
        ...{ ...common, kind: "tag.attached", topic: "misp_json_tag", version: `${seconds(said.doneAt)}:attached` },
        subject: { type: "tag", id: `${tag.name}@${on}:${attributeId ?? number}` },
        event: { id: number },
        tag: { ...tag, on, ...(attributeId !== undefined && { attributeId }) },
      };
    }
    case "part": {
      const { told, does, time } = said;
      const kind = ({ adds: "attribute.added", edits: "attribute.edited", deletes: "attribute.deleted" } as const)[
        does
      ];
      const attribute = attributeOf(event, number, told, said.isMarked ? tagsOf(told.marks, true) : undefined, false);
      return {
        ...{ ...common, kind, topic: "misp_json_attribute", version: `${seconds(time)}:${kind}` },
        subject: { type: "attribute", uuid: partUuid(event, told.part), id: partId(event, number, told.part) },
        event: { id: number, uuid, published: false, ...ORG, ...eventReach(said.eventSpread, false) },
        attributes: [{ ...attribute, ...(does === "deletes" && { deleted: true as const }) }],
        objects: told.inObject ? [objectOf(event, said.objectSpread, false)] : [],
      };
    }
    case "object": {
      const kind = said.does === "edits" ? "object.edited" : "object.deleted";
      const object = objectOf(event, said.spread, false);
      return {
        ...{ ...common, kind, topic: "misp_json_object", version: `${seconds(said.doneAt)}:${kind}` },
        subject: { type: "object", uuid: object.key },
        event: { id: number },
        objects: [{ ...object, ...(kind === "object.deleted" && { deleted: true as const }) }],
      };
    }
  }
}

function withoutMembers({ sharingGroup, ...view }: EventView): EventView {
  return { ...view, ...(sharingGroup?.id !== undefined && { sharingGroup: { id: sharingGroup.id } }) };
}
