import { parentPort } from "node:worker_threads";
import { ConfigReading, type ReadRequest } from "./reading.ts";

// The program of the thread that reads a large configuration: seconds, in which the main loop reads frames.

const reading = new ConfigReading();

parentPort?.on("message", async (request: ReadRequest | "next") => {
  parentPort?.postMessage(request === "next" ? reading.next() : await reading.read(request));
});
