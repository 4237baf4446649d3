import { LOOPBACK } from "../../base/schema.ts";
import { childOf, listOf, mapOf, textOf, warning } from "../../config/tree.ts";
import type { Linted } from "./linted.ts";

/** ZeroMQ has no encryption here: what MISP says, and the password, can be read on the way. */
export function checkEndpoints({ root, report }: Linted): void {
  for (const { node } of mapOf(root, "misp")?.entries.values() ?? []) {
    const feed = childOf(node, "feed");
    for (const endpoint of listOf(feed && childOf(feed, "endpoints"))) {
      const text = textOf(endpoint);
      if (text === undefined || !text.startsWith("tcp://") || isUnread(endpoint) || isLocal(text)) {
        continue;
      }
      const what =
        feed && childOf(feed, "password") ? "what the feed says, and its password, travel" : "the feed travels";
      const message = `${what} in clear to this address: whoever is on the way can read it, and say something else`;
      report(
        warning(
          endpoint,
          message,
          "tunnel it (WireGuard, SSH, stunnel) and name the end of the tunnel on this machine, tcp://127.0.0.1:PORT",
        ),
      );
    }
  }
}

function isUnread(node: { readonly kind: string; readonly unread?: unknown }): boolean {
  return node.unread !== undefined;
}

function isLocal(endpoint: string): boolean {
  const host = /^tcp:\/\/(.*):\d+$/.exec(endpoint)?.[1] ?? "";
  return LOOPBACK.test(host);
}
