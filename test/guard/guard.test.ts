import { describe, expect, it, test } from "vitest";
import { guard } from "../../src/guard/guard.ts";
import { type Kind, SENSITIVE, type Sensitive } from "../../src/model/vocabulary.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeGone,
  attributeOf,
  eventCreated,
  eventEdited,
  eventless,
  eventView,
  MINUTE,
  objectAdded,
  objectOf,
  publication,
  referenceAdded,
  sightingAdded,
  T0,
  tagAttached,
  tagCreated,
  tags,
} from "../support/messages.ts";
import { composed, guardedOf, judge, NOTHING, parse, shown, tally, wordOf } from "./verdicts.ts";

const published = (...names: readonly string[]) => publication({ event: { tags: tags(...names) } });

describe("guard() of a publication by its TLP", () => {
  it.each([
    ["tlp:clear", "clear", "full"],
    ["tlp:green", "clear", "tlp-above-ceiling"],
    ["tlp:green", "green", "full"],
    ["tlp:amber", "green", "tlp-above-ceiling"],
    ["tlp:amber", "amber", "full"],
    ["tlp:amber+strict", "amber", "tlp-above-ceiling"],
    ["tlp:amber+strict", "amber+strict", "full"],
    ["tlp:red", "amber+strict", "tlp-above-ceiling"],
    ["tlp:red", "red", "full"],
    ["tlp:unclear", "red", "tlp-unknown"],
    ["TLP:ROUGE", "red", "tlp-unknown"],
  ])("%s with max_tlp %s: %s", (tag, max_tlp, word) => {
    expect(wordOf(judge({ max_tlp }, published(tag)))).toBe(word);
  });

  it.each([
    ["deny", "red", "untagged"],
    ["clear", "clear", "full"],
    ["green", "clear", "tlp-above-ceiling"],
    ["amber", "amber", "full"],
    ["amber+strict", "amber", "tlp-above-ceiling"],
    ["red", "amber+strict", "tlp-above-ceiling"],
    ["red", "red", "full"],
  ])("without a label, untagged %s with max_tlp %s: %s", (untagged, max_tlp, word) => {
    expect(wordOf(judge({ untagged, max_tlp }, published("type:OSINT")))).toBe(word);
  });

  it.each([
    ["tlp:green", "full"],
    ["tlp:amber", "metadata"],
    ["tlp:amber+strict", "metadata"],
    ["tlp:red", "pointer"],
    ["tlp:unclear", "tlp-unknown"],
  ])("on a ladder of forms %s is told as %s", (tag, word) => {
    const ladder = { max_tlp: "green", metadata_up_to: "amber+strict", pointer_up_to: "red" };
    expect(wordOf(judge(ladder, published(tag)))).toBe(word);
  });

  it.each([
    ["clear", "PAP:GREEN", "metadata"],
    ["green", "PAP:GREEN", "full"],
    ["amber", undefined, "full"],
    ["green", undefined, "metadata"],
    ["amber", "PAP:RED", "metadata"],
    ["red", "PAP:RED", "full"],
    ["red", "PAP:ORANGE", "metadata"],
  ])("max_pap %s of %s: %s", (max_pap, pap, word) => {
    expect(wordOf(judge({ max_pap }, published("tlp:green", ...(pap ? [pap] : []))))).toBe(word);
  });
});

