/** A form that makes the runs of a past stretch of time. */

import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { bodyOf, type Task } from '../../api/client.ts';
import { useClient } from '../../api/namespace.ts';
import { useMay } from '../../api/session.ts';
import { useAnnounce } from '../../ui/announce.tsx';
import { Failure } from '../../ui/states.tsx';
import styles from './task.module.css';

export function Backfill({ task }: { task: Task }) {
  const client = useClient();
  const announce = useAnnounce();
  const mayAct = useMay('operator');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const backfill = useMutation({
    mutationFn: () =>
      bodyOf(
        client.POST('/tasks/{id}/backfill', {
          params: { path: { id: task.id } },
          body: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
        }),
      ),
    onSuccess: ({ created, existing }) => announce(`${created} runs were made, ${existing} existed already.`),
  });
  if (!mayAct || 'manual' in task.schedule) return null;
  function submit(event: FormEvent): void {
    event.preventDefault();
    backfill.mutate();
  }
  return (
    <section className="panel" aria-label="Backfill">
      <header>
        <h2>Backfill</h2>
        <span className="muted">makes the runs of a past range that do not exist</span>
      </header>
      <form className={styles.form} onSubmit={submit}>
        <label>
          From
          <input type="datetime-local" required value={from} onChange={(event) => setFrom(event.target.value)} />
        </label>
        <label>
          To
          <input type="datetime-local" required value={to} onChange={(event) => setTo(event.target.value)} />
        </label>
        <button type="submit" className="button" disabled={backfill.isPending}>
          Make the runs
        </button>
      </form>
      {backfill.error && <Failure error={backfill.error} />}
    </section>
  );
}
