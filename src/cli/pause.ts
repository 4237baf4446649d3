import { clean, formatCount } from "../alert/text.ts";
import { ask } from "../doors/socket/client.ts";
import { Paused } from "../operations/documents.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";

/** `misp-herald pause` and `resume`: whether a destination is told anything. */
export async function pauseCommand(
  options: ReachOptions & { readonly command: "pause" | "resume"; readonly destination: string },
  context: Context,
): Promise<void> {
  const { command, destination, json } = options;
  const state = await ask(await reach(options, context), { command, destination }, Paused);
  print(context.stdout, json ? JSON.stringify(state) : describe(state));
}

function describe({ destination, paused, changed, owed }: Paused): string {
  const name = clean(destination);
  const waiting = formatCount(owed, "delivery", "deliveries");
  if (!changed) {
    return `${name} ${paused ? "was paused already" : "was not paused"}.`;
  }
  return paused
    ? `${name} is paused, also across restarts; nothing of it is lost or ages. ${waiting} owed. misp-herald resume ${name} ends it.`
    : `${name} is resumed. ${waiting} owed.`;
}
