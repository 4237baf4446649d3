import type { Log } from "../../base/log.ts";
import type { EndpointStatus } from "../source.ts";
import type { LinkState } from "./link.ts";

/** The endpoints of a feed: which are connected, and what is wrong with the others. */
export class Endpoints {
  readonly #names: readonly string[];
  readonly #hasCredentials: boolean;
  readonly #log: Log;
  readonly #instance: string;
  readonly #connected = new Set<string>();
  readonly #troubles = new Map<string, NonNullable<EndpointStatus["trouble"]>>();
  readonly #seen = new Set<string>();

  constructor(
    names: readonly string[],
    {
      instance,
      log,
      hasCredentials,
    }: { readonly instance: string; readonly log: Log; readonly hasCredentials: boolean },
  ) {
    this.#names = names;
    this.#instance = instance;
    this.#log = log;
    this.#hasCredentials = hasCredentials;
  }

  /** Says what has become of a connection; true: it is back, and what came meanwhile was missed. */
  note(endpoint: string, state: LinkState): boolean {
    const isUp = state === "connected";
    const isBack = isUp && this.#seen.has(endpoint);
    const { level, reason, again, hint } = describe(state, this.#hasCredentials);
    const how = hint !== undefined ? { hint } : {};
    if (isUp) {
      this.#seen.add(endpoint);
      this.#connected.add(endpoint);
      this.#troubles.delete(endpoint);
    } else {
      this.#connected.delete(endpoint);
      this.#troubles.set(endpoint, { reason, ...how });
    }
    const told = again === undefined ? reason : `${reason}; ${again}`;
    this.#log[level]({ instance: this.#instance, endpoint, ...how }, told);
    return isBack;
  }

  /** Nothing is connected any more, by our own doing. */
  clear(): void {
    this.#connected.clear();
    this.#troubles.clear();
  }

  get status(): readonly EndpointStatus[] {
    return this.#names.map((endpoint) => {
      const trouble = this.#troubles.get(endpoint);
      return { endpoint, connected: this.#connected.has(endpoint), ...(trouble && { trouble }) };
    });
  }
}

/** What to tell an operator, and when it is tried again. Never a value of the credentials. */
interface Told {
  readonly level: "info" | "warn" | "error";
  readonly reason: string;
  readonly again?: string;
  readonly hint?: string;
}

const SELDOM = "trying again, at least every 60 s";

function describe(state: LinkState, hasCredentials: boolean): Told {
  switch (state) {
    case "connected":
      return { level: "info", reason: "Connected to MISP's ZeroMQ feed" };
    case "disconnected":
      return { level: "warn", reason: "Lost the connection to MISP's ZeroMQ feed", again: "trying again" };
    case "unreachable":
      return {
        level: "warn",
        reason: "Cannot reach MISP's ZeroMQ feed",
        again: "trying again, at least every 2 s",
        hint: "check the endpoint, that mispzmq.py runs there, and that Plugin.ZeroMQ_host lets this host connect",
      };
    case "refused":
      return {
        level: "error",
        reason: "MISP refused the ZeroMQ user name or password",
        again: SELDOM,
        hint: "check username and password of the feed against Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
      };
    case "mismatched":
      return hasCredentials
        ? {
            level: "error",
            reason: "MISP's ZeroMQ feed has no user name and password, but ours has",
            again: SELDOM,
            hint: "set Plugin.ZeroMQ_username and Plugin.ZeroMQ_password in MISP, or remove them here",
          }
        : {
            level: "error",
            reason: "MISP's ZeroMQ feed asks for a user name and password",
            again: SELDOM,
            hint: "set username and password of the feed to Plugin.ZeroMQ_username and Plugin.ZeroMQ_password",
          };
    case "not_zeromq":
      return {
        level: "warn",
        reason: "The connection is accepted, but what answers does not speak ZeroMQ as MISP does",
        again: "trying again",
        hint: "check the port of the endpoint, and whether MISP asks for a user name (Plugin.ZeroMQ_username)",
      };
    default:
      return state satisfies never;
  }
}
