import { DecodeError } from "../base/errors.ts";

/** Deepest nesting of lists and objects that is read; MISP's own deepest is about ten. */
export const MAX_DEPTH = 64;

/** Most lists and objects, and most values in all, that are built; an event of 400,000 attributes has less than half. */
const MAX_CONTAINERS = 4_000_000;
const MAX_VALUES = 20_000_000;

const LENIENT = new TextDecoder("utf-8");
const REPLACEMENT = "\ufffd";
const UTF8 = new TextDecoder("utf-8", { fatal: true });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What was read of a payload. */
export interface ParsedPayload {
  readonly value: unknown;
  /** Texts that are no UTF-8, and are null in `value`. */
  readonly unreadable: number;
}

/** Bytes as JSON; text in it is always well-formed Unicode. Throws DecodeError without anything of the bytes in it. */
export function parsePayload(bytes: Uint8Array): ParsedPayload {
  if (bytes.byteLength === 0) {
    throw new DecodeError("payload is empty");
  }
  bound(bytes);
  const json = decodeUtf8(bytes);
  if (json !== undefined) {
    // Only an escape can make half a surrogate pair, on which encodeURIComponent and others throw. MISP sends none.
    return { value: parse(json, /\\u[dD][89a-fA-F]/.test(json) ? wellFormed : undefined), unreadable: 0 };
  }
  let unreadable = 0;
  const value = parse(LENIENT.decode(bytes), (key, text) => {
    // Where a byte is wrong, so is the text: half an indicator is none, and half a marking may be a looser one.
    if (typeof text === "string" && text.includes(REPLACEMENT)) {
      unreadable++;
      return null;
    }
    return wellFormed(key, text);
  });
  return { value, unreadable };
}

function parse(json: string, revive: ((key: string, value: unknown) => unknown) | undefined): unknown {
  try {
    return JSON.parse(exactValues(json), revive);
  } catch {
    // The reason that JSON.parse gives quotes the text.
    throw new DecodeError("payload is not JSON");
  }
}

/** A value that is a long number is read digit by digit; no text can look like a member, since its quotes are escaped. */
function exactValues(json: string): string {
  return json.replace(/("value": ?)(-?\d[\d.eE+-]{15,400})(?=[\s,}])/g, '$1"$2"');
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value;
}

/**
 * Throws DecodeError for what would take more memory to build than it is worth, before any of it is built: brackets outside
 * strings that are deeper than MAX_DEPTH, or too many of them, or of values. In UTF-8 no other character contains their bytes.
 */
function bound(bytes: Uint8Array): void {
  let depth = 0;
  let containers = 0;
  let commas = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfText(bytes, at);
    } else if (byte === 0x5b || byte === 0x7b) {
      containers++;
      if (++depth > MAX_DEPTH) {
        throw new DecodeError("payload is nested too deeply");
      }
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    } else if (byte === 0x2c) {
      commas++;
    }
  }
  if (containers > MAX_CONTAINERS || containers + commas > MAX_VALUES) {
    throw new DecodeError("payload has too many parts");
  }
}

/** Where the string that begins at `start` ends. */
function endOfText(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) {
    at += bytes[at] === BACKSLASH ? 2 : 1;
  }
  return at;
}
