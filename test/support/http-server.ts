import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The very bytes, for signatures. */
  readonly body: Buffer;
  /** When all of it was there. */
  readonly at: number;
}

/** How the server answers: a status, or whatever a misbehaving server does. */
export type Answer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer }
  | ((response: ServerResponse, socket: Socket) => void);

/** Certificate of the TLS server, valid for `localhost`; signed by nobody but itself. */
export const CERTIFICATE_FILE = new URL("../fixtures/tls/localhost-cert.pem", import.meta.url).pathname;

/** A real HTTP server on a free port of this machine. */
export interface HttpServer extends AsyncDisposable {
  readonly origin: string;
  readonly requests: readonly ReceivedRequest[];
  /** What the next requests get; the last answer stays. */
  answer(...answers: readonly Answer[]): void;
}

/** Answers 200 until told otherwise. */
export async function openHttpServer(options: { readonly tls?: boolean } = {}): Promise<HttpServer> {
  const requests: ReceivedRequest[] = [];
  let answers: Answer[] = [{ status: 200 }];
  const server: Server = options.tls
    ? createTlsServer({
        key: readFileSync(new URL("../fixtures/tls/localhost-key.pem", import.meta.url)),
        cert: readFileSync(CERTIFICATE_FILE),
      })
    : createServer();
  server.on("request", async (request, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const { method = "", url: path = "", headers } = request;
    requests.push({ method, path, headers, body: Buffer.concat(chunks), at: Date.now() });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof answer === "function") {
      answer(response, request.socket);
    } else {
      response.writeHead(answer?.status ?? 200, answer?.headers).end(answer?.body);
    }
  });
  // A test whose clock stands still may be slow by ours.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${options.tls ? "https" : "http"}://localhost:${port}`,
    requests,
    answer(...next) {
      answers = [...next];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An origin where nobody listens: the port was free a moment ago. */
export async function unusedOrigin(): Promise<string> {
  const { origin, ...server } = await openHttpServer();
  await server[Symbol.asyncDispose]();
  return origin;
}
