import { describe, expect, it, onTestFinished } from "vitest";
import { CERTIFICATE_FILE, openHttpServer } from "../support/http-server.ts";
import {
  attributeAdded,
  attributeOf,
  EVENT_UUID,
  eventDeleted,
  publication,
  T0,
  tagAttached,
  tags,
} from "../support/messages.ts";
import { openSlackServer } from "../support/slack-server.ts";
import { openSmtpServer } from "../support/smtp-server.ts";
import { openTeamsServer } from "../support/teams-server.ts";
import { Scene } from "./scene.ts";

const VALUE = "secret-c2.example";
const INFO = "Emotet epoch5";
const first = publication({
  event: { info: INFO, tags: tags("tlp:green") },
  attributes: [attributeOf("20", { value: VALUE, tags: [] })],
});
const later = publication({
  event: { info: INFO, tags: tags("tlp:green"), changedAt: T0 + 60_000 },
  attributes: [attributeOf("20", { value: VALUE, tags: [] }), attributeOf("21", { value: "more.example", tags: [] })],
});

/** Channels that cannot change what they have shown: how each is configured, and what its readers have got, as text. */
const CHANNELS: Readonly<Record<string, () => Promise<{ options: object; got: () => readonly string[] }>>> = {
  async "slack by webhook"() {
    const server = await openSlackServer();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const got = () => server.posted.map(({ message }) => JSON.stringify(message));
    return { options: { type: "slack", webhook_url: server.webhookUrl }, got };
  },
  async teams() {
    const server = await openTeamsServer("S");
    onTestFinished(() => server[Symbol.asyncDispose]());
    return {
      options: { type: "teams", webhook_url: server.url },
      got: () => server.runs.map((run) => JSON.stringify(run)),
    };
  },
  async webhook() {
    const server = await openHttpServer();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const got = () => server.requests.map(({ body }) => body.toString());
    return { options: { type: "webhook", url: `${server.origin}/hook` }, got };
  },
  async email() {
    const server = await openSmtpServer();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const options = {
      type: "email",
      smtp: { host: server.host, port: server.port, ca_file: CERTIFICATE_FILE },
      from: "MISP Herald <herald@misp.example.org>",
      to: ["soc@example.org"],
    };
    return { options, got: () => server.mails.map(({ raw }) => raw.toString()) };
  },
};

describe.each(Object.keys(CHANNELS))("%s", (channel) => {
  const open = async (more: object = {}) => {
    const { options, got } = (await CHANNELS[channel]?.()) ?? { options: {}, got: () => [] };
    return { got, scene: await Scene.open({ ...options, ...more }) };
  };

  it.each([
    ["mark", 2],
    ["delete", 2],
    ["ignore", 1],
  ] as const)("is told once of a deleted event by %s", async (withdraw, n) => {
    const { scene, got } = await open({ withdraw });
    await scene.tell(first);
    await scene.restart();
    await scene.tell(eventDeleted({ info: INFO }));
    await scene.tell(eventDeleted({ info: INFO }));
    expect(got()).toHaveLength(n);
    for (const text of got().slice(1)) {
      expect(text).toMatch(/deleted in MISP|"withdrawn":"deleted"/);
      expect(text).not.toContain("secret-c2");
    }
  });

  it("is told nothing above its ceiling of an event that rises above it", async () => {
    const { scene, got } = await open();
    await scene.tell(first);
    await scene.tell(tagAttached("tlp:red"));
    expect(got()).toHaveLength(2);
    expect(got()[1]).toMatch(/not meant for this place any\s*(=\r\n)?\s*more|"withdrawn":"restricted"/);
    expect(got()[1]).not.toMatch(/Emotet|secret-c2|TLP:RED|"red"/);
    expect(got()[1]).toContain(channel === "webhook" ? EVENT_UUID : "Event 7");
  });

  it("is told by what stands by itself that it is an update, and of what", async () => {
    const { scene, got } = await open();
    await scene.tell(first);
    await scene.tell(later);
    await scene.tell(attributeAdded({ id: "55", attribute: { tags: [] } }));
    expect(got()).toHaveLength(3);
    const stands = channel !== "webhook" && channel !== "email";
    expect(/1 new since 2026-11-20/.test(got()[1] ?? "")).toBe(channel !== "webhook");
    expect(got().map((text) => /An update of the alert of 2026-11-20/.test(text))).toEqual([false, false, stands]);
  });
});
