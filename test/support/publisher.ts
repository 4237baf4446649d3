import { Reply, XPublisher } from "zeromq";

/** MISP's publisher: a PUB socket with one frame per message, `topic SPACE json`, and optionally a user name and password. */
export interface TestPublisher extends AsyncDisposable {
  readonly endpoint: string;
  /** Resolves when at least `count` subscribers are there. */
  subscribed(count?: number): Promise<void>;
  /** Resolves when there are none. */
  unsubscribed(): Promise<void>;
  send(topic: string, payload: unknown): Promise<void>;
  sendRaw(bytes: Uint8Array | string): Promise<void>;
  /** Closes the socket, and binds a new one to the same port; nobody is subscribed then. */
  restart(): Promise<void>;
  /** From now on these are right; connections that exist stay. */
  allow(username: string, password: string): void;
}

export interface PublisherOptions {
  /** 0 or absent: a free one. */
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
}

export async function openPublisher({ port = 0, username, password }: PublisherOptions = {}): Promise<TestPublisher> {
  const authenticated = username !== undefined;
  const domain = `publisher-${++opened}`;
  if (authenticated) {
    await ZAP.add(domain, { username, password: password ?? "" });
  }

  let subscribers = 0;
  /** The socket of this moment; what an earlier one still says of its subscribers does not count. */
  let current: XPublisher | undefined;
  let waiting: (() => void)[] = [];

  async function bind(address: string): Promise<XPublisher> {
    const bound = new XPublisher({
      linger: 0,
      sendHighWaterMark: 0,
      verbosity: "allSubsUnsubs",
      ...(authenticated ? { plainServer: true, zapDomain: domain } : {}),
    });
    await bindWhenFree(bound, address);
    current = bound;
    void countSubscribers(bound);
    return bound;
  }

  async function countSubscribers(bound: XPublisher): Promise<void> {
    for await (const [message] of bound) {
      if (bound !== current) {
        return;
      }
      subscribers += message?.[0] === 1 ? 1 : -1;
      const wake = waiting;
      waiting = [];
      for (const resolve of wake) {
        resolve();
      }
    }
  }

  let socket = await bind(`tcp://127.0.0.1:${port === 0 ? "*" : port}`);
  const endpoint = socket.lastEndpoint ?? "";

  const sendRaw = (bytes: Uint8Array | string) => socket.send(bytes);
  return {
    endpoint,
    sendRaw,
    send: (topic, payload) => sendRaw(`${topic} ${JSON.stringify(payload)}`),
    async subscribed(count = 1) {
      while (subscribers < count) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async unsubscribed() {
      while (subscribers > 0) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async restart() {
      socket.close();
      current = undefined;
      subscribers = 0;
      socket = await bind(endpoint);
    },
    allow(rightUsername, rightPassword) {
      ZAP.allow(domain, { username: rightUsername, password: rightPassword });
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      if (authenticated) {
        ZAP.remove(domain);
      }
    },
  };
}

let opened = 0;

/** libzmq gives an address back only some time after close(). */
async function bindWhenFree(socket: XPublisher | Reply, address: string): Promise<void> {
  for (let left = 250; ; left--) {
    try {
      return await socket.bind(address);
    } catch (error) {
      const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (left === 0 || !inUse) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Answers libzmq's questions who may connect (ZAP, RFC 27): one for the process, and each publisher is a domain. */
const ZAP = (() => {
  const domains = new Map<string, Credentials>();
  let replies: { readonly socket: Reply; readonly bound: Promise<void> } | undefined;

  async function answer(socket: Reply): Promise<void> {
    for await (const request of socket) {
      const [, id, domain, , , mechanism, username, password] = request.map(String);
      const right = domains.get(domain ?? "");
      const passes = mechanism === "PLAIN" && right?.username === username && right?.password === password;
      await socket.send(["1.0", id ?? "", passes ? "200" : "400", "", "", ""]);
    }
  }

  return {
    async add(domain: string, credentials: Credentials): Promise<void> {
      domains.set(domain, credentials);
      if (!replies) {
        const socket = new Reply({ linger: 0 });
        replies = { socket, bound: bindWhenFree(socket, "inproc://zeromq.zap.01").then(() => void answer(socket)) };
      }
      await replies.bound;
    },
    allow(domain: string, credentials: Credentials): void {
      domains.set(domain, credentials);
    },
    remove(domain: string): void {
      domains.delete(domain);
      if (domains.size > 0) {
        return;
      }
      replies?.socket.close();
      replies = undefined;
    },
  };
})();
