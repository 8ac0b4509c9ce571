/** The greeting of an empty installation: one task to try, with a button and as curl. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { apiPath } from '../../api/base.ts';
import { apiBase, bodyOf } from '../../api/client.ts';
import { useClient, useNamespace } from '../../api/namespace.ts';
import { configQuery, useMay } from '../../api/session.ts';
import { Failure } from '../../ui/states.tsx';
import styles from './tasks.module.css';

export function FirstTask() {
  const client = useClient();
  const queries = useQueryClient();
  const namespace = useNamespace();
  const mayCreate = useMay('admin');
  const { data: config } = useQuery(configQuery);
  const url = `${window.location.origin}${apiPath}/livez`;
  const task = { id: 'hello', schedule: '@every 10s', target: { url, method: 'GET' as const } };
  const create = useMutation({
    mutationFn: () => bodyOf(client.POST('/tasks', { body: task })),
    onSuccess: () => queries.invalidateQueries(),
  });
  const asWhom = config?.signIn.length ? ` -H "Authorization: Bearer $API_KEY"` : '';
  const command = `curl -X POST ${window.location.origin}${apiBase(namespace)}/tasks${asWhom} \\
  -H 'content-type: application/json' \\
  -d '${JSON.stringify(task)}'`;
  return (
    <section className={`panel ${styles.first}`} aria-label="First task">
      <h2>No tasks yet</h2>
      <p>
        Here is one to try. Every ten seconds it asks this service whether it lives. You see it run, and can delete it
        again.
      </p>
      <pre className={styles.command}>{command}</pre>
      {mayCreate && (
        <button type="button" className="button primary" disabled={create.isPending} onClick={() => create.mutate()}>
          Create this task
        </button>
      )}
      {create.error && <Failure error={create.error} />}
    </section>
  );
}
