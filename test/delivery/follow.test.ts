import { describe, expect, it, onTestFinished } from "vitest";
import type { Message } from "../../src/model/message.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeEdited,
  attributeOf,
  EVENT_UUID,
  eventDeleted,
  eventEdited,
  publication,
  sightingAdded,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { CHANNEL, openSlackServer, type ShownMessage, type SlackServer, TOKEN } from "../support/slack-server.ts";
import { Scene } from "./scene.ts";

const HOUR = 3_600_000;
const INFO = "Emotet epoch5";
const VALUES = ["one.example", "two.example"];
const one = (n: number, fields: object = {}) =>
  attributeOf(String(20 + n), { value: VALUES[n] ?? "three.example", tags: [], ...fields });
const first = publication({ event: { info: INFO, tags: tags("tlp:green") }, attributes: [one(0), one(1)] });
const later = publication({
  event: { info: INFO, tags: tags("tlp:green"), changedAt: T0 + 60_000 },
  attributes: [one(0), one(1), one(2)],
});
const other = publication({
  event: { id: "8", uuid: uuidOf("8"), info: "Qakbot", tags: tags("tlp:green") },
  attributes: [attributeOf("90", { value: "other.example", tags: [] })],
});

let sightings = 0;

/** Another sighting of an attribute of the event. */
function sighted(id = "20"): Message {
  sightings += 1;
  const subject = { type: "sighting" as const, uuid: uuidOf(`${5000 + sightings}`) };
  const attributes = [attributeOf(id, { tags: [] })];
  return { ...sightingAdded(id), subject, version: `${sightings}:add`, attributes };
}

async function slack(options: object = {}, routes?: readonly object[]): Promise<{ scene: Scene; server: SlackServer }> {
  const server = await openSlackServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const at = { type: "slack", token: TOKEN, channel: CHANNEL, api_url: server.apiUrl };
  return { server, scene: await Scene.open({ ...at, ...options }, routes) };
}

const textOf = ({ message }: Pick<ShownMessage, "message">) => JSON.stringify(message);

describe("updates: thread", () => {
  it("replies to the first message, whose state it keeps current, also after a restart", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.restart();
    await scene.tell(later);
    await scene.tell(sighted(), sighted());
    const [root, reply, ...more] = server.channel;
    expect(root).toMatchObject({ edits: 2 });
    expect(textOf(root as ShownMessage)).toContain(INFO);
    expect(textOf(root as ShownMessage)).toContain("one[.]example");
    expect(textOf(root as ShownMessage)).not.toContain("three[.]example");
    expect(textOf(root as ShownMessage)).toMatch(/Updated 2026-11-20 12:10 UTC: 1 new · Sighted 2×/);
    expect(reply).toMatchObject({ thread: root?.ts, edits: 0 });
    expect(reply?.message.reply_broadcast).toBeUndefined();
    expect(textOf(reply as ShownMessage)).toContain("three[.]example");
    expect(more.every(({ thread }) => thread === root?.ts)).toBe(true);
  });

  it("shows also in the channel what is urgent", async () => {
    const { scene, server } = await slack({}, [
      { name: "all", notify: "soc", priority: "high", group: { interval: "0s" } },
    ]);
    await scene.tell(first);
    await scene.tell(later);
    expect(server.channel[1]).toMatchObject({ thread: server.channel[0]?.ts, message: { reply_broadcast: true } });
  });

  it("has a new message take the place of one that Slack does not know any more", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    server.forget(server.channel[0]?.ts ?? "");
    await scene.tell(later);
    await scene.tell(attributeAdded({ id: "55", attribute: { tags: [] } }));
    const [, second, third] = server.channel;
    expect(second).not.toHaveProperty("thread");
    expect(third).toMatchObject({ thread: second?.ts });
    expect(scene.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent"]);
  });

  it("never replies to a digest, in which only that event's part is kept current", async () => {
    const { scene, server } = await slack({}, [
      { name: "all", notify: "soc", group: { by: [], wait: "1m", interval: "0s" } },
    ]);
    await scene.tell(first, other);
    await scene.tell(later);
    const [digest, update] = server.channel;
    expect(update).not.toHaveProperty("thread");
    expect(textOf(update as ShownMessage)).toContain("1 new since 2026-11-20");
    expect(textOf(update as ShownMessage)).not.toContain("An update of the alert");
    expect(digest?.edits).toBe(1);
    expect(textOf(digest as ShownMessage).match(/Updated 2026/g)).toHaveLength(1);
    expect(textOf(digest as ShownMessage)).toContain("Qakbot");
  });
});

