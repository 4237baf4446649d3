import { isLoopback, Listen } from "../base/address.ts";
import { childOf, type Dict, type ReportFault } from "./tree.ts";

/** Warns of an HTTP endpoint that others than this machine can reach. */
export function checkListen(root: Dict, report: ReportFault): void {
  const http = childOf(root, "http");
  const node = http && childOf(http, "listen");
  if (node?.kind !== "scalar" || node.unread) {
    return;
  }
  const address = Listen.safeParse(node.value);
  if (!address.success || isLoopback(address.data)) {
    return;
  }
  report({
    severity: "warning",
    at: node.at,
    end: node.end,
    message: "whoever can connect to this address can read /metrics, which has no password",
    hint: 'listen at "127.0.0.1:9642" and let a proxy with a password pass it on, or let a firewall admit Prometheus alone',
  });
}
