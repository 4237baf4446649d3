import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTurns } from "../src/base/in-turns.ts";
import { loadConfig } from "../src/config/load.ts";
import { preparingRules } from "../src/service/parts.ts";
import { Watches } from "../src/watching/watches.ts";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What a large configuration costs: read, checked, and compiled with the index that the first message needs, in CPU of all
// threads of this process.

const MATCHES: readonly ((n: number) => string)[] = [
  (n) => `{ org: "Customer ${n}" }`,
  (n) => `{ event_tag: 'misp-galaxy:threat-actor="Actor ${n}"', min_threat_level: medium }`,
  (n) => `{ attribute: { to_ids: true, value: "*.brand-${n}.example" } }`,
  (n) => `{ attribute: { value: { cidr: 10.${(n >> 8) & 255}.${n & 255}.0/24 } } }`,
  (n) => `{ tlp: [green, amber], info: "*campaign ${n} of*" }`,
];

function configurationOf(routes: number): string {
  const lines = Array.from(
    { length: routes },
    (_, n) => `  - name: r${n}
    kinds: ["event.*", "attribute.*"]
    match: ${MATCHES[n % MATCHES.length]?.(n)}
    notify: [soc] # who is on duty
`,
  );
  return `misp: { cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } } }
destinations: { soc: { type: console, guard: { max_tlp: amber } } }
routes:
${lines.join("")}`;
}

async function cpuSeconds(file: string): Promise<number> {
  const before = process.cpuUsage();
  const { config } = await loadConfig(file, { env: {}, secrets: "required" });
  await inTurns(preparingRules(config, new Watches()));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "load-"));
  try {
    const file = join(folder, "config.yaml");
    await writeFile(file, configurationOf(smoke ? 100 : 10_000));
    const figures: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      figures.push(await cpuSeconds(file));
    }
    return [
      {
        ...{
          name: "configuration of 10,000 routes, loaded and compiled: CPU",
          stream: "nothing",
          must: "< 3",
          unit: "s",
        },
        figures,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await bench(measure);
