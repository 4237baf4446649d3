import { clean } from "../alert/text.ts";
import { ask } from "../doors/socket/client.ts";
import { Reloaded } from "../operations/documents.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls } from "./show.ts";

/** `misp-herald reload`: the daemon goes on under the configuration as it is now, or says what is wrong with it. */
export async function reloadCommand(
  options: ReachOptions & { readonly accept?: boolean },
  context: Context,
): Promise<void> {
  const done = await ask(
    await reach(options, context),
    { command: "reload", ...(options.accept && { accept: true }) },
    Reloaded,
  );
  if (options.json) {
    return print(context.stdout, JSON.stringify(done));
  }
  for (const warning of done.warnings) {
    print(context.stderr, warning.split("\n").map(escapeControls).join("\n"));
  }
  if (done.restart.length > 0) {
    print(context.stderr, `What has changed in ${done.restart.join(" and ")} counts only after a restart.`);
  }
  print(context.stdout, `The configuration is in force (${clean(done.digest.slice(0, 12))}).`);
}
