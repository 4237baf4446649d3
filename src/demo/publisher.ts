import { XPublisher } from "zeromq";

/** What plays MISP: a publisher on the loopback interface. */
export interface Publisher extends AsyncDisposable {
  readonly endpoint: string;
  /** Resolves when somebody has subscribed; a frame that is sent before is lost, as it is with MISP. */
  readonly subscribed: Promise<void>;
  send(frame: string): Promise<void>;
}

/** Binds to a free port. MISP's socket is a PUB; an XPUB is the same on the wire, and tells when somebody subscribes. */
export async function openPublisher(): Promise<Publisher> {
  const socket = new XPublisher({ linger: 0, sendHighWaterMark: 0 });
  await socket.bind("tcp://127.0.0.1:*");
  return {
    endpoint: socket.lastEndpoint ?? "",
    subscribed: (async () => {
      for await (const [message] of socket) {
        if (message?.[0] === 1) {
          return;
        }
      }
    })(),
    send: (frame) => socket.send(frame),
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
}
