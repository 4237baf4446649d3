import { describe, expect, it } from "vitest";
import type { Log } from "../../src/base/log.ts";
import type { Destination, Outcome } from "../../src/model/payload.ts";
import { captureLog } from "./captured-log.ts";
import { eventually } from "./eventually.ts";
import { type Answer, openHttpServer, unusedOrigin } from "./http-server.ts";
import { payload, publication } from "./payloads.ts";

/** In the URL of every destination under test; it must not come out of it. */
export const URL_SECRET = "T0P-SECRET-PATH";

export interface OpenForTest {
  /** Base URL of the server; the destination is to post below it to a path with URL_SECRET in it. */
  readonly origin: string;
  readonly timeoutMs: number;
  readonly log: Log;
  readonly now: () => number;
}

const NOW = Date.UTC(2026, 10, 20, 14, 2, 11);
const IN_TWO_MINUTES = new Date(NOW + 120_000).toUTCString();

function status(code: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: code, headers, body: "the body of an answer" };
}

/** What a server does, and what that is to a destination that can tell no more from an answer than its status. */
export const DEFAULT_OUTCOMES = {
  "200": [status(200), { kind: "done" }],
  "201": [status(201), { kind: "done" }],
  "202": [status(202), { kind: "unproven" }],
  "204": [{ status: 204 }, { kind: "unproven" }],
  "301": [
    status(301, { location: "http://localhost:9/elsewhere" }),
    { kind: "destination_rejected", reason: "redirect", detail: "http-301" },
  ],
  "307": [
    status(307, { location: "/elsewhere" }),
    { kind: "destination_rejected", reason: "redirect", detail: "http-307" },
  ],
  "400": [status(400), { kind: "message_rejected", reason: "http-400" }],
  "401": [status(401), { kind: "destination_rejected", reason: "http-401" }],
  "403": [status(403), { kind: "destination_rejected", reason: "http-403" }],
  "404": [status(404), { kind: "destination_rejected", reason: "http-404" }],
  "408": [status(408), { kind: "retry", reason: "http-408" }],
  "410": [status(410), { kind: "destination_rejected", reason: "http-410" }],
  "413": [status(413), { kind: "message_rejected", reason: "http-413" }],
  "415": [status(415), { kind: "message_rejected", reason: "http-415" }],
  "422": [status(422), { kind: "message_rejected", reason: "http-422" }],
  "425": [status(425), { kind: "retry", reason: "http-425" }],
  "429": [status(429), { kind: "retry_after", afterMs: 30_000, reason: "http-429" }],
  "429, seconds": [status(429, { "retry-after": "7" }), { kind: "retry_after", afterMs: 7000, reason: "http-429" }],
  "429, date": [
    status(429, { "retry-after": IN_TWO_MINUTES }),
    { kind: "retry_after", afterMs: 120_000, reason: "http-429" },
  ],
  "429, a year": [
    status(429, { "retry-after": "31536000" }),
    { kind: "retry_after", afterMs: 3_600_000, reason: "http-429" },
  ],
  "429, nonsense": [
    status(429, { "retry-after": "-5; soon" }),
    { kind: "retry_after", afterMs: 30_000, reason: "http-429" },
  ],
  "500": [status(500), { kind: "retry", reason: "http-500" }],
  "502": [status(502), { kind: "ambiguous", reason: "http-502" }],
  "503": [status(503), { kind: "retry", reason: "http-503" }],
  "503, seconds": [status(503, { "retry-after": "9" }), { kind: "retry_after", afterMs: 9000, reason: "http-503" }],
  "504": [status(504), { kind: "ambiguous", reason: "http-504" }],
  "reset before an answer": [
    (_, socket) => socket.destroy(),
    { kind: "ambiguous", reason: "connection-lost", detail: "UND_ERR_SOCKET" },
  ],
  "no HTTP": [(_, socket) => socket.end("SSH-2.0-OpenSSH_9.9\r\n"), { kind: "ambiguous", reason: "bad-answer" }],
  "never answers": [() => {}, { kind: "ambiguous", reason: "timeout", detail: "TimeoutError" }],
  "10 MB in the answer": [{ status: 200, body: Buffer.alloc(10_000_000, "x") }, { kind: "done" }],
} as const satisfies Record<string, readonly [Answer, Outcome]>;

export type Situation = keyof typeof DEFAULT_OUTCOMES;

/** A destination under test, and what there is at its other side. */
export interface DestinationUnderTest extends AsyncDisposable {
  readonly destination: Destination;
  /** What it has logged. */
  readonly lines: readonly string[];
  /** How often something of it has arrived; an attempt that is never answered counts, too. */
  arrived(): number;
}

