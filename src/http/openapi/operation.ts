/** What the contract says of one call beyond its schemas. */

import type { HeaderName, ParameterName } from './parts.ts';

export type Operation = {
  /** The name that generated clients give the call. */
  id: string;
  description: string;
  /** Statuses of problems that only some calls answer with. */
  errors?: readonly number[];
  /** Request headers, beyond those of all calls. */
  takes?: readonly ParameterName[];
  /** The meaning of a success, by status, and its headers. */
  answers: Readonly<Record<number, { description: string; headers?: readonly HeaderName[] }>>;
  /** Whether the call works without a body. */
  isBodyOptional?: boolean;
  /** A request body that works; without one the contract shows none. */
  example?: unknown;
};
