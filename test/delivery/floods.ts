import { expect } from "vitest";
import type { Payload } from "../../src/model/payload.ts";
import { CERTIFICATE_FILE, openHttpServer } from "../support/http-server.ts";
import { MINUTE, T0 } from "../support/messages.ts";
import { CHANNEL, openSlackServer, TOKEN } from "../support/slack-server.ts";
import { openSmtpServer } from "../support/smtp-server.ts";
import { openTeamsServer } from "../support/teams-server.ts";
import { type Arrival, play, pull, pulledEvent, type Told } from "./pull.ts";

export const URGENT = 500;
export const ROUTES = [
  { name: "urgent", match: { threat_level: "high" }, notify: "soc", priority: "high", stop: true },
  { name: "rest", kinds: ["event.published", "attribute.added"], notify: "soc" },
];
export const GUARD = { max_tlp: "amber" };

/** Heads the digest of a flood. */
export const isNote = ({ guarded }: Payload["entries"][number]) => guarded.alert.kind === "herald.flood";
export const eventsIn = ({ payload }: Told) =>
  payload.entries.flatMap((entry) => (isNote(entry) ? [] : (entry.guarded.alert.event?.uuid ?? [])));

/** How many messages there were in the first ten minutes, and in all; and how late what was urgent came. */
export interface Few {
  readonly early: number;
  readonly all: number;
  readonly urgentMs: number;
}

/** What holds of a pull of a thousand events, however fast they come. */
export function expectFewMessages(told: readonly Told[], arrivals: readonly Arrival[]): Few {
  const early = told.filter(({ at }) => at <= T0 + 10 * MINUTE);
  expect(early.length).toBeLessThanOrEqual(25);
  // Every event is in a message, by name or by number.
  const events = new Set(told.flatMap(eventsIn));
  expect(events.size).toBe(arrivals.length);
  const urgent = told.filter(({ payload }) => payload.priority === "high");
  expect(urgent.map(eventsIn)).toEqual([[expect.stringMatching(/500$/)]]);
  const urgentMs = (urgent[0]?.at ?? 0) - (arrivals[URGENT]?.at ?? 0);
  expect(urgentMs).toBeLessThanOrEqual(2000);
  const notes = told.flatMap(({ payload }) => payload.entries.filter(isNote));
  const textOf = (note: (typeof notes)[number] | undefined) => JSON.stringify(note?.guarded.alert.lines);
  expect(textOf(notes[0])).toMatch(/more than 20 alerts came within 5 min about events of NORTH-CERT/);
  expect(textOf(notes[0])).toContain("max_age: 30d");
  expect(notes.at(-1)?.custom?.title).toMatch(/^The flood is over/);
  expect(textOf(notes.at(-1))).toContain("one by one again");
  return { early: early.length, all: told.length, urgentMs };
}

/** A thousand events are pulled from a partner, and a Slack that bears one message a second is told of them. */
export async function pullToSlack(perSecond: number): Promise<Few> {
  await using slack = await openSlackServer();
  const arrivals = pull(perSecond, { urgent: URGENT });
  let last = 0;
  const { told, records } = await play(arrivals, {
    destination: { type: "slack", token: TOKEN, channel: CHANNEL, api_url: slack.apiUrl, guard: GUARD },
    routes: ROUTES,
    until: T0 + 60 * MINUTE,
    before(now) {
      if (now - last < 1000) {
        slack.next({ status: 429, headers: { "retry-after": "1" }, body: "" });
      } else {
        last = now;
      }
    },
  });
  const few = expectFewMessages(told, arrivals);
  expect(records.get("sent")).toBeGreaterThanOrEqual(1000);
  // What the readers see adds up.
  const titles = slack.posted.map(({ message }) => JSON.stringify(message));
  expect(titles.filter((text) => /Flood: [\d,]+ alerts|The flood is over/.test(text)).length).toBeGreaterThanOrEqual(2);
  return few;
}

