import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

// A webhook in a process of its own, which takes nothing of the core of what is measured: tells its parent where it listens,
// and, when asked, what has arrived.

const got = { requests: 0, indicators: 0 };
const server = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  request.on("end", () => {
    got.requests += 1;
    got.indicators += text.split('"to_ids":true').length - 1;
    response.end();
  });
});
process.on("message", () => process.send?.(got));
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
