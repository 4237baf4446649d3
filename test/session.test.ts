import { expect, test } from "vitest";
import { UNOBSERVED } from "../src/absorbing/observer.ts";
import { start } from "../src/app.ts";
import { systemClock } from "../src/base/clock.ts";
import { openLog } from "../src/base/log.ts";
import { LogLimiter } from "../src/base/log-limiter.ts";
import { Wakeup } from "../src/base/wakeup.ts";
import { Holds } from "../src/delivery/holds.ts";
import { openDeliveryState } from "../src/delivery/settle.ts";
import { Guard } from "../src/guard/policy.ts";
import type { Frame, Source } from "../src/model/frame.ts";
import type { Destination, Payload } from "../src/model/payload.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import { openMemoryStore } from "../src/store/memory/store.ts";
import { session } from "./topics/frames.ts";

/** The attribute that is marked tlp:red in the session, and what of it may not leave while it is. */
const RED = { uuid: "9679e1ad-b6cf-437d-9831-efb7587", values: ["evil.example.com|203", "203.0.113.7"] };
/** The line at which tlp:red is attached to it. */
const ATTACHED = 63;
/** The line of the next publication: a complete list that is newer than the tag, and lacks it (it is detached at line 69). */
const LOOSENED = 107;

/** What left, each with the line that had been read by then. */
async function replay(
  frames: readonly Frame[],
  guard: object,
): Promise<readonly { readonly line: number; readonly payload: Payload }[]> {
  const sent: { line: number; payload: Payload }[] = [];
  let line = -1;
  const source: Source = {
    name: "session",
    async *frames() {
      for (const [index, frame] of frames.entries()) {
        line = index;
        yield [frame];
        // Everything that this line makes owed has left before the next is read.
        while ((await store.owed()).some(({ owed }) => owed > 0)) {
          await systemClock.sleep(1, new AbortController().signal);
        }
      }
    },
  };
  const destination: Destination = {
    name: "soc",
    async send(payload) {
      sent.push({ line, payload });
      return { kind: "done" };
    },
    preview: () => Promise.reject(new Error("Nobody looks at it")),
    async [Symbol.asyncDispose]() {},
  };
  await using store = openMemoryStore();
  const policy = Guard.parse(guard);
  const routes = compileRoutes([
    RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc", group: { by: ["event"], interval: "0s" } }),
  ]);
  const wakeup = new Wakeup();
  const log = openLog("silent");
  await start(
    {
      sources: [source],
      confirms: [],
      recalls: [],
      accounts: new Map(),
      reconciles: [],
      workers: [
        {
          destination,
          observer: UNOBSERVED,
          breaker: new Holds().breaker("soc"),
          state: openDeliveryState(systemClock.now()),
          sending: { guard: policy, routes, links: new Map() },
          maxAgeMs: 1e9,
          store,
          wakeup,
          clock: systemClock,
          log,
        },
      ],
      wakeups: { destinations: new Map([["soc", wakeup]]), instances: new Map() },
      observer: UNOBSERVED,
      store,
      rules: { routes, destinations: new Map([["soc", { guard: policy, repeats: "changed" }]]) },
      clock: systemClock,
      log,
      incomplete: new LogLimiter(log, "", systemClock.now),
      unreadable: new LogLimiter(log, "", systemClock.now),
      graceMs: 1000,
      drains: true,
      opening: [],
    },
    new AbortController().signal,
  ).ended;
  return sent;
}

const GUARDS = {
  "a SOC": { max_tlp: "amber" },
  "a SOC in the owner's organisation": { max_tlp: "amber", audience: ["ACME-CERT"] },
  "authors, who see drafts": { max_tlp: "amber", audience: ["ACME-CERT"], drafts: true },
} as const;

test.each(Object.entries(GUARDS))(
  "a recorded session: nothing of the tlp:red attribute reaches %s while it is red",
  async (_, guard) => {
    const sent = await replay(session(), guard);
    expect(sent.length).toBeGreaterThan(0);
    const while_ = sent
      .filter(({ line }) => line >= ATTACHED && line < LOOSENED)
      .map(({ payload }) => JSON.stringify(payload));
    for (const text of while_) {
      for (const secret of [RED.uuid, ...RED.values]) {
        expect(text).not.toContain(secret);
      }
    }
  },
);

test.each(Object.entries(GUARDS))(
  "a session that ends while the attribute is tlp:red: nothing of it reaches %s from then on",
  async (_, guard) => {
    // Without the line that detaches the tag, every later message but the last publication sees it as red.
    const frames = session().filter((_, index) => index !== 69);
    const sent = await replay(frames.slice(0, LOOSENED - 1), guard);
    const late = sent.filter(({ line }) => line >= ATTACHED).map(({ payload }) => JSON.stringify(payload));
    for (const text of late) {
      for (const secret of [RED.uuid, ...RED.values]) {
        expect(text).not.toContain(secret);
      }
    }
  },
);

test("the session shows the attribute before it is red, and again once a newer publication has it without the tag", async () => {
  const sent = await replay(session(), GUARDS["a SOC"]);
  const shown = sent.filter(({ payload }) => JSON.stringify(payload).includes(RED.uuid)).map(({ line }) => line);
  expect(shown).toEqual([32, LOOSENED]);
});

test("publishing again without a change tells nobody", async () => {
  const sent = await replay(session(), GUARDS["a SOC"]);
  expect(sent.filter(({ line }) => line === 34)).toEqual([]);
});

test("above the ceiling a change of the attribute is told as metadata: marked red, without its value", async () => {
  const sent = await replay(session(), {
    max_tlp: "amber",
    metadata_up_to: "red",
    audience: ["ACME-CERT"],
    drafts: true,
  });
  const edited = sent.filter(({ line }) => line === 66).map(({ payload }) => payload);
  expect(edited.map(({ tlp, entries }) => [tlp, entries[0]?.guarded.form])).toEqual([["red", "metadata"]]);
  for (const payload of edited) {
    for (const value of RED.values) {
      expect(JSON.stringify(payload)).not.toContain(value);
    }
  }
});
