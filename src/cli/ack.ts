import { clean, formatCount } from "../alert/text.ts";
import { UsageError } from "../base/errors.ts";
import { ask } from "../doors/socket/client.ts";
import { Acknowledged } from "../operations/documents.ts";
import { InstanceEvent } from "../operations/requests.ts";
import { formatStamp } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls } from "./show.ts";

/** `misp-herald ack`: somebody looks after an event, and nobody is reminded of it. */
export async function ackCommand(options: ReachOptions & { readonly event: string }, context: Context): Promise<void> {
  const { event, json } = options;
  if (!InstanceEvent.safeParse(event).success) {
    throw new UsageError(`"${clean(event)}" is no event: give its UUID, or its id as cert:4711`);
  }
  const done = await ask(await reach(options, context), { command: "acknowledge", event }, Acknowledged);
  print(context.stdout, json ? escapeControls(JSON.stringify(done)) : done.events.map(describe).join("\n"));
}

function describe({ instance, uuid, id, reminders, destinations, before }: Acknowledged["events"][number]): string {
  const already = before === undefined ? "" : ` ${before.by} had done so at ${formatStamp(before.at)} UTC.`;
  const follow =
    reminders === 0
      ? "No reminder of it was waiting."
      : `${formatCount(reminders, "reminder")} to ${destinations.join(", ")} ${reminders === 1 ? "is" : "are"} not sent any more.`;
  return clean(
    `Event ${id ?? uuid} of ${instance} is acknowledged.${already} ${follow} What is told of it from now on is reminded of anew.`,
  );
}
