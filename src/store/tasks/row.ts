/** Converts between rows of `tasks` and tasks. */

import { formatDuration, parseDuration } from '../../domain/input/duration.ts';
import { formatInstant } from '../../domain/input/instant.ts';
import type { Hooks, Policies } from '../../domain/task/policies.ts';
import type { TaskDefinition } from '../../domain/task/task.ts';
import { type ColumnName, columnsOf, type Row } from '../rows.ts';
import type { tasks } from '../schema.ts';

/** A stored task. Instants are epoch milliseconds. */
export type Task = {
  uid: number;
  namespace: string;
  /** Unique inside the namespace. */
  id: string;
  definition: TaskDefinition;
  version: number;
  scheduleVersion: number;
  activeFrom: number;
  /** Occurrences claimed so far; counted only for a task with `maxRuns`. */
  claimed: number;
  createdAt: number;
  updatedAt: number;
};

/** Only the members that a client set. */
type StoredPolicies = Partial<Omit<Policies, 'hooks'> & { hooks: Partial<Hooks> }>;

const names = [
  'uid',
  'namespace',
  'id',
  'name',
  'description',
  'labels',
  'schedule',
  'target',
  'timeout_ms',
  'retry',
  'overlap',
  'misfire',
  'starts_at',
  'ends_at',
  'max_runs',
  'jitter_ms',
  'priority',
  'policies',
  'status',
  'version',
  'schedule_version',
  'active_from',
  'claimed',
  'created_at',
  'updated_at',
] as const satisfies ColumnName<typeof tasks>[];

/** A row as the driver gives it: bigints come as text, timestamps as Date. */
export type TaskRow = Omit<Row<typeof tasks, (typeof names)[number]>, 'policies'> & { policies: StoredPolicies | null };

/**
 * True for a task `t` that is not deleted, in a form that no index serves: where tasks are looked up by number, a query
 * plan that goes through the partial index of all live ones instead reads every task there is.
 */
export const isNotDeleted = `coalesce(t.deleted_at, '-infinity') = '-infinity'`;

/** The select list that makes a `TaskRow` of the table or alias `from`. */
export function taskColumns(from: string): string {
  return columnsOf<typeof tasks>(from, ...names);
}

export function taskOf(row: TaskRow): Task {
  return {
    uid: Number(row.uid),
    namespace: row.namespace,
    id: row.id,
    definition: {
      name: row.name,
      description: row.description,
      labels: row.labels,
      schedule: row.schedule,
      target: row.target,
      timeout: formatDuration(Number(row.timeout_ms)),
      retry: row.retry,
      overlap: row.overlap,
      misfire: row.misfire,
      startsAt: row.starts_at && formatInstant(row.starts_at.getTime()),
      endsAt: row.ends_at && formatInstant(row.ends_at.getTime()),
      maxRuns: row.max_runs,
      jitter: row.jitter_ms === null ? null : formatDuration(Number(row.jitter_ms)),
      priority: row.priority,
      status: row.status,
      ...policiesOf(row.policies),
    },
    version: row.version,
    scheduleVersion: row.schedule_version,
    activeFrom: row.active_from.getTime(),
    claimed: row.claimed,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

/** The columns that a definition decides, as JSON for `jsonb_to_recordset`. */
export function definitionColumns(id: string, definition: TaskDefinition) {
  return {
    id,
    name: definition.name,
    description: definition.description,
    labels: definition.labels,
    schedule: definition.schedule,
    target: definition.target,
    timeout_ms: parseDuration(definition.timeout),
    retry: definition.retry,
    overlap: definition.overlap,
    misfire: definition.misfire,
    starts_at: definition.startsAt,
    ends_at: definition.endsAt,
    max_runs: definition.maxRuns,
    jitter_ms: definition.jitter === null ? null : parseDuration(definition.jitter),
    priority: definition.priority,
    policies: storedPolicies(definition),
    status: definition.status,
  } satisfies Partial<Record<ColumnName<typeof tasks>, unknown>>;
}

const none: Policies = {
  maxConcurrency: null,
  concurrency: null,
  rate: null,
  hooks: null,
  heartbeatTimeout: null,
  fallback: null,
  signing: null,
};
const noHooks: Hooks = { before: null, onSuccess: null, onFailure: null, onRecovery: null, onMissed: null };

function policiesOf(stored: StoredPolicies | null): Policies {
  if (stored === null) return none;
  return { ...none, ...stored, hooks: stored.hooks ? { ...noHooks, ...stored.hooks } : null };
}

function storedPolicies(definition: Policies): StoredPolicies | null {
  const asked = Object.keys(none).flatMap((name) => {
    const value = definition[name as keyof Policies];
    return value === null ? [] : [[name, name === 'hooks' ? withoutNulls(value as Hooks) : value]];
  });
  return asked.length === 0 ? null : Object.fromEntries(asked);
}

function withoutNulls<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null)) as Partial<T>;
}