/** What every destination promises, whatever it talks. `open` is told whether its other side takes all, or never answers. */
export function describeDestination(
  name: string,
  open: (otherSide: "takes" | "silent") => Promise<DestinationUnderTest>,
  {
    outcome = { kind: "done" },
    secrets = [],
  }: { readonly outcome?: Outcome; readonly secrets?: readonly string[] } = {},
): void {
  const running = () => new AbortController().signal;

  describe(`${name}, as every destination`, () => {
    it("makes one attempt, and tells its outcome without content and secrets", async () => {
      await using opened = await open("takes");
      const { destination, lines } = opened;
      const got = await destination.send(payload([publication()]), running());
      expect(got).toMatchObject(outcome);
      expect(opened.arrived()).toBe(1);
      const said = JSON.stringify(got) + lines.join("");
      for (const secret of [URL_SECRET, "bad.example", "bad[.]example", ...secrets]) {
        expect(said).not.toContain(secret);
      }
    });

    it("sends a message as title and link when it is told to", async () => {
      await using opened = await open("takes");
      expect(await opened.destination.send({ ...payload([publication()]), minimal: true }, running())).toMatchObject(
        outcome,
      );
    });

    it("stops at once when it is told to, with the reason it was given", async () => {
      await using opened = await open("silent");
      const { destination } = opened;
      const control = new AbortController();
      const reason = new Error("the daemon stops");
      const sending = destination.send(payload([publication()]), control.signal).then(
        () => undefined,
        (error: unknown) => error,
      );
      await eventually(() => opened.arrived() === 1);
      control.abort(reason);
      expect(await sending).toBe(reason);
      await expect(destination.send(payload([publication()]), control.signal)).rejects.toBe(reason);
      expect(opened.arrived()).toBe(1);
    });

    it("shows a preview, and sends nothing by it", async () => {
      await using opened = await open("takes");
      const { body, html, sizes } = await opened.destination.preview(payload([publication()]));
      expect(body).toContain("Emotet");
      expect(html).toContain("default-src 'none'");
      expect(sizes.every(({ used, limit }) => used <= limit)).toBe(true);
      expect(opened.arrived()).toBe(0);
    });

    it("can be closed without ever having sent", async () => {
      const { destination, lines, ...rest } = await open("takes");
      await destination[Symbol.asyncDispose]();
      expect(lines).toEqual([]);
      await rest[Symbol.asyncDispose]();
    });
  });
}

/** What every destination that talks HTTP promises beside that; `outcomes` has what differs for this one. */
export function describeHttpDestination(
  name: string,
  open: (context: OpenForTest) => Destination,
  outcomes: Readonly<Partial<Record<Situation | "refused" | "self-signed certificate", Outcome>>> = {},
  secrets: readonly string[] = [],
): void {
  const deliver = async (origin: string, timeoutMs: number) => {
    const { log, lines } = captureLog();
    await using destination = open({ origin, timeoutMs, log, now: () => NOW });
    const outcome = await destination.send(payload([publication()]), new AbortController().signal);
    const said = JSON.stringify(outcome) + lines.join("");
    for (const secret of [URL_SECRET, "the body of an answer", "bad.example", "bad[.]example", ...secrets]) {
      expect(said).not.toContain(secret);
    }
    return outcome;
  };

  const under = async (otherSide: "takes" | "silent"): Promise<DestinationUnderTest> => {
    const server = await openHttpServer();
    if (otherSide === "silent") {
      server.answer(() => {});
    } else {
      server.answer(status(200));
    }
    const { log, lines } = captureLog();
    const destination = open({ origin: server.origin, timeoutMs: 20_000, log, now: () => NOW });
    return {
      destination,
      lines,
      arrived: () => server.requests.length,
      async [Symbol.asyncDispose]() {
        await destination[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  };
  describeDestination(name, under, { outcome: outcomes["200"] ?? { kind: "done" }, secrets });

  describe(`${name} classifies`, () => {
    it.each(Object.entries(DEFAULT_OUTCOMES))("%s", async (situation, [answer, expected]) => {
      await using server = await openHttpServer();
      server.answer(answer);
      const outcome = await deliver(server.origin, situation === "never answers" ? 100 : 20_000);
      const wanted = outcomes[situation as Situation] ?? expected;
      expect(outcome).toMatchObject(wanted);
      expect(outcome.kind).toBe(wanted.kind);
      expect(server.requests).toHaveLength(1);
      expect(server.requests[0]?.path).toContain(URL_SECRET);
    });

    it("a refused connection", async () => {
      expect(await deliver(await unusedOrigin(), 20_000)).toMatchObject(
        outcomes.refused ?? { kind: "retry", reason: "connection-refused" },
      );
    });

    it("a certificate that nobody vouches for", async () => {
      await using server = await openHttpServer({ tls: true });
      expect(await deliver(server.origin, 20_000)).toMatchObject(
        outcomes["self-signed certificate"] ?? { kind: "retry", reason: "tls" },
      );
      expect(server.requests).toHaveLength(0);
    });
  });

  describe(name, () => {
    it("sends again over the same connection, and leaves none open when it is closed", async () => {
      await using server = await openHttpServer();
      const sockets = new Set<unknown>();
      let closed = 0;
      server.answer((response, socket) => {
        if (!sockets.has(socket)) {
          socket.once("close", () => (closed += 1));
        }
        sockets.add(socket);
        response.end();
      });
      const { log } = captureLog();
      const destination = open({ origin: server.origin, timeoutMs: 20_000, log, now: () => NOW });
      const { signal } = new AbortController();
      await destination.send(payload([publication()]), signal);
      await destination.send(payload([publication()]), signal);
      expect(sockets.size).toBe(1);
      await destination[Symbol.asyncDispose]();
      await eventually(() => closed === 1);
    });
  });
}
