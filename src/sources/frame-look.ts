import type { Needless } from "../model/frame.ts";

/** What a frame is called in a log line: names of our own form only, never text from MISP. */
export interface FrameName {
  readonly topic: string;
  readonly bytes: number;
  readonly id?: string;
  readonly uuid?: string;
}

/**
 * The look at a frame's bytes before anything of it is parsed. It tells the topic, whether the frame can matter to anybody,
 * and what to call one that is refused.
 *
 * What cannot matter is in a table that topics and routes make (topics/needless.ts); the look only finds topic and action.
 * In doubt a frame matters. The class refers to nothing outside of itself, because a worker evaluates its text.
 */
export class FrameLook {
  #needless: Needless;

  constructor(needless: Needless) {
    this.#needless = needless;
  }

  set needless(table: Needless) {
    this.#needless = table;
  }

  /** The topic where it can be one of MISP's; anything else, which may be any bytes, is `other`. */
  topic(frame: Uint8Array): string {
    const space = frame.subarray(0, 64).indexOf(0x20);
    const topic = space < 0 ? "" : String.fromCharCode(...frame.subarray(0, space));
    return /^misp_json[a-z_]*$/.test(topic) ? topic : "other";
  }

  /** Whether what the frame says can change anything that is told, remembered or asked. */
  matters(frame: Uint8Array, topic: string): boolean {
    const needless = this.#needless[topic];
    if (needless === undefined) {
      return true;
    }
    return needless !== "all" && !needless.includes(this.#action(frame));
  }

  /** Id and UUID of what the frame is about, where they stand among its first members as MISP writes them. */
  name(frame: Uint8Array, topic: string): FrameName {
    const head = String.fromCharCode(...frame.subarray(0, 4096));
    const id = /"id": ?"?([1-9]\d{0,14})\b/.exec(head)?.[1];
    const uuid = /"uuid": ?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"/i.exec(head)?.[1];
    return {
      topic,
      bytes: frame.byteLength,
      ...(id !== undefined && { id }),
      ...(uuid !== undefined && { uuid: uuid.toLowerCase() }),
    };
  }

  /**
   * The last member of the outermost object, where MISP puts its action. No text in a frame can look like it, since a quote
   * in a text is escaped, and an object within ends with a second brace.
   */
  #action(frame: Uint8Array): string {
    const tail = String.fromCharCode(...frame.subarray(-64));
    return /,"action":"([a-z -]+)"\}$/.exec(tail)?.[1] ?? "";
  }
}
