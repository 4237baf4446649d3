import type { Needless } from "../model/frame.ts";

/** An added attribute that has nothing of its own, as far as bytes tell. */
interface Addition {
  /** Its event, by MISP's number. */
  readonly event: string;
  /** The object that it is in. */
  readonly object: string;
  /** All that the frame says behind the attribute: its event and object. */
  readonly around: Uint8Array;
  /** When it was changed, in seconds. */
  readonly changedAt: number;
}

/**
 * The look at a frame's bytes before all of it is parsed. It tells the topic, and whether the frame can matter to anybody.
 *
 * Two kinds of frames cannot. Of some topics and actions no rule asks: a table says which (topics/needless.ts). And there are
 * echoes: added attributes that say of their event, byte for byte, what one before said that was planned since and made nothing
 * of any rule. An echo has no label, no distribution of its own and no later time, so that memory would not move by it
 * either. It is one only while nothing else has come that could move memory (`stir`), and while no rule asks about attributes;
 * whoever plans knows that, and says what was quiet.
 *
 * In doubt a frame matters. The class refers to nothing outside of itself, because a worker evaluates its text.
 */
export class FrameLook {
  readonly #most = 1024;
  readonly #longest = 8192;
  /** So long an echo is one: what the store forgets meanwhile is told again by the next that is not. */
  readonly #lastingMs = 60_000;
  /** A row of MISP's in JSON, in ASCII, that has nothing within: no label, no sighting, no name that columns do not have. */
  readonly #row =
    /^\{(?:"(?:[a-z_0-9]+|Sighting)":(?:"[ !#-[\]-~]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-~]*)*"|null|true|false|0|[1-9]\d*|\[\])(?:,(?=")|(?=\}$)))+\}$/;
  readonly #column = /"(event_id|object_id|timestamp|distribution|deleted)":(?:("\d{1,15}"|false)(?=[,}]))?/g;
  #needless: Needless;
  #stirredAtMs = Number.NEGATIVE_INFINITY;
  /** What was said last around an added attribute of each event, since it was stirred. */
  readonly #passed = new Map<string, Addition>();
  /** The same of what was planned since, and was quiet. */
  readonly #quiet = new Map<string, Addition & { readonly untilMs: number }>();

  constructor(needless: Needless) {
    this.#needless = needless;
  }

  set needless(table: Needless) {
    this.#needless = table;
  }

  /** The topic where it can be one of MISP's; anything else, which may be any bytes, is `other`. */
  topic(frame: Uint8Array): string {
    const space = frame.subarray(0, 64).indexOf(0x20);
    const topic = space < 0 ? "" : this.#text(frame, 0, space);
    return /^misp_json[a-z_]*$/.test(topic) ? topic : "other";
  }

  /** Whether what the frame says can change anything that is told, remembered or asked; it came at that instant. */
  matters(frame: Uint8Array, topic: string, atMs: number): boolean {
    const needless = this.#needless[topic];
    if (needless !== undefined && (needless === "all" || needless.includes(this.#action(frame)))) {
      return false;
    }
    if (topic !== "misp_json_attribute") {
      this.stir(atMs);
      return true;
    }
    return !this.#isEcho(frame, atMs);
  }

  /** From now on nothing is an echo of what came up to that instant: memory may have moved, or rules have changed. */
  stir(atMs: number): void {
    this.#stirredAtMs = Math.max(atMs, this.#stirredAtMs);
    this.#passed.clear();
    this.#quiet.clear();
  }

  /** A frame of that instant was planned, and nothing came of it but what memory has now. */
  quiet(frame: Uint8Array, atMs: number): void {
    const said = atMs > this.#stirredAtMs ? this.#additionIn(frame) : undefined;
    if (said && this.#isSame(said, this.#passed.get(said.event))) {
      const changedAt = Math.max(said.changedAt, this.#quiet.get(said.event)?.changedAt ?? 0);
      this.#quiet.set(said.event, { ...this.#kept(said), changedAt, untilMs: atMs + this.#lastingMs });
    }
  }

  #isEcho(frame: Uint8Array, atMs: number): boolean {
    const said = this.#additionIn(frame);
    if (!said) {
      this.stir(atMs);
      return false;
    }
    const { event, changedAt } = said;
    const quiet = this.#quiet.get(event);
    if (quiet && changedAt <= quiet.changedAt && atMs < quiet.untilMs && this.#isSame(said, quiet)) {
      return true;
    }
    const before = this.#passed.get(event);
    if (!this.#isSame(said, before)) {
      if (before || this.#passed.size >= this.#most) {
        this.stir(atMs);
      }
      this.#passed.set(event, this.#kept(said));
    }
    return false;
  }

  #isSame(one: Addition, other: Addition | undefined): boolean {
    return other !== undefined && one.object === other.object && Buffer.compare(one.around, other.around) === 0;
  }

  /** With bytes of its own: the frame's are given back. */
  #kept(said: Addition): Addition {
    return { ...said, around: Uint8Array.from(said.around) };
  }

  /** Bytes as characters, one for each: names and numbers are as they are. */
  #text(frame: Uint8Array, from: number, to: number): string {
    return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("latin1", from, to);
  }

  /**
   * An added attribute that tells of itself nothing that would be remembered. What is between the first brace and the first
   * event is the attribute if it is a row: within a text, the quotes around a name would be escaped.
   */
  #additionIn(frame: Uint8Array): Addition | undefined {
    const head = 'misp_json_attribute {"Attribute":';
    const action = ',"action":"add"}';
    if (frame.byteLength > this.#longest) {
      return undefined;
    }
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    const end = bytes.indexOf('},"Event":{"id":"', head.length, "latin1") + 1;
    const row = bytes.toString("latin1", head.length, end);
    if (
      end === 0 ||
      bytes.toString("latin1", 0, head.length) !== head ||
      bytes.toString("latin1", bytes.length - action.length) !== action ||
      !this.#row.test(row)
    ) {
      return undefined;
    }
    // A name that comes twice counts as it does for a parser: the last time.
    const columns = { event_id: "", object_id: "", timestamp: "", distribution: "", deleted: "" };
    this.#column.lastIndex = 0;
    for (let found = this.#column.exec(row); found; found = this.#column.exec(row)) {
      columns[found[1] as keyof typeof columns] = found[2] ?? "";
    }
    const { event_id: event, object_id: object, timestamp, distribution, deleted } = columns;
    const isPlain =
      event !== "" &&
      timestamp !== "" &&
      distribution === '"5"' &&
      deleted === "false" &&
      bytes.toString("latin1", end, end + event.length + 15) === `,"Event":{"id":${event}`;
    return isPlain
      ? { event, object, around: bytes.subarray(end), changedAt: Number(timestamp.slice(1, -1)) }
      : undefined;
  }

  /**
   * The last member of the outermost object, where MISP puts its action. No text in a frame can look like it, since a quote
   * in a text is escaped, and an object within ends with a second brace.
   */
  #action(frame: Uint8Array): string {
    const tail = this.#text(frame, Math.max(0, frame.byteLength - 64), frame.byteLength);
    return /,"action":"([a-z -]+)"\}$/.exec(tail)?.[1] ?? "";
  }
}
