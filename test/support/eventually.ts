/** Resolves with what `probe` gives as soon as that is neither undefined nor false; rejects after `withinMs`. */
export async function eventually<T>(probe: () => T | undefined | false, withinMs = 60_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) {
      return value;
    }
    if (Date.now() > until) {
      throw new Error(`Not so within ${withinMs} ms: ${probe}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
