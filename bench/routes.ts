import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { absorb, openWakeups } from "../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../src/absorbing/observer.ts";
import { systemClock } from "../src/base/clock.ts";
import { Guard } from "../src/guard/policy.ts";
import type { Message } from "../src/model/message.ts";
import type { Rules } from "../src/planning/plan.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import type { Watch } from "../src/routing/watch.ts";
import { openMemoryStore } from "../src/store/memory/store.ts";
import { loadAway, Watches } from "../src/watching/watches.ts";
import { attributeOf, eventView, publication, tags, uuidOf } from "../test/support/messages.ts";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What a route table costs per message: planned and committed to the store in memory, so that no disk is measured. Ten
// thousand routes against ten, turn by turn in one run.

const MANY = 10_000;

/** Routes as a SOC of many customers writes them: by creator, actor, address space and brand, in all kinds. */
function routes(n: number, watch: Watch): Rules {
  const options = Array.from({ length: n }, (_, at) => {
    const match = [
      { org: `Customer ${at}` },
      { event_tag: `misp-galaxy:threat-actor="Actor ${at}"`, min_threat_level: "medium" },
      { attribute: { to_ids: true, value: `*.brand-${at}.example` } },
      { info: `*campaign ${at} of*` },
      { attribute: { value: { cidr: `10.${(at >> 8) & 255}.${at & 255}.0/24` } } },
      { attribute: { to_ids: true, value: { domain: `brand-${at}.example` } } },
      { attribute: { value: { list: "watched.txt", label: `customer-${at}` } } },
      { attributes: { min: 1, type: "domain" }, attribute: { value: { domain: `shop-${at}.example` } } },
      { event_org: `Customer ${at}`, sightings: { min: 3, within: "24h" } },
      { org: `Customer ${at}`, jsonpath: "$.Event.Object[?@.name == 'ip-port'].Attribute[?@.value == '4444']" },
    ][at % 10];
    return RouteOptions.parse({
      name: `r${at}`,
      kinds: ["event.*", "attribute.*", "sighting.*"],
      match,
      notify: `d${at % 10}`,
    });
  });
  const guard = Guard.parse({ max_tlp: "amber" });
  const destinations = Array.from(
    { length: 10 },
    (_, at) => [`d${at}`, { guard, repeats: "changed" as const }] as const,
  );
  return { routes: compileRoutes(options, watch), destinations: new Map(destinations), counts: true };
}

/** Publications of other events each; every `hit`-th is about one of the customers that both tables have. */
function stream(n: number, hit: number): readonly Message[] {
  return Array.from({ length: n }, (_, at) =>
    publication({
      event: eventView({
        id: String(at + 1),
        uuid: uuidOf(String(at + 1)),
        info: `Quarterly report ${at}`,
        tags: tags("tlp:green", `misp-galaxy:sector="Sector ${at}"`),
        org: { name: hit > 0 && at % hit === 0 ? `Customer ${(at % 2) * 4}` : "Somebody else", uuid: uuidOf("9") },
      }),
      attributes: Array.from({ length: 5 }, (_, part) => attributeOf(String(at * 5 + part + 1))),
    }),
  );
}

async function secondsFor(messages: readonly Message[], rules: Rules): Promise<number> {
  const store = openMemoryStore();
  const planner = { store, rules, clock: systemClock, wakeups: openWakeups(), observer: UNOBSERVED };
  const before = process.cpuUsage();
  for (let at = 0; at < messages.length; at += 64) {
    await absorb(messages.slice(at, at + 64), planner);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const short = await lists(10);
  const [few, many] = [routes(10, short), routes(smoke ? 100 : MANY, short)];
  const rows: Row[] = [];
  for (const [name, hit] of [
    ["publications that match nothing", 0],
    ["publications, 1 % match", 100],
    ["publications, all match", 1],
  ] as const) {
    const figures: number[] = [];
    const messages = stream(smoke ? 64 : 2_000, hit);
    await secondsFor(messages, many); // builds the index, and warms up
    for (let run = 0; run < runs; run += 1) {
      const base = await secondsFor(messages, few);
      figures.push((await secondsFor(messages, many)) / base);
    }
    rows.push({ name: "CPU per message, 10,000 routes ÷ 10 routes", stream: name, must: "≤ 1.5", figures, unit: "×" });
  }
  return [...rows, ...(await measureLists({ smoke, runs }, short))];
}

const MILLION = 1_000_000;

/** A watch list of so many lines, as networks and domains, read as the service does it; `reading` is called before that. */
async function lists(lines: number, reading = () => {}): Promise<Watches> {
  const folder = await mkdtemp(join(tmpdir(), "herald-bench-"));
  try {
    const path = join(folder, "watched.txt");
    const text = Array.from({ length: lines }, (_, at) =>
      at % 4 === 0
        ? `100.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}/32\tcustomer-${at % 100}`
        : `w${at}.watched.example`,
    );
    await writeFile(path, text.join("\n"));
    const watch = new Watches(undefined, loadAway);
    reading();
    watch.use(await watch.read([{ name: "watched.txt", path }]));
    return watch;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a list of a million lines costs per message, and for how long reading it holds up the main loop. */
async function measureLists({ smoke, runs }: BenchOptions, short: Watches): Promise<readonly Row[]> {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  let from = 0;
  const long = await lists(smoke ? 1_000 : MILLION, () => {
    from = performance.now();
    loop.enable();
  });
  const seconds = (performance.now() - from) / 1000;
  loop.disable();
  const messages = stream(smoke ? 64 : 2_000, 0);
  const [tens, millions] = [routes(10, short), routes(10, long)];
  await secondsFor(messages, millions);
  const figures: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const base = await secondsFor(messages, tens);
    figures.push((await secondsFor(messages, millions)) / base);
  }
  return [
    {
      name: "CPU per message, list of a million lines ÷ of ten",
      stream: "publications that match nothing",
      must: "≤ 1.2",
      figures,
      unit: "×",
    },
    {
      name: "longest hold of the main loop while a million lines are read",
      stream: `${seconds.toFixed(1)} s to read them`,
      must: "≤ 50",
      figures: [loop.max / 1e6],
      unit: "ms",
    },
  ];
}

await bench(measure);
