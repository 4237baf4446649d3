// Blocks the event loop of a Node.js process from outside, by its debugger, which SIGUSR1 opens on port 9229 of this machine.
import { createRequire } from "node:module";

const [repository, pid] = process.argv.slice(2);
const { WebSocket } = createRequire(`${repository}/package.json`)("undici");
process.kill(Number(pid), "SIGUSR1");
for (let attempt = 0; ; attempt++) {
  try {
    const [{ webSocketDebuggerUrl }] = await (await fetch("http://127.0.0.1:9229/json/list")).json();
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((open, failed) => Object.assign(socket, { onopen: open, onerror: failed }));
    socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: "for (;;);" } }));
    break;
  } catch (error) {
    if (attempt === 50) {
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
setTimeout(() => process.exit(0), 300);
