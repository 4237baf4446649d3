import { readLines, type Topic } from "./topic.ts";
import { isRaw } from "./values.ts";

/** `misp_json_workflow`: a workflow sent whatever it was told to, so that only what it is and its size are kept. */
export const workflow: Topic = {
  name: "misp_json_workflow",
  read(payload, frame) {
    return {
      kind: "workflow.pushed",
      subject: { type: "workflow" },
      lines: readLines({ content: describe(payload), bytes: String(frame.payload.byteLength) }),
    };
  },
};

function describe(payload: unknown): string {
  if (Array.isArray(payload)) {
    return `list of ${payload.length}`;
  }
  if (!isRaw(payload)) {
    return "single value";
  }
  if (isRaw(payload.Event)) {
    return "event";
  }
  if (payload["Attribute added"] !== undefined) {
    return "result of an enrichment";
  }
  return `object of ${Object.keys(payload).length} fields`;
}
