import { BlockList, isIP } from "node:net";
import { z } from "zod";

/** Where the endpoint listens; port 0: the system chooses one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** `host:port` in YAML, the host an address or a name, IPv6 in brackets. */
export const Listen = z.string().transform((text, context): Address => {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const isHost =
    bracketed === undefined ? !/^[\d.]+$/.test(plain ?? "") || isIP(plain ?? "") === 4 : isIP(bracketed) === 6;
  if (host !== undefined && isHost && port <= 65_535) {
    return { host, port };
  }
  context.addIssue({ code: "custom", message: 'must be host:port, such as "127.0.0.1:9642" or "[::1]:9642"' });
  return z.NEVER;
});

/** Whether only this machine can connect there; a name other than `localhost` may be anything. */
export function isLoopback({ host }: Address): boolean {
  const family = isIP(host);
  if (family === 0) {
    return host.toLowerCase() === "localhost";
  }
  return LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** As it stands in a URL. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
