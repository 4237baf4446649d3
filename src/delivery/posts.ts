/**
 * What becomes of a message that is to be looked at again. It is guarded with what is known at that moment before anything of
 * it is shown. Each line of the table is one case below; an edit made twice is the same one.
 *
 * | looked at, or changed     | the message                                          | the destination        |
 * | ------------------------- | ---------------------------------------------------- | ---------------------- |
 * | nothing is different      | stays as it is                                       | is not asked           |
 * | whether it may be is      | stays as it is                                       | is not asked           |
 * |   unknown                 |                                                      |                        |
 * | it is of another channel  | is left, and forgotten                               | is not asked           |
 * | done, unproven            | is shown so; one that is taken back is forgotten     | stays as it is         |
 * | … before that is said     | is shown so; what says it is said below it           | stays as it is         |
 * | gone                      | is forgotten: what follows is told by a new one      | stays as it is         |
 * | … as it is to be deleted  | is marked, if that is possible                       | stays as it is         |
 * | message_rejected          | title and link only, then it stays as it is          | stays as it is         |
 * | destination_rejected      | waits for the next probe                             | is suspended           |
 * | retry, ambiguous          | tried again ever later, and left in the end          | stays as it is         |
 * | retry_after               | tried again when asked to                            | rests as long as asked |
 */
import { REPORT_IT } from "../base/errors.ts";
import type { RateLimiter } from "../base/rate-limiter.ts";
import type { Store } from "../model/outbox.ts";
import type { Destination, GoneMessage, Outcome } from "../model/payload.ts";
import type { OpenPost, PostEnd } from "../model/post.ts";
import { entriesNow, type ShownPost, showEntries } from "./keep.ts";
import {
  backOffMs,
  type DeliveryState,
  LONGEST_REST_MS,
  PROBE_MS,
  type SettleContext,
  suspendDestination,
} from "./settle.ts";
import type { SendContext } from "./show.ts";

/** So often it is tried to change one message. */
const MAX_ATTEMPTS = 20;

/** What looking after messages works with. */
export interface PostWorker extends SettleContext {
  readonly destination: Destination;
  readonly sending: SendContext;
  readonly limiter?: RateLimiter;
  readonly state: DeliveryState;
}

type PostContext = SettleContext & { readonly store: Pick<Store, "takePost" | "settlePost"> & SettleContext["store"] };

/**
 * Looks at the next message of a destination that is to be looked at. Gives when there will be one, or undefined: there is
 * none. `looked`: nobody was asked.
 */
export async function tendPost(
  worker: PostWorker,
  context: PostContext,
  isUrgent: boolean,
  cut: AbortSignal,
): Promise<"looked" | "asked" | "cut" | number | undefined> {
  const { destination, clock, sending, breaker } = worker;
  const { following } = destination;
  // A destination that refuses us is probed by what it is owed.
  if (!following || breaker.suspended()) {
    return undefined;
  }
  const open = await context.store.takePost(destination.name, clock.now(), isUrgent);
  if (!open || "dueAt" in open) {
    return open?.dueAt;
  }
  const { post, revision } = open;
  const about = { id: post.id, revision };
  const settle = (end: PostEnd) => context.store.settlePost(end, clock.now());
  try {
    const entries = entriesNow(open, sending);
    const shown = entries && showEntries(entries, open, sending);
    if (!shown || shown.shown === post.shown) {
      await settle({ ...about, kind: shown?.isWithdrawn && isSaid(open) ? "over" : "shown" });
      return "looked";
    }
    // An operator who wants nothing done about what is taken back has it left as it is.
    if (!following.knows(post.ref) || (shown.isWithdrawn && sending.withdraw === "ignore")) {
      await settle({ ...about, kind: "over" });
      return "looked";
    }
    worker.limiter?.take();
    const beganAt = clock.now();
    const outcome = await change(following, open, shown, sending.withdraw === "delete", cut);
    const durationMs = Math.max(0, clock.now() - beganAt);
    if (outcome.kind !== "gone") {
      worker.observer.attempted({ destination: destination.name, outcome: outcome.kind, durationMs });
    }
    await settle({ ...about, ...(await endOf(outcome, open, shown, worker, context)) });
    return "asked";
  } catch (error) {
    if (cut.aborted) {
      return "cut";
    }
    worker.log.error(
      { err: error, destination: destination.name, batch: post.id, hint: REPORT_IT },
      "A message could not be changed by a bug",
    );
    await settle({ ...about, kind: "over" });
    return "looked";
  }
}

async function change(
  following: NonNullable<Destination["following"]>,
  { post: { ref } }: OpenPost,
  { payload, isWithdrawn }: ShownPost,
  isDeleting: boolean,
  signal: AbortSignal,
): Promise<Outcome | GoneMessage> {
  if (isWithdrawn && isDeleting) {
    const outcome = await following.remove(ref, signal);
    if (outcome.kind !== "gone" && outcome.kind !== "message_rejected") {
      return outcome;
    }
  }
  const outcome = await following.edit(ref, payload, signal);
  return outcome.kind === "message_rejected"
    ? await following.edit(ref, { ...payload, minimal: true }, signal)
    : outcome;
}

/** Whether its readers were told that it is taken back: they then count as never told. */
function isSaid({ progresses }: OpenPost): boolean {
  return progresses.every((progress) => progress === undefined);
}

type End = PostEnd extends infer E ? (E extends PostEnd ? Omit<E, "id" | "revision"> : never) : never;

async function endOf(
  outcome: Outcome | GoneMessage,
  open: OpenPost,
  { content, shown, isWithdrawn }: ShownPost,
  { destination, clock, state, log, sending }: PostWorker,
  context: PostContext,
): Promise<End> {
  const { post, attempts } = open;
  const now = clock.now();
  const why = "reason" in outcome ? { reason: outcome.reason, detail: outcome.detail, hint: outcome.hint } : {};
  const about = { destination: destination.name, batch: post.id, ...why };
  switch (outcome.kind) {
    case "done":
    case "unproven":
      return isWithdrawn && (isSaid(open) || sending.withdraw === "delete")
        ? { kind: "over" }
        : { kind: "shown", content, shown };
    case "gone":
      log.info(about, "A message cannot be changed any more; what follows is told by a new one");
      return { kind: "over" };
    case "message_rejected":
      log.warn(about, "A change of a message was refused; it stays as it is");
      return { kind: isWithdrawn ? "over" : "shown" };
    case "destination_rejected":
      state.restsUntil = Math.max(state.restsUntil, now + PROBE_MS);
      await suspendDestination(context, outcome, { ...about, retryInMs: PROBE_MS }, now);
      return { kind: "again", at: now + PROBE_MS, attempted: false, reason: outcome.reason };
    case "retry_after": {
      const ms = Math.min(Math.max(outcome.afterMs, 0), LONGEST_REST_MS);
      state.restsUntil = Math.max(state.restsUntil, now + ms);
      return { kind: "again", at: now + ms, attempted: false, reason: outcome.reason };
    }
    case "retry":
    case "ambiguous": {
      if (attempts + 1 >= MAX_ATTEMPTS) {
        log.warn(about, "A message could not be changed for too long; it stays as it is");
        return { kind: isWithdrawn ? "over" : "shown" };
      }
      const ms = Math.round(((1 + clock.random()) / 2) * backOffMs(attempts));
      return { kind: "again", at: now + ms, attempted: true, reason: outcome.reason };
    }
    default:
      return outcome satisfies never;
  }
}
