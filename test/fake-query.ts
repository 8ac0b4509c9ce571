/** Stands in for Postgres where a test answers statements itself, or looks at them on their way. */

import pg, { type QueryConfig } from 'pg';
import type { Queryable } from '../src/store/postgres/database.ts';

export type Statement = QueryConfig & { values?: unknown[] };

/** A `query` whose answers `answer` gives: a result with the rows that the code under test asked for. */
export function fakeQuery(answer: (statement: Statement) => Promise<unknown>): Queryable['query'] {
  const query = (statement: string | Statement, values?: unknown[]) =>
    answer(typeof statement === 'string' ? { text: statement, ...(values && { values }) } : statement);
  // The pool opens no connection: it lends the many signatures of its method.
  return Object.assign(new pg.Pool(), { query }).query;
}
