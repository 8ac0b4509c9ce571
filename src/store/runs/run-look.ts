/** Looks for changes of runs that nobody told of: of the newest runs of a namespace, those that are not as before. */

import { defaultNamespace } from '../../domain/access/namespace.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { runs, tasks } from '../schema.ts';

/** What was seen of runs, and the looks. */
export type RunLook = {
  /**
   * Calls `note` with the id of the task of each run that is new or has changed since the look before. False where there
   * was none.
   */
  look(namespace: string, note: (task: string) => void): Promise<boolean>;
  forget(): void;
};

/** So many of the newest runs are looked at; in the default namespace, of all namespaces. */
const newest = 200;
/** So many namespaces are remembered. */
const mostNamespaces = 100;

type LookRow = Row<typeof runs, 'id' | 'status' | 'attempt'> & { task: Row<typeof tasks, 'id'>['id'] };

export function createRunLook(db: Queryable): RunLook {
  const seen = new Map<string, Map<string, string>>();
  async function look(namespace: string, note: (task: string) => void): Promise<boolean> {
    const own = namespace === defaultNamespace ? '' : `where namespace = $1 and namespace <> '${defaultNamespace}'`;
    const { rows } = await db.query<LookRow>({
      name: own === '' ? 'look-at-runs' : 'look-at-runs-in',
      text: `
        select r.id, r.status, r.attempt, t.id as task
        from (select * from runs ${own} order by id desc limit ${newest}) r join tasks t on t.uid = r.task_uid
        where r.namespace = $1`,
      values: [namespace],
    });
    const before = seen.get(namespace);
    const now = new Map(rows.map(({ id, status, attempt }) => [id, `${status} ${attempt}`]));
    if (before !== undefined) for (const { id, task } of rows) if (before.get(id) !== now.get(id)) note(task);
    if (seen.size >= mostNamespaces) seen.clear();
    seen.set(namespace, now);
    return before !== undefined;
  }

  return { look, forget: () => seen.clear() };
}
