import { parentPort } from "node:worker_threads";
import { type LoadRequest, loadLists } from "./load.ts";

// The program of the thread that reads watch lists: a million lines take seconds, in which the main loop reads frames.

parentPort?.once("message", async (request: LoadRequest) => {
  parentPort?.postMessage(await loadLists(request));
});
