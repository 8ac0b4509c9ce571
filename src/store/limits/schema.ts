/** The tables of limits, as drizzle sees them. */

import { sql } from 'drizzle-orm';
import { bigint, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { instant, namespace } from '../column-types.ts';

/** The limit keys that the running runs of a group count for. Written when the first run of the group starts. */
export const limitKeys = pgTable(
  'limit_keys',
  {
    limitGroup: uuid('limit_group').notNull(),
    namespace: namespace(),
    /** With its kind: `concurrency:reports`, or `task:17` for the limit of the task with that number. */
    key: text('key').notNull(),
  },
  (t) => [primaryKey({ columns: [t.limitGroup, t.namespace, t.key] })],
);

/** The state of a limit key besides the runs that hold it. */
export const limits = pgTable(
  'limits',
  {
    namespace: namespace(),
    key: text('key').notNull(),
    /** The starts that still count for a rate, in epoch milliseconds, oldest first. */
    starts: bigint('starts', { mode: 'number' }).array().notNull().default(sql`'{}'`),
    usedAt: instant('used_at').notNull().default(sql`now()`),
  },
  (t) => [primaryKey({ columns: [t.namespace, t.key] })],
);

/** How many tasks were created when, in namespaces with the quota `createsPerMinute`: those of the last minute. */
export const creations = pgTable(
  'creations',
  {
    namespace: text('namespace').notNull(),
    at: instant('at').notNull(),
    tasks: integer('tasks').notNull(),
  },
  (t) => [primaryKey({ columns: [t.namespace, t.at] })],
);
