import { describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { openMispApi, PAGE_LIMIT } from "../../src/misp-api/client.ts";
import { captureLog } from "../support/captured-log.ts";
import { CERTIFICATE_FILE } from "../support/http-server.ts";
import { API_KEY, FAILURES, type MispServer, openMispServer } from "../support/misp-server.ts";
import { messageOf, SAMPLE_NAMES, sample } from "../topics/frames.ts";

type Options = Partial<Parameters<typeof openMispApi>[0]>;
type Fields = Readonly<Record<string, unknown>>;

const { signal } = new AbortController();
const UUID = "f08ea639-cfcc-4812-bccc-ec57a641cf95";
const T0 = 1_795_197_500;

function openApi(server: Pick<MispServer, "url">, options: Options = {}) {
  const apiKey = new Secret(API_KEY);
  return openMispApi({ url: server.url, apiKey, timeoutMs: 20_000, now: Date.now, log: captureLog().log, ...options });
}

function eventOf(name: string): Fields {
  return sample(name).payload.Event as Fields;
}

/** `n` small events, each published a second after the one before. */
function putPublished(server: MispServer, n: number, from = T0): void {
  for (let i = 0; i < n; i += 1) {
    const uuid = `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`;
    // Stored in another order than published, as MISP does.
    const id = String(n - i);
    server.put({ id, uuid, timestamp: String(from + i - 60), publish_timestamp: String(from + i), published: true });
  }
}

describe("event() reads an event as the feed tells it", () => {
  const names = SAMPLE_NAMES.filter((name) => name.startsWith("misp_json--"));

  it.each(names)("%s", async (name) => {
    await using server = await openMispServer();
    const published = { published: true, publish_timestamp: String(T0) };
    server.put(eventOf(name), published);
    await using api = openApi(server);
    const { event, attributes, objects, version } = messageOf("misp_json", sample(name).payload);
    const told = {
      kind: "event",
      event: { ...event, published: true, wasPublished: true },
      attributes,
      objects,
      version,
      publishedAt: T0 * 1000,
    };
    expect(await api.event(String(event?.id), signal)).toEqual(told);
    expect(await api.event(String(event?.uuid).toUpperCase(), signal)).toEqual(told);
  });

  it("with the state as it is now, which the feed does not tell", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    server.put(eventOf("misp_json--publish-full-event"), { published: false, publish_timestamp: "0" });
    const never = await api.event(UUID, signal);
    expect(never).toMatchObject({ kind: "event", event: { published: false } });
    expect(never).not.toHaveProperty("publishedAt");
    server.put(eventOf("misp_json--publish-full-event"), { published: false, publish_timestamp: T0 });
    expect(await api.event(UUID, signal)).toMatchObject({
      event: { published: false, wasPublished: true },
      publishedAt: T0 * 1000,
    });
  });

  it("with tags that are local or not exportable, of the event and of attributes", async () => {
    await using server = await openMispServer();
    const Tag = [
      { name: "tlp:red", exportable: false },
      { name: "tlp:amber", exportable: true, local: true },
    ];
    server.put({ id: "2", uuid: UUID, Tag, Attribute: [{ id: "3", Tag }] });
    await using api = openApi(server);
    const names = [{ name: "tlp:red" }, { name: "tlp:amber" }];
    expect(await api.event("2", signal)).toMatchObject({ event: { tags: names }, attributes: [{ tags: names }] });
  });

  it("without what is deleted in it", async () => {
    await using server = await openMispServer();
    const parts = { Attribute: [{ id: "3", deleted: true }, { id: "4" }], Object: [{ id: "5", deleted: true }] };
    server.put({ id: "2", uuid: UUID, ...parts });
    await using api = openApi(server);
    const told = await api.event("2", signal);
    expect(told).toMatchObject({ attributes: [{ id: "4" }], objects: [] });
  });
});

