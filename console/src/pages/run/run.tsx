/** The page of one run: what happened, when, and why. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { bodyOf, type Run } from '../../api/client.ts';
import { useClient, useNamespace } from '../../api/namespace.ts';
import { runQuery, taskQuery } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { useAnnounce } from '../../ui/announce.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { Go } from '../../ui/go.tsx';
import { Failure, Loading } from '../../ui/states.tsx';
import { Status, wordOf } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { durationText, Time } from '../../ui/time.tsx';
import { curlOf } from './curl.ts';
import styles from './run.module.css';
import { RunLog } from './run-log.tsx';
import { Timings } from './timings.tsx';

const over: readonly Run['status'][] = ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'lost'];

export function RunPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string };
  const namespace = useNamespace();
  const run = useQuery(runQuery(namespace, id));
  if (run.isPending) return <Loading what="the run" />;
  if (run.error) return <Failure error={run.error} retry={() => void run.refetch()} />;
  return <OneRun run={run.data} />;
}

function OneRun({ run }: { run: Run }) {
  const isOver = over.includes(run.status);
  return (
    <div className="page">
      <header className="spread">
        <div className={styles.title}>
          <h1>
            Run of{' '}
            <Go to="/tasks/$id" params={{ id: run.taskId }}>
              {run.taskId}
            </Go>
          </h1>
          <Status status={run.status} />
        </div>
        <Acts run={run} isOver={isOver} />
      </header>
      {(run.error || run.reason) && (
        <section className={styles.why} aria-label="Why">
          <strong>{run.error ? `${wordOf(run.error.kind)}: ` : ''}</strong>
          {run.reason ?? run.error?.message}
        </section>
      )}
      <section className="panel" aria-label="Timings">
        <header>
          <h2>Timings</h2>
        </header>
        <Timings run={run} />
        <dl className="facts">
          <dt>Due</dt>
          <dd>
            <Time at={run.scheduledFor} />
          </dd>
          <dt>Started</dt>
          <dd>
            <Time at={run.startedAt} /> {run.latenessMs !== null && `(${durationText(run.latenessMs)} late)`}
          </dd>
          <dt>Finished</dt>
          <dd>
            <Time at={run.finishedAt} /> {run.durationMs !== null && `(took ${durationText(run.durationMs)})`}
          </dd>
          <dt>Trigger</dt>
          <dd>
            {wordOf(run.trigger)}
            {run.triggerSource && ` by ${run.triggerSource}`}
          </dd>
          <dt>Attempt</dt>
          <dd>
            {run.attempt} of {run.maxAttempts}
          </dd>
          <dt>Replica</dt>
          <dd>{run.replica ?? '–'}</dd>
          <dt>Id</dt>
          <dd>
            <code>{run.id}</code>
          </dd>
        </dl>
      </section>
      {run.attempts.length > 0 && <Attempts attempts={run.attempts} />}
      <Request run={run} />
      {run.result && (
        <section className="panel" aria-label="Answer">
          <header>
            <h2>Answer</h2>
            <span className="muted">
              {run.result.httpStatus === null ? '' : `HTTP ${run.result.httpStatus}`}
              {run.result.truncated ? ', cut' : ''}
            </span>
          </header>
          <pre className={styles.output}>{run.result.output || '(empty)'}</pre>
        </section>
      )}
      <RunLog run={run} isOver={isOver} />
    </div>
  );
}

function Acts({ run, isOver }: { run: Run; isOver: boolean }) {
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const announce = useAnnounce();
  const mayAct = useMay('operator');
  const params = { path: { id: run.id } };
  const retry = useMutation({
    mutationFn: () => bodyOf(client.POST('/runs/{id}/retry', { params })),
    onSuccess: ({ id }) => {
      announce('The new run is waiting.');
      return navigate({ to: '/runs/$id' as string, params: { id } as never, search: ((all: object) => all) as never });
    },
  });
  return (
    <div className="row">
      <button
        type="button"
        className="button"
        onClick={() => {
          void navigator.clipboard.writeText(curlOf(run));
          announce('The curl command is in the clipboard.');
        }}
      >
        Copy as curl
      </button>
      {mayAct && !isOver && (
        <Confirm
          button="Cancel"
          tone="danger"
          title={`Cancel this run of ${run.taskId}?`}
          act="Cancel this run"
          isDestructive
          onAct={async () => {
            await client.POST('/runs/{id}/cancel', { params });
            await queries.invalidateQueries({ queryKey: ['run'] });
            announce('The run is being cancelled.');
          }}
        >
          <p>A call under way is aborted. The run is not repeated.</p>
        </Confirm>
      )}
      {mayAct && isOver && (
        <button type="button" className="button primary" disabled={retry.isPending} onClick={() => retry.mutate()}>
          Retry
        </button>
      )}
      {retry.error && <Failure error={retry.error} />}
    </div>
  );
}

function Attempts({ attempts }: Pick<Run, 'attempts'>) {
  return (
    <section className="panel" aria-label="Attempts">
      <header>
        <h2>Attempts</h2>
      </header>
      <Table columns={['Attempt', 'Status', 'Started', 'Finished', 'Answer', 'Error']}>
        {attempts.map(({ attempt, status, startedAt, finishedAt, httpStatus, error }) => (
          <tr key={attempt}>
            <td>{attempt}</td>
            <td>
              <Status status={status} />
            </td>
            <td>
              <Time at={startedAt} />
            </td>
            <td>
              <Time at={finishedAt} />
            </td>
            <td>{httpStatus === null ? '–' : `HTTP ${httpStatus}`}</td>
            <td className="break">{error ? `${error.kind}: ${error.message}` : ''}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** The target as the task has it now: a run does not keep the request. */
function Request({ run }: { run: Run }) {
  const namespace = useNamespace();
  const { data } = useQuery({ ...taskQuery(namespace, run.taskId), retry: false });
  if (!data && run.input === null) return null;
  const target = data?.task.target as { method?: string; url?: string } | undefined;
  return (
    <section className="panel" aria-label="Request">
      <header>
        <h2>Request</h2>
        {data && <span className="muted">as the task is now (version {data.task.version})</span>}
      </header>
      <dl className="facts">
        {target?.url !== undefined && (
          <>
            <dt>Target</dt>
            <dd>
              <code>
                {target.method} {target.url}
              </code>
            </dd>
          </>
        )}
        {run.input !== null && run.input !== undefined && (
          <>
            <dt>Input</dt>
            <dd>
              <pre>{JSON.stringify(run.input, null, 2)}</pre>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}
