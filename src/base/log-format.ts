import { fstatSync } from "node:fs";

/** Turns a line of JSON, as the log writes it, into what is read. */
export type LogFormat = (line: string) => string;

/** What decides how the log looks. */
export interface LogReader {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTTY: boolean;
  readonly color: boolean;
  /** Where it is written; absent: no file of the system. */
  readonly fd?: number;
}

/** For people at a terminal, for the journal where it reads, and JSON lines for all else. */
export function chooseFormat({ env, isTTY, color, fd }: LogReader): LogFormat {
  if (isTTY) {
    return (line) => formatPretty(line, color);
  }
  return isJournal(env, fd) ? formatJournal : (line) => line;
}

/** systemd says which device and inode it has connected (systemd.exec(5)); a shell in between may have redirected it. */
export function isJournal({ JOURNAL_STREAM: stream }: LogReader["env"], fd: number | undefined): boolean {
  if (stream === undefined || fd === undefined) {
    return false;
  }
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return stream === `${dev}:${ino}`;
}

const PRIORITIES: Readonly<Record<string, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/** With the priority in front (sd-daemon(3)), and without the time, which the journal has, indexed and to the microsecond. */
export function formatJournal(line: string): string {
  const { time: _, ...rest } = parse(line);
  return `<${PRIORITIES[String(rest.level)] ?? 6}>${JSON.stringify(rest)}\n`;
}

type Fields = Readonly<Record<string, unknown>>;

function parse(line: string): Fields {
  return JSON.parse(line);
}

const COLORS: Readonly<Record<string, string>> = { trace: "90", debug: "90", info: "32", warn: "33", error: "31;1" };
const MESSAGE_WIDTH = 32;

/** Time of day, level, message, fields in one line; below it what to do, and where a bug was. */
export function formatPretty(line: string, color: boolean): string {
  const { level, time, msg, hint, err, ...rest } = parse(line);
  const paint = (code: string, text: string) => (color && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text);
  const name = String(level);
  const fields = Object.entries(rest).map(([key, value]) => {
    const [label, text] = readable(key, value);
    return `${paint("90", `${label}=`)}${text}`;
  });
  const message = escapeText(String(msg));
  const head = [
    paint("90", clockTime(String(time))),
    paint(COLORS[name] ?? "0", name.toUpperCase().padEnd(5)),
    fields.length > 0 ? message.padEnd(MESSAGE_WIDTH) : message,
    ...fields,
  ].join(" ");
  const below = [...(hint === undefined ? [] : [`→ ${plain(hint)}`]), ...(err === undefined ? [] : describeError(err))];
  return `${[head, ...below.map((text) => `${" ".repeat(19)}${text}`)].join("\n")}\n`;
}

/** By the clock on the wall of whoever reads it. */
function clockTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) {
    return "--:--:--.---";
  }
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two);
  return `${hours}:${minutes}:${seconds}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function two(n: number | undefined): string {
  return String(n).padStart(2, "0");
}

/** The names of fields say what their numbers are: `…Ms`, `…At`, `…Bytes`. */
function readable(key: string, value: unknown): readonly [label: string, text: string] {
  const [, label = "", unit = ""] = /^(.*[a-z])(Ms|At|Bytes)$/.exec(key) ?? [];
  if (typeof value === "number") {
    if (unit === "Ms") {
      return [label, duration(value)];
    }
    if (unit === "At" && Number.isFinite(new Date(value).getTime())) {
      return [key, new Date(value).toISOString()];
    }
    if (unit === "Bytes") {
      return [label, value < 1024 ? `${value}B` : size(value)];
    }
  }
  return [escapeText(key), plain(value)];
}

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
] as const;

/** `340ms 2.5s 15m 1h30m`: two units at most. */
function duration(ms: number): string {
  if (ms < 1000) {
    return `${Math.round(ms)}ms`;
  }
  if (ms < 60_000) {
    return `${Number((ms / 1000).toFixed(1))}s`;
  }
  let left = Math.round(ms / 1000) * 1000;
  const parts: string[] = [];
  for (const [unit, name] of UNITS) {
    const n = Math.floor(left / unit);
    left -= n * unit;
    if (n > 0) {
      parts.push(`${n}${name}`);
    } else if (parts.length > 0) {
      break;
    }
  }
  return parts.slice(0, 2).join("");
}

function size(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))}${["B", "KiB", "MiB", "GiB"][power]}`;
}

function plain(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return escapeText(text);
}

function describeError(err: unknown): readonly string[] {
  const { type, message, stack } = typeof err === "object" && err !== null ? (err as Fields) : { message: err };
  const frames = typeof stack === "string" ? stack.split("\n").filter((line) => /^\s+at /.test(line)) : [];
  const what = [type, message].filter((part) => part !== undefined).map(plain);
  return [what.join(": "), ...frames.map((frame) => `  ${escapeText(frame.trim())}`)];
}

/** Nothing in a log line may drive the terminal, not even its direction of writing. */
function escapeText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    char === "\n" ? "\\n" : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}
