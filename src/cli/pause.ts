import { clean, formatCount } from "../alert/text.ts";
import { ask } from "../doors/socket/client.ts";
import { Paused } from "../operations/documents.ts";
import { formatStamp } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";

/** `misp-herald pause` and `resume`: whether a destination is told anything. */
export async function pauseCommand(
  options: ReachOptions & { readonly command: "pause" | "resume"; readonly destination: string; readonly for?: number },
  context: Context,
): Promise<void> {
  const { command, destination, json } = options;
  const query =
    command === "pause" && options.for !== undefined
      ? { command, destination, for: options.for }
      : { command, destination };
  const state = await ask(await reach(options, context), query, Paused);
  print(context.stdout, json ? JSON.stringify(state) : describe(state));
}

function describe({ destination, paused, changed, owed, until }: Paused): string {
  const name = clean(destination);
  const waiting = formatCount(owed, "delivery", "deliveries");
  if (!changed) {
    return `${name} ${paused ? "was paused already" : "was not paused"}.`;
  }
  return paused
    ? `${name} is paused${until === undefined ? "" : ` until ${formatStamp(until)} UTC`}, also across restarts; nothing of it is lost or ages. ${waiting} owed. misp-herald resume ${name} ends it.`
    : `${name} is resumed. ${waiting} owed.`;
}
