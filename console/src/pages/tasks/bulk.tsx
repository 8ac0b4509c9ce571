/** One act on all tasks that fit the filters: how many they are is named, confirmed, and followed until it is done. */

import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bodyOf, Problem } from '../../api/client.ts';
import { useClient } from '../../api/namespace.ts';
import { useMay } from '../../api/session.ts';
import styles from '../../ui/confirm.module.css';
import { Failure } from '../../ui/states.tsx';
import type { TaskFilters } from './filters.ts';

type Action = 'start' | 'stop' | 'trigger' | 'delete';
const actions: readonly (readonly [action: Action, word: string])[] = [
  ['start', 'Start'],
  ['stop', 'Stop'],
  ['trigger', 'Trigger'],
  ['delete', 'Delete'],
];
/** How often the progress is asked for, in milliseconds. */
const pollMs = 500;

const tasksText = (count: number) => (count === 1 ? '1 task' : `${count} tasks`);

export function BulkActs({ filters }: { filters: TaskFilters }) {
  const client = useClient();
  const queries = useQueryClient();
  const mayAct = useMay('operator');
  const mayDelete = useMay('admin');
  const [isOpen, setOpen] = useState(false);
  const [action, setAction] = useState<Action>('stop');
  const [count, setCount] = useState<number | null>(null);
  const [bulk, setBulk] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const progress = useQuery({
    queryKey: ['bulk', bulk],
    queryFn: () => bodyOf(client.GET('/bulk/{id}', { params: { path: { id: bulk ?? '' } } })),
    enabled: bulk !== null,
    refetchInterval: ({ state }) => (state.data?.finishedAt ? false : pollMs),
  });
  if (!mayAct) return null;

  const ask = (expect: number) => client.POST('/bulk', { body: { select: filters, action, expect } as never });
  /** No count is right before it is known, so the first question is refused and tells it. Where it is 0, all is done. */
  async function open(): Promise<void> {
    setOpen(true);
    setBulk(null);
    setError(null);
    setCount(null);
    try {
      await client.POST('/bulk', { body: { select: filters, action: 'stop', expect: unlikely } as never });
    } catch (refusal) {
      if (refusal instanceof Problem && typeof refusal.body.count === 'number') setCount(refusal.body.count);
      else setError(refusal);
    }
  }
  async function carryOut(): Promise<void> {
    if (count === null) return;
    try {
      const { id } = (await bodyOf(ask(count))) as { id: string };
      setBulk(id);
    } catch (refusal) {
      if (refusal instanceof Problem && typeof refusal.body.count === 'number') setCount(refusal.body.count);
      setError(refusal);
    }
  }
  function close(): void {
    setOpen(false);
    void queries.invalidateQueries();
  }
  const done = progress.data;
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={(opened) => (opened ? void open() : close())}>
      <AlertDialog.Trigger className="button">Change all that match</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={styles.backdrop} />
        <AlertDialog.Popup className={styles.popup}>
          <AlertDialog.Title className={styles.title}>
            {count === null ? 'Counting…' : `${tasksText(count)} ${count === 1 ? 'matches' : 'match'}`}
          </AlertDialog.Title>
          <AlertDialog.Description className={styles.text}>
            {Object.keys(filters).length === 0 ? 'All tasks of this namespace.' : 'All tasks that fit the filters.'}
          </AlertDialog.Description>
          {bulk === null ? (
            <label>
              Do this with all of them:{' '}
              <select value={action} onChange={(event) => setAction(event.target.value as Action)}>
                {actions
                  .filter(([value]) => value !== 'delete' || mayDelete)
                  .map(([value, word]) => (
                    <option key={value} value={value}>
                      {word}
                    </option>
                  ))}
              </select>
            </label>
          ) : (
            <p role="status">
              {done === undefined
                ? 'It has begun.'
                : `${done.done} of ${done.total} done${done.failed > 0 ? `, ${done.failed} failed` : ''}${done.finishedAt ? '.' : '…'}`}
            </p>
          )}
          {done?.errors.map(({ task, detail }) => (
            <p key={task}>
              <code>{task}</code>: {detail}
            </p>
          ))}
          {error !== null && <Failure error={error} />}
          <div className={styles.acts}>
            <AlertDialog.Close className="button">{bulk === null ? 'Keep as they are' : 'Close'}</AlertDialog.Close>
            {bulk === null && count !== null && count > 0 && (
              <button
                type="button"
                className={`button ${action === 'delete' ? 'danger' : 'primary'}`}
                onClick={() => void carryOut()}
              >
                {actions.find(([value]) => value === action)?.[1]} {tasksText(count)}
              </button>
            )}
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** More tasks than there ever are. */
const unlikely = 999_999_999;
