/** Trace context (W3C Trace Context Level 1) of runs and of the requests that ask for them. */

/** The trace that a call belongs to: 32 hexadecimal digits, and the caller's flags (§3.2.2.5), two of them. */
export type Trace = { traceId: string; flags: string };

/** "01" asks targets that sample by their caller to record the call. */
const recorded = '01';

/** The trace of a run: its own, or that of the request that asked for it. Null where a test's run id makes none. */
export function traceOfRun(runId: string, asked: Trace | null | undefined): Trace | null {
  if (asked) return asked;
  const traceId = traceIdOf(runId);
  return /^[0-9a-f]{32}$/.test(traceId) ? { traceId, flags: recorded } : null;
}

/** The trace of a run that no request began. */
export function traceIdOf(runId: string): string {
  return runId.replaceAll('-', '');
}

/** The trace in a `traceparent` header; null where it is none (§3.2.2: an invalid one is ignored). */
export function readTraceparent(header: unknown): Trace | null {
  if (typeof header !== 'string') return null;
  const [, version, traceId, parentId, flags, more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header.trim()) ?? [];
  if (!version || !traceId || !flags || version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId ?? '0')) return null;
  return { traceId, flags };
}
