import { type LoadedConfig, loadConfig } from "../config/load.ts";

/** The part of the configuration that says who is told what; shown to the people who watch. */
export const DEMO_RULES = `destinations:
  authors: { type: console, guard: { max_tlp: red, drafts: true } }
  soc:     { type: console, guard: { max_tlp: amber } }
  pulls:   { type: console, guard: { max_tlp: amber }, flood: { over: 2, every: 1m } }
routes:
  - name: urgent
    match: { origin: pulled, threat_level: high }
    notify: [pulls]
    priority: high
    stop: true
  - name: partners
    match: { origin: pulled }
    notify: [pulls]
    group: { show: 3 }
    stop: true
  - name: drafting
    kinds: [attribute.added]
    notify: [authors, soc]
    group: { wait: 1s, show: 8 }
  - name: publications
    kinds: [event.published]
    notify: [soc]
    group: { interval: 0s, show: 12 }
`;

/** A whole configuration, as one would write it; only the endpoint and the state file are not known before. */
const DEMO_CONFIG = `
misp:
  acme:
    url: https://misp.acme-cert.example
    feed: { type: zeromq, endpoints: ["\${DEMO_ENDPOINT}"] }
state: { path: "\${DEMO_STATE}" }
log: { level: error }
defaults:
  guard: { audience: [ACME-CERT] }
${DEMO_RULES}`;

/** Loads the demo's configuration as a file would be loaded. */
export function loadDemoConfig(endpoint: string, statePath: string): Promise<LoadedConfig> {
  return loadConfig("demo.yaml", {
    env: { DEMO_ENDPOINT: endpoint, DEMO_STATE: statePath },
    secrets: "required",
    readFile: async () => Buffer.from(DEMO_CONFIG),
  });
}
