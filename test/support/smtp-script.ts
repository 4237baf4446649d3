import { type AddressInfo, createServer, type Socket } from "node:net";

/** What a scripted server does when it has read a command or, at `.`, a message. */
export type Step = string | ((socket: Socket) => void);

/** A server that does what no real one can be made to do: hang, drop, mumble. */
export interface SmtpScript extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Commands as they came in, messages as `.`. */
  readonly seen: readonly string[];
}

const ANSWERS: Readonly<Record<string, Step>> = {
  greeting: "220 script ESMTP",
  EHLO: "250-script\r\n250 SIZE 1000000",
  MAIL: "250 2.1.0 Ok",
  RCPT: "250 2.1.5 Ok",
  DATA: "354 go on",
  ".": "250 2.0.0 Ok",
  RSET: "250 2.0.0 Ok",
  QUIT: "221 2.0.0 Bye",
};

/** Answers like any server, but for the steps given; it speaks no TLS. */
export async function openSmtpScript(steps: Readonly<Record<string, Step>> = {}): Promise<SmtpScript> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let buffered = "";
    let inData = false;
    const take = (name: string) => {
      const step = steps[name] ?? ANSWERS[name] ?? "500 5.5.2 What?";
      if (typeof step === "string") {
        socket.write(`${step}\r\n`);
      } else {
        step(socket);
      }
    };
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      buffered += chunk;
      for (;;) {
        const end = inData ? "\r\n.\r\n" : "\r\n";
        const at = buffered.indexOf(end);
        if (at < 0) {
          return;
        }
        const text = buffered.slice(0, at);
        buffered = buffered.slice(at + end.length);
        const name = inData ? "." : (text.split(/[ :]/)[0] ?? "").toUpperCase();
        inData = name === "DATA";
        seen.push(name);
        take(name);
      }
    });
    take("greeting");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: "localhost",
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
