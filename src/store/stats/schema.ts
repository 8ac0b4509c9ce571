/** The tables of the roll-up behind `GET /stats`, as drizzle sees them. */

import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { instant, snapshot } from '../column-types.ts';

/** One row: how far the roll-up has come. Whoever rolls up holds its lock. */
export const statsState = pgTable(
  'stats_state',
  {
    singleton: boolean('singleton').primaryKey().default(true),
    /** The runs with lesser ids are counted, but for those in `stats_open_runs`. */
    countedTo: uuid('counted_to').notNull().default('00000000-0000-0000-0000-000000000000'),
    /** The misses of all transactions that it shows are counted, but for those in `stats_open_misses`. */
    eventsSeen: snapshot('events_seen').notNull(),
    /** Counts the passes of the roll-up. */
    pass: bigint('pass', { mode: 'number' }).notNull().default(0),
    passedAt: instant('passed_at').notNull().default(sql`'epoch'`),
    /** The minutes of the passes up to this one are in the hours too. */
    copiedPass: bigint('copied_pass', { mode: 'number' }).notNull().default(0),
  },
  (t) => [check('stats_state_singleton_check', sql`${t.singleton}`)],
);

/** Runs that are still to be counted although their key range is: they were live then, or were inserted later. */
export const statsOpenRuns = pgTable('stats_open_runs', { runId: uuid('run_id').primaryKey() });

/** Events of misses that are still to be counted: nobody has confirmed them yet. */
export const statsOpenMisses = pgTable('stats_open_misses', {
  eventId: bigint('event_id', { mode: 'number' }).primaryKey(),
});

const counts = {
  namespace: text('namespace').notNull(),
  /** The beginning of the minute or hour, in UTC. */
  at: instant('at').notNull(),
  /** 0 for all tasks of the namespace together. */
  taskUid: bigint('task_uid', { mode: 'number' }).notNull(),
  /** That of the runs, or `missed`. */
  status: text('status').notNull(),
  runs: bigint('runs', { mode: 'number' }).notNull(),
  /** Histograms: see `domain/stats/histogram.ts`. Null without a value. */
  lateness: bigint('lateness', { mode: 'number' }).array(),
  duration: bigint('duration', { mode: 'number' }).array(),
};

/** Runs and misses by minute. Rows are only added: each pass adds those of what it counts. */
export const statsMinutes = pgTable(
  'stats_minutes',
  { ...counts, pass: bigint('pass', { mode: 'number' }).notNull() },
  (t) => [
    index('stats_minutes_tasks').on(t.namespace, t.at).where(sql`${t.taskUid} <> 0`),
    index('stats_minutes_totals').on(t.namespace, t.at).where(sql`${t.taskUid} = 0`),
    index('stats_minutes_pass').on(t.pass),
  ],
);

/** The same by hour, one row each. */
export const statsHours = pgTable('stats_hours', counts, (t) => [
  primaryKey({ columns: [t.namespace, t.at, t.taskUid, t.status] }),
  index('stats_hours_totals').on(t.namespace, t.at).where(sql`${t.taskUid} = 0`),
  index('stats_hours_at').using('brin', t.at),
]);

/** Deleted tasks whose tombstone is gone: their runs are still counted under their id and labels. */
export const statsTasks = pgTable('stats_tasks', {
  uid: bigint('uid', { mode: 'number' }).primaryKey(),
  namespace: text('namespace').notNull(),
  id: text('id').notNull(),
  labels: jsonb('labels').$type<Record<string, string>>().notNull(),
  forgottenAt: instant('forgotten_at').notNull().default(sql`now()`),
});
