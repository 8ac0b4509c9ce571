/** The acts on a task in the list. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { bodyOf, type Task } from '../../api/client.ts';
import { useClient } from '../../api/namespace.ts';
import { useMay } from '../../api/session.ts';
import { useAnnounce } from '../../ui/announce.tsx';
import styles from './tasks.module.css';

export function RowActs({ task }: { task: Task }) {
  const client = useClient();
  const queries = useQueryClient();
  const announce = useAnnounce();
  const mayAct = useMay('operator');
  const params = { path: { id: task.id } };
  const act = useMutation({
    mutationFn: async (what: 'start' | 'stop' | 'trigger'): Promise<string> => {
      if (what === 'start') await client.POST('/tasks/{id}/start', { params, body: {} });
      if (what === 'stop') await client.POST('/tasks/{id}/stop', { params, body: {} });
      if (what === 'trigger') await bodyOf(client.POST('/tasks/{id}/trigger', { params, body: {} }));
      return { start: 'started', stop: 'stopped', trigger: 'triggered' }[what];
    },
    onSuccess: (done) => announce(`${task.id} is ${done}.`),
    onError: (error) => announce(error.message),
    onSettled: () => queries.invalidateQueries({ queryKey: ['tasks'] }),
  });
  if (!mayAct) return null;
  const toggle = task.status === 'active' ? 'stop' : 'start';
  return (
    <div className={styles.acts}>
      <button
        type="button"
        className="button"
        disabled={act.isPending}
        aria-label={`Trigger ${task.id}`}
        onClick={() => act.mutate('trigger')}
      >
        Trigger
      </button>
      <button
        type="button"
        className="button"
        disabled={act.isPending}
        aria-label={`${toggle === 'stop' ? 'Stop' : 'Start'} ${task.id}`}
        onClick={() => act.mutate(toggle)}
      >
        {toggle === 'stop' ? 'Stop' : 'Start'}
      </button>
    </div>
  );
}
