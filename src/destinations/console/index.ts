import type { Writable } from "node:stream";
import { z } from "zod";
import { defineDestination } from "../destination.ts";
import { formatJsonLines, formatText } from "./format.ts";
import type { TerminalText } from "./terminal.ts";

/** Writes alerts to the standard output: for people at a terminal, or as JSON lines for programs. */
export const console = defineDestination({
  type: "console",
  shape: {
    format: z.enum(["text", "json"]).default("text"),
    color: z.enum(["auto", "always", "never"]).default("auto"),
  },
  open(options, { name, stdout }) {
    // A pipe whose reader has left tells so by an event, too; without a listener that would end the process.
    const ignore = () => {};
    stdout.on("error", ignore);
    return {
      name,
      async send(payload, signal) {
        signal.throwIfAborted();
        const colors = options.color === "always" || (options.color === "auto" && stdout.isTTY === true);
        const columns = stdout.columns ?? Number.POSITIVE_INFINITY;
        const text =
          options.format === "json"
            ? formatJsonLines(payload)
            : formatText(payload, { colors, columns, timeZone: options.timezone });
        const code = await write(stdout, text, signal);
        return code === undefined
          ? { kind: "done" }
          : { kind: "destination_rejected", reason: "stdout-closed", detail: code };
      },
      async [Symbol.asyncDispose]() {
        stdout.off("error", ignore);
      },
    };
  },
});

/** Resolves when the text has left this process, which a slow reader delays; with the error's code when it cannot. */
function write(stdout: Writable, text: TerminalText, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    stdout.write(text, (error) => {
      signal.removeEventListener("abort", abort);
      resolve(error ? ("code" in error && typeof error.code === "string" ? error.code : "write-failed") : undefined);
    });
  });
}
