import type { Needless } from "../model/frame.ts";

/**
 * The look at a frame's bytes before anything of it is parsed. It tells the topic, and whether the frame can matter to
 * anybody.
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

  /**
   * The last member of the outermost object, where MISP puts its action. No text in a frame can look like it, since a quote
   * in a text is escaped, and an object within ends with a second brace.
   */
  #action(frame: Uint8Array): string {
    const tail = String.fromCharCode(...frame.subarray(-64));
    return /,"action":"([a-z -]+)"\}$/.exec(tail)?.[1] ?? "";
  }
}
