/** The tables of bulk changes. */

import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { BulkAction, BulkError, BulkSelect, LabelChange } from '../../domain/bulk/bulk.ts';
import { instant } from '../column-types.ts';

/** A bulk change, with its author. */
export const bulks = pgTable(
  'bulks',
  {
    id: uuid('id').primaryKey(),
    namespace: text('namespace').notNull(),
    action: text('action').$type<BulkAction>().notNull(),
    selection: jsonb('selection').$type<BulkSelect>().notNull(),
    labels: jsonb('labels').$type<LabelChange>(),
    actor: text('actor').notNull(),
    via: text('via').notNull(),
    address: text('address'),
    requestId: text('request_id'),
    total: integer('total').notNull(),
    unchanged: integer('unchanged').notNull().default(0),
    failed: integer('failed').notNull().default(0),
    errors: jsonb('errors').$type<BulkError[]>().notNull().default([]),
    createdAt: instant('created_at').notNull().default(sql`now()`),
    finishedAt: instant('finished_at'),
    /** Until then a replica works on it. */
    claimedUntil: instant('claimed_until').notNull().default(sql`now()`),
  },
  (t) => [
    index('bulks_open').on(t.claimedUntil).where(sql`${t.finishedAt} IS NULL`),
    index('bulks_finished').on(t.finishedAt),
  ],
);

/** The tasks that are left to do. */
export const bulkTasks = pgTable(
  'bulk_tasks',
  { bulk: uuid('bulk').notNull(), taskUid: bigint('task_uid', { mode: 'number' }).notNull() },
  (t) => [primaryKey({ columns: [t.bulk, t.taskUid] })],
);
