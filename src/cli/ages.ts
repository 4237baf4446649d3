const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A span for people, in its two largest units: `3h 20m`, `5s`. */
export function formatSpan(ms: number): string {
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[first] ?? ["s", 1000];
  const whole = Math.floor(Math.max(0, ms) / size);
  const [next, nextSize] = UNITS[first + 1] ?? [];
  const rest = first < 0 || nextSize === undefined ? 0 : Math.floor((ms - whole * size) / nextSize);
  return rest > 0 ? `${whole}${unit} ${rest}${next}` : `${whole}${unit}`;
}

/** `3h 20m ago`, or nothing where there is no instant; what has happened never lies ahead, whatever a clock said then. */
export function formatAgo(instant: string | undefined, now: number): string {
  const at = Date.parse(instant ?? "");
  return Number.isNaN(at) ? "" : `${formatSpan(now - at)} ago`;
}

/** `in 5s`, or `now` where that has come. */
export function formatUntil(instant: string, now: number): string {
  const at = Date.parse(instant);
  return at > now ? `in ${formatSpan(at - now)}` : "now";
}

/** How long it has been: `3h 20m`. */
export function formatAge(instant: string | undefined, now: number): string {
  const at = Date.parse(instant ?? "");
  return Number.isNaN(at) ? "" : formatSpan(now - at);
}

/** To the second, in UTC: `2026-11-21 14:02:11`. */
export function formatStamp(instant: string | undefined): string {
  return (instant ?? "").replace("T", " ").replace(/(\.\d+)?Z$/, "");
}