/** The same as mails. */
export async function pullToMail(perSecond: number, attributes?: number): Promise<Few> {
  await using server = await openSmtpServer();
  const arrivals = pullOf(perSecond, attributes);
  const { told } = await play(arrivals, {
    destination: {
      ...{ type: "email", from: "herald@misp.example.org", to: ["soc@example.org"], guard: GUARD },
      smtp: { host: server.host, port: server.port, ca_file: CERTIFICATE_FILE },
    },
    routes: ROUTES,
    until: T0 + 60 * MINUTE,
  });
  const few = expectFewMessages(told, arrivals);
  expect(server.mails).toHaveLength(told.length);
  return few;
}

/** The same as cards of Teams, none of which is one that Teams would not show. */
export async function pullToTeams(perSecond: number, attributes?: number): Promise<Few> {
  await using server = await openTeamsServer("T0P-SECRET");
  const arrivals = pullOf(perSecond, attributes);
  const { told } = await play(arrivals, {
    destination: { type: "teams", webhook_url: server.url, guard: GUARD },
    routes: ROUTES,
    until: T0 + 60 * MINUTE,
  });
  const few = expectFewMessages(told, arrivals);
  expect(server.runs.flatMap(({ problems }) => problems)).toEqual([]);
  return few;
}

/** A webhook gets all of it, each event by itself and with all of its attributes. */
export async function pullToWebhook(perSecond: number, attributes = 10): Promise<void> {
  await using server = await openHttpServer();
  server.answer((response) => void response.writeHead(204).end());
  const { told } = await play(pull(perSecond, { attributes }), {
    destination: { type: "webhook", url: `${server.origin}/hook`, guard: GUARD },
    routes: ROUTES,
    until: T0 + 30 * MINUTE,
  });
  expect(told.flatMap(eventsIn)).toHaveLength(1000);
  expect(new Set(told.flatMap(eventsIn)).size).toBe(1000);
  expect(told.flatMap(({ payload }) => payload.entries.filter(isNote))).toEqual([]);
  const bodies = server.requests.map(({ body }) => JSON.parse(body.toString()));
  const listed = bodies.flatMap(({ entries }) =>
    entries.map((entry: { readonly indicators: object[] }) => entry.indicators),
  );
  expect(listed.reduce((sum, indicators) => sum + indicators.length, 0)).toBe(1000 * attributes);
}

function pullOf(perSecond: number, attributes?: number): readonly Arrival[] {
  return pull(perSecond, { urgent: URGENT, ...(attributes !== undefined && { attributes }) });
}

/** So many attributes are added to one event within ten minutes. */
export async function addToOne(attributes: number): Promise<void> {
  const [, published, ...none] = pulledEvent(0, T0, { attributes: 0 });
  expect(none).toEqual([]);
  const [, , ...added] = pulledEvent(0, T0, { told: attributes, attributes });
  const arrivals: Arrival[] = [{ at: T0, messages: published ? [published] : [] }];
  const atOnce = attributes / 20;
  for (let n = 0; n < added.length; n += atOnce) {
    arrivals.push({ at: T0 + 1000 + (n / atOnce) * 30_000, messages: added.slice(n, n + atOnce) });
  }
  const { told, records } = await play(arrivals, {
    destination: { type: "console", guard: GUARD, color: "never" },
    routes: ROUTES,
    until: T0 + 60 * MINUTE,
  });
  expect(told[0]?.at).toBe(T0);
  for (const [index, { at }] of told.entries()) {
    expect(at - (told[index - 1]?.at ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(index > 0 ? 5 * MINUTE : 0);
  }
  expect(records).toEqual(new Map([["sent", attributes + 1]]));
  const counted = told.flatMap(({ payload }) => payload.entries.flatMap(({ kinds }) => kinds));
  expect(counted.filter(({ kind }) => kind === "attribute.added").reduce((sum, { n }) => sum + n, 0)).toBe(attributes);
}