describe("guard() of the parts of a publication", () => {
  const tagged = (id: string, ...names: readonly string[]) => attributeOf(id, { tags: tags(...names) });
  const event = publication({
    event: { tags: tags("tlp:green", "PAP:GREEN") },
    attributes: [
      tagged("1"),
      tagged("2", "tlp:amber"),
      tagged("3", "tlp:red"),
      tagged("4", "tlp:clear"),
      tagged("5", "PAP:RED"),
      tagged("6", "tlp:unclear"),
      attributeOf("7", { type: "IBAN" }),
    ],
  });

  it.each([
    ["clear", "green", []],
    ["green", "red", ["1", "4", "5"]],
    ["amber", "red", ["1", "2", "4", "5"]],
    ["red", "red", ["1", "2", "3", "4", "5"]],
    ["amber", "amber", ["1", "2", "4"]],
    ["amber", "green", ["1", "2", "4"]],
  ])("with max_tlp %s and max_pap %s shows %j, and what it withholds adds up", (max_tlp, max_pap, ids) => {
    const verdict = judge({ max_tlp, max_pap }, event);
    if (ids.length === 0) {
      return expect(wordOf(verdict)).toBe("tlp-above-ceiling");
    }
    expect(shown(verdict)).toEqual(ids);
    expect(tally(verdict)).toEqual({ told: ids.length, withheld: 7 - ids.length });
  });

  it("shows personal data only where the guard says so", () => {
    expect(shown(judge({ max_tlp: "green", personal: true }, event))).toContain("7");
  });

  it("holds the event's label for a part that has a looser one", () => {
    const strict = publication({ event: { tags: tags("tlp:amber") }, attributes: [tagged("1", "tlp:clear")] });
    expect(wordOf(judge({ max_tlp: "green" }, strict))).toBe("tlp-above-ceiling");
    expect(guardedOf(judge({ max_tlp: "amber" }, strict)).tlp).toBe("amber");
  });

  it("lets an attribute without a PAP label have its event's, not the one of what has none", () => {
    const clear = publication({ event: { tags: tags("tlp:clear", "PAP:CLEAR") }, attributes: [tagged("1")] });
    expect(shown(judge({ max_pap: "clear" }, clear))).toEqual(["1"]);
  });

  it.each([
    [["tlp:green"], "green"],
    [["tlp:amber"], "amber"],
    [[], "untagged"],
  ])("is labelled as the strictest of what is shown: an event of %j as %s", (names, tlp) => {
    expect(guardedOf(judge({}, publication({ event: { tags: tags(...names) }, attributes: [tagged("1")] }))).tlp).toBe(
      tlp,
    );
  });

  it("is labelled as strict as a part that is only counted", () => {
    const mixed = publication({
      event: { tags: tags("tlp:amber") },
      attributes: [tagged("1", "tlp:red")],
    });
    const { form, tlp, alert } = guardedOf(judge({ max_tlp: "green", metadata_up_to: "red" }, mixed));
    expect([form, tlp, alert.counts.length]).toEqual(["metadata", "red", 1]);
  });

  it("counts what has no label as what the destination takes it for, beside one that has", () => {
    const mixed = publication({ event: { tags: [] }, attributes: [tagged("1", "tlp:green")] });
    expect(guardedOf(judge({ untagged: "amber" }, mixed)).tlp).toBe("amber");
  });
});

describe("guard() of an alert about a part", () => {
  const known = publication({ event: { tags: tags("tlp:green") } });

  it("is as strict as the part", () => {
    const red = attributeEdited({ attribute: { tags: tags("tlp:red") } });
    expect(wordOf(judge({ max_tlp: "amber" }, red, known))).toBe("tlp-above-ceiling");
    const forms = { max_tlp: "green", metadata_up_to: "red" };
    const { form, tlp, alert } = guardedOf(judge(forms, red, known));
    expect([form, tlp, alert.items]).toEqual(["metadata", "red", []]);
  });

  it("is never a pointer, which says that an event was published", () => {
    const red = attributeEdited({ attribute: { tags: tags("tlp:red") } });
    expect(wordOf(judge({ max_tlp: "green", pointer_up_to: "red" }, red, known))).toBe("tlp-above-ceiling");
  });

  it("refuses a part that is personal", () => {
    const personal = attributeEdited({ attribute: { type: "iban", tags: [] } });
    expect(wordOf(judge({}, personal, known))).toBe("personal");
    expect(wordOf(judge({ personal: true }, personal, known))).toBe("full");
  });

  it.each([
    ["an attribute whose tags are not told", attributeAdded(), "tlp-unknown"],
    ["an attribute whose tags are told", attributeEdited({ attribute: { tags: [] } }), "full"],
    ["an attribute in an object", attributeEdited({ attribute: { tags: [] }, object: objectOf("o1") }), "full"],
    [
      "an attribute deleted for good",
      { ...attributeGone(), attributes: [{ id: "21", tags: [] }] },
      "distribution-unknown",
    ],
    ["an object", objectAdded(), "full"],
    ["a reference", referenceAdded(), "distribution-unknown"],
    ["a sighting", sightingAdded(), "distribution-unknown"],
    ["a tag on an attribute", tagAttached("type:OSINT", { attribute: "21" }), "distribution-unknown"],
    ["a tag on the event", tagAttached("type:OSINT"), "full"],
  ])("%s: %s", (_, message, word) => {
    expect(wordOf(judge({}, message, known))).toBe(word);
  });

  it("refuses an attribute whose object is not in the frame", () => {
    const inObject = attributeEdited({ attribute: { tags: [], objectKey: "o1" } });
    expect(wordOf(judge({}, inObject, known))).toBe("distribution-unknown");
  });
});

