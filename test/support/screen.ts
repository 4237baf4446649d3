import { PassThrough, Readable, Writable } from "node:stream";
import { start } from "../../src/app.ts";
import { Redactor } from "../../src/base/redact.ts";
import type { Context } from "../../src/cli/context.ts";

/** A command's surroundings, and what it wrote. */
export interface Screen {
  readonly context: Context;
  readonly stop: AbortController;
  out(): string;
  errors(): string;
}

export function openScreen({
  terminal = false,
  stdin,
  env = {},
}: {
  readonly terminal?: boolean;
  readonly stdin?: string;
  readonly env?: Context["env"];
} = {}): Screen {
  const stop = new AbortController();
  const written = { out: "", errors: "" };
  const sink = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += String(chunk);
        done();
      },
    });
  const stdout = Object.assign(sink("out"), terminal ? { isTTY: true, columns: 100 } : {});
  const input = stdin === undefined ? new PassThrough() : Readable.from([Buffer.from(stdin)]);
  return {
    context: {
      ...{ env, stdin: input, stdout, stderr: sink("errors"), signal: stop.signal, start },
      redactor: new Redactor(),
    },
    stop,
    out: () => written.out,
    errors: () => written.errors,
  };
}
