import { describe, expect, it } from "vitest";
import type { Message } from "../../src/model/message.ts";
import type { Thread } from "../../src/model/misp.ts";
import { eventless, publication, tagAttached, tags } from "../support/messages.ts";
import { guardedOf, judge, wordOf } from "./verdicts.ts";

const ALSO = { also: ["discussions", "audit"] };
const ON_EVENT = { event: { id: "7" } };
const OPEN: Thread = { owner: { name: "ACME-CERT" }, distribution: "community" };

function posted(fields: Partial<Message>): Message {
  return { ...eventless("discussion.posted"), lines: [{ label: "contents", text: "POSTED" }], ...fields };
}

function logged(fields: Partial<Message>): Message {
  return { ...eventless("audit.logged"), lines: [{ label: "title", text: "TITLE" }], ...fields };
}

const event = (...names: readonly string[]) => publication({ event: { tags: tags(...names) } });
const only = publication({ event: { tags: tags("tlp:green"), distribution: "organisation" } });

describe("guard() opens a kind with also, and not what is told in it", () => {
  it.each([
    ["audit of a red event", logged(ON_EVENT), event("tlp:red"), {}, "tlp-above-ceiling"],
    ["audit of a green event", logged(ON_EVENT), event("tlp:green"), {}, "full"],
    ["audit of an event that stays in its organisation", logged(ON_EVENT), only, {}, "distribution"],
    ["the same for its owner", logged(ON_EVENT), only, { audience: ["ACME-CERT"] }, "full"],
    ["audit of some event", logged({ event: {} }), undefined, {}, "event-unknown"],
    ["the same for authors", logged({ event: {} }), undefined, { drafts: true }, "distribution-unknown"],
    ["audit of an event that nobody knows", logged({ event: { id: "8" } }), undefined, {}, "event-unknown"],
    ["a login", logged({}), undefined, {}, "full"],
    ["a discussion of a red event", posted({ ...ON_EVENT, thread: OPEN }), event("tlp:red"), {}, "tlp-above-ceiling"],
    ["a discussion of a green event", posted({ ...ON_EVENT, thread: OPEN }), event("tlp:green"), {}, "full"],
    ["a discussion above max_tlp", posted({ ...ON_EVENT, thread: OPEN }), event("tlp:amber"), SHORT(), "metadata"],
    [
      "a narrower discussion of a green event",
      posted({ ...ON_EVENT, thread: { ...OPEN, distribution: "organisation" } }),
      event("tlp:green"),
      {},
      "distribution",
    ],
    ["a discussion on no event", posted({ thread: OPEN }), undefined, {}, "full"],
    ["the same where nothing untagged is told", posted({ thread: OPEN }), undefined, { untagged: "deny" }, "untagged"],
    ["the same above the ceiling", posted({ thread: OPEN }), undefined, { max_tlp: "green" }, "tlp-above-ceiling"],
    [
      "a discussion within an organisation",
      posted({ thread: { ...OPEN, distribution: "organisation" } }),
      undefined,
      {},
      "distribution",
    ],
    [
      "the same for that organisation",
      posted({ thread: { ...OPEN, distribution: "organisation" } }),
      undefined,
      { audience: ["ACME-CERT"] },
      "full",
    ],
    [
      "a post in a discussion that nobody knows",
      posted({ thread: { id: "1" } }),
      undefined,
      {},
      "distribution-unknown",
    ],
    ["a post of which no discussion is told", posted({}), undefined, {}, "distribution-unknown"],
  ])("%s", (_, message, before, policy, word) => {
    const verdict = judge({ ...ALSO, ...policy }, message, ...(before ? [before] : []));
    expect(wordOf(verdict)).toBe(word);
    if (word === "metadata") {
      expect(JSON.stringify(guardedOf(verdict))).not.toContain("POSTED");
    }
    expect(wordOf(judge(policy, message, ...(before ? [before] : [])))).toBe("kind-not-opened");
  });

  it("hides who wrote where the event hides its source", () => {
    const lines = [
      { label: "contents", text: "POSTED" },
      { label: "organisation", text: "ACME-CERT" },
    ];
    const verdict = judge(
      ALSO,
      posted({ ...ON_EVENT, thread: OPEN, lines }),
      event("tlp:green"),
      tagAttached("tlp:ex:chr"),
    );
    expect(guardedOf(verdict).alert.lines).toEqual([lines[0]]);
    expect(JSON.stringify(guardedOf(verdict))).not.toContain("ACME-CERT");
  });
});

function SHORT() {
  return { max_tlp: "green", metadata_up_to: "amber" };
}
