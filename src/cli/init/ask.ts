import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError } from "../../base/errors.ts";
import { type Context, print } from "../context.ts";

/** Says what is wrong with an answer; undefined: nothing. */
export type Check = (text: string) => string | undefined;

export interface Question {
  /** What Enter stands for. */
  readonly standard?: string | undefined;
  /** Not echoed. */
  readonly secret?: boolean;
  readonly check?: Check;
}

/** Asks a person at a terminal. Every question rejects with a UsageError once they press Ctrl-C or end the input. */
export interface Prompter extends Disposable {
  /** Aborts together with the questions. */
  readonly signal: AbortSignal;
  say(text: string): void;
  /** Writes without ending the line. */
  write(text: string): void;
  /** The answer without blanks around it; "" where Enter was pressed and stands for nothing. */
  ask(question: string, options?: Question): Promise<string>;
  confirm(question: string, standard: boolean): Promise<boolean>;
  /** One of several, by number or name. */
  choose<T extends string>(
    question: string,
    choices: readonly { readonly value: T; readonly text: string }[],
    standard: T,
    /** The choice that an answer means, where it is spelt in another way. */
    read?: (text: string) => T | undefined,
  ): Promise<T>;
}

/** What a person is told who pressed Ctrl-C. */
export const STOPPED = "stopped; nothing was written";

export function openPrompter({ stdin, stdout, signal }: Context): Prompter {
  let echoes = false;
  // What readline draws: the line that is typed. It is shown while an answer is typed that may be seen.
  const screen = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        if (echoes) {
          stdout.write(chunk);
        }
        done();
      },
    }),
    { columns: stdout.columns ?? 80 },
  );
  // Without history: the arrow keys would bring secrets back.
  const lines = createInterface({ input: stdin, output: screen, terminal: true, historySize: 0 });
  const stop = new AbortController();
  const typed: string[] = [];
  let wake = () => {};
  const end = () => {
    stop.abort();
    wake();
  };
  lines.on("line", (line) => {
    typed.push(line);
    wake();
  });
  lines.on("SIGINT", end);
  lines.on("close", end);
  signal.addEventListener("abort", end, { once: true });

  async function next(): Promise<string> {
    while (typed.length === 0) {
      if (stop.signal.aborted) {
        throw new UsageError(STOPPED, 1);
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return typed.shift() ?? "";
  }

  async function ask(question: string, { standard, secret = false, check }: Question = {}): Promise<string> {
    for (;;) {
      const shown = standard === undefined || standard === "" ? "" : ` [${secret ? "as before" : standard}]`;
      const prompt = `${question}${shown}${secret ? " (not shown)" : ""}: `;
      if (secret) {
        stdout.write(prompt);
      }
      echoes = !secret;
      lines.setPrompt(secret ? "" : prompt);
      lines.prompt();
      let line: string;
      try {
        line = await next();
      } catch (error) {
        print(stdout, "");
        throw error;
      } finally {
        echoes = false;
      }
      if (secret) {
        print(stdout, "");
      }
      const answer = line.trim() || (standard ?? "");
      const problem = check?.(answer);
      if (problem === undefined) {
        return answer;
      }
      print(stdout, `  ${problem}`);
    }
  }

  return {
    signal: stop.signal,
    say: (text) => print(stdout, text),
    write: (text) => void stdout.write(text),
    ask,
    async confirm(question, standard) {
      const answer = await ask(`${question} [${standard ? "Y/n" : "y/N"}]`, {
        check: (text) => (/^(y|yes|n|no|)$/i.test(text) ? undefined : "Answer y or n."),
      });
      return answer === "" ? standard : /^y/i.test(answer);
    },
    async choose(question, choices, standard, read = () => undefined) {
      print(stdout, question);
      const width = Math.max(...choices.map(({ value }) => value.length));
      for (const [i, { value, text }] of choices.entries()) {
        print(stdout, `  ${i + 1}  ${value.padEnd(width)}  ${text}`);
      }
      const find = (text: string) =>
        choices.find(({ value }, i) => text === value || text === String(i + 1))?.value ?? read(text);
      const answer = await ask("Number or name", {
        standard,
        check: (text) => (find(text) === undefined ? `Answer 1 to ${choices.length}, or a name.` : undefined),
      });
      return find(answer) ?? standard;
    },
    [Symbol.dispose]() {
      signal.removeEventListener("abort", end);
      lines.close();
    },
  };
}