describe("guard() of what is unknown", () => {
  it.each([
    ["an event that was never seen before", attributeEdited({ attribute: { tags: [] } }), [], "event-unknown"],
    ["an event that was created", eventCreated(), [], "draft"],
    ["an event that was created as published", eventCreated({ published: true }), [], "tlp-unknown"],
    [
      "an attribute of it",
      attributeEdited({ attribute: { tags: [] } }),
      [eventCreated({ published: true })],
      "tlp-unknown",
    ],
    [
      "an event of which one label was seen",
      attributeEdited({ attribute: { tags: [] } }),
      [eventCreated({ published: true }), tagAttached("tlp:green")],
      "tlp-unknown",
    ],
  ])("%s never passes: %s", (_, message, before, word) => {
    expect(wordOf(judge({ max_tlp: "red" }, message, ...before))).toBe(word);
  });

  it("counts as none for those who see drafts", () => {
    expect(wordOf(judge({ drafts: true }, eventCreated()))).toBe("full");
    expect(wordOf(judge({ drafts: true }, attributeAdded(), eventCreated()))).toBe("full");
    expect(wordOf(judge({ drafts: true, max_tlp: "green" }, attributeAdded(), eventCreated()))).toBe(
      "tlp-above-ceiling",
    );
    expect(wordOf(judge({ drafts: true, untagged: "deny" }, eventCreated()))).toBe("untagged");
  });

  it.each([
    ["the event's label came alone", [eventCreated(), tagAttached("tlp:red")]],
    ["the attribute's label came alone", [eventCreated(), tagAttached("tlp:red", { attribute: "21" })]],
    ["a strange label stands beside it", [publication({ event: { tags: tags("tlp:red", "tlp:unclear") } })]],
  ])("hides no label that is known from those who see drafts: %s", (_, before) => {
    expect(wordOf(judge({ drafts: true }, attributeAdded(), ...before))).toBe("tlp-above-ceiling");
    expect(wordOf(judge({ drafts: true, max_tlp: "red" }, attributeAdded(), ...before))).toBe("full");
  });

  it("takes a looser label of the event for drafts as what it is", () => {
    const before = [eventCreated(), tagAttached("tlp:green")];
    expect(wordOf(judge({ drafts: true, max_tlp: "green" }, attributeAdded(), ...before))).toBe("full");
  });
});

