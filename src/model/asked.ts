import type { EventMemory } from "./memory.ts";
import type { Message } from "./message.ts";

/** Whether MISP was asked what a message says after all that is known of the event itself had come. */
export function isAskedLater(memory: EventMemory | undefined, { askedAt }: Pick<Message, "askedAt">): boolean {
  return askedAt !== undefined && askedAt > Math.max(memory?.heardAt ?? 0, memory?.strictAt ?? 0);
}
