import { DecodeError } from "../base/errors.ts";

/** Deepest nesting of lists and objects that is read; MISP's own deepest is about ten. */
export const MAX_DEPTH = 64;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Bytes as JSON; text in it is always well-formed Unicode. Throws DecodeError without anything of the bytes in it. */
export function parsePayload(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) {
    throw new DecodeError("payload is empty");
  }
  if (!isShallow(bytes)) {
    throw new DecodeError("payload is nested too deeply");
  }
  const json = decodeUtf8(bytes);
  try {
    // Only an escape can make half a surrogate pair, on which encodeURIComponent and others throw. MISP sends none.
    return JSON.parse(json, /\\u[dD][89a-fA-F]/.test(json) ? wellFormed : undefined);
  } catch {
    // The reason that JSON.parse gives quotes the text.
    throw new DecodeError("payload is not JSON");
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new DecodeError("payload is not UTF-8");
  }
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value;
}

/** Whether brackets outside strings are at most MAX_DEPTH deep; in UTF-8 no other character contains their bytes. */
function isShallow(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) {
        if (bytes[at] === BACKSLASH) {
          at++;
        }
      }
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH) {
        return false;
      }
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    }
  }
  return true;
}
