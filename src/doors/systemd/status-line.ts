import { formatNumber } from "../../alert/text.ts";
import type { ActiveConfig, Deliveries, Feeds } from "../../operations/daemon.ts";
import { formatRejected } from "../../operations/status.ts";

/** What the line says; all of it is in memory but what is owed. */
export type StatusLineState = Pick<ActiveConfig, "config" | "destinations"> &
  Pick<Feeds, "sources"> &
  Pick<Deliveries, "holds">;

const MAX_CHARS = 600;

/** `cert connected, 12,345 frames; 3 owed, soc SUSPENDED`; `owed` is left out where it could not be counted. */
export function formatStatusLine(shown: StatusLineState, owed: number | undefined): string {
  const { sources } = shown;
  const feeds = sources.map(
    (source) => `${source.name} ${linkOf(source)}, ${formatNumber(source.status().received)} frames`,
  );
  const rest = [...(owed === undefined ? [] : [`${formatNumber(owed)} owed`]), ...heldOf(shown)].join(", ");
  const text = [...rejectedOf(shown), ...feeds, ...(rest ? [rest] : [])].join("; ");
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text;
}

/** What somebody should see at once when it changes. */
export function mattersOf(shown: StatusLineState): string {
  return [
    ...rejectedOf(shown),
    ...shown.sources.map((source) => `${source.name} ${linkOf(source)}`),
    ...heldOf(shown),
  ].join("; ");
}

function linkOf(source: StatusLineState["sources"][number]): string {
  const { endpoints, silentSince } = source.status();
  const connected = endpoints.filter((endpoint) => endpoint.connected).length;
  if (connected === 0) {
    return "NOT CONNECTED";
  }
  const some = connected < endpoints.length ? `${connected} of ${endpoints.length} connected` : "connected";
  return silentSince === undefined ? some : `${some}, SILENT`;
}

function heldOf({ holds, destinations }: StatusLineState): readonly string[] {
  const named = holds.all.filter(({ destination }) => destinations.has(destination));
  return named.flatMap(({ destination, kind }) =>
    kind === "suspended" ? `${destination} SUSPENDED` : kind === "paused" ? `${destination} paused` : [],
  );
}

function rejectedOf({ config: { rejected } }: StatusLineState): readonly string[] {
  return rejected ? [`new configuration REJECTED: ${formatRejected(rejected).first}`] : [];
}
