/** Reads logs of runs. */

import { keptParts, type LogLayout } from '../../domain/run/log-layout.ts';
import { isOver } from '../../domain/run/run.ts';
import type { Queryable } from '../postgres/database.ts';
import type { FilledRow, Row } from '../rows.ts';
import type { runs } from '../schema.ts';
import type { runLog, runLogs } from './schema.ts';

/** How far a log is, and whether its run is over. `held` bytes at its end are not to be shown yet. */
export type LogEnd = LogLayout & { held: number; isOver: boolean };

/** Up to where a log is shown: the beginning of a secret at its end is not, before more is known. */
export function shownEnd({ bytes, held, isOver: isDone }: LogEnd): number {
  return isDone ? bytes : bytes - held;
}

/** The ends of the logs of these runs, by run; a run that is gone has none. */
export async function readLogEnds(db: Queryable, runIds: readonly string[]): Promise<Map<string, LogEnd>> {
  const { rows } = await db.query<Row<typeof runs, 'id' | 'status'> & Partial<Row<typeof runLogs>>>({
    name: 'log-ends',
    text: `
      select r.id, r.status, l.bytes, l.held, l.dropped_from, l.dropped_to
      from runs r left join run_logs l on l.run = r.id where r.id = any ($1::uuid[])`,
    values: [runIds],
  });
  return new Map(
    rows.map((row) => [
      row.id,
      {
        bytes: Number(row.bytes ?? 0),
        held: row.held ?? 0,
        droppedFrom: Number(row.dropped_from ?? 0),
        droppedTo: Number(row.dropped_to ?? 0),
        isOver: isOver(row.status),
      },
    ]),
  );
}

/** Consecutive bytes of a log, and where they begin. */
export type LogPart = { from: number; bytes: Buffer };

/** The bytes of `[from, to)` that are stored: at most two parts, the bytes before and after what was dropped. */
export async function readStored(db: Queryable, runId: string, from: number, to: number): Promise<LogPart[]> {
  if (from >= to) return [];
  const { rows } = await db.query<
    FilledRow<typeof runLog, 'offset' | 'bytes'> & Row<typeof runLogs, 'dropped_from' | 'dropped_to'>
  >({
    name: 'read-log',
    // With one snapshot: an append may drop pieces meanwhile.
    text: `
      select p."offset", p.bytes, l.dropped_from, l.dropped_to from run_logs l join run_log p on p.run = l.run
      where l.run = $1 and p."offset" < $3 and p."offset" >= coalesce(
        (select max(q."offset") from run_log q where q.run = $1 and q."offset" <= $2), 0)
      order by p."offset"`,
    values: [runId, from, to],
  });
  const [first] = rows;
  if (!first) return [];
  const layout = { bytes: to, droppedFrom: Number(first.dropped_from), droppedTo: Number(first.dropped_to) };
  return keptParts(layout, from, to).flatMap(([start, end]) => {
    const bytes = Buffer.concat(
      rows.map((row) => {
        const at = Number(row.offset);
        return row.bytes.subarray(Math.max(0, start - at), Math.max(0, end - at));
      }),
    );
    return bytes.length === 0 ? [] : [{ from: start, bytes }];
  });
}
