import { DecodeError } from "../base/errors.ts";

// MISP sends numbers as strings or as integers and booleans as true, 1 or "1", depending on the database driver. A field of
// another type is unknown (undefined), so that one odd column does not lose a message.

/** An object of the wire: nothing is known of its fields. */
export type Raw = Readonly<Record<string, unknown>>;

/** No text longer than this (in UTF-16 units) passes; MISP's own longest columns that are read are of this size. */
export const MAX_TEXT = 65_536;

const LAST_SECOND = 253_402_300_799; // 9999-12-31T23:59:59Z
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isRaw(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object that a frame cannot do without. Throws DecodeError; `what` is from our own vocabulary. */
export function need(value: unknown, what: string): Raw {
  if (!isRaw(value)) {
    throw new DecodeError(`${what} is not an object`);
  }
  return value;
}

/** A list; PHP turns one with gaps into an object with numeric keys. Undefined: it is no list. */
export function list(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) {
    return value;
  }
  if (!isRaw(value)) {
    return undefined;
  }
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^\d+$/.test(key)) ? Object.values(value) : undefined;
}

/** Text of at most `max` UTF-16 units, never cut within a character. */
export function text(value: unknown, max = MAX_TEXT): string | undefined {
  if (typeof value !== "string") {
    return undefined;
  }
  if (value.length <= max) {
    return value;
  }
  const last = value.charCodeAt(max - 1);
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/** Text, or a number as text: MISP keeps values as text, but what sends them may not. */
export function textOrNumber(value: unknown): string | undefined {
  return typeof value === "number" && Number.isFinite(value) ? String(value) : text(value);
}

/** Text that names something: an empty name is unknown. */
export function name(value: unknown): string | undefined {
  return text(value) || undefined;
}

/** A non-negative integer. */
export function integer(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** A database id; MISP writes 0 for none. */
export function id(value: unknown): string | undefined {
  const number = integer(value);
  return number ? String(number) : undefined;
}

/** A UUID in lower case; anything else is no identity and may be hostile text. */
export function uuid(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length !== 36) {
    return undefined;
  }
  const lower = value.toLowerCase();
  return UUID.test(lower) ? lower : undefined;
}

export function boolean(value: unknown): boolean | undefined {
  if (value === true || value === 1 || value === "1") {
    return true;
  }
  if (value === false || value === 0 || value === "0") {
    return false;
  }
  return undefined;
}

/** Unix seconds up to the year 9999. */
export function seconds(value: unknown): number | undefined {
  const number = integer(value);
  return number !== undefined && number <= LAST_SECOND ? number : undefined;
}

/** Unix seconds as epoch milliseconds. */
export function instant(value: unknown): number | undefined {
  const number = seconds(value);
  return number === undefined ? undefined : number * 1000;
}

const ISO = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?$/;

/** `2026-11-19T10:00:00.000000+00:00`, as MISP writes what was seen, as epoch milliseconds; without a zone in UTC. */
export function moment(value: unknown): number | undefined {
  const [, date, time, fraction = "", zone = "Z"] = (typeof value === "string" && ISO.exec(value)) || [];
  const at = Date.parse(`${date}T${time}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(at) ? undefined : at;
}

/** A day as YYYY-MM-DD. */
export function day(value: unknown): string | undefined {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined;
}

/** The word that MISP's number stands for, counted from `first`; undefined for a number that is not known yet. */
export function choice<T>(words: readonly T[], value: unknown, first = 0): T | undefined {
  const number = integer(value);
  return number === undefined ? undefined : words[number - first];
}

type Known<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same object without the fields that are undefined: absent is how the model says unknown. */
export function known<T extends object>(fields: T): Known<T>;
export function known(fields: Raw): object {
  const out: Record<string, unknown> = {};
  for (const key in fields) {
    if (fields[key] !== undefined) {
      out[key] = fields[key];
    }
  }
  return out;
}
