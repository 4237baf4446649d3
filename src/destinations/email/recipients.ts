import type { Outcome } from "../../model/payload.ts";
import type { MailFailure } from "./outcome.ts";
import type { MailResult, Rejection } from "./smtp.ts";

/** What is known of the recipients of one batch, over all its attempts in this process. */
export interface Progress {
  readonly served: Set<string>;
  /** Refused for good, with what the server said in numbers. */
  readonly dead: Map<string, string>;
}

/** How many batches may be on their way at once before the oldest is forgotten, which costs a second copy at most. */
const MAX_BATCHES = 1000;

/** Remembers who has got what, so that a retry goes only to the others. */
export interface Recipients {
  of(batch: string): Progress;
  forget(batch: string): void;
}

/** An empty memory; a restart empties it, too. */
export function openRecipients(): Recipients {
  const batches = new Map<string, Progress>();
  return {
    of(batch) {
      const progress = batches.get(batch) ?? { served: new Set(), dead: new Map() };
      batches.delete(batch);
      batches.set(batch, progress);
      const [oldest] = batches.keys();
      if (batches.size > MAX_BATCHES && oldest !== undefined) {
        batches.delete(oldest);
      }
      return progress;
    },
    forget: (batch) => void batches.delete(batch),
  };
}

/** Whoever is neither served nor dead. */
export function pendingOf(addresses: readonly string[], { served, dead }: Progress): readonly string[] {
  return addresses.filter((address) => !served.has(address) && !dead.has(address));
}

/** Notes who is done with; returns those that the server asks to come back for. */
export function note(progress: Progress, attempt: MailResult): readonly Rejection[] {
  for (const address of attempt.accepted) {
    progress.served.add(address);
  }
  for (const { address, permanent, detail } of attempt.refused) {
    if (permanent) {
      progress.dead.set(address, detail);
    }
  }
  return attempt.refused.filter(({ permanent }) => !permanent);
}

const REFUSED_HINT = "The server knows none of the addresses in `to` and `cc`, or does not relay to them: check them";

/** What several attempts for several recipients are as one outcome; what can still succeed counts before what cannot. */
export function combine(
  { served, dead }: Progress,
  troubles: readonly MailFailure[],
  deferred: readonly Rejection[],
): Outcome {
  const find = (kind: MailFailure["kind"]) => troubles.find((trouble) => trouble.kind === kind);
  const [first] = deferred;
  const waiting: MailFailure | undefined = first && {
    kind: "retry",
    reason: "recipient-deferred",
    detail: first.detail,
  };
  const trouble =
    find("destination_rejected") ?? find("retry") ?? waiting ?? find("ambiguous") ?? find("message_rejected");
  if (trouble) {
    return trouble;
  }
  // 250 is the next relay's word, not the reader's.
  if (served.size > 0) {
    return { kind: "unproven" };
  }
  const [detail = "unknown"] = dead.values();
  return { kind: "destination_rejected", reason: "recipients-refused", detail, hint: REFUSED_HINT };
}
