/** Computations in steps: the caller may do something else between two of them. */

/** Yields after each step, none of which takes long; returns the result. */
export type Steps<T> = Generator<undefined, T, void>;

/** The result, without a pause. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
