import { z } from "zod";
import { Duration, SecretText, Size } from "../../base/schema.ts";

const MAX_TIMER_MS = 2 ** 31 - 1;

const Endpoint = z.string().refine((text) => {
  if (/^ipc:\/\/\S+$/.test(text)) {
    return true;
  }
  const [, port] = /^tcp:\/\/(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%\w+)?\]):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}, 'must be an address to connect to, such as "tcp://misp.example.org:50000" or "ipc:///run/misp.sock"');

/** The options of a feed of ZeroMQ. */
export const SHAPE = {
  /** All are connected to: several web nodes of one MISP each publish a part. */
  endpoints: z
    .array(Endpoint)
    .min(1, "must name at least one endpoint")
    .refine((list) => new Set(list).size === list.length, "must not name an endpoint twice")
    .describe("MISP's Plugin.ZeroMQ_host and _port, e.g. tcp://127.0.0.1:50000; all are connected to."),
  /** MISP's Plugin.ZeroMQ_username and _password (PLAIN, RFC 24: at most 255 bytes each, and sent in the clear). */
  username: z
    .string()
    .min(1, "must not be empty")
    .max(255)
    .optional()
    .describe("Plugin.ZeroMQ_username; with password."),
  password: SecretText.optional().describe("Plugin.ZeroMQ_password. A secret, which travels in clear."),
  silent_after: Duration.refine((ms) => ms > 0 && ms <= MAX_TIMER_MS, "must be from 1ms to 24d")
    .default(60_000)
    .describe("Without any frame for so long, the feed counts as silent. Default 60s."),
  queue: Size.refine((bytes) => bytes >= 2 ** 16, "must be at least 64KiB")
    .default(2 ** 26)
    .describe("Bounds what waits in memory before it is processed. Default 64MiB."),
  max_frame: Size.refine((bytes) => bytes >= 2 ** 20 && bytes <= 2 ** 30, "must be from 1MiB to 1GiB")
    .default(2 ** 26)
    .describe("A larger frame is refused aloud, and found by reconcile. Default 64MiB."),
  heartbeat: Duration.refine((ms) => ms >= 100 && ms <= 3_600_000, "must be from 100ms to 1h")
    .default(10_000)
    .describe("Finds a host that has vanished within 4, a publisher that hangs within 31. Default 10s."),
};

/** The same, read and checked. */
export type ZeromqOptions = z.output<z.ZodObject<typeof SHAPE>>;

/** Both or none. */
export function checkCredentials({ username, password }: Pick<ZeromqOptions, "username" | "password">) {
  if (username !== undefined && !password) {
    return { path: "password", message: "is missing: a username needs its password (Plugin.ZeroMQ_password)" };
  }
  if (password && username === undefined) {
    return { path: "username", message: "is missing: a password needs its username (Plugin.ZeroMQ_username)" };
  }
  return undefined;
}
