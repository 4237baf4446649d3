/** Long work in steps: whoever does it may do something else between two. */
export type Steps<T> = Generator<void, T, void>;

/** Does all of it without a break. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) {
      return value;
    }
  }
}
