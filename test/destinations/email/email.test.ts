import { type AddressInfo, createServer, type Socket } from "node:net";
import PostalMime from "postal-mime";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { smtpTimeouts } from "../../../src/destinations/email/smtp.ts";
import type { Outcome, Payload } from "../../../src/model/payload.ts";
import { describeDestination } from "../../support/destination-contract.ts";
import { eventually } from "../../support/eventually.ts";
import { openHttpServer } from "../../support/http-server.ts";
import { EVENT, entry, guarded, HOSTILE, payload, publication } from "../../support/payloads.ts";
import { openSmtpScript, type Step } from "../../support/smtp-script.ts";
import { type Answers, openSmtpServer, type SmtpServerOptions } from "../../support/smtp-server.ts";
import { openEmail, PASSWORD } from "./open.ts";

const LOGIN = { user: "herald", password: PASSWORD };
const never = () => new AbortController().signal;

/** Sends one payload to a server that answers so. */
async function send(
  answers: Answers = {},
  options: Readonly<Record<string, unknown>> = {},
  smtp: Readonly<Record<string, unknown>> = {},
  server: SmtpServerOptions = {},
  sent: Payload = payload([publication()]),
) {
  await using smtpServer = await openSmtpServer(server);
  smtpServer.answer(answers);
  const { destination, lines, find } = openEmail(smtpServer, options, smtp);
  await using _ = destination;
  const outcome = await destination.send(sent, never());
  const said = JSON.stringify(outcome) + lines.join("");
  for (const secret of [PASSWORD, "SERVER-TEXT", "bad.example", "bad[.]example", "Emotet"]) {
    expect(said).not.toContain(secret);
  }
  return { outcome, mails: smtpServer.mails, find };
}

describeDestination(
  "email",
  async (otherSide) => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => sockets.add(socket.on("error", () => {})));
    const server = otherSide === "takes" ? await openSmtpServer() : undefined;
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as AddressInfo;
    const { destination, lines } = openEmail(server ?? { host: "localhost", port });
    return {
      destination,
      lines,
      arrived: () => server?.mails.length ?? sockets.size,
      async [Symbol.asyncDispose]() {
        await destination[Symbol.asyncDispose]();
        await server?.[Symbol.asyncDispose]();
        for (const socket of sockets) {
          socket.destroy();
        }
        mute.close();
      },
    };
  },
  { outcome: { kind: "unproven" }, secrets: [PASSWORD] },
);

