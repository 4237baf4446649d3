const REDACTED = "[redacted]";
/** What is shorter is found in ordinary words, too. */
const MIN_LENGTH = 6;
/** Parts of a URL from this length on are secrets by themselves: tokens, signatures, ids of workflows. */
const MIN_PART = 16;

/**
 * Knows the secrets of a configuration and takes them out of text, whatever it was that let them in. It only learns: what
 * an older configuration held is still a secret, and requests that were made with it may yet fail.
 */
export class Redactor {
  readonly #known = new Set<string>();
  readonly #forms = new Set<string>();
  /** Whether there is anything to do, three times as fast as to look for one form after the other. */
  #any: RegExp | undefined = /(?!)/;

  /** From now on this is taken out, in the ways it is written by; of a URL also what says more than the host. */
  learn(secret: string): void {
    if (secret.length < MIN_LENGTH || this.#known.has(secret)) {
      return;
    }
    this.#known.add(secret);
    for (const form of [secret, ...partsOf(secret)].flatMap(formsOf)) {
      if (form.length >= MIN_LENGTH) {
        this.#forms.add(form);
      }
    }
    // Made when it is asked for: a configuration may have thousands.
    this.#any = undefined;
  }

  /** The text with `[redacted]` in place of every secret; the very text if there is none. */
  redact(text: string): string {
    this.#any ??= new RegExp([...this.#forms].map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"));
    if (!this.#any.test(text)) {
      return text;
    }
    const found: { from: number; to: number }[] = [];
    for (const form of this.#forms) {
      for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) {
        found.push({ from: at, to: at + form.length });
      }
    }
    return cut(text, found);
  }

  /** A line of JSON, which it still is afterwards. */
  redactJson(line: string): string {
    const text = line.trimEnd();
    return this.redact(text) === text ? line : `${JSON.stringify(this.#inside(JSON.parse(text)))}\n`;
  }

  #inside(value: unknown): unknown {
    if (Array.isArray(value)) {
      return value.map((item) => this.#inside(item));
    }
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.redact(key), this.#inside(item)]));
    }
    const text = String(value);
    const clean = this.redact(text);
    return clean === text ? value : clean;
  }
}

/** Secrets overlap: one is the beginning of another, or a URL holds a token. */
function cut(text: string, found: { from: number; to: number }[]): string {
  found.sort((a, b) => a.from - b.from);
  const pieces: string[] = [];
  let end = 0;
  for (const { from, to } of found) {
    if (from >= end) {
      pieces.push(text.slice(end, from), REDACTED);
    }
    end = Math.max(end, to);
  }
  return pieces.join("") + text.slice(end);
}

/** The ways in which text holds a value: as it is, in a URL or a form, in JSON or in a text inside JSON, and in base64. */
function formsOf(value: string): readonly string[] {
  const url = encodeURIComponent(value.toWellFormed());
  const json = inJson(value);
  return [
    value,
    url,
    url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    new URLSearchParams([["", value]]).toString().slice(1),
    json,
    inJson(json),
    ...inBase64(value),
  ];
}

function inJson(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/** In all three places that a value can have among the bytes of a longer one, such as `user:password`. */
function inBase64(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]);
    // Only the characters that depend on nothing else than the value.
    const from = Math.ceil((before * 4) / 3);
    const to = Math.floor((all.length * 4) / 3);
    return [all.toString("base64").slice(from, to), all.toString("base64url").slice(from, to)];
  });
}

function partsOf(value: string): readonly string[] {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    return [];
  }
  const { href, pathname, search, searchParams } = new URL(value);
  const parts = [pathname + search, ...pathname.split("/"), ...searchParams.values()];
  return [href, ...parts.filter((part) => part.length >= MIN_PART)];
}
