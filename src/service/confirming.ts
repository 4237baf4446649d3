import { isMarking } from "../guard/marking.ts";
import type { Answer } from "../misp-api/answer.ts";
import type { MispApi } from "../misp-api/client.ts";
import type { EventsNow, MarkedAttributes } from "../misp-api/read.ts";
import type { EventView, Tag } from "../model/misp.ts";
import type { Confirmed } from "../planning/confirm.ts";
import type { Budget } from "../recall/budget.ts";
import type { Confirmations, EventInQuestion } from "../recall/confirm.ts";

/** Labels by which an attribute is stricter than an event without them; `clear` never is. */
const LABELS = [
  "tlp:red",
  "tlp:amber+strict",
  "tlp:amber",
  "tlp:green",
  "tlp:ex:chr",
  "tlp:unclear",
  "PAP:RED",
  "PAP:AMBER",
  "PAP:GREEN",
];
/** For an event without any label of its own: what MISP's search finds is then tagged itself. */
const ANY = ["tlp:%", "pap:%"];
/** No event has more marked attributes than one is ready to read. */
const MAX_PAGES = 20;

type EventNow = EventsNow["events"][number];

/**
 * Asks what these events are now, and which of their attributes carry markings: of events that have the same labels
 * together, since MISP's search for a tag finds all attributes of an event that carries it.
 */
export async function confirmEvents(
  api: Pick<MispApi, "eventsNow" | "markedAttributes">,
  budget: Pick<Budget, "turn">,
  asked: readonly EventInQuestion[],
  signal: AbortSignal,
): Promise<Confirmations> {
  const names = asked.map(({ uuid }) => uuid);
  const told = await api.eventsNow(names, signal);
  if (told.kind !== "events") {
    return settle(told);
  }
  const withParts = new Set(asked.flatMap(({ uuid, hasParts }) => (hasParts ? [uuid] : [])));
  const markings = new Map<string, readonly Tag[]>();
  for (const [labels, events] of byLabels(
    told.events.filter((one) => namesOf(one).some((name) => withParts.has(name))),
  )) {
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      if (!(await budget.turn("confirm", signal))) {
        return { kind: "retry", reason: "timeout" };
      }
      const marked = await api.markedAttributes(events, labels, page, signal);
      if (marked.kind !== "attributes") {
        return settle(marked);
      }
      keep(marked, markings);
      if (!marked.more) {
        break;
      }
    }
  }
  const events = new Map<string, Confirmed>();
  for (const one of told.events) {
    for (const name of namesOf(one)) {
      events.set(name, { ...one, markings });
    }
  }
  return { kind: "events", events };
}

function settle(trouble: Exclude<Answer<never>, { readonly kind: "told" }>): Confirmations {
  // That nothing is found is an empty list: 404 is no answer to a search.
  return trouble.kind === "not-found" ? { ...trouble, kind: "retry" } : trouble;
}

function namesOf({ event }: EventNow): readonly string[] {
  return [event.uuid, event.id].filter((name) => name !== undefined);
}

function byLabels(events: readonly EventNow[]): ReadonlyMap<readonly string[], readonly string[]> {
  const groups = new Map<string, { readonly labels: readonly string[]; readonly events: string[] }>();
  for (const { event } of events) {
    const labels = labelsFor(event);
    const key = labels.join();
    const group = groups.get(key) ?? { labels, events: [] };
    group.events.push(event.uuid ?? event.id ?? "");
    groups.set(key, group);
  }
  return new Map([...groups.values()].map((group) => [group.labels, group.events]));
}

function labelsFor({ tags = [] }: EventView): readonly string[] {
  const own = new Set(tags.filter(({ name }) => isMarking(name)).map(({ name }) => name.toLowerCase()));
  return own.size === 0 ? ANY : LABELS.filter((label) => !own.has(label.toLowerCase()));
}

function keep({ attributes }: MarkedAttributes, markings: Map<string, readonly Tag[]>): void {
  for (const { uuid, tags } of attributes) {
    markings.set(
      uuid,
      tags.filter(({ name }) => isMarking(name)),
    );
  }
}