describe("email", () => {
  it("sends over STARTTLS with our own authority, after a login", async () => {
    const { outcome, mails } = await send({}, {}, { username: "herald", password: PASSWORD }, { login: LOGIN });
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails).toMatchObject([
      { from: "herald@misp.example.org", to: ["soc@example.org"], secure: true, user: "herald" },
    ]);
    const mail = await PostalMime.parse(mails[0]?.raw ?? "");
    expect(mail.subject).toBe("[MISP] [TLP:AMBER] High - Emotet epoch5 infrastructure, seen at bad[.]example (#4711)");
  });

  it("sends over implicit TLS", async () => {
    const { outcome, mails } = await send({}, {}, { secure: true }, { tls: "implicit" });
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails[0]?.secure).toBe(true);
  });

  it("logs in with an OAuth2 token that it gets with the refresh token", async () => {
    await using tokens = await openHttpServer();
    tokens.answer({ status: 200, body: JSON.stringify({ access_token: "fresh", expires_in: 3600 }) });
    const oauth2 = {
      user: "herald@misp.example.org",
      client_id: "client",
      client_secret: PASSWORD,
      refresh_token: `refresh-${PASSWORD}`,
      access_url: `${tokens.origin}/token`,
    };
    const { outcome, mails } = await send({}, {}, { oauth2 }, { token: "fresh" });
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails).toHaveLength(1);
    expect(tokens.requests[0]?.body.toString()).toContain("grant_type=refresh_token");

    tokens.answer({ status: 400, body: JSON.stringify({ error: "invalid_grant", error_description: PASSWORD }) });
    const withdrawn = await send({}, {}, { oauth2 }, { token: "fresh" });
    expect(withdrawn.outcome).toMatchObject({
      kind: "destination_rejected",
      reason: "oauth2-refused",
      hint: expect.stringMatching(/refresh token/),
    });
    expect(withdrawn.mails).toEqual([]);

    await tokens[Symbol.asyncDispose]();
    const unreachable = await send({}, {}, { oauth2 }, { token: "fresh" });
    expect(unreachable.outcome).toMatchObject({ kind: "retry", reason: "oauth2-unreachable" });
  });

  it("sends nothing in clear to a server that has lost its STARTTLS", async () => {
    const { outcome, mails } = await send(
      {},
      {},
      { username: "herald", password: PASSWORD },
      { tls: "none", login: LOGIN },
    );
    expect(outcome).toMatchObject({
      kind: "destination_rejected",
      reason: "no-starttls",
      hint: expect.stringMatching(/never sent in clear/),
    });
    expect(mails).toEqual([]);
  });

  it("sends in clear to this machine when the operator says so, even if STARTTLS is offered", async () => {
    const { outcome, mails } = await send({}, {}, { require_tls: false });
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails[0]?.secure).toBe(false);
  });

  it("does not talk to a server whose certificate nobody vouches for", async () => {
    const { outcome, mails } = await send({}, {}, { ca_file: undefined });
    expect(outcome).toMatchObject({ kind: "destination_rejected", reason: "tls-certificate" });
    expect(outcome).toMatchObject({ hint: expect.stringMatching(/smtp.ca_file/) });
    expect(mails).toEqual([]);
  });

  it("tries again later when ca_file cannot be read", async () => {
    const { outcome } = await send({}, {}, { ca_file: "/nowhere/ca.pem" });
    expect(outcome).toMatchObject({ kind: "retry", reason: "ca-file-unreadable", hint: expect.any(String) });
  });

  it("keeps one connection for several mails", async () => {
    await using server = await openSmtpServer();
    const { destination } = openEmail(server);
    await using _ = destination;
    const sent = payload([publication()]);
    expect(await destination.send(sent, never())).toEqual({ kind: "unproven" });
    expect(await destination.send(sent, never())).toEqual({ kind: "unproven" });
    expect(server.connections.total).toBe(1);
  });

  it.each([
    ["MAIL", "sends over another connection when the kept one ends before the message", { kind: "unproven" }, 2],
    [".", "does not send again by itself when the kept one ends after the message", { kind: "ambiguous" }, 2],
  ])("at %s %s", async (command, _, expected, messages) => {
    let times = 0;
    await using server = await openSmtpScript({
      [command]: (socket) => {
        times += 1;
        if (times === 2) {
          socket.destroy();
        } else {
          socket.write("250 2.0.0 Ok\r\n");
        }
      },
    });
    const { destination } = openEmail(server, {}, { require_tls: false });
    await using _destination = destination;
    const sent = payload([publication()]);
    expect(await destination.send(sent, never())).toEqual({ kind: "unproven" });
    expect(await destination.send(sent, never())).toMatchObject(expected);
    expect(server.seen.filter((name) => name === ".")).toHaveLength(messages);
  });

  it("closes its connection when it is disposed of", async () => {
    await using server = await openSmtpServer();
    // An idle connection ends by itself after the timeout: long enough to tell that from closing.
    const { destination } = openEmail(server, { timeout: "60s" });
    await destination.send(payload([publication()]), never());
    expect(server.connections.open).toBe(1);
    await destination[Symbol.asyncDispose]();
    await eventually(() => server.connections.open === 0);
  });

  it("writes nothing of what MISP says into the SMTP dialogue or the headers", async () => {
    for (const hostile of [...HOSTILE, "x\r\n.\r\nMAIL FROM:<evil@evil.example>\r\nRCPT TO:<victim@evil.example>"]) {
      const told = entry(
        guarded({
          change: "new",
          event: { ...EVENT, info: hostile, org: { name: hostile }, tags: [{ name: hostile }] },
          lines: [{ label: "Note", text: hostile }],
        }),
      );
      const { outcome, mails } = await send({}, { attach: ["csv", "json"] }, {}, {}, payload([told]));
      expect(outcome).toEqual({ kind: "unproven" });
      expect(mails.map(({ to }) => to)).toEqual([["soc@example.org"]]);
      const mail = await PostalMime.parse(mails[0]?.raw ?? "");
      expect(new Set(mail.headers.map(({ key }) => key))).toEqual(
        new Set(
          "from to subject message-id in-reply-to references date mime-version content-type auto-submitted list-id x-auto-response-suppress x-tlp x-misp-event-uuid".split(
            " ",
          ),
        ),
      );
      expect(mail.to).toEqual([{ name: "", address: "soc@example.org" }]);
    }
  });
});

