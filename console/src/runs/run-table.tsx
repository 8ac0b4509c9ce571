/** A table of runs, newest first. */

import type { Run } from '../api/client.ts';
import { Go } from '../ui/go.tsx';
import { Status, wordOf } from '../ui/status.tsx';
import { Table } from '../ui/table.tsx';
import { durationText, Time } from '../ui/time.tsx';

export function RunTable({ runs, hidesTask = false }: { runs: readonly Run[]; hidesTask?: boolean }) {
  return (
    <Table
      columns={[
        'Status',
        ...(hidesTask ? [] : ['Task']),
        'Due',
        'Trigger',
        { number: 'Late' },
        { number: 'Took' },
        { number: 'Attempt' },
        'Note',
      ]}
    >
      {runs.map((run) => (
        <tr key={run.id}>
          <td>
            <Go to="/runs/$id" params={{ id: run.id }} aria-label={`Run of ${run.taskId}, ${wordOf(run.status)}`}>
              <Status status={run.status} />
            </Go>
          </td>
          {!hidesTask && (
            <td>
              <Go to="/tasks/$id" params={{ id: run.taskId }}>
                {run.taskId}
              </Go>
            </td>
          )}
          <td className="nowrap">
            <Time at={run.scheduledFor} />
          </td>
          <td>{wordOf(run.trigger)}</td>
          <td className="number">{durationText(run.latenessMs)}</td>
          <td className="number">{durationText(run.durationMs)}</td>
          <td className="number">
            {run.attempt} of {run.maxAttempts}
          </td>
          <td className="break muted">{noteOf(run)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Why a run ended as it did, in a line. */
function noteOf({ error, reason }: Pick<Run, 'error' | 'reason'>): string {
  const text = reason ?? error?.message ?? '';
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
