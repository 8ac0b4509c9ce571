/** Whoever signs in or out, before it is known who that is. */

import type { Caller } from '../use-case.ts';

/** Where the request comes from, for the audit. */
export type Visitor = Pick<Caller, 'address' | 'requestId'>;
