/** The types of columns that several tables share. */

import { customType, text, timestamp } from 'drizzle-orm/pg-core';
import { defaultNamespace } from '../domain/access/namespace.ts';

/** A 64-bit transaction id, kept as text: it is only handed back to Postgres. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });

/** A snapshot, which tells the transactions that were over at its instant; kept as text. */
export const snapshot = customType<{ data: string }>({ dataType: () => 'pg_snapshot' });

export const namespace = () => text('namespace').notNull().default(defaultNamespace);

export const instant = <Name extends string>(name: Name) =>
  timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });
