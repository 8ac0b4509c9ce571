/** Trace context (W3C Trace Context, Recommendation of 2021) of runs and requests. */

/** The trace of a run that nobody's request began: 32 hexadecimal digits. */
export function traceIdOf(runId: string): string {
  return runId.replaceAll('-', '');
}