describe("updates: edit", () => {
  it("shows what is new in the place of what was told, and calls nobody", async () => {
    const { scene, server } = await slack({ updates: "edit" });
    await scene.tell(first);
    await scene.restart();
    await scene.tell(later);
    await scene.tell(attributeAdded({ id: "55", attribute: { value: "four.example", tags: [] } }));
    expect(server.channel).toHaveLength(1);
    const text = textOf(server.channel[0] as ShownMessage);
    for (const value of ["one[.]example", "three[.]example", "four[.]example", "Updated"]) {
      expect(text).toContain(value);
    }
    expect(scene.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent"]);
  });

  it("still shows all that stands there where nothing of it is new", async () => {
    const { scene, server } = await slack({ updates: "edit" });
    await scene.tell(first);
    await scene.tell({ ...first, version: "again", event: { ...first.event, changedAt: T0 + 60_000 } });
    expect(server.channel).toMatchObject([{ edits: 1 }]);
    const text = textOf(server.channel[0] as ShownMessage);
    for (const value of ["one[.]example", "two[.]example", "Updated"]) {
      expect(text).toContain(value);
    }
  });

  it("replaces only its own part in a digest", async () => {
    const { scene, server } = await slack({ updates: "edit" }, [
      { name: "all", notify: "soc", group: { by: [], wait: "1m", interval: "0s" } },
    ]);
    await scene.tell(first, other);
    await scene.tell(later);
    expect(server.channel).toMatchObject([{ edits: 1 }]);
    const text = textOf(server.channel[0] as ShownMessage);
    expect(text).toContain("three[.]example");
    expect(text).toContain("Qakbot");
  });

  it("tells by a new message what Slack does not let change", async () => {
    const { scene, server } = await slack({ updates: "edit" });
    await scene.tell(first);
    server.next({ status: 200, body: JSON.stringify({ ok: false, error: "edit_window_closed" }) });
    await scene.tell(later);
    expect(server.channel).toMatchObject([{ edits: 0 }, { edits: 0 }]);
  });
});

describe("what somebody acknowledges", () => {
  const by = (scene: Scene, name = "jane") => ({ instance: "cert", eventUuid: EVENT_UUID, at: scene.at, by: name });
  const said = /Acknowledged by jane, 2026-11-20 1\d:\d\d UTC/;

  it.each(["thread", "edit", "new"])("stands in the message, and stays there with updates: %s", async (updates) => {
    const { scene, server } = await slack({ updates });
    await scene.tell(first);
    await scene.ledger.acknowledge(by(scene));
    await scene.run();
    expect(server.channel).toMatchObject([{ edits: 1 }]);
    expect(textOf(server.channel[0] as ShownMessage)).toMatch(said);
    await scene.restart();
    await scene.tell(later);
    const [root, update] = server.channel;
    expect(textOf(root as ShownMessage)).toMatch(said);
    expect(textOf(root as ShownMessage).includes("Updated 2026")).toBe(updates !== "new");
    expect(update ? textOf(update) : "").not.toMatch(said);
  });

  it("stands in the place of what asks for it, and only of its event", async () => {
    const { scene, server } = await slack({}, [
      { name: "all", notify: "soc", group: { interval: "0s" }, priority: "high", remind: { after: "1h", times: 1 } },
    ]);
    await scene.tell(first, other);
    await scene.run(HOUR);
    const asking = () =>
      textOf(server.channel.at(-1) as ShownMessage).split("Nobody has acknowledged it since").length - 1;
    expect(server.channel).toHaveLength(3);
    expect(asking()).toBe(2);
    await scene.ledger.acknowledge(by(scene));
    await scene.run();
    expect(asking()).toBe(1);
    expect(server.channel.map((shown) => said.test(textOf(shown)))).toEqual([true, false, true]);
  });

  it("is said by whoever they say they are, in one line of plain text", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.ledger.acknowledge(by(scene, "<!channel>\n*eve*\u202e"));
    await scene.run();
    const text = textOf(server.channel[0] as ShownMessage);
    expect(text).not.toContain('"type":"broadcast"');
    expect(text).not.toMatch(/\\n\*eve|\u202e/);
    expect(text).toContain("Acknowledged by");
  });
});

describe("a message that may still change", () => {
  it("is guarded again before it is changed: what a part is not for them any more is taken from it", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.tell(tagAttached("tlp:red", { attribute: "20", eventId: "7" }));
    const text = textOf(server.channel[0] as ShownMessage);
    expect(server.channel).toMatchObject([{ edits: 1 }]);
    expect(text).toContain("two[.]example");
    expect(text).not.toContain("one[.]example");
    expect(await scene.dump()).not.toContain("one.example");
  });

  it("shows nothing for long that its readers may not see since it was on its way", async () => {
    const { scene, server } = await slack();
    await scene.plan(first);
    const { store } = scene;
    const take = store.take.bind(store);
    store.take = async (...args) => {
      const taken = await take(...args);
      if (taken && "batches" in taken) {
        await scene.plan(tagAttached("tlp:red", { attribute: "20", eventId: "7" }));
      }
      return taken;
    };
    await scene.run();
    const text = textOf(server.channel[0] as ShownMessage);
    expect(server.channel).toMatchObject([{ edits: 1 }]);
    expect(text).toContain("two[.]example");
    expect(text).not.toContain("one[.]example");
    expect(await scene.dump()).not.toContain("one.example");
  });

  it("is tried again when that fails, and costs no second alert", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    const later429 = { status: 429, headers: { "retry-after": "30" }, body: "" };
    await scene.store.commit({ ...NOTHING, recheck: [{ instance: "cert", eventUuid: EVENT_UUID }] }, scene.at);
    await scene.tell(sighted());
    expect(server.channel).toMatchObject([{ edits: 1 }, { edits: 0 }]);
    server.next({ status: 200, body: JSON.stringify({ ok: true, channel: CHANNEL, ts: "1.1", message: {} }) });
    server.next(later429);
    server.next({ status: 503, body: "" });
    await scene.tell(sighted());
    expect(server.channel[0]?.edits).toBe(2);
    expect(scene.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent"]);
  });

  it("is left as it is when that fails 20 times", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    server.next({ status: 200, body: JSON.stringify({ ok: true, channel: CHANNEL, ts: "1.1", message: {} }) });
    for (let failures = 0; failures < 30; failures += 1) {
      server.next({ status: 503, body: "" });
    }
    await scene.tell(sighted());
    await scene.run(86_400_000);
    expect(server.requests.filter(({ path }) => path === "/api/chat.update")).toHaveLength(20);
    expect(server.channel).toMatchObject([{ edits: 0 }]);
  });

  it("is erased after 30 days", async () => {
    const { scene } = await slack();
    await scene.tell(first);
    expect(await scene.dump()).toContain("Emotet");
    scene.at += 31 * 86_400_000;
    await scene.run();
    await scene.store.prune(scene.at, scene.at);
    expect(await scene.dump()).not.toContain("Emotet");
  });
});

