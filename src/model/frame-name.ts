/** What a frame is about, in names of a fixed form: never text from MISP. */
export interface FrameName {
  readonly id?: string;
  readonly uuid?: string;
}

/** How much of a frame is looked at: MISP writes id and UUID of what it is about among the first members. */
export const NAME_BYTES = 4096;

/** Id and UUID that stand first in bytes that are not parsed, for people who look for what a frame was about. */
export function nameOf(bytes: Uint8Array): FrameName {
  const head = String.fromCharCode(...bytes.subarray(0, NAME_BYTES));
  const id = /"id": ?"?([1-9]\d{0,14})\b/.exec(head)?.[1];
  const uuid = /"uuid": ?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"/i.exec(head)?.[1];
  return { ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid: uuid.toLowerCase() }) };
}
