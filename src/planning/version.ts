import type { Told } from "../model/memory.ts";
import { isPlausible } from "./time.ts";

// The version of a publication is `Event.timestamp`, a digest of what it says where the feed told it, and how often the
// event had been taken back before: `1764000900.d4f8Kx_0aaPz~1`.

/** The version of a publication of an event that MISP has taken back so often. */
export function versionAfter(version: string, withdrawals: number): string {
  return withdrawals === 0 ? version : `${version}~${withdrawals}`;
}

/** Whether two publications of one time say something else; of one that was found late nobody knows what it said. */
export function isOther(version: string | undefined, other: string | undefined): boolean {
  const [a, b] = [digestIn(version), digestIn(other)];
  return a !== undefined && b !== undefined && a !== b;
}

/** Whether a publication is not the one that a destination was told last. What is older than memory is none at all. */
export function isAnother(
  told: Pick<Told, "changedAt" | "version">,
  { changedAt = 0, version }: { readonly changedAt?: number; readonly version: string },
  now: number,
): boolean {
  if (withdrawalsIn(version) !== withdrawalsIn(told.version)) {
    return withdrawalsIn(version) > withdrawalsIn(told.version);
  }
  if (changedAt === told.changedAt) {
    return isOther(version, told.version);
  }
  return changedAt > told.changedAt || !isPlausible(told.changedAt, now);
}

function digestIn(version: string | undefined): string | undefined {
  return version === undefined ? undefined : /\.([^~]+)/.exec(version)?.[1];
}

function withdrawalsIn(version: string | undefined): number {
  return version === undefined ? 0 : Number(/~(\d+)$/.exec(version)?.[1] ?? 0);
}