describe("email classifies", () => {
  const classified: readonly (readonly [string, Answers, Partial<Outcome>])[] = [
    ["421 as greeting", { greeting: 421 }, { kind: "retry", reason: "deferred", detail: "421 4.7.1" }],
    [
      "554 as greeting",
      { greeting: 554 },
      { kind: "destination_rejected", reason: "server-refused", detail: "554 5.7.1" },
    ],
    ["451 to the sender", { mailFrom: 451 }, { kind: "retry", reason: "deferred", detail: "451 4.7.1" }],
    ["550 to the sender", { mailFrom: 550 }, { kind: "destination_rejected", reason: "sender-refused" }],
    ["530 to the sender", { mailFrom: 530 }, { kind: "destination_rejected", reason: "login-required" }],
    [
      "451 to the only recipient",
      { rcpt: { soc: 451 } },
      { kind: "retry", reason: "recipient-deferred", detail: "451 4.7.1" },
    ],
    [
      "550 to the only recipient",
      { rcpt: { soc: 550 } },
      { kind: "destination_rejected", reason: "recipients-refused", detail: "550 5.7.1" },
    ],
    ["552 to the only recipient, which means too many", { rcpt: { soc: 552 } }, { kind: "retry" }],
    ["452 to the message", { data: 452 }, { kind: "retry", reason: "deferred", detail: "452 4.7.1" }],
    ["554 to the message", { data: 554 }, { kind: "message_rejected", reason: "message-refused", detail: "554 5.7.1" }],
  ];

  it.each(classified)("%s", async (_, answers, expected) => {
    const { outcome } = await send(answers);
    expect(outcome).toMatchObject(expected);
    if (outcome.kind !== "retry") {
      expect(outcome).toHaveProperty("hint");
    }
  });

  it("a wrong password, without repeating it", async () => {
    const smtp = { username: "herald", password: `wrong-${PASSWORD}` };
    const { outcome } = await send({}, {}, smtp, { login: LOGIN });
    expect(outcome).toMatchObject({
      kind: "destination_rejected",
      reason: "login-refused",
      hint: expect.stringMatching(/smtp.password/),
    });
  });

  it("a login that the server cannot check now", async () => {
    const smtp = { username: "herald", password: PASSWORD };
    const { outcome } = await send({ auth: 454 }, {}, smtp, { login: LOGIN });
    expect(outcome).toMatchObject({ kind: "retry", reason: "login-deferred" });
  });

  it("a mail that is larger than the server takes", async () => {
    const { outcome, mails } = await send({}, {}, {}, { maxBytes: 500 });
    expect(outcome).toMatchObject({ kind: "message_rejected", reason: "too-large", hint: expect.any(String) });
    expect(mails).toEqual([]);
  });

  it("a port where nobody listens", async () => {
    const server = await openSmtpServer();
    await server[Symbol.asyncDispose]();
    const { destination } = openEmail(server);
    await using _ = destination;
    expect(await destination.send(payload([publication()]), never())).toMatchObject({
      kind: "retry",
      reason: "connection-refused",
      hint: expect.stringMatching(/smtp.port/),
    });
  });

  it("TLS towards a port that speaks none", async () => {
    const { outcome } = await send({}, {}, { secure: true }, { tls: "none" });
    expect(outcome).toMatchObject({ kind: "retry", reason: "tls", hint: expect.stringMatching(/port 465/) });
  });

  const hang: Step = () => {};
  const drop: Step = (socket) => void socket.destroy();
  const scripted: readonly (readonly [string, Readonly<Record<string, Step>>, Partial<Outcome>])[] = [
    ["a server that never greets", { greeting: hang }, { kind: "retry", reason: "timeout" }],
    ["a server that hangs up at once", { greeting: drop }, { kind: "retry", reason: "connection-lost" }],
    ["a server that is none of mail", { greeting: "SSH-2.0-OpenSSH_9.9" }, { kind: "retry" }],
    ["a server that stops at the sender", { MAIL: hang }, { kind: "retry", reason: "timeout" }],
    ["a server that drops at the recipient", { RCPT: drop }, { kind: "retry", reason: "connection-lost" }],
    ["a server that drops before the message", { DATA: drop }, { kind: "retry", reason: "connection-lost" }],
    ["a server that drops after the message", { ".": drop }, { kind: "ambiguous", reason: "connection-lost" }],
    ["a server that hangs after the message", { ".": hang }, { kind: "ambiguous", reason: "timeout" }],
    [
      "a 421 after the message",
      { ".": "421 4.3.2 closing" },
      { kind: "retry", reason: "deferred", detail: "421 4.3.2" },
    ],
    ["a 552 to the sender", { MAIL: "552 5.3.4 too big" }, { kind: "message_rejected", reason: "too-large" }],
    [
      "a server that takes DATA for the mail",
      { DATA: "250 2.0.0 Ok", ".": "250 2.0.0 Ok" },
      { kind: "retry", down: true, reason: "data-not-started" },
    ],
    ["a server that defers this mail", { DATA: "451 4.7.1 greylisted" }, { kind: "retry", reason: "deferred" }],
    ["a server that is full", { MAIL: "421 4.3.2 too busy" }, { kind: "retry", down: true, reason: "deferred" }],
    ["an endless greeting", { greeting: trickle }, { kind: "retry", reason: "timeout" }],
  ];

  it.each(scripted)("%s", async (_, steps, expected) => {
    await using server = await openSmtpScript(steps);
    const { destination } = openEmail(server, { timeout: "700ms" }, { require_tls: false });
    await using _destination = destination;
    expect(await destination.send(payload([publication()]), never())).toMatchObject(expected);
  });

  it("nothing when it greets late: RFC 5321 gives it five minutes, and `timeout` less", () => {
    const options = (timeoutMs: number) => smtpTimeouts(timeoutMs);
    expect(options(20_000)).toMatchObject({
      greetingTimeout: 20_000,
      connectionTimeout: 20_000,
      socketTimeout: 20_000,
    });
    expect(options(120_000)).toMatchObject({
      greetingTimeout: 120_000,
      connectionTimeout: 120_000,
      dnsTimeout: 10_000,
    });
    expect(options(3_600_000)).toMatchObject({ greetingTimeout: 300_000, connectionTimeout: 310_000 });
  });

  it.each<[string, number, string, object]>([
    ["a greeting after 13 s", 13_000, "120s", { kind: "unproven" }],
    ["a greeting after four minutes, where so much is configured", 240_000, "10m", { kind: "unproven" }],
    ["a greeting after `timeout`", 121_000, "120s", { kind: "retry", reason: "timeout" }],
    ["a greeting after what RFC 5321 allows", 301_000, "10m", { kind: "retry", reason: "timeout" }],
  ])("%s", async (_, afterMs, timeout, expected) => {
    let greet: (socket: Socket) => void = () => {};
    const connected = new Promise<Socket>((resolve) => {
      greet = resolve;
    });
    await using server = await openSmtpScript({ greeting: (socket) => greet(socket) });
    const { destination } = openEmail(server, { timeout }, { require_tls: false });
    await using _destination = destination;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const sending = destination.send(payload([publication()]), never());
    const socket = await connected;
    await vi.advanceTimersByTimeAsync(afterMs);
    socket.write("220 late ESMTP\r\n");
    expect(await sending).toMatchObject(expected);
    expect(server.seen.includes(".")).toBe("unproven" === Reflect.get(expected, "kind"));
  });

  it("none of the mail's text to a server that takes DATA for the mail", async () => {
    await using server = await openSmtpScript({ DATA: "250 2.0.0 Ok" });
    const { destination } = openEmail(server, {}, { require_tls: false });
    await using _destination = destination;
    await destination.send(payload([publication()]), never());
    expect(server.seen.slice(server.seen.indexOf("DATA") + 1)).toEqual([]);
  });

  it("nothing when it is cut: it rejects with the signal's reason, and can be used again", async () => {
    await using server = await openSmtpScript({ ".": hang });
    const { destination } = openEmail(server, {}, { require_tls: false });
    await using _ = destination;
    const control = new AbortController();
    const sending = destination.send(payload([publication()]), control.signal);
    await eventually(() => server.seen.includes("."));
    control.abort(new Error("stop"));
    await expect(sending).rejects.toThrow("stop");
    await expect(destination.send(payload([publication()]), control.signal)).rejects.toThrow("stop");
  });
});

