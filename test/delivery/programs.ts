import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { openLog } from "../../src/base/log.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { deliver } from "../../src/delivery/deliver.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { openDeliveryState } from "../../src/delivery/settle.ts";
import { DestinationEntry } from "../../src/destinations/index.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Message } from "../../src/model/message.ts";
import type { RecordLine, Store } from "../../src/model/outbox.ts";
import { keysOf, plan, type Rules } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { type HttpServer, openHttpServer, type ReceivedRequest } from "../support/http-server.ts";

type OpenStore = Store & { readonly ledger: Ledger };

/** The body of a request, as far as tests look at it. */
export interface Told {
  readonly id: string;
  readonly part: number;
  readonly parts: number;
  readonly entries: readonly {
    readonly title: string;
    readonly indicators?: readonly { readonly uuid: string; readonly value: string; readonly news?: string }[];
    readonly removed?: readonly { readonly value: string }[];
    readonly objects?: readonly { readonly uuid: string }[];
    readonly counts: { readonly attributes: number; readonly removed?: number };
    readonly changed?: Readonly<Record<string, unknown>>;
    readonly lines?: readonly { readonly text: string }[];
    readonly truncated?: object;
  }[];
}

/** A webhook to a real server, and a real state file, in which messages are planned and from which they are delivered. */
export class Service {
  readonly server: HttpServer;
  readonly path: string;
  readonly rules: Rules;
  readonly records: RecordLine[] = [];
  readonly options: Readonly<Record<string, unknown>>;
  store: OpenStore;

  private constructor(server: HttpServer, path: string, store: OpenStore, options: Readonly<Record<string, unknown>>) {
    this.server = server;
    this.path = path;
    this.store = store;
    this.options = options;
    this.rules = {
      routes: compileRoutes([
        RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soar", group: { interval: "0s", show: 3 } }),
      ]),
      destinations: new Map([["soar", this.#configured]]),
    };
  }

  static async open(options: Readonly<Record<string, unknown>> = {}): Promise<Service> {
    const directory = await mkdtemp(join(tmpdir(), "herald-programs-"));
    const server = await openHttpServer();
    const path = join(directory, "state.db");
    const service = new Service(server, path, await openSqliteStore({ path }), options);
    onTestFinished(async () => {
      await service.store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });
    return service;
  }

  get #configured() {
    return DestinationEntry.parse({
      type: "webhook",
      url: `${this.server.origin}/hook`,
      guard: { max_tlp: "amber", also: ["audit"] },
      ...this.options,
    });
  }

  async plan(...messages: readonly Message[]): Promise<void> {
    const now = Date.now();
    const { effects } = plan(messages, await this.store.load(keysOf(messages)), now, this.rules);
    await this.store.commit(effects, now);
  }

  /** Delivers until nothing is owed, or for `requests` requests. */
  async run(requests = Number.POSITIVE_INFINITY): Promise<void> {
    const stop = new AbortController();
    const log = openLog("error", { write: () => {} });
    const destination = this.#configured.open({ name: "soar", log, now: Date.now, stdout: process.stdout });
    let left = requests;
    const counted = {
      ...destination,
      send: async (...args: Parameters<typeof destination.send>) => {
        const outcome = await destination.send(...args);
        left -= 1;
        if (left <= 0) {
          stop.abort();
        }
        return outcome;
      },
    };
    const wakeup = new Wakeup();
    const running = deliver(
      {
        store: this.store,
        destination: counted,
        breaker: new Holds(this.store.ledger).breaker("soar"),
        state: openDeliveryState(Date.now()),
        sending: {
          guard: this.#configured.guard,
          routes: this.rules.routes,
          links: new Map(),
          program: true,
        },
        maxAgeMs: 86_400_000,
        wakeup,
        clock: { ...systemClock, random: () => 0 },
        log,
        observer: { settled: (line) => void this.records.push(line), attempted: () => {} },
      },
      stop.signal,
      new AbortController().signal,
    );
    while (!stop.signal.aborted && (await this.store.owed()).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop.abort();
    await running;
    await destination[Symbol.asyncDispose]();
  }

  /** As a process does that was killed: another opens the file. */
  async restart(): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    this.store = await openSqliteStore({ path: this.path });
  }

  get told(): readonly Told[] {
    return this.server.requests.map(({ body }) => JSON.parse(body.toString("utf8")));
  }
}

/** What makes two requests the same. */
export function copyOf({ headers, body }: ReceivedRequest): string {
  return `${headers["webhook-id"]} ${body.toString("utf8")}`;
}