describe("event() asks", () => {
  it("with the key alone, and as what takes JSON", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    await api.event("2", signal);
    expect(server.requests[0]).toMatchObject({ method: "POST", path: "/events/restSearch" });
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: API_KEY,
      accept: "application/json",
      "content-type": "application/json",
      "user-agent": expect.stringMatching(/^misp-herald\//),
    });
  });

  it.each(["/misp", "/misp/", "/misp/?a=b#c"])("a MISP at %s", async (path) => {
    await using server = await openMispServer({ path: "/misp" });
    server.put({ id: "2", uuid: UUID });
    await using api = openApi({ url: new URL(path, server.url) });
    expect(await api.event("2", signal)).toMatchObject({ kind: "event", event: { uuid: UUID } });
  });

  it("over TLS by the authorities of `caFile`, and only by these", async () => {
    await using server = await openMispServer({ tls: true });
    server.put({ id: "2", uuid: UUID });
    await using trusting = openApi(server, { caFile: CERTIFICATE_FILE });
    expect(await trusting.event("2", signal)).toMatchObject({ kind: "event" });
    await using wary = openApi(server);
    expect(await wary.event("2", signal)).toMatchObject({ kind: "retry", reason: "tls" });
    expect(server.requests).toHaveLength(1);
  });

  it("for nothing that MISP would take for a question about all events", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    for (const odd of ["", "0", "%", "1 or 2", "f08ea639"]) {
      await expect(api.event(odd, signal)).rejects.toThrow(RangeError);
    }
    for (const odd of [Number.NaN, 0, -1, T0 + 0.5]) {
      await expect(api.publishedSince(odd, 1, signal)).rejects.toThrow(RangeError);
    }
    expect(server.requests).toEqual([]);
  });
});

describe("event() does not take one event for another", () => {
  it("where an attribute of another event has the UUID that was asked for", async () => {
    await using server = await openMispServer();
    server.put({ id: "1", uuid: "11111111-1111-4111-8111-111111111111", info: "trap", Attribute: [{ uuid: UUID }] });
    await using api = openApi(server);
    expect(await api.event(UUID, signal)).toMatchObject({ kind: "not-found", reason: "not-visible" });
    server.put({ id: "2", uuid: UUID, info: "asked for" });
    expect(await api.event(UUID, signal)).toMatchObject({ kind: "event", event: { info: "asked for" } });
  });

  it("where it does not exist, or was deleted", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    server.put({ id: "2", uuid: UUID });
    server.remove(UUID);
    expect(await api.event("2", signal)).toMatchObject({
      kind: "not-found",
      reason: "not-visible",
      hint: expect.stringContaining("hidden from the key's user"),
    });
  });
});

