import type { Writable } from "node:stream";
import { z } from "zod";
import { describeUnlistedItems } from "../../alert/indicators.ts";
import { describeUnlisted } from "../../alert/telling.ts";
import type { Payload } from "../../model/payload.ts";
import { defineDestination } from "../destination.ts";
import { formatJsonLines, formatText } from "./format.ts";
import { formatTerminalPage } from "./page.ts";
import type { TerminalText } from "./terminal.ts";

const PREVIEW_COLUMNS = 100;

/** Writes alerts to the standard output: for people at a terminal, or as JSON lines for programs. */
export const console = defineDestination({
  type: "console",
  shape: {
    format: z.enum(["text", "json"]).default("text").describe("For people, or JSON lines for programs."),
    color: z.enum(["auto", "always", "never"]).default("auto").describe("Colours; auto: on a terminal."),
  },
  mentionProblem: () => "a terminal mentions nobody: remove it",
  open(options, { name, stdout }) {
    // A pipe whose reader has left tells so by an event, too; without a listener that would end the process.
    const ignore = () => {};
    stdout.on("error", ignore);
    const style = { timeZone: options.timezone, defang: options.defang };
    const format = (payload: Payload, colors: boolean, columns: number) =>
      options.format === "json" ? formatJsonLines(payload, style) : formatText(payload, { colors, columns, ...style });
    return {
      name,
      async send(payload, signal) {
        signal.throwIfAborted();
        const colors = options.color === "always" || (options.color === "auto" && stdout.isTTY === true);
        const columns = stdout.columns ?? Number.POSITIVE_INFINITY;
        const code = await write(stdout, format(payload, colors, columns), signal);
        return code === undefined
          ? { kind: "done" }
          : { kind: "destination_rejected", reason: "stdout-closed", detail: code };
      },
      // As on a screen of usual width, whatever the output is connected to while one looks.
      async preview(payload) {
        const html = formatTerminalPage(format(payload, options.color !== "never", PREVIEW_COLUMNS));
        const trimmed = options.format === "json" ? describeUnlistedItems(payload) : describeUnlisted(payload, style);
        return { body: format(payload, false, PREVIEW_COLUMNS), sizes: [], trimmed, html };
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
