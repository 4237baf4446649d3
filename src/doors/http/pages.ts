import type { Daemon } from "../../operations/daemon.ts";
import { healthPage, readinessPage } from "./health.ts";
import type { Metrics } from "./metrics.ts";
import { type EndpointOptions, jsonPage } from "./server.ts";
import { WriteProbe } from "./write-probe.ts";

const INDEX = {
  "/healthz": "200 while every loop turns, else 503 and which one is stuck: restart it",
  "/readyz": "200 while the feeds are heard and the state file can be written, else 503 and why",
  "/metrics": "numbers for Prometheus",
};

/** The pages of the endpoint, about the daemon of this moment. */
export function openPages(daemon: () => Daemon, metrics: Metrics): EndpointOptions["pages"] {
  const probe = new WriteProbe();
  return async (path) => {
    switch (path) {
      case "/":
        return jsonPage(200, INDEX);
      case "/healthz":
        return healthPage(daemon());
      case "/readyz":
        return readinessPage(daemon(), probe);
      case "/metrics":
        return { status: 200, type: metrics.type, body: await metrics.scrape(daemon(), probe) };
      default:
        return undefined;
    }
  };
}