describe("guard() where a label stands beside none", () => {
  const bare = publication({ event: { tags: [] } });
  const later = { changedAt: T0 + MINUTE };

  it.each([
    [
      "an older list does not loosen what has no label",
      bare,
      eventEdited({ changedAt: T0 - MINUTE, tags: tags("tlp:green") }),
    ],
    ["a label that came since does not", bare, tagAttached("tlp:green")],
  ])("%s", (_, first, next) => {
    const { alert } = composed(first);
    const { memory } = composed(next, first);
    expect(wordOf(guard(alert, parse({ max_tlp: "green" }), memory))).toBe("tlp-above-ceiling");
    const amber = guard(alert, parse({ max_tlp: "amber" }), memory);
    expect([wordOf(amber), guardedOf(amber).tlp]).toEqual(["full", "amber"]);
    expect(wordOf(guard(alert, parse({ max_tlp: "green", untagged: "clear" }), memory))).toBe("full");
    expect(wordOf(guard(alert, parse({ max_tlp: "red", untagged: "deny" }), memory))).toBe("untagged");
  });

  it("what lost its label while it waited counts as what has none", () => {
    const first = publication({ event: { tags: tags("tlp:green") } });
    const { alert } = composed(first);
    const { memory } = composed(eventEdited({ ...later, tags: [] }), first);
    expect(wordOf(guard(alert, parse({ max_tlp: "green" }), memory))).toBe("tlp-above-ceiling");
    expect(guardedOf(guard(alert, parse({ max_tlp: "amber" }), memory)).tlp).toBe("amber");
  });

  it("an older list that is stricter than none counts", () => {
    const { alert } = composed(bare);
    const { memory } = composed(eventEdited({ changedAt: T0 - MINUTE, tags: tags("tlp:red") }), bare);
    expect(wordOf(guard(alert, parse({ max_tlp: "amber" }), memory))).toBe("tlp-above-ceiling");
  });
});

describe("guard() of drafts", () => {
  it("tells of an event only once it was published", () => {
    const edit = eventEdited({ tags: tags("tlp:green") });
    expect(wordOf(judge({}, edit))).toBe("draft");
    expect(wordOf(judge({ drafts: true }, edit))).toBe("full");
    expect(wordOf(judge({}, edit, publication()))).toBe("full");
  });
});

describe("guard() of kinds that are about people and the platform", () => {
  const CASES = (Object.keys(SENSITIVE) as Sensitive[]).flatMap((also) =>
    SENSITIVE[also].map((kind): [Kind, Sensitive] => [kind, also]),
  );

  it.each(CASES)("%s passes only with also: [%s]", (kind, also) => {
    const others = (Object.keys(SENSITIVE) as Sensitive[]).filter((other) => other !== also);
    expect(wordOf(judge({ max_tlp: "red" }, eventless(kind)))).toBe("kind-not-opened");
    expect(wordOf(judge({ max_tlp: "red", also: others }, eventless(kind)))).toBe("kind-not-opened");
    // A discussion is of an event or has a reach of its own, which is not told here.
    const word = kind === "discussion.posted" ? "distribution-unknown" : "full";
    expect(wordOf(judge({ max_tlp: "clear", also: [also] }, eventless(kind)))).toBe(word);
  });

  it("asks the guard about the event too, where there is one", () => {
    const posted = { ...eventless("discussion.posted"), event: { id: "7" } };
    const before = publication({ event: { tags: tags("tlp:red") } });
    expect(wordOf(judge({ also: ["discussions"] }, posted, before))).toBe("tlp-above-ceiling");
  });

  it("opens definitions of tags by the word tags", () => {
    expect(wordOf(judge({}, tagCreated()))).toBe("kind-not-opened");
    expect(wordOf(judge({ also: ["tags"] }, tagCreated()))).toBe("full");
  });

  it("refuses an event's kind without an event, and lets our own words pass", () => {
    const { event: _, ...nameless } = publication();
    expect(wordOf(judge({ max_tlp: "red" }, nameless))).toBe("no-event");
    expect(wordOf(judge({ max_tlp: "clear" }, eventless("herald.started")))).toBe("full");
  });
});

