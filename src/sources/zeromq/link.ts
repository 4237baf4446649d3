import type * as ZeroMQ from "zeromq";

/** What became of a connection; each but `connected` is told once per outage. */
export type LinkState = "connected" | "disconnected" | "unreachable" | "refused" | "mismatched" | "not_zeromq";

/** How one endpoint is connected to. */
export interface LinkOptions {
  readonly endpoint: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly heartbeatMs: number;
  /** libzmq drops the connection to whoever sends a larger message. */
  readonly maxMessageBytes: number;
}

/** Whom a link tells. */
export interface LinkObserver {
  readonly state: (endpoint: string, state: LinkState) => void;
  readonly frame: (frame: Uint8Array, atMs: number) => void;
}

/**
 * One endpoint: its socket, and the connection that is kept up for as long as the link is open. A socket of its own, so that
 * what happens to one endpoint is no matter to another. The class refers to nothing outside of itself, because a worker
 * evaluates its text.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #observer: LinkObserver;
  readonly #socket: ZeroMQ.Subscriber;
  readonly #reported = new Set<LinkState>();
  #retry: NodeJS.Timeout | undefined;
  #retryMs = 1000;
  /** Somebody has taken the connection; what ends it then is not that there is no publisher. */
  #answered = false;
  /** Since when each handshake has ended without a word. */
  #muteSince: number | undefined;

  constructor(zeromq: typeof ZeroMQ, options: LinkOptions, observer: LinkObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#socket = new zeromq.Subscriber(this.#socketOptions());
  }

  /** Connects, and reads from then on; throws for an endpoint that libzmq cannot use. */
  open(): void {
    this.#listen();
    // MISP's own names are prefixes of one another, and liveness needs every frame: subscribe to all, choose later.
    this.#socket.subscribe("");
    this.#socket.connect(this.#options.endpoint);
    void this.#read();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#socket.close();
  }

  #socketOptions(): ConstructorParameters<typeof ZeroMQ.Subscriber>[0] {
    const { endpoint, username, password, heartbeatMs, maxMessageBytes } = this.#options;
    const heartbeatS = Math.max(1, Math.ceil(heartbeatMs / 1000));
    return {
      linger: 0,
      // For a thread that gets no CPU for some seconds. Past it MISP's publisher drops without a trace, which our queue does not.
      receiveHighWaterMark: 100_000,
      // mispzmq.py waits a second after it has bound its port, and then sends what it has kept: we must be there by then.
      // After a reload it does not wait at all.
      reconnectInterval: 25,
      reconnectMaxInterval: 400,
      // The kernel asks a host that does not answer again after 1 s, then after 3 s: a new connection asks sooner.
      connectTimeout: 1500,
      // A host that has vanished is found by its kernel's silence. A publisher that has only stopped keeps its connection,
      // and our subscription with it, for ten times as long: what it sends when it goes on arrives.
      tcpKeepalive: 1,
      tcpKeepaliveIdle: heartbeatS,
      tcpKeepaliveInterval: heartbeatS,
      tcpKeepaliveCount: 3,
      tcpMaxRetransmitTimeout: heartbeatMs * 3,
      heartbeatInterval: heartbeatMs,
      heartbeatTimeout: heartbeatMs * 30,
      maxMessageSize: maxMessageBytes,
      ipv6: endpoint.includes("["),
      plainUsername: username,
      plainPassword: password,
    };
  }

  #listen(): void {
    const { events } = this.#socket;
    events.on("handshake", () => this.#connected());
    events.on("disconnect", () => this.#disconnected());
    events.on("connect", () => {
      this.#answered = true;
    });
    events.on("connect:delay", () => clearTimeout(this.#retry));
    events.on("connect:retry", () => {
      clearTimeout(this.#retry);
      if (!this.#answered) {
        this.#report("unreachable");
      }
      this.#answered = false;
    });
    events.on("handshake:error:auth", () => this.#report("refused"));
    events.on("handshake:error:protocol", () => this.#report("mismatched"));
    events.on("handshake:error:other", () => this.#hungUp());
  }

  /**
   * A publisher that wants a password may hang up before it has said so, and say it at the next attempt: only one that never
   * says anything speaks something else.
   */
  #hungUp(): void {
    const now = performance.now();
    this.#muteSince ??= now;
    const isKnown = this.#reported.has("mismatched") || this.#reported.has("refused");
    // There are some forty attempts in a second.
    if (now - this.#muteSince >= 3000 && !isKnown) {
      this.#report("not_zeromq");
    }
  }

  #connected(): void {
    clearTimeout(this.#retry);
    this.#retryMs = 1000;
    this.#muteSince = undefined;
    this.#reported.clear();
    this.#report("connected");
  }

  #disconnected(): void {
    if (this.#reported.delete("connected")) {
      this.#report("disconnected");
    }
    if (!this.#socket.closed) {
      this.#reconnectUnlessLibzmqDoes();
    }
  }

  #report(state: LinkState): void {
    if (this.#reported.has(state)) {
      return;
    }
    this.#reported.add(state);
    this.#observer.state(this.#options.endpoint, state);
  }

  /**
   * libzmq gives up for good after a refusal, a mechanism mismatch, or a message above the size limit; all that is seen of it
   * is that no retry follows the disconnect.
   */
  #reconnectUnlessLibzmqDoes(): void {
    clearTimeout(this.#retry);
    const waitMs = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => {
      this.#socket.disconnect(this.#options.endpoint);
      this.#socket.connect(this.#options.endpoint);
      this.#retryMs = Math.min(this.#retryMs * 2, 60_000);
    }, waitMs);
  }

  /** A receive is pending at all times: libzmq sends the subscription again after a reconnect only from within one. */
  async #read(): Promise<void> {
    // The clock that all threads share: a worker's performance.now() has an origin of its own.
    const clock = () => Number(process.hrtime.bigint()) / 1e6;
    let yieldAt = 0;
    for (;;) {
      const parts = await this.#receive();
      if (!parts) {
        return;
      }
      const atMs = clock();
      const [only, ...more] = parts;
      this.#observer.frame(only && more.length === 0 ? only : Buffer.concat(parts), atMs);
      // While messages are waiting, receive() resolves without the event loop ever turning.
      if (atMs > yieldAt) {
        await new Promise((resolve) => setImmediate(resolve));
        yieldAt = clock() + 8;
      }
    }
  }

  async #receive(): Promise<Buffer[] | undefined> {
    try {
      return await this.#socket.receive();
    } catch (error) {
      if (this.#socket.closed) {
        return undefined;
      }
      throw error;
    }
  }
}
