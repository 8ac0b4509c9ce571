/** The tables, as drizzle sees them; `migrations/` holds the reviewed SQL that makes them. */

import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  json,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { Detail } from '../domain/run/detail.ts';
import { errorKinds, type RunOrigin, runStatuses, triggers } from '../domain/run/run.ts';
import type { Misfire } from '../domain/schedule/misfire.ts';
import type { Schedule } from '../domain/schedule/schedule.ts';
import type { Policies } from '../domain/task/policies.ts';
import { taskStatuses } from '../domain/task/states.ts';
import type { Target } from '../domain/task/target.ts';
import type { Retry } from '../domain/task/task.ts';
import { overlaps } from '../domain/task/task.ts';
import { instant, namespace, xid8 } from './column-types.ts';

export const taskStatus = pgEnum('task_status', taskStatuses);
export const overlap = pgEnum('overlap', overlaps);
export const runStatus = pgEnum('run_status', runStatuses);
export const runTrigger = pgEnum('run_trigger', triggers);
export const errorKind = pgEnum('error_kind', errorKinds);

export const tasks = pgTable(
  'tasks',
  {
    /** Never reused, so that a task deleted and created again under the same id is another task. */
    uid: bigint('uid', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    namespace: namespace(),
    /** Unique inside the namespace while the task is not deleted. */
    id: text('id').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    labels: jsonb('labels').$type<Record<string, string>>().notNull(),
    schedule: jsonb('schedule').$type<Schedule>().notNull(),
    target: jsonb('target').$type<Target>().notNull(),
    timeoutMs: bigint('timeout_ms', { mode: 'number' }).notNull(),
    retry: jsonb('retry').$type<Retry>().notNull(),
    overlap: overlap('overlap').notNull(),
    misfire: jsonb('misfire').$type<Misfire>().notNull(),
    startsAt: instant('starts_at'),
    endsAt: instant('ends_at'),
    maxRuns: integer('max_runs'),
    jitterMs: bigint('jitter_ms', { mode: 'number' }),
    priority: smallint('priority').notNull(),
    /** Limits, hooks, long work, fallback: only the members that a client set; null for the many tasks without any. */
    policies: jsonb('policies').$type<Partial<Policies>>(),
    /** Tasks with the same limits have the same group (`limitGroupOf`); null for the many without limits. */
    limitGroup: uuid('limit_group'),
    status: taskStatus('status').notNull(),
    /** Counts every change; the ETag. */
    version: integer('version').notNull().default(1),
    /** Counts the changes of when the task is due. A claim for another schedule version inserts no run. */
    scheduleVersion: integer('schedule_version').notNull().default(1),
    /** Occurrences of this schedule version lie after this instant. */
    activeFrom: instant('active_from').notNull(),
    /** Occurrences claimed so far; kept only for tasks with `max_runs`. */
    claimed: integer('claimed').notNull().default(0),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    /** A deleted task stays as a tombstone while replicas or history still refer to it. */
    deletedAt: instant('deleted_at'),
    /** The transaction that wrote the row last. The change feed goes by it. */
    changedIn: xid8('changed_in').notNull().default(sql`pg_current_xact_id()`),
    /** Whether its runs count for the quota `concurrentRuns` of the namespace (`followQuota`). */
    inQuota: boolean('in_quota').notNull().default(false),
  },
  (t) => [
    uniqueIndex('tasks_id').on(t.namespace, t.id).where(sql`${t.deletedAt} is null`),
    index('tasks_changed_in').on(t.changedIn),
    index('tasks_labels').using('gin', sql`${t.labels} jsonb_path_ops`),
    index('tasks_tombstones').on(t.namespace, t.id).where(sql`${t.deletedAt} is not null`),
  ],
);

export const runs = pgTable(
  'runs',
  {
    /** Starts with the instant (48 bits of milliseconds), so that history is ordered by key. */
    id: uuid('id').primaryKey(),
    /** That of the task. */
    namespace: namespace(),
    taskUid: bigint('task_uid', { mode: 'number' }).notNull(),
    trigger: runTrigger('trigger').notNull(),
    status: runStatus('status').notNull(),
    scheduledFor: instant('scheduled_for').notNull(),
    /** When the next attempt may start. */
    dueAt: instant('due_at').notNull(),
    /** Order among waiting runs: the due instant less a head start for each step of priority. */
    effectiveDueAt: instant('effective_due_at').notNull(),
    /**
     * 0 while the run occupies a task that forbids overlap, 1 while it is the one queued behind it, 2 while it waits in
     * line to be made up for, else null.
     */
    overlapSlot: smallint('overlap_slot'),
    owner: uuid('owner'),
    attempt: smallint('attempt').notNull(),
    maxAttempts: smallint('max_attempts').notNull(),
    createdAt: instant('created_at').notNull(),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    httpStatus: smallint('http_status'),
    /** The executor's details besides an HTTP status. */
    detail: jsonb('detail').$type<Detail>(),
    output: text('output'),
    truncated: boolean('truncated'),
    errorKind: errorKind('error_kind'),
    errorMessage: text('error_message'),
    reason: text('reason'),
    /** The description that the request for the run gave of it; null for occurrences. */
    origin: jsonb('origin').$type<RunOrigin>(),
    /** The input that the request gave the run: JSON text, with all digits as sent. */
    input: text('input'),
    /** Every finished attempt; null while or when the only one can be read off the run itself. */
    attempts: jsonb('attempts').$type<StoredAttempt[]>(),
    cancelRequested: boolean('cancel_requested').notNull().default(false),
    /** The task's group while the run waits; null for a run without limits. */
    limitGroup: uuid('limit_group'),
    /** Set while `hooks.before` has still to be asked: any replica may ask it from this instant on. */
    checkDue: instant('check_due'),
    /** Set while the run is held: the deadline for the holder's next heartbeat. */
    heartbeatDue: instant('heartbeat_due'),
    progress: jsonb('progress').$type<unknown>(),
    /** True where the task has hooks that hear of the run's end. */
    hooked: boolean('hooked'),
  },
  (t) => [
    index('runs_task').on(t.taskUid, t.id),
    index('runs_namespace').on(t.namespace, t.id).where(sql`${t.namespace} <> 'default'`),
    index('runs_live').on(t.status, t.effectiveDueAt).where(sql`${t.status} in ('pending', 'running', 'retrying')`),
    // Indexes for lists of rare runs, of all tasks or of one. A plain run (scheduled, succeeded) writes to none of
    // them.
    index('runs_ended')
      .on(t.status, t.id)
      .where(sql`${t.status} in ('failed', 'timed_out', 'cancelled', 'lost', 'skipped')`),
    index('runs_task_ended')
      .on(t.taskUid, t.status, t.id)
      .where(sql`${t.status} in ('failed', 'timed_out', 'cancelled', 'lost', 'skipped')`),
    index('runs_unscheduled').on(t.trigger, t.id).where(sql`${t.trigger} in ('manual', 'catch_up', 'retry')`),
    index('runs_task_unscheduled')
      .on(t.taskUid, t.trigger, t.id)
      .where(sql`${t.trigger} in ('manual', 'catch_up', 'retry')`),
    uniqueIndex('runs_overlap_slot').on(t.taskUid, t.overlapSlot).where(sql`${t.overlapSlot} < 2`),
    index('runs_line').on(t.taskUid, t.effectiveDueAt).where(sql`${t.overlapSlot} > 0`),
    index('runs_limits')
      .on(t.limitGroup, t.effectiveDueAt)
      .where(sql`${t.limitGroup} is not null and ${t.status} in ('pending', 'retrying')`),
    index('runs_limits_running').on(t.limitGroup).where(sql`${t.limitGroup} is not null and ${t.status} = 'running'`),
    // A plain run, which begins as running, does not enter it.
    index('runs_waiting').on(t.namespace, t.effectiveDueAt).where(sql`${t.status} in ('pending', 'retrying')`),
    index('runs_check').on(t.checkDue).where(sql`${t.checkDue} is not null`),
    index('runs_heartbeat').on(t.heartbeatDue).where(sql`${t.heartbeatDue} is not null`),
  ],
);

/** An attempt as kept in `runs.attempts`: finished, or the last one while it is held. Instants are RFC 3339. */
export type StoredAttempt = {
  attempt: number;
  status: string;
  startedAt: string;
  finishedAt: string | null;
  error: { kind: string; message: string } | null;
  httpStatus: number | null;
  /** The executor's details; absent where there are none. */
  detail?: Detail;
  /** A noun for the sign that a held attempt waits for. */
  waitsFor?: string;
  /** True where the fallback was called instead of the target. */
  fallback?: true;
};

/**
 * Templates that a process is filling in for the first time. A row that is older than filling in takes was left by a
 * process that died of its template.
 */
export const templateTrials = pgTable(
  'template_trials',
  {
    taskUid: bigint('task_uid', { mode: 'number' }).notNull(),
    process: uuid('process').notNull(),
    /** Of which definition: a change or a start of the task makes it another one. */
    definition: text('definition').notNull(),
    at: instant('at').notNull().default(sql`now()`),
  },
  (t) => [primaryKey({ columns: [t.taskUid, t.process] })],
);

export const replicas = pgTable('replicas', {
  /** One incarnation of one process. */
  id: uuid('id').primaryKey(),
  version: text('version').notNull(),
  /** The version of its time zone data, such as 2025c; null where it is not known. */
  tz: text('tz'),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  startedAt: instant('started_at').notNull(),
  heartbeatAt: instant('heartbeat_at').notNull(),
  /** By the database's clock; after it the replica is dead to the others. */
  leaseUntil: instant('lease_until').notNull(),
  running: integer('running').notNull(),
  tasksLoaded: integer('tasks_loaded').notNull(),
  /** Whether it claims due occurrences: its timetable is loaded, and it is not shutting down. */
  firing: boolean('firing').notNull().default(false),
  /** The circuits that are not closed here, as `GET /cluster` shows them. */
  breakers: jsonb('breakers').$type<unknown[]>().notNull().default([]),
});

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    namespace: namespace(),
    /** The caller's name and the operation. */
    scope: text('scope').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    /** `json` and not `jsonb`: a replay is the first answer to the letter. */
    answer: json('answer').$type<unknown>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.namespace, t.scope, t.key] }), index('idempotency_keys_age').on(t.createdAt)],
);

/** One row: the state that all replicas of one database share. */
export const cluster = pgTable('cluster', {
  /** Separates the Redis keys of two databases, and makes the ids of their runs different. */
  id: uuid('id').primaryKey().default(sql`gen_random_uuid()`),
  singleton: boolean('singleton').notNull().default(true).unique(),
  /** Every occurrence up to here has its row or its recorded miss. */
  watermark: instant('watermark').notNull(),
  /** Which incarnation moved it last. */
  sweptBy: uuid('swept_by'),
  /** The secret that the tokens of runs are made with. */
  secret: text('secret').notNull().default(sql`gen_random_uuid()::text || gen_random_uuid()::text`),
});