describe("publishedSince()", () => {
  it("gives all pages, the oldest publication first, each event once", async () => {
    await using server = await openMispServer();
    putPublished(server, 250);
    await using api = openApi(server);
    const seen: number[] = [];
    const more: boolean[] = [];
    for (const page of [1, 2, 3]) {
      const told = await api.publishedSince(T0, page, signal);
      if (told.kind !== "page") {
        throw new Error(told.reason);
      }
      seen.push(...told.events.map(({ publishedAt }) => publishedAt));
      more.push(told.more);
    }
    expect(seen).toEqual(Array.from({ length: 250 }, (_, i) => (T0 + i) * 1000));
    expect(more).toEqual([true, true, false]);
    expect(server.searches[0]).toMatchObject({ limit: PAGE_LIMIT, page: 1, metadata: true });
    expect(server.searches[0]).not.toHaveProperty("published");
  });

  it("begins at the cursor, leaves out what was never published, and knows when a full page is the last", async () => {
    await using server = await openMispServer();
    putPublished(server, 4);
    server.put({ id: "9", uuid: UUID, timestamp: T0 + 9, publish_timestamp: "0", published: false });
    await using api = openApi(server);
    expect(await api.publishedSince(T0 + 2, 1, signal, 2)).toMatchObject({
      events: [{ publishedAt: (T0 + 2) * 1000 }, { publishedAt: (T0 + 3) * 1000 }],
      more: false,
      unreadable: 0,
    });
    expect(await api.publishedSince(T0 + 100, 1, signal)).toMatchObject({ events: [], more: false });
  });

  it("tells of what was edited or unpublished after its publication that it is not published", async () => {
    await using server = await openMispServer();
    const uuids = ["a", "b", "c"].map((end) => UUID.slice(0, -1) + end);
    for (const [index, uuid] of uuids.entries()) {
      server.put({ id: `${index + 1}`, uuid, timestamp: T0 - 60, publish_timestamp: T0 + index, published: true });
    }
    server.edit(String(uuids[1]), T0 + 300);
    server.unpublish(String(uuids[2]));
    await using api = openApi(server);
    expect(await api.publishedSince(T0, 1, signal)).toMatchObject({
      events: [
        { event: { published: true, changedAt: (T0 - 60) * 1000 }, publishedAt: T0 * 1000 },
        { event: { published: false, changedAt: (T0 + 300) * 1000 }, publishedAt: (T0 + 1) * 1000 },
        { event: { published: false, changedAt: (T0 - 60) * 1000 }, publishedAt: (T0 + 2) * 1000 },
      ],
    });
  });

  it("tells of each event what the feed tells, except its parts and clusters", async () => {
    await using server = await openMispServer();
    const name = "misp_json--publish-full-event";
    server.put(eventOf(name), { published: true, publish_timestamp: String(T0) });
    await using api = openApi(server);
    const { clusters, ...event } = messageOf("misp_json", sample(name).payload).event ?? {};
    expect(clusters).toHaveLength(1);
    expect(await api.publishedSince(T0, 1, signal)).toMatchObject({
      events: [{ event: { ...event, published: true }, publishedAt: T0 * 1000 }],
    });
    const told = await api.publishedSince(T0, 1, signal);
    expect(told.kind === "page" && told.events[0]?.event).not.toHaveProperty("clusters");
    expect(server.searches).toEqual([0, 1].map(() => expect.objectContaining({ excludeGalaxy: true })));
  });

  it("counts what cannot be read, and does not lose the rest for it", async () => {
    await using server = await openMispServer();
    const good = { id: "1", uuid: UUID, timestamp: "5", publish_timestamp: "7", published: true };
    const rows = [
      { Event: good },
      { Event: { ...good, uuid: "MARKER" } },
      { Event: { ...good, publish_timestamp: "0" } },
      { Event: { ...good, timestamp: "soon" } },
      { Event: { ...good, Object: "none" } },
      { Event: "x" },
      null,
    ];
    server.next({ status: 200, body: JSON.stringify({ response: rows }) });
    await using api = openApi(server);
    expect(await api.publishedSince(5, 1, signal)).toMatchObject({
      // An odd list of objects costs the list, and not the event.
      events: Array.from({ length: 2 }, () => ({ event: { uuid: UUID, changedAt: 5000 }, publishedAt: 7000 })),
      unreadable: 5,
    });
  });

  it("goes by the number of rows where MISP does not count them", async () => {
    await using server = await openMispServer();
    const row = { Event: { id: "1", uuid: UUID, timestamp: "5", publish_timestamp: "7" } };
    const body = (rows: number) => JSON.stringify({ response: Array.from({ length: rows }, () => row) });
    server.next({ status: 200, body: body(2) }, { status: 200, body: body(1) }, { status: 200, body: body(0) });
    await using api = openApi(server);
    const more: unknown[] = [];
    for (const page of [1, 2, 3]) {
      const told = await api.publishedSince(5, page, signal, 2);
      more.push(told.kind === "page" && told.more);
    }
    expect(more).toEqual([true, false, false]);
  });

  it("ends with a page that is empty, whatever MISP counts", async () => {
    await using server = await openMispServer();
    server.next({ status: 200, headers: { "X-Result-Count": "900000000000000" }, body: '{"response":[]}' });
    await using api = openApi(server);
    expect(await api.publishedSince(5, 1, signal)).toMatchObject({ more: false });
  });

  it.each([
    ["Fri, 20 Nov 2026 14:02:11 GMT", Date.UTC(2026, 10, 20, 14, 2, 11)],
    ["MARKER", undefined],
  ])("tells MISP's clock: %s", async (date, expected) => {
    await using server = await openMispServer();
    server.next({ status: 200, headers: { date }, body: '{"response":[]}' });
    await using api = openApi(server);
    const told = await api.publishedSince(5, 1, signal);
    expect(told.kind === "page" && told.servedAt).toBe(expected);
  });
});

