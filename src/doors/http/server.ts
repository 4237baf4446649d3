import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Address, formatAddress } from "../../base/address.ts";
import { EndpointError, REPORT_IT } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

/** Connections at a time; the next ones are closed unheard. */
const MAX_CONNECTIONS = 32;
/** For the request to arrive, and for a piece of the answer to be taken. */
const PATIENCE_MS = 10_000;
const MAX_HEADER_BYTES = 8_192;

/** What is answered to a GET. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** An HTTP server at work; disposing of it ends every connection. */
export interface Endpoint extends AsyncDisposable {
  /** With the port that the system chose, where that was left to it. */
  readonly address: Address;
}

/** What the server needs. */
export interface EndpointOptions {
  readonly listen: Address;
  readonly log: Log;
  /** Gives the page at a path, or undefined where there is none. */
  readonly pages: (path: string) => Promise<Page | undefined>;
  readonly patienceMs?: number;
}

/** An answer for programs. */
export function jsonPage(status: number, value: object): Page {
  return { status, type: "application/json; charset=utf-8", body: `${JSON.stringify(value)}\n` };
}

/** Answers GET and HEAD at an address, one request per connection; what keeps it from listening is an EndpointError. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { listen, log, patienceMs = PATIENCE_MS } = options;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      connectionsCheckingInterval: Math.ceil(patienceMs / 10),
    },
    (request, response) => void respond(request, response, options),
  );
  server.maxConnections = MAX_CONNECTIONS;
  // Also ends the connection of a reader who does not read.
  server.timeout = patienceMs;
  server.on("upgrade", (_, socket) => socket.destroy());
  await startListening(server, listen);
  server.on("error", (error) => log.error({ err: error, hint: REPORT_IT }, "The HTTP endpoint failed"));
  const bound = server.address();
  const address = typeof bound === "object" && bound ? { host: bound.address, port: bound.port } : listen;
  log.info({ address: formatAddress(address) }, "Listening for HTTP: /metrics, /healthz, /readyz");
  return {
    address,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(
  { method, url = "/" }: IncomingMessage,
  response: ServerResponse,
  { pages, log }: EndpointOptions,
): Promise<void> {
  const [path = "/"] = url.split("?", 1);
  let page: Page;
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    page = jsonPage(405, { error: "this endpoint can only be read: use GET" });
  } else {
    try {
      page = (await pages(path)) ?? jsonPage(404, { error: "there is nothing here; / lists what there is" });
    } catch (error) {
      log.error({ err: error, hint: REPORT_IT }, "A request to the HTTP endpoint failed");
      page = jsonPage(500, { error: "it failed; the log of misp-herald says why" });
    }
  }
  response
    .writeHead(page.status, {
      "content-type": page.type,
      "content-length": Buffer.byteLength(page.body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      // Connections are few: none is kept.
      connection: "close",
    })
    .end(method === "HEAD" ? undefined : page.body);
}

async function startListening(server: Server, listen: Address): Promise<void> {
  try {
    await new Promise<void>((listening, failed) => {
      server.once("error", failed);
      server.listen({ host: listen.host, port: listen.port }, () => {
        server.off("error", failed);
        listening();
      });
    });
  } catch (error) {
    throw inWords(error, listen);
  }
}

function inWords(error: unknown, { host, port }: Address): EndpointError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const why = () => {
    switch (code) {
      case "EADDRINUSE":
        return "another program listens there; end it, or set http.listen to another port";
      case "EACCES":
      case "EPERM":
        return port < 1024
          ? "ports below 1024 are for root; set http.listen to a port above, such as 9642"
          : "permission denied; set http.listen to another address";
      case "EADDRNOTAVAIL":
      case "EAFNOSUPPORT":
        return "this machine does not have that address; correct http.listen";
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return "the name has no address; set http.listen to an address";
      default:
        return `${String(code ?? "it failed")}; correct http.listen`;
    }
  };
  return new EndpointError(`Cannot listen for HTTP at ${formatAddress({ host, port })}: ${why()}`, { cause: error });
}
