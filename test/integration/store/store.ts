/** A store for tests: a database of one's own, and short ways to fill it. */

import { systemClock } from '../../../src/clock.ts';
import { defaultNamespace } from '../../../src/domain/access/namespace.ts';
import { createRunIds } from '../../../src/domain/run/ids.ts';
import type { RunStatus } from '../../../src/domain/run/run.ts';
import { createCalendar } from '../../../src/domain/schedule/calendar.ts';
import { redactDefinition } from '../../../src/domain/task/credentials.ts';
import { readTask, type TaskDefinition, type TaskInput } from '../../../src/domain/task/task.ts';
import type { Author } from '../../../src/store/events/events.ts';
import { type Database, openDatabase, type Queryable } from '../../../src/store/postgres/database.ts';
import type { Due } from '../../../src/store/runs/claiming/claims.ts';
import type { Task } from '../../../src/store/tasks/row.ts';
import { insertTasks } from '../../../src/store/tasks/tasks.ts';
import { httpTargets } from '../../http-targets.ts';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { atFileEnd } from '../../services/file-end.ts';
import { noPostgres } from '../../services/provided.ts';
import { silent } from '../../silent-log.ts';

/** An instant far from now, so that nothing depends on when the tests run. */
export const t0 = Date.parse('2031-03-04T05:06:07.000Z');

export const author: Author = { actor: 'tester', via: null, address: null, requestId: null };

export type Store = { url: string; database: Database; db: Queryable };

/** A migrated, empty database and a pool on it; both are gone after the file. */
export async function openStore(): Promise<Store> {
  const { url } = await createDatabase();
  const database = openPool(url);
  return { url, database, db: database.pool };
}

/** One more pool on the same database. */
export function openPool(url: string, purpose = 'tests', timeoutMs = 20_000): Database {
  const database = openDatabase({
    connection: noPostgres ? embeddedConnection(url) : { connectionString: url },
    purpose,
    // All connections to the embedded store share one session.
    maxConnections: noPostgres ? 1 : 12,
    timeoutMs,
    log: silent,
    clock: systemClock,
    random: Math.random,
  });
  atFileEnd(() => database.close());
  return database;
}

/**
 * The session of the embedded store outlives connections: this form of the address has its prepared statements dropped.
 */
function embeddedConnection(url: string) {
  const { hostname, port, username, pathname } = new URL(url);
  return { host: hostname, port: Number(port), user: username, database: pathname.slice(1) };
}

const calendar = createCalendar();

/** Hides the credentials of a definition. */
export const redact = (definition: TaskDefinition) => redactDefinition(definition, httpTargets);

/** A stored task, `@every 1s` from `t0` on unless told otherwise. */
export async function makeTask(db: Queryable, id: string, input: Partial<TaskInput> = {}): Promise<Task> {
  const [task] = await makeTasks(db, [id], input);
  return task as Task;
}

export async function makeTasks(db: Queryable, ids: string[], input: Partial<TaskInput> = {}): Promise<Task[]> {
  const items = ids.map((id) => ({
    namespace: defaultNamespace,
    id,
    definition: define(id, input),
    activeFrom: t0 - 1,
    author,
  }));
  return (await insertTasks(db, items, t0)) as Task[];
}

export function define(id: string, input: Partial<TaskInput> = {}) {
  const given = { schedule: '@every 1s', target: 'http://127.0.0.1:9/', ...input };
  const read = readTask(id, given, { now: t0, calendar, targets: httpTargets });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.value;
}

/** The task's occurrence so many seconds after `t0`. */
export function dueOf(
  { uid, scheduleVersion }: Pick<Task, 'uid' | 'scheduleVersion'>,
  second: number,
  knownVersion = 0,
): Due {
  const scheduledFor = t0 + second * 1_000;
  return { runId: runIds.of(uid, scheduledFor), uid, scheduleVersion, scheduledFor, knownVersion };
}

export type RunRow = {
  id: string;
  task_uid: string;
  trigger: string;
  status: RunStatus;
  scheduled_for: Date;
  due_at: Date;
  effective_due_at: Date;
  overlap_slot: number | null;
  owner: string | null;
  attempt: number;
  max_attempts: number;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  http_status: number | null;
  output: string | null;
  truncated: boolean | null;
  error_kind: string | null;
  error_message: string | null;
  reason: string | null;
  attempts: { attempt: number; status: string; startedAt: string; finishedAt: string }[] | null;
  cancel_requested: boolean;
};

/** A run as the table holds it. */
export async function readRun(db: Queryable, id: string): Promise<RunRow> {
  const { rows } = await db.query<RunRow>('select * from runs where id = $1', [id]);
  if (!rows[0]) throw new Error(`no run ${id}`);
  return rows[0];
}

/** A task's runs, oldest first. */
export async function runsOf(db: Queryable, uid: number): Promise<RunRow[]> {
  const { rows } = await db.query<RunRow>('select * from runs where task_uid = $1 order by id', [uid]);
  return rows;
}

/** Writes a run as it is wanted, past all rules but those of the tables. */
export async function plantRun(
  db: Queryable,
  run: { id: string; uid: number; status: RunStatus; at?: number } & Partial<
    Pick<
      RunRow,
      'overlap_slot' | 'owner' | 'attempt' | 'max_attempts' | 'trigger' | 'finished_at' | 'effective_due_at' | 'due_at'
    >
  >,
): Promise<void> {
  const at = new Date(run.at ?? t0);
  await db.query(
    `insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, overlap_slot, owner, attempt, max_attempts,
       created_at, started_at, finished_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $5, $12, $13)`,
    [
      run.id,
      run.uid,
      run.trigger ?? 'schedule',
      run.status,
      at,
      run.due_at ?? at,
      run.effective_due_at ?? at,
      run.overlap_slot ?? null,
      run.owner ?? null,
      run.attempt ?? 0,
      run.max_attempts ?? 1,
      run.attempt ? at : null,
      run.finished_at ?? null,
    ],
  );
}

/** Lets retention take all runs that are over for counted. */
export async function countAll(db: Queryable): Promise<void> {
  await db.query(`update stats_state set counted_to = 'ffffffff-ffff-ffff-ffff-ffffffffffff'`);
}

/** Waits until so many sessions of this database wait for another one's lock. */
export async function waitForBlocked(db: Queryable, count: number): Promise<void> {
  await poll(
    async () => {
      const { rows } = await db.query<{ count: number }>(
        `select count(*)::integer from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return (rows[0]?.count ?? 0) >= count;
    },
    { what: `${count} statements to wait for a lock` },
  );
}

/** What a request says of a run when it says nothing. */
export const asked = { origin: { source: null, requestId: null, trace: null }, input: null, priority: null };

/** The ids of a cluster that exists nowhere else. */
export const runIds = createRunIds('5eb0a1c2-0d3e-4f56-8798-a9bacbdcedfe');
