/** The tables of events, of their subscriptions and of deliveries to hooks, as drizzle sees them. */

import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, smallint, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { EventHook } from '../../domain/task/policies.ts';
import { instant, namespace, snapshot, xid8 } from '../column-types.ts';

/** Events: the log of each task, and the outbox that subscribers read. Events of runs are for subscribers alone. */
export const events = pgTable(
  'events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    /** That of the task. */
    namespace: namespace(),
    taskUid: bigint('task_uid', { mode: 'number' }).notNull(),
    /** Null where the event is not about a single run. */
    runId: uuid('run_id'),
    type: text('type').notNull(),
    at: instant('at').notNull(),
    actor: text('actor').notNull(),
    /** How the actor signed in, and the network address of its request; null for Punctual itself. */
    via: text('via'),
    address: text('address'),
    requestId: text('request_id'),
    data: jsonb('data').$type<Record<string, unknown>>(),
    writtenIn: xid8('written_in').notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [
    index('events_task').on(t.taskUid, t.id),
    index('events_written_in').on(t.writtenIn),
    index('events_of_runs').on(t.id).where(sql`${t.runId} is not null`),
  ],
);

/** Misses recorded by changes of tasks whose claims under way were not over yet. A replica that dies leaves its rows. */
export const unconfirmedMisses = pgTable('unconfirmed_misses', {
  eventId: bigint('event_id', { mode: 'number' }).primaryKey(),
  /** How many occurrences between the first and the last missed one had a run when the miss was recorded. */
  ran: integer('ran').notNull(),
});

/** How far each subscriber has read the events. */
export const subscriptions = pgTable('subscriptions', {
  name: text('name').primaryKey(),
  /** The events of all transactions that it shows are read. */
  seen: snapshot('seen').notNull().default(sql`pg_current_snapshot()`),
  /** The snapshot that is being read in several pages, and the last event read of it. Null between readings. */
  reading: snapshot('reading'),
  readId: bigint('read_id', { mode: 'number' }).notNull().default(0),
});

/** Calls to hooks that have still to be made. */
export const deliveries = pgTable(
  'deliveries',
  {
    /** Also the id of the CloudEvent, the same at every try. */
    id: uuid('id').primaryKey().default(sql`gen_random_uuid()`),
    /** The event that it is about; null where none made it. */
    eventId: bigint('event_id', { mode: 'number' }),
    taskUid: bigint('task_uid', { mode: 'number' }).notNull(),
    /** Null where the event is not about a single run. */
    runId: uuid('run_id'),
    hook: text('hook').$type<EventHook>().notNull(),
    /** The data of the event besides the run. */
    data: jsonb('data').$type<Record<string, unknown>>(),
    attempt: smallint('attempt').notNull().default(0),
    dueAt: instant('due_at').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (t) => [index('deliveries_due').on(t.dueAt), uniqueIndex('deliveries_event').on(t.eventId, t.hook)],
);
