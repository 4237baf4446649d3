import type { Values } from "../alert/json.ts";
import type { Style } from "../alert/style.ts";
import type { Payload, Weight } from "../model/payload.ts";

/** How a program wants what it is told: the words that people may read, and the values of attributes. */
export interface ProgramStyle extends Style {
  readonly values: Values;
}

/** A body, and what was left out so that it is no longer, in words. */
export interface Body {
  readonly text: string;
  readonly trimmed: readonly string[];
}

/** How payloads are written for programs, whichever way they take. Pure: the same payload gives the same bytes. */
export interface Format {
  readonly mediaType: string;
  /** It has no way to say a value that is not whole. */
  readonly needsValues: boolean;
  /** The body with all that is in a payload. */
  whole(payload: Payload, style: ProgramStyle): string;
  /** How long that is, and what is in it. */
  weigh(payload: Payload, style: ProgramStyle): Weight;
  /** The body within `maxBytes`, with as much as fits. */
  fit(payload: Payload, maxBytes: number, style: ProgramStyle): Body;
}

/** How many bytes a value takes in a list of JSON, with the comma. */
export function sizeInList(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value)) + 1;
}
