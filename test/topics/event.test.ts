import { describe, expect, it } from "vitest";
import { decode } from "../../src/topics/index.ts";
import { decodeSample, frameOf, messageOf } from "./frames.ts";

describe("event", () => {
  it("announces a new event without its tags and without the zero that MISP counts", () => {
    const { event, version } = decodeSample("misp_json_event--add");
    expect(version).toBe("1795196986:add");
    expect(event).toEqual({
      id: "1",
      uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774",
      info: "Phishing wave against ACME",
      date: "2026-11-20",
      changedAt: 1_795_196_986_000,
      published: false,
      threatLevel: "medium",
      analysis: "initial",
      org: { id: "1", name: "ACME-CERT", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3" },
      owner: { id: "1", name: "ACME-CERT", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3" },
      distribution: "community",
    });
  });

  it("tells all tags of an edited event, with what belongs to the row of each", () => {
    const { event, version } = decodeSample("misp_json_event--edit-with-tags");
    expect(version).toBe("1795197015");
    expect(event?.tags).toEqual([
      { name: "tlp:amber", local: false, exportable: true },
      { name: "internal:triage", local: false, exportable: false },
      { name: "PAP:AMBER", local: true, exportable: true },
    ]);
  });

  it("knows of no tag where the rows are empty, and nothing where they are left out or unreadable", () => {
    const edited = (rows: object) =>
      messageOf("misp_json_event", { Event: { id: "1" }, ...rows, action: "edit" }).event;
    expect(edited({ EventTag: [] })).toEqual({ id: "1", tags: [] });
    expect(edited({})).toEqual({ id: "1" });
    expect(edited({ EventTag: [{ Tag: { name: "tlp:green" } }, { tag_id: "4" }] })).toEqual({ id: "1" });
  });

  it("tells whether an edited event is published, which is how MISP unpublishes", () => {
    expect(decodeSample("misp_json_event--edit-unpublish").event?.published).toBe(false);
    expect(decodeSample("misp_json_event--edit-republished-via-api").event?.published).toBe(true);
  });

  it("knows neither organisation nor tags of a deleted event", () => {
    const { event, version } = decodeSample("misp_json_event--delete");
    expect(version).toBe("1795197423:delete");
    expect(event).toMatchObject({ id: "3", published: true, attributeCount: 2 });
    expect(event).not.toHaveProperty("org");
    expect(event).not.toHaveProperty("owner");
    expect(event).not.toHaveProperty("tags");
  });

  it("knows only the creator where the owner is another number", () => {
    const { event } = decodeSample("misp_json_event--add-pulled-from-remote-instance");
    expect(event).toMatchObject({ org: { name: "NORTH-CERT" }, origin: "pulled" });
    expect(event).not.toHaveProperty("owner");
  });

  it.each(["add", "edit"])("remembers without telling that an event was pulled (%s)", (action) => {
    const message = decodeSample(`misp_json_event--${action}_from_connected_server`);
    expect(message).not.toHaveProperty("kind");
    expect(message.event).toEqual({ uuid: message.subject.uuid, origin: "pulled" });
  });
});

it("reads an event that was pulled by its number, which is known elsewhere by it, and remembers nothing", () => {
  const body = { Event: 407, Server: "1", action: "add_from_connected_server" };
  const message = decode(frameOf("misp_json_event", JSON.stringify(body)));
  expect(message?.subject).toEqual({ type: "event" });
  expect([message?.kind, message?.event]).toEqual([undefined, undefined]);
});
