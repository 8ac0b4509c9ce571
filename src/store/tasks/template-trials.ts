/**
 * Notes which templates a process is filling in for the first time, so that a template that kills the process is known.
 */

import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { tasks } from '../schema.ts';

/**
 * A template is filled in within milliseconds. A note that is older than this many seconds was left by a process that
 * died.
 */
const diedAfterSeconds = 5;
/** How long such notes are kept. */
const keptDays = 30;

export type TrialTask = Pick<Row<typeof tasks>, 'namespace' | 'id'>;

/**
 * Notes that `process` is about to fill in templates of these tasks, and tells of each how many processes died of that
 * with the definition that the task has. Those are left out, but for those of `atMost` deaths. Deleted tasks are left
 * out.
 */
export async function beginTrials(
  db: Queryable,
  asked: readonly TrialTask[],
  process: string,
  atMost: number,
): Promise<(TrialTask & { died: number })[]> {
  const { rows } = await db.query<TrialTask & { died: number }>({
    name: 'begin-template-trials',
    text: `
      with asked as (
        select t.uid, namespace, id, md5(concat(t.schedule_version, t.target, t.policies)) as definition
        from unnest($4::text[], $1::text[]) as given(namespace, id) join tasks t using (namespace, id)
        where t.deleted_at is null
      ), known as (
        select a.*, (
          select count(*)::integer from template_trials x
          where x.task_uid = a.uid and x.definition = a.definition and x.process <> $2
            and x.at < now() - interval '${diedAfterSeconds} seconds'
        ) as died from asked a
      ), begun as (
        insert into template_trials (task_uid, process, definition) select uid, $2, definition from known where died <= $3
        on conflict (task_uid, process) do update set definition = excluded.definition, at = now()
      )
      select namespace, id, died from known`,
    values: [asked.map(({ id }) => id), process, atMost, asked.map(({ namespace }) => namespace)],
  });
  return rows;
}

/**
 * Notes that the templates of these tasks were filled in. Also deletes the notes of other processes about the same
 * definition, because it did not kill them, and notes that are too old.
 */
export async function endTrials(db: Queryable, ended: readonly TrialTask[], process: string): Promise<void> {
  await db.query({
    name: 'end-template-trials',
    text: `
      with ended as (
        select x.task_uid, x.definition from template_trials x join tasks t on t.uid = x.task_uid
        where x.process = $2 and (t.namespace, t.id) in (select * from unnest($3::text[], $1::text[]))
      )
      delete from template_trials x
      where (x.task_uid, x.definition) in (select * from ended) or x.at < now() - interval '${keptDays} days'`,
    values: [ended.map(({ id }) => id), process, ended.map(({ namespace }) => namespace)],
  });
}
