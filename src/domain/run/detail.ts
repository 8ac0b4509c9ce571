/** Details that an executor adds to the outcome of an attempt, beyond status, error and output. */

/**
 * Small, plain JSON, of the executor's kind: an HTTP status, an exit code, a broker's receipt. Answers show the member
 * `httpStatus` apart.
 */
export type Detail = { readonly [member: string]: unknown };

/** The status of the HTTP answer; null where there was none. */
export function httpStatusOf(detail: Detail | null): number | null {
  return typeof detail?.httpStatus === 'number' ? detail.httpStatus : null;
}

/** The detail without the HTTP status; null where there is nothing else. */
export function otherDetail(detail: Detail | null): Detail | null {
  // An HTTP call has no other details: this case allocates nothing.
  for (const name in detail)
    if (name !== 'httpStatus') {
      const { httpStatus: _, ...other } = detail;
      return other;
    }
  return null;
}
