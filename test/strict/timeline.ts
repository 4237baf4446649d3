import fc from "fast-check";
import type { Message } from "../../src/model/message.ts";
import type { EventView, Tag } from "../../src/model/misp.ts";
import { attributeOf, eventEdited, publication, SECOND, T0, tagAttached, uuidOf } from "../support/messages.ts";
import type { Label, Said, SaidPart, Spread } from "./judge.ts";

/** What happens, one after the other: MISP says something, or the service sends, reads another configuration or starts again. */
export type Step =
  | { readonly say: Said }
  | { readonly send: true }
  | { readonly reload: Reload }
  | { readonly restart: true };

export interface Reload {
  readonly reader: number;
  readonly route: number;
}

const EVENTS = ["a", "b"] as const;
const PARTS = ["1", "2", "3"] as const;

const label = fc.constantFrom<Label>("none", "clear", "green", "green", "amber", "red");
const spread = fc.constantFrom<Spread>("community", "community", "organisation", "members", "lost", "strangers");

/** How far MISP's clock is from ours: of another server, of a synced copy, or simply wrong. */
const lag = fc.constantFrom(0, 0, 0, 2, 60, 5_000, -200, -100_000);

const part = fc.record<SaidPart>({
  part: fc.constantFrom(...PARTS),
  label: fc.constantFrom<Label>("none", "none", "green", "red"),
  spread: fc.constantFrom<Spread>("inherit", "inherit", "inherit", "organisation", "strangers"),
  bad: fc.boolean(),
});
const parts = fc.uniqueArray(part, { selector: (one) => one.part, maxLength: 3 });

type Draft = (at: number) => Step;

const who = fc.record({ event: fc.constantFrom(...EVENTS), shares: fc.boolean() });
/** Two events have the same number where MISP was installed anew. */
const numberOf = ({ event, shares }: { event: string; shares: boolean }) => (event === "a" || shares ? "7" : "8");

const published = fc.tuple(who, lag, label, spread, parts).map(
  ([of, late, marked, reach, said]): Draft =>
    (at) => ({
      say: {
        ...{ what: "published", at, event: of.event, number: numberOf(of) },
        ...{ time: at - late, label: marked, spread: reach, parts: said },
      },
    }),
);
const edited = fc.tuple(who, lag, label, fc.constantFrom<Spread>("community", "organisation")).map(
  ([of, late, marked, reach]): Draft =>
    (at) => ({
      say: { what: "edited", at, event: of.event, number: numberOf(of), time: at - late, label: marked, spread: reach },
    }),
);
const tagged = fc.tuple(who, fc.constantFrom<Label>("green", "amber", "red"), fc.option(fc.constantFrom(...PARTS))).map(
  ([of, marked, on]): Draft =>
    (at) => ({
      say: {
        ...{ what: "tagged", at, event: of.event, number: numberOf(of), label: marked },
        ...(on !== null && { part: on }),
      },
    }),
);

/** A timeline; the first frame tells of something, and the last step sends what is left. */
export function timelines(readers: number, routes: number): fc.Arbitrary<readonly Step[]> {
  const reload = fc.record({ reader: fc.nat(readers - 1), route: fc.nat(routes - 1) });
  const draft: fc.Arbitrary<Draft> = fc.oneof(
    { weight: 6, arbitrary: published },
    { weight: 4, arbitrary: edited },
    { weight: 3, arbitrary: tagged },
    { weight: 3, arbitrary: fc.constant<Draft>(() => ({ send: true })) },
    {
      weight: 2,
      arbitrary: reload.map(
        (to): Draft =>
          () => ({ reload: to }),
      ),
    },
    { weight: 1, arbitrary: fc.constant<Draft>(() => ({ restart: true })) },
  );
  const gap = fc.constantFrom(1, 2, 30, 400);
  return fc.array(fc.tuple(draft, gap), { minLength: 2, maxLength: 14 }).map((drafts) => {
    let at = 0;
    const steps: Step[] = [];
    for (const [make, after] of drafts) {
      at += after;
      steps.push(make(at));
    }
    return [...steps, { send: true }];
  });
}

/** Content that tells by itself which frame it is from. */
export const titleOf = (event: string, step: number) => `TITLE-${event}-${step}`;
export const indicatorOf = (one: SaidPart, step: number) => `${one.bad ? "bad" : "good"}-${one.part}-${step}.example`;

const UUIDS: Readonly<Record<string, string>> = { a: uuidOf("701"), b: uuidOf("702") };

/** The frame of a step as the service reads it. */
export function messageOf(said: Said, step: number): Message {
  const receivedAt = T0 + said.at * SECOND;
  const name = { id: said.number, ...(UUIDS[said.event] && { uuid: UUIDS[said.event] }) };
  switch (said.what) {
    case "published":
      return publication({
        receivedAt,
        event: viewOf(said, name, step),
        attributes: said.parts.map((one) =>
          attributeOf(partId(said.event, one.part), {
            value: indicatorOf(one, step),
            tags: tagsOf(one.label),
            ...reachOf(one.spread),
          }),
        ),
      });
    case "edited":
      return { ...eventEdited(viewOf(said, name, step)), receivedAt };
    case "tagged": {
      const on = said.part === undefined ? {} : { attribute: partId(said.event, said.part) };
      return tagAttached(`tlp:${said.label}`, { receivedAt, eventId: said.number, ...on });
    }
  }
}

/** An attribute's number is its own, whatever event has it. */
function partId(event: string, one: string): string {
  return `${event === "a" ? 1 : 2}${one}`;
}

function viewOf(
  said: Extract<Said, { time: number }>,
  name: Pick<EventView, "id" | "uuid">,
  step: number,
): Partial<EventView> {
  return {
    ...name,
    info: titleOf(said.event, step),
    changedAt: T0 + said.time * SECOND,
    tags: tagsOf(said.label),
    ...reachOf(said.spread),
  };
}

function tagsOf(marked: Label): readonly Tag[] {
  return marked === "none" ? [] : [{ name: `tlp:${marked}` }];
}

const GROUP = { id: "5", uuid: uuidOf("55"), name: "Banks" };

function reachOf(reach: Spread): Pick<EventView, "sharingGroup"> & { readonly distribution: "inherit" } {
  const told = (() => {
    switch (reach) {
      case "members":
        return { distribution: "sharing_group", sharingGroup: { ...GROUP, members: [{ name: "ACME-CERT" }] } };
      case "lost":
        return { distribution: "sharing_group", sharingGroup: { ...GROUP, members: [{ name: "OTHER" }] } };
      case "strangers":
        return { distribution: "sharing_group", sharingGroup: { id: "6", members: [{ name: "OTHER" }] } };
      default:
        return { distribution: reach };
    }
  })();
  return told as Pick<EventView, "sharingGroup"> & { readonly distribution: "inherit" };
}
