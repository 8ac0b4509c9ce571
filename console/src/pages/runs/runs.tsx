/** The page Runs: all runs, newest first, by status, trigger, task and time. */

import { useInfiniteQuery } from '@tanstack/react-query';
import type { Run } from '../../api/client.ts';
import { useNamespace } from '../../api/namespace.ts';
import { runsQuery } from '../../api/queries.ts';
import { RunTable } from '../../runs/run-table.tsx';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { wordOf } from '../../ui/status.tsx';
import { useUrlState } from '../../ui/url-state.ts';
import styles from './runs.module.css';

const statuses: readonly Run['status'][] = [
  ...(['failed', 'timed_out', 'lost', 'running', 'pending', 'retrying'] as const),
  ...(['succeeded', 'skipped', 'cancelled'] as const),
];
const triggers: readonly Run['trigger'][] = ['schedule', 'manual', 'catch_up', 'retry'];
/** What `status=problems` stands for. */
const problems: readonly Run['status'][] = ['failed', 'timed_out', 'lost'];

export function RunsPage() {
  const namespace = useNamespace();
  const [{ status, trigger, task, from, to }, change] = useUrlState();
  const runs = useInfiniteQuery(
    runsQuery(namespace, {
      ...(status !== undefined && { status: status === 'problems' ? problems : [status as Run['status']] }),
      ...(trigger !== undefined && { trigger: [trigger as Run['trigger']] }),
      ...(task !== undefined && { task }),
      ...(from !== undefined && { from: instantOf(from) }),
      ...(to !== undefined && { to: instantOf(to) }),
    }),
  );
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = [status, trigger, task, from, to].some((value) => value !== undefined);
  return (
    <div className="page">
      <h1>Runs</h1>
      <form className={`filters ${styles.wide}`} onSubmit={(event) => event.preventDefault()} aria-label="Filters">
        <label>
          Status
          <select value={status ?? ''} onChange={(event) => change({ status: event.target.value || undefined })}>
            <option value="">any</option>
            <option value="problems">failed, timed out or lost</option>
            {statuses.map((each) => (
              <option key={each} value={each}>
                {wordOf(each)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Trigger
          <select value={trigger ?? ''} onChange={(event) => change({ trigger: event.target.value || undefined })}>
            <option value="">any</option>
            {triggers.map((each) => (
              <option key={each} value={each}>
                {wordOf(each)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Task
          <input
            value={task ?? ''}
            placeholder="its id"
            onChange={(event) => change({ task: event.target.value || undefined }, { quiet: true })}
          />
        </label>
        <label>
          Due from
          <input
            type="datetime-local"
            value={from ?? ''}
            onChange={(event) => change({ from: event.target.value || undefined })}
          />
        </label>
        <label>
          Due before
          <input
            type="datetime-local"
            value={to ?? ''}
            onChange={(event) => change({ to: event.target.value || undefined })}
          />
        </label>
        {isFiltered && (
          <button
            type="button"
            className="button plain"
            onClick={() =>
              change({ status: undefined, trigger: undefined, task: undefined, from: undefined, to: undefined })
            }
          >
            Clear filters
          </button>
        )}
      </form>
      <section className="panel" aria-label="Runs">
        {runs.isPending && <Loading what="runs" />}
        {runs.error && <Failure error={runs.error} retry={() => void runs.refetch()} />}
        {runs.isSuccess && items.length === 0 && (
          <Empty title={isFiltered ? 'No run fits these filters' : 'Nothing has run yet'}>
            <p>
              {isFiltered
                ? 'Clear a filter, or look at another range of time.'
                : 'Runs appear here as soon as a task is due or is triggered.'}
            </p>
          </Empty>
        )}
        {items.length > 0 && <RunTable runs={items} />}
      </section>
      {runs.hasNextPage && (
        <button
          type="button"
          className="button"
          disabled={runs.isFetchingNextPage}
          onClick={() => void runs.fetchNextPage()}
        >
          Load older runs
        </button>
      )}
    </div>
  );
}

/** The instant of a local time of this browser's zone; the text itself where it is none, which the service refuses. */
function instantOf(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}
