import type { Steps } from "./steps.ts";

/** So long one turn of the loop works on it; a step may take longer, and should not. */
const TURN_MS = 10;

/** Does long work in many turns of the loop, so that all else goes on between them. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (let until = performance.now() + TURN_MS; ; ) {
    const { done, value } = steps.next();
    if (done) {
      return value;
    }
    if (performance.now() >= until) {
      await new Promise((resolve) => setImmediate(resolve));
      until = performance.now() + TURN_MS;
    }
  }
}
