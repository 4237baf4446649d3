import type { Frame } from "../model/frame.ts";
import type { Message } from "../model/message.ts";
import type { Plan, Rules } from "../planning/plan.ts";

/** A frame and what it says. */
interface Decoded {
  readonly message: Message;
  readonly frame: Frame;
}

/**
 * Of each event the last frame that added an attribute and made nothing of any rule, where none asks about attributes; also
 * where rules can never be decided, because nobody can be asked, and this has been recorded.
 */
export function quietFrames(decoded: readonly Decoded[], traces: Plan["traces"], { routes }: Rules): readonly Frame[] {
  if (routes.get("attribute.added")?.isAboutEvents !== true) {
    return [];
  }
  const quiet = new Map<Message, string>();
  for (const { message, kind, routes: fired, destinations } of traces) {
    const about = message.event?.id;
    const isNothing = fired.length === 0 || destinations.every(({ verdict }) => verdict === "match-unknown");
    if (kind === "attribute.added" && isNothing && about !== undefined) {
      quiet.set(message, about);
    }
  }
  const last = new Map<string, Frame>();
  for (const { message, frame } of decoded) {
    const about = quiet.get(message);
    if (about !== undefined) {
      last.set(about, frame);
    }
  }
  return [...last.values()];
}
