import { z } from "zod";
import { Secret } from "./secret.ts";

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

/** A duration in YAML, `500ms 10s 5m 2h 7d`; milliseconds in code. */
export const Duration = z
  .string()
  .regex(/^\d+(ms|s|m|h|d)$/, 'must be a duration such as "10s", "5m", "2h" or "7d"')
  .transform((text) => Number.parseInt(text, 10) * UNITS[text.replace(/^\d+/, "") as keyof typeof UNITS]);

/** A duration as it is written in YAML. */
export function formatDuration(ms: number): string {
  const fits = Object.entries(UNITS).filter(([, size]) => ms >= size && ms % size === 0);
  const [unit, size] = fits.at(-1) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}

/** A size in YAML, `64KiB 16MiB 2GiB`; bytes in code. */
export const Size = z
  .string()
  .regex(/^\d+(B|KiB|MiB|GiB)$/, 'must be a size such as "64KiB", "16MiB" or "2GiB"')
  .transform((text) => Number.parseInt(text, 10) * SIZES[text.replace(/^\d+/, "") as keyof typeof SIZES]);

/** Text that never prints. */
export const SecretText = z
  .string()
  .min(1, "must not be empty")
  .transform((text) => new Secret(text));

/** What an editor shows of `ca_file`, wherever that is an option. */
export const CA_FILE = "PEM file with the authorities to trust, instead of those that Node.js knows.";

/** A name that people choose and that appears in logs and metrics. */
export const Name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 letters, digits, dots, dashes or underscores");

/** One value or a list of them, always a list in code. */
export function oneOrMany<T extends z.ZodType>(entry: T) {
  return z
    .union([entry, z.array(entry).min(1, "must not be empty")])
    .transform((value) => (Array.isArray(value) ? value : [value]) as z.output<T>[]);
}

/** Host names, as `URL` gives them, that never leave this machine. */
export const LOOPBACK = /^(localhost|.*\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;
