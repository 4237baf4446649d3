import type { Clock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import type { Store } from "../model/outbox.ts";
import type { Silence } from "../model/silence.ts";
import { DEMO_RULES } from "./config.ts";
import {
  BURST,
  type DemoFrame,
  encodeFrame,
  FIRST_PUBLICATION,
  LATER_PUBLICATION,
  PULLED,
  PULLED_EVENTS,
  REPUBLICATION,
  SessionTimes,
  UPDATES,
} from "./frames.ts";
import type { Narrator } from "./narrator.ts";
import type { Publisher } from "./publisher.ts";
import { countVerdicts, type Scene, type SceneObserver, shownTo } from "./scene-observer.ts";

/** What the scenes are played with; the parts behind the publisher run already. */
export interface DemoContext {
  readonly narrator: Narrator;
  readonly observer: SceneObserver;
  readonly publisher: Publisher;
  readonly store: Store;
  /** Makes due at once what waits for a destination. */
  readonly hasten: (destination: string) => Promise<void>;
  /** Adds a silence, or takes the place of the one that has its id. */
  readonly silence: (silence: Silence) => Promise<void>;
  readonly clock: Clock;
  /** Divides the time for reading along. */
  readonly speed: number;
  readonly signal: AbortSignal;
  /** How this program is called where it runs. */
  readonly self: string;
}

const READ_MS = 2_500;
const LOOK_MS = 1_000;

const TITLES = {
  burst: "1/6  A burst",
  publication: "2/6  Published",
  republication: "3/6  Published again, unchanged",
  red: "4/6  A secret, and an update",
  flood: "5/6  A flood",
  silence: "6/6  A silence",
} as const;

/** Plays the six scenes and sums them up. Rejects when `signal` aborts. */
export async function play(props: DemoContext): Promise<void> {
  const { narrator, publisher } = props;
  const times = new SessionTimes(props.clock.now());
  narrator.heading("misp-herald demo");
  narrator.say(
    "A recorded MISP session through the real pipeline: ZeroMQ feed, decoding, rules, guard, SQLite, delivery. Only " +
      `MISP is played, by a publisher on ${publisher.endpoint}. Three destinations are on this terminal:`,
  );
  narrator.verbatim(DEMO_RULES);
  narrator.say(
    "authors write events and may see drafts. soc reads what is published, up to TLP:AMBER; pulls " +
      "what comes from partners.",
  );
  await unlessAborted(publisher.subscribed, props.signal);
  await pause(props, READ_MS, TITLES.burst);

  await burst(props, times);
  await pause(props, READ_MS, TITLES.publication);
  const first = await publication(props, times);
  await pause(props, READ_MS, TITLES.republication);
  await republication(props, times);
  await pause(props, READ_MS, TITLES.red);
  const second = await red(props, times);
  await pause(props, READ_MS, TITLES.flood);
  await flood(props, times);
  await pause(props, READ_MS, TITLES.silence);
  await silence(props, times);
  await pause(props, READ_MS, "the summary");
  await summarize(props, [first, second]);
}

async function burst(props: DemoContext, times: SessionTimes): Promise<void> {
  const { narrator } = props;
  narrator.heading(TITLES.burst);
  narrator.say("An analyst drafts an event and imports a list of indicators. MISP sends a frame for each of them.");
  await pause(props, LOOK_MS);
  const { scene } = await send(props, BURST, times);
  const added = countVerdicts(scene, "authors", "owed");
  narrator.step(`${added} alerts are owed to authors, and on disk. They wait 1 s from the first, in case more follows`);
  await settled(props, scene);
  const refused = countVerdicts(scene, "soc", "draft");
  confirm(scene, added === BURST.length - 1 && refused === added && shownTo(scene, "authors").length === 1);
  confirm(scene, scene.shown.length === 1);
  narrator.conclude(
    `authors got 1 message instead of ${added}: what belongs together leaves together (group: wait). soc got nothing: ` +
      `its guard refused all ${refused}, reason "draft". Nobody has published this event yet.`,
  );
}

async function publication(props: DemoContext, times: SessionTimes): Promise<number> {
  const { narrator } = props;
  narrator.heading(TITLES.publication);
  narrator.say(
    "The analyst confirms the first address in its comment, tags the event tlp:amber and PAP:AMBER, and publishes it.",
  );
  await pause(props, LOOK_MS);
  const { scene, sentAtMs } = await send(props, FIRST_PUBLICATION, times);
  await settled(props, scene);
  confirm(scene, shownTo(scene, "soc").length === 1 && withheld(scene) === 0);
  const took = tookMs(scene, sentAtMs);
  narrator.conclude(
    `soc was told at once, ${format(took)} after MISP sent the frame: amber is within max_tlp: amber. Every value is ` +
      "defanged, so that nobody visits it by a slip of the mouse.",
  );
  return took;
}

async function republication(props: DemoContext, times: SessionTimes): Promise<void> {
  const { narrator, store } = props;
  narrator.heading(TITLES.republication);
  narrator.say("Somebody presses Publish once more. Nothing in the event has changed.");
  await pause(props, LOOK_MS);
  const { scene } = await send(props, REPUBLICATION, times);
  await settled(props, scene);
  confirm(scene, countVerdicts(scene, "soc", "already-told") === 1 && scene.shown.length === 0);
  confirm(scene, (await stillOwed(store)) === 0);
  narrator.conclude(
    "Silence. The frame arrived and matched the route, but soc has been told of this very version of the event " +
      "(repeats: changed). The same goes for a frame that arrives twice, and after a restart.",
  );
}

async function red(props: DemoContext, times: SessionTimes): Promise<number> {
  const { narrator } = props;
  narrator.heading(TITLES.red);
  narrator.say(
    "The analyst adds an object, the login page's name and the address it resolves to, and tags that address tlp:red. " +
      "The landing page is deleted, the first address's comment edited, and PAP:AMBER moved from the event to that address. " +
      "Then the event is published again.",
  );
  await pause(props, LOOK_MS);
  const { scene, sentAtMs } = await send(props, LATER_PUBLICATION, times);
  await settled(props, scene);
  confirm(scene, shownTo(scene, "soc").length === 1 && withheld(scene) === 1);
  narrator.conclude(
    "soc got the update without the address: 1 attribute is withheld, and counted. What a guard stops is not written " +
      "for that destination at all, neither on this screen nor to disk.",
  );
  return tookMs(scene, sentAtMs);
}

async function flood(props: DemoContext, times: SessionTimes): Promise<void> {
  const { narrator, observer, store, self, signal } = props;
  narrator.heading(TITLES.flood);
  narrator.say(
    `MISP pulls ${PULLED_EVENTS} events of a partner within a second. More than two at once are a flood here ` +
      "(flood: { over: 2 }; 20 in 5 minutes by default).",
  );
  await pause(props, LOOK_MS);
  const { scene } = await send(props, PULLED, times);
  const alone = 3;
  await observer.until(() => scene.settled.length >= alone, signal);
  const folded = await stillOwed(store);
  confirm(scene, folded === PULLED_EVENTS - alone && scene.shown.length === alone);
  confirm(scene, shownTo(scene, "pulls").filter(({ payload }) => payload.priority === "high").length === 1);
  narrator.step(
    `The first two were told one by one, and the urgent one beside the flood. ${folded} are folded into a digest, which ` +
      "leaves after a minute. Who does not want to wait types:",
  );
  narrator.command(`${self} outbox retry --destination pulls`, "tries now what waits; status says how much that is");
  await pause(props, LOOK_MS);
  await props.hasten("pulls");
  await observer.until(() => scene.settled.length >= PULLED_EVENTS, signal);
  confirm(scene, scene.shown.length === alone + 1 && (await stillOwed(store)) === 0);
  narrator.conclude(
    `pulls got ${scene.shown.length} messages for ${PULLED_EVENTS} events. The digest says why, what helps, and names the ` +
      "gravest; nothing is dropped or left out of the count, and alerts about others go on one by one.",
  );
}

const SILENCED_MS = 4 * 3_600_000;

async function silence(props: DemoContext, times: SessionTimes): Promise<void> {
  const { narrator, observer, store, clock, self, signal } = props;
  narrator.heading(TITLES.silence);
  narrator.say("The SOC is on it, and does not want to hear of every update. Somebody there types:");
  narrator.command(
    `${self} silence add --match org=ACME-CERT --for 4h --reason "on it" --then digest`,
    "in force at once; also by --event, --route or --destination",
  );
  const now = clock.now();
  const added: Silence = {
    ...{ id: "demo", createdAt: now, until: now + SILENCED_MS, by: "analyst", reason: "on it" },
    ...{ match: [{ org: "ACME-CERT" }], events: [], routes: [], destinations: [], afterwards: "digest", changes: [] },
  };
  await props.silence(added);
  await pause(props, LOOK_MS);
  const { scene } = await send(props, UPDATES, times);
  const held = await stillOwed(store);
  confirm(scene, held === UPDATES.length && shownTo(scene, "soc").length === 0);
  narrator.step(`${held} updates are held for soc. After four hours, or when somebody ends the silence, they are told`);
  await pause(props, LOOK_MS);
  await props.silence({ ...added, until: clock.now() });
  await observer.until(() => scene.settled.length >= held, signal);
  confirm(scene, shownTo(scene, "soc").length === 1 && (await stillOwed(store)) === 0);
  narrator.conclude(
    `soc got 1 message for ${held} updates: the newest version, and what has changed. Without --then digest it would have ` +
      "got none, and the record would say by which silence, whose and why.",
  );
}

async function summarize({ narrator, observer, store, self }: DemoContext, tookMs: readonly number[]): Promise<void> {
  const { scenes } = observer;
  const total = (of: (scene: Scene) => number) => scenes.reduce((sum, scene) => sum + of(scene), 0);
  const shown = (name: string) => total((scene) => shownTo(scene, name).length);
  const kept = (verdict: string) => total((scene) => countVerdicts(scene, "soc", verdict));
  narrator.heading("What happened");
  narrator.step(
    `${total(({ traces }) => traces.length)} frames came in, ${count(
      total((scene) => scene.shown.length),
      "message",
    )} ` + `went out: ${shown("authors")} to authors, ${shown("soc")} to soc, ${shown("pulls")} to pulls`,
  );
  narrator.step(
    `Kept back from soc: ${count(kept("draft"), "attribute")} of a draft, ${count(kept("already-told"), "repetition")}, ` +
      `${count(Math.max(...scenes.map(withheld)), "attribute")} above TLP:AMBER`,
  );
  narrator.step(
    `From a publication's frame to the alert on this screen: ${tookMs.map(format).join(" and ")}, with all that was ` +
      "owed committed to SQLite in between. Only the burst waited, on purpose",
  );
  narrator.step(
    `Still owed: ${(await stillOwed(store)) || "nothing"}. In the service, what is owed survives a kill -9`,
  );
  narrator.heading("Now with your MISP");
  narrator.command(
    `${self} tail --endpoint tcp://misp.example.org:50000`,
    "what its feed says; needs no configuration",
  );
  narrator.command(
    `${self} init -c config.yaml`,
    "asks where MISP is and who is told, tests the connections, and writes it",
  );
  narrator.command(`${self} check -c config.yaml`, "finds mistakes, and says in sentences what it would do");
  narrator.command(`${self} run -c config.yaml`, "the service");
}

/** Publishes the frames of a scene, and waits until all of them have been decided. */
async function send(
  { narrator, observer, publisher, clock, signal }: DemoContext,
  script: readonly DemoFrame[],
  times: SessionTimes,
) {
  const scene = observer.next();
  const topics = new Map<string, number>();
  for (const { topic } of script) {
    topics.set(topic, (topics.get(topic) ?? 0) + 1);
  }
  const told = [...topics].map(([topic, n]) => (n > 1 ? `${n} × ${topic}` : topic)).join(", ");
  narrator.step(`MISP sends ${count(script.length, "frame")}: ${told}`);
  let sentAtMs = 0;
  for (const one of script) {
    const frame = encodeFrame(one, times, clock.now());
    sentAtMs = performance.now();
    await publisher.send(frame);
  }
  await observer.until(() => scene.traces.length >= script.length, signal);
  return { scene, sentAtMs };
}

/** Resolves when all that the scene made owed has left. */
async function settled({ observer, signal }: DemoContext, scene: Scene): Promise<void> {
  const owed = scene.traces.flatMap(({ destinations }) => destinations).filter(({ verdict }) => verdict === "owed");
  await observer.until(() => scene.settled.length >= owed.length, signal);
}

/** Time for people; `next` is what they wait for. */
async function pause({ narrator, clock, speed, signal }: DemoContext, ms: number, next?: string): Promise<void> {
  if (next !== undefined) {
    narrator.linger(`  … next: ${next.replace(/ +/g, " ")}`);
  }
  await clock.sleep(ms / speed, signal);
  narrator.clear();
  signal.throwIfAborted();
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) {
      return abort();
    }
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** From sending the last frame of a scene until its alert was written. */
function tookMs({ shown }: Scene, sentAtMs: number): number {
  return (shown.at(-1)?.atMs ?? Number.NaN) - sentAtMs;
}

/** A demo that says something else than what happened would be worse than none. */
function confirm({ traces, shown }: Scene, holds: boolean): void {
  if (holds) {
    return;
  }
  const verdicts = traces.flatMap(({ destinations }) => destinations.map(({ name, verdict }) => `${name} ${verdict}`));
  throw new UsageError(
    `this scene should have ended otherwise; please report it (messages shown: ${shown.length}, decisions: ` +
      `${[...new Set(verdicts)].join(", ") || "none"})`,
    1,
  );
}

/** How many attributes the shown alerts of a scene left out. */
function withheld({ shown }: Scene): number {
  return shown.flatMap(({ payload }) => payload.entries).reduce((sum, { guarded }) => sum + guarded.withheld, 0);
}

async function stillOwed(store: Store): Promise<number> {
  return (await store.owed()).reduce((sum, { owed }) => sum + owed, 0);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function format(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
