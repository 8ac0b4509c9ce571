/** What one may do to a task: start, stop, trigger, delete. What the caller's role does not allow is not offered. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { bodyOf, type Task } from '../api/client.ts';
import { useClient } from '../api/namespace.ts';
import { useMay } from '../api/session.ts';
import { useAnnounce } from '../ui/announce.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { Go } from '../ui/go.tsx';
import { Failure } from '../ui/states.tsx';

const catchUps = [
  ['skip', 'record them as missed'],
  ['fire_once', 'make up for the last one'],
  ['fire_all', 'make up for all of them'],
] as const;
const cancels = [
  ['pending', 'waiting runs only'],
  ['all', 'waiting and running ones'],
  ['none', 'none'],
] as const;

export function TaskActs({ task }: { task: Task }) {
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const announce = useAnnounce();
  const mayAct = useMay('operator');
  const mayChange = useMay('admin');
  const [catchUp, setCatchUp] = useState<(typeof catchUps)[number][0]>('skip');
  const [cancel, setCancel] = useState<(typeof cancels)[number][0]>('pending');
  const params = { path: { id: task.id } };
  const readAgain = () => queries.invalidateQueries();
  const goTo = (to: string, path: Record<string, string> = {}) =>
    navigate({ to, params: path as never, search: (({ ns }: { ns?: string }) => ({ ns })) as never });
  const trigger = useMutation({
    mutationFn: () => bodyOf(client.POST('/tasks/{id}/trigger', { params, body: {} })),
    onSuccess: ({ id }) => {
      announce(`${task.id} is triggered.`);
      return goTo('/runs/$id', { id });
    },
  });
  return (
    <div className="row">
      {mayAct && (
        <button type="button" className="button primary" disabled={trigger.isPending} onClick={() => trigger.mutate()}>
          Trigger
        </button>
      )}
      {mayAct && task.status === 'active' && (
        <Confirm
          button="Stop"
          title={`Stop ${task.id}?`}
          act="Stop this task"
          onAct={async () => {
            await client.POST('/tasks/{id}/stop', { params, body: { cancel } });
            await readAgain();
            announce(`${task.id} is stopped.`);
          }}
        >
          <p>It does not fire until it is started again.</p>
          <label>
            Cancel{' '}
            <select value={cancel} onChange={(event) => setCancel(event.target.value as typeof cancel)}>
              {cancels.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        </Confirm>
      )}
      {mayAct && task.status !== 'active' && (
        <Confirm
          button="Start"
          title={`Start ${task.id}?`}
          act="Start this task"
          onAct={async () => {
            await client.POST('/tasks/{id}/start', { params, body: { catchUp } });
            await readAgain();
            announce(`${task.id} is started.`);
          }}
        >
          <label>
            Occurrences since it was stopped:{' '}
            <select value={catchUp} onChange={(event) => setCatchUp(event.target.value as typeof catchUp)}>
              {catchUps.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        </Confirm>
      )}
      {mayChange && (
        <Go to="/tasks/$id/edit" params={{ id: task.id }} className="button">
          Edit
        </Go>
      )}
      {mayChange && (
        <Confirm
          button="Delete"
          tone="danger"
          title={`Delete ${task.id}?`}
          act="Delete this task"
          isDestructive
          onAct={async () => {
            await client.DELETE('/tasks/{id}', { params });
            announce(`${task.id} is deleted.`);
            await goTo('/tasks');
            await readAgain();
          }}
        >
          <p>One task is deleted. Its runs stay in the history.</p>
        </Confirm>
      )}
      {trigger.error && <Failure error={trigger.error} />}
    </div>
  );
}