describe("thread()", () => {
  const row = {
    ...{ id: "12", event_id: "0", title: "MARKER", distribution: "1", sharing_group_id: "0", org_id: "1" },
    Post: [{ id: "3", contents: "MARKER", user_id: "1" }],
  };

  it.each([
    ["of no event", row, { thread: { id: "12", distribution: "community" } }],
    ["of an event", { ...row, event_id: "7" }, { thread: { id: "12", distribution: "community" }, event: { id: "7" } }],
    [
      "for a sharing group",
      { ...row, distribution: 4, sharing_group_id: 3, org_name: "ACME-CERT" },
      { thread: { id: "12", owner: { name: "ACME-CERT" }, distribution: "sharing_group", sharingGroup: { id: "3" } } },
    ],
    ["that tells no distribution", { id: "12" }, { thread: { id: "12" } }],
  ])("reads of a discussion how far it may travel: %s", async (_, thread, told) => {
    await using server = await openMispServer({ threads: { 12: thread } });
    await using api = openApi(server);
    expect(await api.thread("12", signal)).toEqual({ kind: "thread", ...told });
  });

  it("takes no other discussion for it, reads no more than it may, and asks for numbers alone", async () => {
    await using server = await openMispServer({ threads: { 12: { ...row, id: "13" }, 14: [] } });
    await using api = openApi(server);
    expect(await api.thread("12", signal)).toMatchObject({ kind: "retry", reason: "unreadable" });
    expect(await api.thread("14", signal)).toMatchObject({ kind: "retry", reason: "unreadable" });
    expect(await api.thread("15", signal)).toMatchObject({ kind: "not-found" });
    await expect(api.thread("0", signal)).rejects.toThrow(RangeError);
    await expect(api.thread("12/../../users/view/me", signal)).rejects.toThrow(RangeError);
    await using large = await openMispServer({ threads: { 12: { ...row, Post: "x".repeat(9 * 2 ** 20) } } });
    await using other = openApi(large);
    expect(await other.thread("12", signal)).toMatchObject({ kind: "retry", reason: "too-large" });
  });
});

describe("whoami()", () => {
  it("tells whose key it is and what that user may do, and nothing else of the answer", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    const told = await api.whoami(signal);
    expect(told).toEqual({
      kind: "key",
      userId: "7",
      role: "User",
      organisation: "CERT-XX",
      siteAdmin: false,
      sync: false,
      writes: true,
    });
  });

  it("tells how many searches the role permits", async () => {
    await using server = await openMispServer();
    const Role = { perm_site_admin: "0", perm_add: "0", perm_modify: "0", perm_publish: "0", rate_limit_count: "100" };
    const limited = (enforce_rate_limit: string) => JSON.stringify({ Role: { ...Role, enforce_rate_limit } });
    server.next({ status: 200, body: limited("1") }, { status: 200, body: limited("0") });
    await using api = openApi(server);
    expect(await api.whoami(signal)).toEqual({ kind: "key", siteAdmin: false, writes: false, searches: 100 });
    expect(await api.whoami(signal)).not.toHaveProperty("searches");
  });
});

describe("sighters()", () => {
  it("tells who has reported the sightings of an event, whenever that was", async () => {
    const Organisation = { id: "2", uuid: UUID, name: "ACME-SOC" };
    const row = { event_id: "7", org_id: "2", type: "0", Organisation };
    await using server = await openMispServer({
      sightings: [
        { ...row, id: "1", uuid: "5f0a7a4e-8d6c-4f7e-9a57-0d0a0a0000a1" },
        { ...row, id: "2", Organisation: undefined },
        { ...row, id: "3", event_id: "8" },
      ],
    });
    await using api = openApi(server);
    const told = await api.sighters("7", signal);
    const org = { id: "2", name: "ACME-SOC", uuid: UUID };
    expect(told).toEqual({
      kind: "sighters",
      organisations: new Map([
        ["5f0a7a4e-8d6c-4f7e-9a57-0d0a0a0000a1", org],
        ["1", org],
      ]),
    });
    await expect(api.sighters("x", signal)).rejects.toThrow(RangeError);
  });
});

