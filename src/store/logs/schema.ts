/** The tables of the logs of runs. */

import { bigint, customType, integer, pgTable, primaryKey, smallint, uuid } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** The log of a run as a whole. A run that logged nothing has none. Offsets are in bytes, across all attempts. */
export const runLogs = pgTable('run_logs', {
  run: uuid('run').primaryKey(),
  /** All that were taken: the offset of the next ones. */
  bytes: bigint('bytes', { mode: 'number' }).notNull(),
  /** So many of the last ones may be the beginning of a secret: nobody sees them before more is known. */
  held: integer('held').notNull(),
  /** The bytes from here to there were dropped. */
  droppedFrom: bigint('dropped_from', { mode: 'number' }).notNull(),
  droppedTo: bigint('dropped_to', { mode: 'number' }).notNull(),
});

/** The pieces of the logs. */
export const runLog = pgTable(
  'run_log',
  {
    run: uuid('run').notNull(),
    attempt: smallint('attempt').notNull(),
    offset: bigint('offset', { mode: 'number' }).notNull(),
    bytes: bytea('bytes').notNull(),
  },
  (t) => [primaryKey({ columns: [t.run, t.offset] })],
);