const NOTHING = {
  ...{ events: [], aliases: [], adopted: [], parts: [], forget: [], alerts: [], deliveries: [], records: [] },
  ...{ undecided: [], decided: [], cursors: [] },
};

const unpublished = eventEdited({ info: INFO, published: false });
const deleted = eventDeleted({ info: INFO });

describe("what is taken back", () => {
  it.each([
    ["deleted", deleted, /the event was deleted in MISP/],
    ["unpublished", unpublished, /the event was unpublished in MISP/],
  ] as const)("is marked in the message and said below it, once: %s", async (_, message, words) => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.restart();
    await scene.tell(message);
    await scene.tell(message);
    const [root, reply, ...more] = server.channel;
    expect(more).toEqual([]);
    expect(root).toMatchObject({ edits: 1 });
    expect(reply).toMatchObject({ thread: root?.ts, message: { reply_broadcast: true } });
    for (const shown of [root, reply] as ShownMessage[]) {
      expect(textOf(shown)).toMatch(words);
      expect(textOf(shown)).toContain('"strike":true');
      expect(textOf(shown)).not.toContain("one[.]example");
    }
    const dump = await scene.dump();
    expect(dump).not.toContain("one.example");
    expect(scene.records.at(-1)).toMatchObject({ outcome: "sent", routes: [] });
  });

  it("is said in words that tell nothing above the ceiling when an event rises above it", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.tell(tagAttached("tlp:red"));
    await scene.tell(tagAttached("tlp:red"));
    expect(server.channel).toMatchObject([{ edits: 1 }, { thread: server.channel[0]?.ts }]);
    for (const shown of server.channel) {
      expect(textOf(shown)).toContain("not meant for this place any more");
      expect(textOf(shown)).toContain("Event 7");
      expect(textOf(shown)).not.toMatch(/Emotet|one\[|TLP:RED|tlp:red/);
    }
    const dump = await scene.dump();
    expect(dump).not.toContain("one.example");
  });

  it("is said below the message also where that was changed first", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.plan(tagAttached("tlp:red"));
    const { store } = scene;
    const take = store.take.bind(store);
    let isFirst = true;
    store.take = async (...args) => {
      const taken = isFirst ? { dueAt: scene.at } : await take(...args);
      isFirst = false;
      return taken;
    };
    await scene.run();
    const [root, said, ...more] = server.channel;
    expect(more).toEqual([]);
    expect(said).toMatchObject({ thread: root?.ts });
    expect(textOf(root as ShownMessage)).not.toMatch(/Emotet|one\[/);
    expect(await scene.dump()).not.toContain("one.example");
  });

  it("is said when a frame about a part says that its event is for fewer, once", async () => {
    const { scene, server } = await slack({}, [{ name: "all", kinds: ["attribute.added"], notify: "soc" }]);
    const shared = { ...first, event: { ...first.event, distribution: "community" as const } };
    await scene.tell(shared, attributeAdded({ id: "22", attribute: { value: "three.example", tags: [] } }));
    await scene.tell(attributeAdded({ id: "23", event: { distribution: "organisation" }, attribute: { tags: [] } }));
    const changedAt = T0 + 60_000;
    await scene.tell(eventEdited({ changedAt, distribution: "organisation", tags: tags("tlp:green", "n:1") }));
    await scene.tell(attributeAdded({ id: "24", event: { distribution: "organisation" }, attribute: { tags: [] } }));
    const [root, said, ...others] = server.channel;
    expect(root).toMatchObject({ edits: 1 });
    expect(said).toMatchObject({ thread: root?.ts });
    for (const shown of [root, said]) {
      expect(textOf(shown as ShownMessage)).toContain("not meant for this place any more");
      expect(textOf(shown as ShownMessage)).not.toContain("three[.]example");
    }
    expect(others).toEqual([]);
  });

  it("is taken away with updates below it where the operator wants that, and said by a message of its own", async () => {
    const { scene, server } = await slack({ withdraw: "delete" });
    await scene.tell(first);
    await scene.tell(later);
    await scene.tell(deleted);
    const [root, reply, said] = server.channel;
    expect([root?.isDeleted, reply?.isDeleted, said?.isDeleted]).toEqual([true, true, undefined]);
    expect(said).not.toHaveProperty("thread");
    expect(textOf(said as ShownMessage)).toContain("deleted in MISP");
  });

  it("is marked where Slack does not let it be deleted", async () => {
    const { scene, server } = await slack({ withdraw: "delete" });
    await scene.tell(first);
    server.next({ status: 200, body: JSON.stringify({ ok: true, channel: CHANNEL, ts: "9.9" }) });
    server.next({ status: 200, body: JSON.stringify({ ok: false, error: "cant_delete_message" }) });
    await scene.tell(deleted);
    expect(server.channel).toMatchObject([{ edits: 1 }]);
  });

  it("is left alone, and nobody is told, where the operator wants that", async () => {
    const { scene, server } = await slack({ withdraw: "ignore" });
    await scene.tell(first);
    await scene.tell(deleted);
    expect(server.channel).toMatchObject([{ edits: 0 }]);
  });

  it("is told to nobody who was not told", async () => {
    const { scene, server } = await slack();
    await scene.tell(publication({ event: { tags: tags("tlp:red") } }));
    await scene.tell(deleted);
    await scene.tell(attributeDeleted({ id: "20" }));
    expect(server.channel).toEqual([]);
  });

  it("is told to nobody when it was taken back before it left", async () => {
    const { scene, server } = await slack({}, [{ name: "all", notify: "soc", group: { wait: "5m" } }]);
    const rest = scene.tell(first, deleted);
    await rest;
    expect(server.channel).toEqual([]);
    expect(scene.records.map(({ outcome, reason }) => [outcome, reason]).sort()).toEqual([
      ["withdrawn", "event-deleted"],
      ["withdrawn", "not-told"],
    ]);
  });

  it("strikes only its own part of a digest", async () => {
    const { scene, server } = await slack({ withdraw: "delete" }, [
      { name: "all", notify: "soc", group: { by: [], wait: "1m", interval: "0s" } },
    ]);
    await scene.tell(first, other);
    await scene.tell(deleted);
    expect(server.channel).toMatchObject([{ edits: 1 }, { edits: 0 }]);
    const text = textOf(server.channel[0] as ShownMessage);
    expect(text).toContain("Qakbot");
    expect(text).toContain("deleted in MISP");
    expect(text).not.toContain("one[.]example");
  });

  it("is an attribute that was told, and is deleted or not for detection any more: a change of its event", async () => {
    const { scene, server } = await slack();
    await scene.tell(
      publication({
        event: { info: INFO, tags: tags("tlp:green") },
        attributes: [one(0, { toIds: true }), one(1, { toIds: true })],
      }),
    );
    await scene.tell(attributeDeleted({ id: "20", attribute: { value: "one.example", tags: [], deleted: true } }));
    await scene.tell(attributeEdited({ id: "21", attribute: { value: "two.example", toIds: false, tags: [] } }));
    await scene.tell(attributeDeleted({ id: "77", attribute: { value: "never.example", tags: [], deleted: true } }));
    const [root, gone, lost, ...more] = server.channel;
    expect(more).toEqual([]);
    expect(gone).toMatchObject({ thread: root?.ts });
    expect(textOf(gone as ShownMessage)).toContain("one[.]example");
    expect(textOf(lost as ShownMessage)).toContain("two[.]example");
  });

  it("is told again as a new one when it is published again", async () => {
    const { scene, server } = await slack();
    await scene.tell(first);
    await scene.tell(unpublished);
    await scene.tell(later);
    expect(server.channel).toHaveLength(3);
    expect(server.channel[2]).not.toHaveProperty("thread");
    expect(textOf(server.channel[2] as ShownMessage)).not.toContain("Withdrawn");
  });
});
