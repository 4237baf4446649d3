import type { Wakeups } from "../absorbing/absorb.ts";
import { recallRefused, reconciled } from "../absorbing/herald.ts";
import type { Secret } from "../base/secret.ts";
import { Wakeup } from "../base/wakeup.ts";
import type { Config } from "../config/schema.ts";
import { type MispApi, openMispApi } from "../misp-api/client.ts";
import { Budget, PROBE_MS } from "../recall/budget.ts";
import type { ConfirmWorker, EventInQuestion } from "../recall/confirm.ts";
import type { EventAnswer } from "../recall/question.ts";
import type { RecallWorker } from "../recall/recall.ts";
import type { ReconcileWorker } from "../recall/reconcile.ts";
import type { ThreadAnswer } from "../recall/threads.ts";
import { confirmEvents } from "./confirming.ts";
import type { PartsContext, PreviousParts } from "./parts-context.ts";

/** An event of a hundred thousand attributes takes MISP a while. */
const API_TIMEOUT_MS = 60_000;

/** An instance whose REST API can be asked. */
export interface AskedInstance {
  readonly instance: string;
  readonly options: Config["misp"][string];
  readonly url: URL;
  readonly apiKey: Secret;
}

/** What asks one instance; whoever opened it closes `api`. */
export interface InstanceLoops {
  readonly instance: string;
  readonly api: MispApi;
  readonly budget: Budget;
  readonly confirm: ConfirmWorker;
  readonly recall: RecallWorker;
  readonly reconcile: ReconcileWorker;
  /** The account that we ask with, once MISP has told it. */
  readonly account: () => string | undefined;
}

/** The instances of which a publication is confirmed before anybody is told of it. */
export function confirmingInstances(config: Config): ReadonlySet<string> {
  return new Set(
    askedInstances(config).flatMap(({ instance, options }) => (options.recall.confirm === "first" ? [instance] : [])),
  );
}

/** The instances of a configuration that name a URL and a key. */
export function askedInstances({ misp }: Config): readonly AskedInstance[] {
  return Object.entries(misp).flatMap(([instance, options]) => {
    const { url, api_key: apiKey } = options;
    return url && apiKey ? [{ instance, options, url, apiKey }] : [];
  });
}

/** Opens the two loops that ask one instance; it does no I/O. The account that the same key had before is still its account. */
export function openInstanceLoops(
  { instance, options, url, apiKey }: AskedInstance,
  wakeups: Wakeups,
  context: Pick<PartsContext, "log" | "clock" | "notices" | "reconciled" | "unconfirmed">,
  before?: Pick<PreviousParts, "config" | "parts">,
): InstanceLoops {
  const { log, clock } = context;
  const api = openMispApi({ url, apiKey, timeoutMs: API_TIMEOUT_MS, now: clock.now, log, caFile: options.ca_file });
  const ask = (event: string, signal: AbortSignal, withDeleted?: boolean) => askEvent(api, event, signal, withDeleted);
  const account = new Account(
    instance,
    api,
    log,
    isSameKey(before?.config.misp[instance], url, apiKey) ? before?.parts.accounts.get(instance)?.() : undefined,
  );
  const { settle: settleMs, per_minute: perMinute, patience: patienceMs } = options.recall;
  const { confirm: confirmFirst, within: withinMs, otherwise } = options.recall;
  const budget = new Budget({
    instance,
    perMinute,
    clock,
    log,
    refused: (refusal) => context.notices?.say(recallRefused(instance, { ...refusal, probeMs: PROBE_MS }, clock.now())),
  });
  return {
    instance,
    api,
    account: () => account.id,
    budget,
    confirm: {
      instance,
      ...(confirmFirst !== "never" && {
        asking: {
          budget,
          confirm: (events: readonly EventInQuestion[], signal: AbortSignal) =>
            confirmEvents(api, budget, events, signal),
          ...(otherwise === "tell" && { withinMs }),
        },
      }),
      unanswered: (n) => tellUnconfirmed(instance, n, context),
      log,
    },
    recall: {
      ...{ instance, ask, settleMs, patienceMs, budget, log },
      thread: (id, signal) => askThread(api, id, signal),
      sighters: (id, signal) => api.sighters(id, signal),
    },
    reconcile: {
      instance,
      budget,
      learn: (signal) => account.learn(signal),
      published: (since, page, signal) => api.publishedSince(Math.floor(since / 1000), page, signal),
      ask,
      everyMs: options.reconcile.every,
      maxAgeMs: options.reconcile.max_age,
      patienceMs,
      wakeup: wakeups.instances.get(instance)?.reconcile ?? new Wakeup(),
      log,
      done: (late, sinceAt) => tellReconciled(instance, late, sinceAt, context),
    },
  };
}

/** Asks for an event; that the key does not see it is a decision. */
async function askEvent(api: MispApi, event: string, signal: AbortSignal, withDeleted?: boolean): Promise<EventAnswer> {
  const answer = await api.event(event, signal, withDeleted);
  if (answer.kind !== "not-found") {
    return answer;
  }
  return {
    kind: "refused",
    reason: "event-not-found",
    ...(answer.hint !== undefined && { hint: answer.hint }),
  };
}

/** Asks for a discussion; that the key does not see it is a decision, and says nothing of the key. */
export async function askThread(api: Pick<MispApi, "thread">, id: string, signal: AbortSignal): Promise<ThreadAnswer> {
  const answer = await api.thread(id, signal);
  const isHidden =
    answer.kind === "not-found" ||
    (answer.kind === "forbidden" && answer.reason === "no-permission") ||
    (answer.kind === "retry" && answer.detail === "http-405");
  return isHidden ? { kind: "refused", reason: "distribution-unknown", hint: HIDDEN_THREAD } : answer;
}

const HIDDEN_THREAD =
  "the discussion is hidden from the key's user: use the key of a user who may see what is to be told";

function isSameKey(before: Config["misp"][string] | undefined, url: URL, apiKey: Secret): boolean {
  return before?.url?.href === url.href && before.api_key?.reveal() === apiKey.reveal();
}

/** Whose key it is, asked until MISP has told it once. */
class Account {
  readonly #instance: string;
  readonly #api: MispApi;
  readonly #log: PartsContext["log"];
  #id: string | undefined;

  constructor(instance: string, api: MispApi, log: PartsContext["log"], id?: string) {
    this.#instance = instance;
    this.#api = api;
    this.#log = log;
    this.#id = id;
  }

  get id(): string | undefined {
    return this.#id;
  }

  async learn(signal: AbortSignal): Promise<void> {
    if (this.#id !== undefined) {
      return;
    }
    const told = await this.#api.whoami(signal);
    if (told.kind !== "key") {
      return;
    }
    this.#id = told.userId ?? "";
    if (!told.writes) {
      return;
    }
    const hint = "a read-only key is enough, and so is a role that may only read";
    this.#log.info({ instance: this.#instance, hint }, "The role of the API key may change events in MISP");
  }
}

function tellUnconfirmed(
  instance: string,
  n: number,
  { notices, unconfirmed: told }: Pick<PartsContext, "notices" | "unconfirmed">,
): void {
  told?.(instance, n);
  notices?.unconfirmed(instance, n);
}

function tellReconciled(
  instance: string,
  late: number,
  sinceAt: number,
  { clock, notices, reconciled: found }: Pick<PartsContext, "clock" | "notices" | "reconciled">,
): void {
  found?.(instance, late);
  if (late > 0) {
    notices?.say(reconciled(instance, { late, sinceAt }, clock.now()));
  }
}
