import type * as Threads from "node:worker_threads";
import type * as ZeroMQ from "zeromq";
import type { FrameQueue, QueuedFrame } from "../frame-queue.ts";

/** What the receiving thread is started with. */
export interface ReceiveOptions {
  readonly endpoints: readonly string[];
  readonly username: string | null;
  readonly password: string | null;
  readonly heartbeatMs: number;
  readonly queueBytes: number;
  /** Becomes 1 when the thread has ended, for a main thread that cannot wait in any other way. */
  readonly ended: Int32Array<SharedArrayBuffer>;
}

/** What became of a connection; each but `connected` is told once per outage. */
export type LinkState = "connected" | "disconnected" | "unreachable" | "refused" | "mismatched" | "not_zeromq";

export type FromReceiver =
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "link"; readonly endpoint: string; readonly state: LinkState }
  | {
      readonly type: "frames";
      readonly frames: readonly QueuedFrame[];
      /** Totals since the start; `dropped` only when it has changed. */
      readonly received: number;
      readonly lastAtMs: number;
      readonly dropped?: Readonly<Record<string, number>>;
    };

export type ToReceiver = { readonly type: "consumed"; readonly cost: number } | { readonly type: "close" };

/**
 * The receiving thread: owns the sockets, reads them without ever waiting for anybody, and hands frames over as fast as
 * the main thread consumes them.
 *
 * A thread, because libzmq needs the application to serve its socket: it sends the subscription again after a reconnect
 * only from there, so that a main thread that is busy while MISP's publisher restarts loses all of its backlog
 * (bench/README.md has the numbers).
 *
 * The function refers to nothing outside of itself, because the thread evaluates its text: a worker cannot be started from
 * this file, which is TypeScript under the test runner and JavaScript in the package, and Node 20 loads only the latter.
 */
export function receive(Queue: typeof FrameQueue, threads: typeof Threads, zeromq: typeof ZeroMQ): void {
  const port = threads.parentPort;
  if (!port) {
    throw new Error("receive() runs in a worker thread only");
  }
  const options: ReceiveOptions = threads.workerData;
  const post = (message: FromReceiver, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

  const queue = new Queue(options.queueBytes);
  // Handed over but not yet consumed: enough to keep the main thread busy, little enough to leave the rest to the queue.
  const window = Math.min(2 ** 20, options.queueBytes / 4);
  let received = 0;
  let lastAtMs = 0;
  let told = { received: 0, drops: 0 };
  let flushing = false;
  const closes: (() => void)[] = [];
  let closed = false;
  // The clock that all threads share: a worker's performance.now() has an origin of its own.
  const clock = () => Number(process.hrtime.bigint()) / 1e6;

  // The thread ends by itself once nothing is open. Ending it in any other way while a receive is pending, be it terminate()
  // or an error, aborts the whole process.
  function close(): void {
    if (closed) {
      return;
    }
    closed = true;
    clearInterval(totals);
    for (const closeSocket of closes) {
      closeSocket();
    }
    port?.close();
  }

  process.on("uncaughtException", (error) => {
    post({ type: "failed", reason: error.message });
    close();
  });
  process.on("exit", () => {
    Atomics.store(options.ended, 0, 1);
    Atomics.notify(options.ended, 0);
  });

  function tell(frames: readonly QueuedFrame[]): void {
    const news = queue.drops === told.drops ? {} : { dropped: queue.dropped };
    told = { received, drops: queue.drops };
    post(
      { type: "frames", frames, received, lastAtMs, ...news },
      frames.map((frame) => frame.bytes.buffer),
    );
  }

  function flush(): void {
    flushing = false;
    for (let frames = queue.take(64, window); frames.length > 0; frames = queue.take(64, window)) {
      tell(frames);
    }
  }

  // The totals go on when no frame does, because the main thread consumes none.
  const totals = setInterval(() => {
    if (told.received !== received || told.drops !== queue.drops) {
      tell([]);
    }
  }, 250);

  async function read(socket: ZeroMQ.Subscriber): Promise<void> {
    let yieldAt = 0;
    for (;;) {
      const parts = await socket.receive().catch((error: unknown) => {
        if (socket.closed) {
          return undefined;
        }
        throw error;
      });
      if (!parts) {
        return;
      }
      received++;
      lastAtMs = clock();
      const [only, ...more] = parts;
      queue.push(only && more.length === 0 ? only : Buffer.concat(parts), lastAtMs);
      if (!flushing) {
        flushing = true;
        setImmediate(flush);
      }
      // While messages are waiting, receive() resolves without the event loop ever turning.
      if (clock() > yieldAt) {
        await new Promise((resolve) => setImmediate(resolve));
        yieldAt = clock() + 8;
      }
    }
  }

  /** A socket for each endpoint, so that what happens to one is no matter to another. */
  function open(endpoint: string): void {
    const socket = new zeromq.Subscriber({
      linger: 0,
      // For a thread that gets no CPU for some seconds. Past it MISP's publisher drops without a trace, which our queue does not.
      receiveHighWaterMark: 100_000,
      reconnectInterval: 100,
      reconnectMaxInterval: 5000,
      heartbeatInterval: options.heartbeatMs,
      heartbeatTimeout: options.heartbeatMs * 3,
      tcpKeepalive: 1,
      maxMessageSize: 2 ** 28,
      ipv6: endpoint.includes("["),
      plainUsername: options.username,
      plainPassword: options.password,
    });
    const backoff = { leastMs: 1000, mostMs: 60_000 };
    const reported = new Set<LinkState>();
    let retry: NodeJS.Timeout | undefined;
    let retryMs = backoff.leastMs;

    function report(state: LinkState): void {
      if (reported.has(state)) {
        return;
      }
      reported.add(state);
      post({ type: "link", endpoint, state });
    }

    // libzmq gives up for good after a refusal, a mechanism mismatch, or a message above the size limit; all that is seen of
    // it is that no retry follows the disconnect.
    function reconnectUnlessLibzmqDoes(): void {
      clearTimeout(retry);
      retry = setTimeout(
        () => {
          socket.disconnect(endpoint);
          socket.connect(endpoint);
          retryMs = Math.min(retryMs * 2, backoff.mostMs);
        },
        retryMs * (0.5 + Math.random() / 2),
      );
    }

    closes.push(() => {
      clearTimeout(retry);
      socket.close();
    });

    const { events } = socket;
    events.on("handshake", () => {
      clearTimeout(retry);
      retryMs = backoff.leastMs;
      reported.clear();
      post({ type: "link", endpoint, state: "connected" });
      reported.add("connected");
    });
    events.on("disconnect", () => {
      if (reported.delete("connected")) {
        report("disconnected");
      }
      if (!socket.closed) {
        reconnectUnlessLibzmqDoes();
      }
    });
    events.on("connect:delay", () => clearTimeout(retry));
    events.on("connect:retry", () => {
      clearTimeout(retry);
      report("unreachable");
    });
    events.on("handshake:error:auth", () => report("refused"));
    events.on("handshake:error:protocol", () => report("mismatched"));
    events.on("handshake:error:other", () => report("not_zeromq"));

    // MISP's own names are prefixes of one another, and liveness needs every frame: subscribe to all, choose later.
    socket.subscribe("");
    socket.connect(endpoint);
    void read(socket);
  }

  port.on("message", (message: ToReceiver) => {
    if (message.type === "consumed") {
      queue.release(message.cost);
      flush();
    } else {
      close();
    }
  });

  for (const endpoint of options.endpoints) {
    open(endpoint);
  }
}