/** Bytes now and then, so that no pause is ever long enough for a socket's timeout. */
function trickle(socket: Parameters<Exclude<Step, string>>[0]): void {
  socket.write("220-");
  const timer = setInterval(() => socket.write("x"), 50);
  socket.on("close", () => clearInterval(timer));
}

describe("email's recipients", () => {
  const to = ["soc@example.org", "grey@example.org", "gone@example.org"];

  it("get the mail whoever else is refused; those who are put off get it later, and nobody twice", async () => {
    await using server = await openSmtpServer();
    const { destination, find } = openEmail(server, { to });
    await using _ = destination;
    const sent = payload([publication()]);
    server.answer({ rcpt: { grey: 451, gone: 550 } });
    expect(await destination.send(sent, never())).toMatchObject({ kind: "retry", reason: "recipient-deferred" });
    expect(await destination.send(sent, never())).toMatchObject({ kind: "retry", reason: "recipient-deferred" });
    server.answer({});
    expect(await destination.send(sent, never())).toEqual({ kind: "unproven" });
    expect(server.mails.map((mail) => mail.to)).toEqual([["soc@example.org"], ["grey@example.org"]]);
    expect(server.mails[0]?.raw.equals(server.mails[1]?.raw ?? Buffer.alloc(0))).toBe(true);
    expect(find(/^Some recipients get nothing/)).toMatchObject([
      { level: "error", refused: [{ address: "gone@example.org", detail: "550 5.7.1" }], hint: expect.any(String) },
    ]);
  });

  it("are all asked again when the server takes none of them", async () => {
    await using server = await openSmtpServer();
    const { destination } = openEmail(server, { to });
    await using _ = destination;
    const sent = payload([publication()]);
    server.answer({ rcpt: { soc: 550, grey: 550, gone: 550 } });
    expect(await destination.send(sent, never())).toMatchObject({
      kind: "destination_rejected",
      reason: "recipients-refused",
      hint: expect.stringMatching(/`to`/),
    });
    server.answer({});
    expect(await destination.send(sent, never())).toEqual({ kind: "unproven" });
    expect(server.mails.map((mail) => mail.to)).toEqual([to]);
  });

  it("in cc get a copy, each once, and all are named to each other", async () => {
    const { mails } = await send(
      {},
      {
        to: ["SOC, night <soc@example.org>", "SOC@example.org"],
        cc: ["lead@example.org", "soc@example.org"],
        reply_to: "Analysts <analysts@example.org>",
      },
    );
    expect(mails).toHaveLength(1);
    expect(mails[0]?.to).toHaveLength(2);
    const mail = await PostalMime.parse(mails[0]?.raw ?? "");
    expect(mail.to?.[0]).toEqual({ name: "SOC, night", address: "soc@example.org" });
    expect(mail.cc?.map(({ address }) => address)).toEqual(["lead@example.org", "soc@example.org"]);
    expect(mail.replyTo).toEqual([{ name: "Analysts", address: "analysts@example.org" }]);
  });
});
