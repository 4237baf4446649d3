import { parentPort } from "node:worker_threads";
import type { FromThread, ToThread } from "./handle.ts";
import { GiantWork } from "./work.ts";

// The program of the thread that reads and plans one giant: it answers one question after the other.

let work: GiantWork | undefined;

function answer(question: ToThread): FromThread {
  switch (question.type) {
    case "read":
      work = new GiantWork(question.name);
      return work.read(question.frame, question.mostText);
    case "plan":
      return { type: "planned", plan: begun().plan(question) };
    case "next": {
      const rows = begun().next();
      return { type: "rows", ...(rows && { rows }) };
    }
  }
}

function begun(): GiantWork {
  if (!work) {
    throw new Error("Nothing was read");
  }
  return work;
}

parentPort?.on("message", (question: ToThread) => parentPort?.postMessage(answer(question)));