describe("version() and setting()", () => {
  it("tell MISP's version, and of a switch whether it is on, however the database writes that", async () => {
    await using server = await openMispServer({
      role: { perm_site_admin: true },
      settings: { "Plugin.A": true, "Plugin.B": "0", "Plugin.C": "" },
    });
    await using api = openApi(server);
    expect(await api.version(signal)).toEqual({ kind: "version", version: "2.5.1" });
    expect(await api.setting("Plugin.A", signal)).toEqual({ kind: "switch", on: true });
    expect(await api.setting("Plugin.B", signal)).toEqual({ kind: "switch", on: false });
    expect(await api.setting("Plugin.C", signal)).toEqual({ kind: "switch", on: undefined });
    expect(await api.setting("Plugin.D", signal)).toMatchObject({ kind: "not-found" });
    // An older MISP's way to say so.
    server.next({ status: 200, body: "false" });
    expect(await api.setting("Plugin.D", signal)).toEqual({ kind: "switch", on: undefined });
    await expect(api.setting("../users/view/me", signal)).rejects.toThrow(RangeError);
  });

  it("are told by whom MISP lets ask", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    expect(await api.setting("Plugin.A", signal)).toMatchObject({ kind: "forbidden", reason: "no-permission" });
    server.next({ status: 200, body: "[]" });
    expect(await api.version(signal)).toMatchObject({ kind: "retry", reason: "unreadable" });
  });
});

describe("openMispApi() is bounded", () => {
  it("reads an event and a page only up to their limits", async () => {
    await using server = await openMispServer();
    server.put({ id: "2", uuid: UUID, info: "x".repeat(5000), timestamp: "1", publish_timestamp: T0, published: true });
    await using small = openApi(server, { maxEventBytes: 1000, maxPageBytes: 1000 });
    const tooLarge = { kind: "retry", reason: "too-large", afterMs: 300_000 };
    expect(await small.event("2", signal)).toMatchObject(tooLarge);
    expect(await small.publishedSince(T0, 1, signal)).toMatchObject(tooLarge);
    await using enough = openApi(server, { maxEventBytes: 6000, maxPageBytes: 6000 });
    expect(await enough.event("2", signal)).toMatchObject({ kind: "event" });
    expect(await enough.publishedSince(T0, 1, signal)).toMatchObject({ kind: "page" });
  });

  it("does not wait for the end of a body that has none", async () => {
    await using server = await openMispServer();
    let closed = false;
    server.next((response) => {
      response.on("close", () => {
        closed = true;
      });
      response.writeHead(200);
      const more = () => void (response.destroyed || response.write("x".repeat(65_536), more));
      more();
    });
    await using api = openApi(server, { maxEventBytes: 1_000_000 });
    expect(await api.event("2", signal)).toMatchObject({ reason: "too-large" });
    await expect.poll(() => closed).toBe(true);
  });

  it("gives up on a MISP that does not answer, or stops in the middle", async () => {
    await using server = await openMispServer();
    await using api = openApi(server, { timeoutMs: 100 });
    server.next(FAILURES.hang, (response) => void response.writeHead(200).write('{"response":['));
    expect(await api.event("2", signal)).toMatchObject({ kind: "retry", reason: "timeout" });
    expect(await api.event("2", signal)).toMatchObject({ kind: "retry", reason: "timeout" });
    expect(server.requests).toHaveLength(2);
  });

  it("gives up on an answer that drips, however regularly", async () => {
    await using server = await openMispServer();
    await using api = openApi(server, { timeoutMs: 300 });
    let drops = 0;
    server.next((response) => {
      response.writeHead(200);
      const drip = setInterval(() => {
        drops += 1;
        response.write(" ");
      }, 10);
      response.on("close", () => clearInterval(drip));
    });
    expect(await api.event("2", signal)).toMatchObject({ reason: "timeout", hint: expect.stringMatching(/too long/) });
    expect(drops).toBeGreaterThan(2);
  });
});

describe("openMispApi() rejects with the reason of the signal", () => {
  it("before and while it asks", async () => {
    await using server = await openMispServer();
    await using api = openApi(server);
    const reason = new Error("we stop");
    await expect(api.event("2", AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(api.publishedSince(T0, 1, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(api.whoami(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.requests).toEqual([]);

    const stop = new AbortController();
    server.next(() => stop.abort(reason));
    await expect(api.event("2", stop.signal)).rejects.toBe(reason);
    server.next((response) => {
      response.writeHead(200).write("{", () => setImmediate(() => again.abort(reason)));
    });
    const again = new AbortController();
    await expect(api.event("2", again.signal)).rejects.toBe(reason);
  });
});