describe("guard(): what a form shows", () => {
  const rich = (tag: string) =>
    publication({
      event: { tags: tags(tag, "secret-project:x"), info: "INFO" },
      attributes: [attributeOf("1", { value: "VALUE", comment: "COMMENT" })],
      objects: [objectOf("o1", { comment: "OBJECT" })],
    });
  const ladder = { max_tlp: "green", metadata_up_to: "amber", pointer_up_to: "red" };

  it("metadata: title, tags and numbers, without values, comments and objects", () => {
    const text = JSON.stringify(guardedOf(judge(ladder, rich("tlp:amber"))));
    for (const hidden of ["VALUE", "COMMENT", "OBJECT"]) {
      expect(text).not.toContain(hidden);
    }
    for (const visible of ["INFO", "secret-project:x", '"n":1']) {
      expect(text).toContain(visible);
    }
  });

  it.each([
    ["tlp:amber", "PAP:GREEN", ["tlp"]],
    ["tlp:green", "PAP:RED", ["pap"]],
    ["tlp:amber", "PAP:RED", ["tlp", "pap"]],
    ["type:OSINT", "PAP:GREEN", ["tlp"]],
  ])("metadata of %s and %s says which label keeps the rest back: %j", (tlp, pap, expected) => {
    const told = (rest: object) => guardedOf(judge(ladder, publication({ event: { tags: tags(tlp, pap) }, ...rest })));
    expect(told({ attributes: [attributeOf("1")] })).toMatchObject({ form: "metadata", keptBack: expected });
    expect(told({ attributes: [] })).toMatchObject({ form: "metadata" });
    expect(told({ attributes: [] })).not.toHaveProperty("keptBack");
  });

  it("a pointer: the instance, the kind and what a link needs", () => {
    const { alert, tlp, withheld } = guardedOf(judge(ladder, rich("tlp:red")));
    const { id, uuid } = eventView();
    const { id: _id, version: _version, receivedAt: _at, ...rest } = alert;
    expect(rest).toEqual({
      instance: "cert",
      kind: "event.published",
      subject: { type: "event", id, uuid },
      event: { id, uuid },
      items: [],
      counts: [],
      objects: [],
      lines: [],
    });
    expect([tlp, withheld]).toEqual(["red", 0]);
  });

  it("a sighting's source only in full", () => {
    const sighting = { ...sightingAdded(), attributes: [] };
    const marked = (tag: string) => publication({ event: { tags: tags(tag) } });
    expect(guardedOf(judge(ladder, sighting, marked("tlp:green"))).alert.sighting?.source).toBe("SIEM");
    expect(guardedOf(judge(ladder, sighting, marked("tlp:amber"))).alert.sighting).not.toHaveProperty("source");
  });

  it.each([
    ["the event", publication({ event: { tags: tags("tlp:green", "tlp:ex:chr") } })],
    ["an attribute that is shown", publication({ attributes: [attributeOf("1", { tags: tags("tlp:ex:chr") })] })],
  ])("tlp:ex:chr on %s hides where it comes from", (_, message) => {
    const { event } = guardedOf(judge({}, message)).alert;
    expect(event).not.toHaveProperty("org");
    expect(event).not.toHaveProperty("owner");
    expect(event?.info).toBe("Phishing wave against ACME");
  });

  it("tlp:ex:chr hides who reported a sighting, too", () => {
    const reported = {
      ...sightingAdded(),
      attributes: [],
      sighting: { type: "sighting" as const, org: { name: "SIGHTER" } },
    };
    const marked = (...names: readonly string[]) => publication({ event: { tags: tags("tlp:green", ...names) } });
    expect(guardedOf(judge(ladder, reported, marked())).sightings[0]?.org).toEqual({ name: "SIGHTER" });
    expect(JSON.stringify(judge(ladder, reported, marked("tlp:ex:chr")))).not.toContain("SIGHTER");
  });

  it("tlp:ex:chr on an attribute that is withheld hides nothing", () => {
    const hidden = publication({ attributes: [attributeOf("1", { tags: tags("tlp:red", "tlp:ex:chr") })] });
    expect(guardedOf(judge({}, hidden)).alert.event?.org?.name).toBe("CIRCL");
  });
});

test("guard() gives back the parts that are in it as they were given", () => {
  const { alert, memory } = composed(attributeAdded(), eventCreated());
  const verdict = guard(alert, parse({ drafts: true }), memory);
  expect("kept" in verdict && verdict.kept.items[0]).toBe(alert.items[0]);
  expect(shown(verdict)).toEqual(["21"]);
});

test("guard() refuses by the ceiling also without any memory", () => {
  const { alert } = composed(published("tlp:red"));
  expect(guard(alert, parse({}), NOTHING)).toEqual({ refused: "tlp-above-ceiling" });
});
