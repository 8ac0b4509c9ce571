/** How many cases property tests try: few enough for every save, `PROPERTY_FACTOR` times as many where CI asks. */

const factor = Number(process.env.PROPERTY_FACTOR ?? 1);

/** For `fc.assert`: tries `count` cases, or `PROPERTY_FACTOR` times as many. The same number on every machine. */
export function cases(count: number): { numRuns: number } {
  return { numRuns: count * factor };
}
