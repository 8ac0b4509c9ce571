/**
 * Creates tasks in a namespace with the quotas `tasks` or `createsPerMinute`. The row of the namespace is locked first,
 * so creations there come one after the other, on all replicas, and each counts those before it.
 */

import { admitCreations, type Excess, type Quotas } from '../../domain/access/quotas.ts';
import { lockQuotas } from '../access/quotas.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { createGatherer } from './gatherer.ts';
import { type Inserted, insertTasks, type NewTask } from './tasks.ts';

/** What became of a new task: it was inserted or not, or a quota refuses it. */
export type Stored = Inserted | Excess;

/** Creations that lie further ahead were noted by a clock that has been set back since. */
const counts = (now: string) => `at > ${now} - interval '1 minute' and at <= ${now} + interval '1 minute'`;

/**
 * Stores those of the tasks that the quotas let through, all of one namespace, in a transaction of the caller. The
 * answer has an entry for each, in order: the task, null where the id is taken, or the quota that refuses it.
 * `createsPerMinute` goes by the database's clock, which is read under the lock: no 60 seconds have more creations.
 */
export async function insertWithinQuotas(
  db: Queryable,
  namespace: string,
  items: readonly NewTask[],
  now: number,
): Promise<Stored[]> {
  const quotas = await lockQuotas(db, namespace);
  const ids = items.map(({ id }) => id);
  const { at, ...facts } = await readFacts(db, namespace, ids, quotas);
  const refused = admitCreations(ids, facts, quotas);
  const admitted = await insertTasks(
    db,
    items.filter((_, place) => refused[place] === null),
    now,
  );
  const made = admitted.filter((task) => task !== null).length;
  if (quotas.createsPerMinute !== null && made > 0) await noteCreations(db, namespace, at, made);
  const afterMs = refused.includes('createsPerMinute')
    ? await opensAfter(db, namespace, at, quotas.createsPerMinute ?? 0)
    : null;
  let place = 0;
  return refused.map((quota) => {
    if (quota === null) return admitted[place++] ?? null;
    const used = made + (quota === 'tasks' ? facts.tasks : facts.created);
    return { quota, limit: quotas[quota] ?? 0, used, afterMs: quota === 'createsPerMinute' ? afterMs : null };
  });
}

/**
 * Stores tasks one by one in namespaces with such quotas, those that come at the same time in one transaction. In each
 * namespace one is under way here: creations wait for each other there, and must not hold more connections meanwhile.
 */
export function createQuotaInserts(database: Database): (item: NewTask, now: number) => Promise<Stored> {
  type Creation = { item: NewTask; now: number };
  const lines = new Map<string, { insert: (creation: Creation) => Promise<Stored>; users: number }>();

  function openLine(namespace: string) {
    const write = (batch: readonly Creation[]) => {
      const items = batch.map(({ item }) => item);
      const now = Math.max(...batch.map((each) => each.now));
      return inTransaction(database, (db) => insertWithinQuotas(db, namespace, items, now));
    };
    const line = { insert: createGatherer(write, 1), users: 0 };
    lines.set(namespace, line);
    return line;
  }

  return async (item, now) => {
    const line = lines.get(item.namespace) ?? openLine(item.namespace);
    line.users++;
    try {
      return await line.insert({ item, now });
    } finally {
      line.users--;
      if (line.users === 0) lines.delete(item.namespace);
    }
  };
}

type Facts = { at: string; tasks: number; created: number; taken: Set<string> };

/** A statement after that of the lock: it sees all that was committed before the lock was given, and a later clock. */
async function readFacts(db: Queryable, namespace: string, ids: readonly string[], quotas: Quotas): Promise<Facts> {
  const { rows } = await db.query<Omit<Facts, 'taken'> & { taken: string[] }>({
    name: 'creation-facts',
    text: `
      with clock as materialized (select date_trunc('milliseconds', clock_timestamp()) as now)
      select clock.now::text as at,
        case when $3 then (select count(*) from tasks where namespace = $1 and deleted_at is null) else 0 end::integer as tasks,
        coalesce((select sum(c.tasks) from creations c where c.namespace = $1 and ${counts('clock.now')}), 0)::integer as created,
        array(select id from tasks where namespace = $1 and id = any($2) and deleted_at is null) as taken
      from clock`,
    values: [namespace, ids, quotas.tasks !== null],
  });
  const [facts] = rows as [(typeof rows)[number]];
  return { ...facts, taken: new Set(facts.taken) };
}

async function noteCreations(db: Queryable, namespace: string, at: string, made: number): Promise<void> {
  await db.query({
    name: 'note-creations',
    text: `
      with gone as (
        delete from creations where namespace = $1 and not (${counts('$2::timestamptz')})
      )
      insert into creations (namespace, at, tasks) values ($1, $2::timestamptz, $3)
      on conflict (namespace, at) do update set tasks = creations.tasks + excluded.tasks`,
    values: [namespace, at, made],
  });
}

/** When the next creation is allowed, in milliseconds; null where never. It waits for the oldest that leaves a place. */
async function opensAfter(db: Queryable, namespace: string, at: string, limit: number): Promise<number | null> {
  const { rows } = await db.query<{ ms: number }>({
    name: 'creations-open',
    text: `
      select extract(epoch from w.at + interval '1 minute' - $2::timestamptz)::float8 * 1000 as ms
      from (
        select at, sum(tasks) over (order by at desc) as since from creations where namespace = $1 and ${counts('$2::timestamptz')}
      ) w where w.since >= $3 order by w.at desc limit 1`,
    values: [namespace, at, limit],
  });
  return limit === 0 ? null : (rows[0]?.ms ?? null);
}

/** Forgets creations that count no more; those of a namespace that still has its quota go with the next creation. */
export async function forgetCreations(db: Queryable): Promise<void> {
  await db.query(`delete from creations where at < now() - interval '2 minutes'`);
}
