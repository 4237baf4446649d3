import { z } from "zod";
import { defineDestination } from "../destination.ts";

/** Writes alerts to the standard output: for people at a terminal, or as JSON lines for programs. */
export const console = defineDestination({
  type: "console",
  shape: {
    format: z.enum(["text", "json"]).default("text"),
    color: z.enum(["auto", "always", "never"]).default("auto"),
  },
  open: (_options, { name }) => ({
    name,
    send: async () => ({ kind: "done" }),
    async [Symbol.asyncDispose]() {},
  }),
});
