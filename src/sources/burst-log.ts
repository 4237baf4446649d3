/** Turns a flood of like occurrences into few log lines: the first at once, then counts at most once per `everyMs`. */
export interface BurstLog {
  add(key: string, count?: number): void;
  /** Writes what is not yet written, and ends the timer. */
  close(): void;
}

/** `write` gets what was added since it was last called; keys must be few. */
export function openBurstLog(write: (counts: Readonly<Record<string, number>>) => void, everyMs = 10_000): BurstLog {
  const counts = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    timer = undefined;
    if (counts.size === 0) {
      return;
    }
    write(Object.fromEntries(counts));
    counts.clear();
    timer = setTimeout(flush, everyMs).unref();
  }

  return {
    add(key, count = 1) {
      counts.set(key, (counts.get(key) ?? 0) + count);
      if (!timer) {
        flush();
      }
    },
    close() {
      clearTimeout(timer);
      flush();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
