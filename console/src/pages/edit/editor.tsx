/** Edits one task and saves it. A change by somebody else in between is shown beside the own one. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { bodyOf, Problem, type Task } from '../../api/client.ts';
import { useClient } from '../../api/namespace.ts';
import { useAnnounce } from '../../ui/announce.tsx';
import { Failure } from '../../ui/states.tsx';
import { Table } from '../../ui/table.tsx';
import { useUrlState } from '../../ui/url-state.ts';
import { type Draft, draftOf, withoutEmpty } from './draft.ts';
import styles from './edit.module.css';
import { Fields } from './fields.tsx';
import { Preview } from './preview.tsx';
import { TestCall } from './test-call.tsx';

/** `id` and `etag` are those of the task that is edited; null for a new one. */
export function Editor({ first, etag, id }: { first: Draft; etag: string | null; id: string | null }) {
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const announce = useAnnounce();
  const [{ as }, change] = useUrlState();
  const isJson = as === 'json';
  const [draft, setDraft] = useState(first);
  const [tag, setTag] = useState(etag);
  const [text, setText] = useState(() => JSON.stringify(first, null, 2));
  const [fault, setFault] = useState<string | null>(null);
  const [theirs, setTheirs] = useState<Draft | null>(null);

  const save = useMutation({
    mutationFn: async (): Promise<Task> => {
      const { id: own, ...rest } = withoutEmpty(draft);
      if (id === null) {
        const body = (own === undefined ? rest : { id: own, ...rest }) as never;
        return bodyOf(client.POST('/tasks', { body })) as Promise<Task>;
      }
      // The id of a task stands in its address and never changes.
      const body = rest as never;
      const params = { path: { id }, ...(tag !== null && { header: { 'If-Match': tag } }) };
      return bodyOf(client.PUT('/tasks/{id}', { params: params as never, body })) as Promise<Task>;
    },
    onSuccess: async (task) => {
      await queries.invalidateQueries();
      announce(id === null ? `${task.id} is created.` : `${task.id} is saved.`);
      await navigate({
        to: '/tasks/$id' as string,
        params: { id: task.id } as never,
        search: (({ ns }: { ns?: string }) => ({ ns })) as never,
      });
    },
    onError: async (error) => {
      if (!(error instanceof Problem) || error.status !== 412 || id === null) return;
      const answer = await client.GET('/tasks/{id}', { params: { path: { id } } });
      setTheirs(draftOf(answer.data as Task));
      setTag(answer.response.headers.get('etag'));
    },
  });

  function edit(next: Draft): void {
    setDraft(next);
    setText(JSON.stringify(next, null, 2));
    setFault(null);
  }
  function editText(next: string): void {
    setText(next);
    try {
      setDraft(JSON.parse(next) as Draft);
      setFault(null);
    } catch (error) {
      setFault((error as Error).message);
    }
  }
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (fault === null) save.mutate();
  }
  const problem = save.error instanceof Problem ? save.error : null;
  return (
    <div className={styles.columns}>
      <form className={`panel ${styles.form}`} onSubmit={submit} aria-label="Task">
        <div className={styles.tabs}>
          <button
            type="button"
            className="button plain"
            aria-pressed={!isJson}
            disabled={fault !== null}
            onClick={() => change({ as: undefined })}
          >
            Form
          </button>
          <button type="button" className="button plain" aria-pressed={isJson} onClick={() => change({ as: 'json' })}>
            JSON
          </button>
        </div>
        {isJson ? (
          <label className={styles.field}>
            The task as JSON
            <textarea
              className={`code ${styles.json}`}
              spellCheck={false}
              value={text}
              onChange={(event) => editText(event.target.value)}
            />
            {fault !== null && (
              <span className={styles.fault} role="alert">
                {fault}
              </span>
            )}
          </label>
        ) : (
          <Fields draft={draft} isNew={id === null} errors={problem?.errors ?? []} onChange={edit} />
        )}
        {save.error && theirs === null && <Failure error={save.error} />}
        {theirs !== null && <Conflict mine={draft} theirs={theirs} onTake={edit} />}
        <div className="row">
          <button type="submit" className="button primary" disabled={save.isPending || fault !== null}>
            Save
          </button>
        </div>
      </form>
      <aside className={styles.aside}>
        <Preview schedule={draft.schedule} id={typeof draft.id === 'string' ? draft.id : ''} />
        <TestCall draft={draft} />
      </aside>
    </div>
  );
}

/** Saving again overwrites theirs: both are shown first. */
function Conflict({ mine, theirs, onTake }: { mine: Draft; theirs: Draft; onTake: (draft: Draft) => void }) {
  const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].filter(
    (name) => JSON.stringify(mine[name]) !== JSON.stringify(theirs[name]),
  );
  return (
    <section className={styles.conflict} role="alert" aria-label="Conflict">
      <strong>Somebody else has changed this task meanwhile</strong>
      <p>Save again to overwrite their change, or take theirs and begin anew.</p>
      <Table columns={['Member', 'Yours', 'Theirs']}>
        {names.map((name) => (
          <tr key={name}>
            <td>{name}</td>
            <td>
              <pre>{JSON.stringify(mine[name], null, 2)}</pre>
            </td>
            <td>
              <pre>{JSON.stringify(theirs[name], null, 2)}</pre>
            </td>
          </tr>
        ))}
      </Table>
      <button type="button" className="button" onClick={() => onTake(theirs)}>
        Take theirs
      </button>
    </section>
  );
}
