import { describe, expect, it } from "vitest";
import { guard } from "../../src/guard/guard.ts";
import { tighten } from "../../src/guard/tighten.ts";
import type { Memory } from "../../src/model/memory.ts";
import type { Message } from "../../src/model/message.ts";
import { trim } from "../../src/planning/trim.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  eventCreated,
  MINUTE,
  publication,
  SECOND,
  T0,
  tagAttached,
  tags,
} from "../support/messages.ts";
import { composed, guardedOf, judge, NOTHING, parse, shown, tally, wordOf } from "./verdicts.ts";

/** What is sent of `first` once the later messages have been seen. */
function sent(policy: object, first: Message, ...later: readonly [Message, ...Message[]]) {
  const { alert, memory } = composed(first);
  const planned = guard(alert, parse(policy), memory);
  if ("refused" in planned) {
    throw new Error(planned.refused);
  }
  const stored = trim(alert, { items: new Set(planned.kept.items), objects: new Set(planned.kept.objects) });
  return guard(stored, parse(policy), memoryAfter(first, ...later));
}

function memoryAfter(...messages: readonly [Message, ...Message[]]): Memory {
  const [first, ...rest] = messages;
  const last = rest.at(-1);
  return last ? composed(last, first, ...rest.slice(0, -1)).memory : composed(first).memory;
}

const three = publication({ attributes: [attributeOf("1"), attributeOf("2"), attributeOf("3", { type: "url" })] });

describe("what is known when an alert is sent", () => {
  it("withdraws it when its event has risen above the ceiling", () => {
    expect(wordOf(sent({}, three, tagAttached("tlp:red")))).toBe("tlp-above-ceiling");
    expect(wordOf(sent({}, three, tagAttached("tlp:unclear")))).toBe("tlp-unknown");
    expect(wordOf(sent({ metadata_up_to: "red" }, three, tagAttached("tlp:red")))).toBe("metadata");
    expect(guardedOf(sent({ max_tlp: "red" }, three, tagAttached("tlp:red"))).tlp).toBe("red");
  });

  it("takes away an attribute that has risen above it, and counts it as withheld", () => {
    const verdict = sent({}, three, tagAttached("tlp:red", { attribute: "2" }));
    expect(shown(verdict)).toEqual(["1", "3"]);
    expect(tally(verdict)).toEqual({ told: 2, withheld: 1 });
  });

  it("labels it with an attribute that has risen within the ceiling", () => {
    const verdict = sent({}, three, tagAttached("tlp:amber", { attribute: "3" }));
    expect(guardedOf(verdict).tlp).toBe("amber");
    expect(tally(verdict)).toEqual({ told: 3, withheld: 0 });
  });

  it("never loosens: a newer list without the label changes nothing", () => {
    const first = publication({
      event: { tags: tags("tlp:amber") },
      attributes: [attributeOf("1", { tags: tags("tlp:red") }), attributeOf("2")],
    });
    const newer = publication({ event: { changedAt: T0 + MINUTE }, attributes: [attributeOf("1"), attributeOf("2")] });
    const verdict = sent({ max_tlp: "amber" }, first, newer);
    expect([guardedOf(verdict).tlp, shown(verdict)]).toEqual(["amber", ["2"]]);
  });

  it("hides the source as soon as tlp:ex:chr is put on it", () => {
    expect(guardedOf(sent({}, three, tagAttached("tlp:ex:chr"))).alert.event).not.toHaveProperty("org");
  });

  it.each([
    ["event", {}],
    ["attribute", { attribute: "21" }],
  ])("withdraws what was planned for authors when its %s is marked", (_, on) => {
    const added = attributeAdded();
    const policy = { drafts: true };
    expect(wordOf(judge(policy, added))).toBe("full");
    expect(wordOf(sent(policy, added, eventCreated(), tagAttached("tlp:red", on)))).toBe("tlp-above-ceiling");
    expect(wordOf(sent({ ...policy, max_tlp: "red" }, added, tagAttached("tlp:red", on)))).toBe("full");
  });

  it("withdraws an alert about an attribute of which no content was stored", () => {
    const policy = { max_tlp: "green", metadata_up_to: "amber" };
    const { alert, memory } = composed(attributeEdited({ attribute: { tags: tags("tlp:amber") } }), publication());
    expect(wordOf(guard(alert, parse(policy), memory))).toBe("metadata");
    const stored = trim(alert, { items: new Set(), objects: new Set() });
    const red = tagAttached("tlp:red", { attribute: "21" });
    expect(wordOf(guard(stored, parse(policy), memoryAfter(publication(), red)))).toBe("tlp-above-ceiling");
  });

  it("takes an event as published when it was since", () => {
    const { alert } = composed(attributeEdited({ attribute: { tags: [] } }));
    expect(wordOf(guard(alert, parse({ drafts: false }), memoryAfter(publication())))).toBe("tlp-unknown");
    expect(wordOf(guard(alert, parse({ drafts: false }), NOTHING))).toBe("event-unknown");
  });
});

describe("tighten()", () => {
  it("moves an attribute among the counts, whose sum stays", () => {
    const { alert, memory } = composed(tagAttached("tlp:red", { attribute: "1" }), three);
    const before = composed(three).alert;
    const after = tighten(before, memory);
    expect(after.counts.map(({ type, marking, n }) => [type, marking.tlp, n])).toEqual([
      ["domain", "none", 1],
      ["url", "none", 1],
      ["domain", "red", 1],
    ]);
    expect(after.items[1]).toBe(before.items[1]);
    expect(alert.kind).toBe("tag.attached");
  });

  it("finds an attribute among those that are too rare to be counted by type", () => {
    const many = publication({
      attributes: Array.from({ length: 150 }, (_, index) => attributeOf(String(index + 1), { type: `type-${index}` })),
    });
    const { alert } = composed(many);
    const stored = trim(alert, { items: new Set(alert.items), objects: new Set() });
    const kinds = new Set(stored.counts.map(({ type }) => type));
    const rare = stored.items.find(({ type }) => !kinds.has(type ?? ""));
    const tag = tagAttached("tlp:red", { attribute: rare?.id ?? "", receivedAt: T0 + 2 * SECOND });
    const verdict = guard(stored, parse({}), memoryAfter(many, tag));
    expect(tally(verdict)).toEqual({ told: 149, withheld: 1 });
    expect(shown(verdict)).not.toContain(rare?.id);
  });
});
