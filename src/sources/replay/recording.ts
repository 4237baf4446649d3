import { splitFrame } from "../source.ts";

/** A frame as someone kept it. */
export interface RecordedFrame {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** When it was received, where the recording tells. */
  readonly at?: number;
}

/** The outcome of some input: a frame, or the number of the line where something starts that is none. */
export type RecordingItem = { readonly frame: RecordedFrame } | { readonly badLine: number };

const MAX_BYTES = 2 ** 28;
const NEWLINE = 0x0a;

/**
 * Reads a recording piece by piece. Understood are, one per line, `{"t": epoch seconds, "frame": "topic json"}` (t may be
 * missing), `{"topic", "payload": object or text}`, and a raw frame `topic {json}`; and, over several lines, an indented
 * `{"topic", "payload"}` document. An event as MISP exports it
 * is its publication. Blank lines do not count.
 */
export class RecordingReader {
  #line = 0;
  /** The line that has not ended yet; undefined: it is too long and skipped. */
  #rest: Buffer[] | undefined = [];
  #restBytes = 0;
  /** The lines of a document that has not ended yet. */
  #document: { readonly startsAt: number; text: string } | undefined;

  /** Takes the next bytes and yields what is complete with them. */
  *read(chunk: Uint8Array): Iterable<RecordingItem> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield* this.#endLine(chunk.subarray(start, end));
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** Yields what the end of the input completes. */
  *end(): Iterable<RecordingItem> {
    if (this.#restBytes > 0) {
      yield* this.#endLine(new Uint8Array());
    }
    if (this.#document) {
      yield { badLine: this.#document.startsAt };
    }
    this.#document = undefined;
  }

  #keep(bytes: Uint8Array): void {
    this.#restBytes += bytes.byteLength;
    if (this.#restBytes > MAX_BYTES) {
      this.#rest = undefined;
    }
    // A copy: the chunk's memory is its stream's.
    if (bytes.byteLength > 0) {
      this.#rest?.push(Buffer.from(bytes));
    }
  }

  *#endLine(last: Uint8Array): Iterable<RecordingItem> {
    this.#keep(last);
    this.#line++;
    const bytes = this.#rest && Buffer.concat(this.#rest);
    this.#rest = [];
    this.#restBytes = 0;
    if (bytes) {
      yield* this.#take(bytes);
    } else {
      yield { badLine: this.#line };
    }
  }

  *#take(bytes: Buffer): Iterable<RecordingItem> {
    const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
    if (this.#document) {
      const { startsAt } = this.#document;
      // Inside an indented document only its last line, or the end of a list, is not indented.
      if (/^\s|^$|^[}\]]/.test(text) && this.#document.text.length + text.length <= MAX_BYTES) {
        this.#document.text += `\n${text}`;
        const value = text.startsWith("}") ? parseJson(this.#document.text) : undefined;
        if (value === undefined) {
          return;
        }
        this.#document = undefined;
        yield* toFrames(value, startsAt);
        return;
      }
      this.#document = undefined;
      yield { badLine: startsAt };
    }
    const trimmed = text.trim();
    if (trimmed === "") {
      return;
    }
    if (trimmed.startsWith("{")) {
      const value = parseJson(trimmed);
      if (value === undefined) {
        this.#document = { startsAt: this.#line, text };
        return;
      }
      yield* toFrames(value, this.#line);
      return;
    }
    // Bytes as they are: a frame need not be valid UTF-8.
    const carriageReturn = bytes.at(-1) === 0x0d ? 1 : 0;
    const frame = splitFrame(bytes.subarray(0, bytes.byteLength - carriageReturn));
    yield /^misp_[\w.:-]*$/.test(frame.topic) ? { frame } : { badLine: this.#line };
  }
}

function* toFrames(value: unknown, line: number): Iterable<RecordingItem> {
  const exported = exportedEvents(value);
  if (exported) {
    for (const event of exported) {
      yield { frame: { topic: "misp_json", payload: Buffer.from(JSON.stringify(event)) } };
    }
    return;
  }
  const frame = toFrame(value);
  yield frame ? { frame } : { badLine: line };
}

function toFrame(value: unknown): RecordedFrame | undefined {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const { t, frame, topic, payload } = value as Readonly<Record<string, unknown>>;
  const at =
    typeof t === "number" && Number.isFinite(t) && t >= 0 && t < 1e11 ? { at: Math.round(t * 1000) } : undefined;
  if (t !== undefined && !at) {
    return undefined;
  }
  if (typeof frame === "string") {
    return { ...splitFrame(Buffer.from(frame)), ...at };
  }
  if (typeof topic !== "string" || payload === undefined) {
    return undefined;
  }
  return { topic, payload: Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)), ...at };
}

/** What "Download as… MISP JSON" gives: an event, or several in `response`. Frames about a part have an `Event` beside others. */
function exportedEvents(value: unknown): readonly object[] | undefined {
  if (!isObject(value) || Object.keys(value).length !== 1) {
    return undefined;
  }
  const events = "response" in value ? [value.response].flat() : [value];
  return events.every((event): event is object => isObject(event) && "Event" in event && isObject(event.Event))
    ? events
    : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
