/** Reads the log of a run, piece by piece. */

import { truncatedOf } from '../../domain/run/log-layout.ts';
import { ok } from '../../errors.ts';
import { awaitAppends, shortestHidden } from '../../store/logs/append.ts';
import { type LogEnd, type LogPart, readLogEnds, readStored, shownEnd } from '../../store/logs/read.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import type { UseCaseContext } from '../context.ts';
import { findKnownRun } from '../runs/get-run.ts';
import { useCase } from '../use-case.ts';

/** Some bytes of a log. */
export type LogPage = {
  /** In order; a part that does not follow on the one before it comes after what was dropped. */
  parts: LogPart[];
  /** Where to go on. */
  next: number;
  /** Whether nothing follows: the run has ended, and this is the end of its log. */
  isComplete: boolean;
  /** The bytes that are kept no more; null where all are. */
  dropped: { from: number; to: number } | null;
};

export type LogPlace = { runId: string; offset: number; most: number };

/** At most `most` bytes from an offset on. One beyond the end gives none. */
export const readLog = useCase('reader', async (context, caller, place: LogPlace) => {
  const found = await findKnownRun(context, caller, place.runId);
  if (!found.ok) return found;
  return ok((await readPage(context, place)) ?? { parts: [], next: 0, isComplete: true, dropped: null });
});

/** Lets a caller in that is to see the log as it grows. */
export const followLog = useCase('reader', async (context, caller, runId: string) => {
  const found = await findKnownRun(context, caller, runId);
  return found.ok ? ok(null) : found;
});

/** Without a caller, for one who was let in before; null where the run is gone. */
export async function readPage(
  { database }: Pick<UseCaseContext, 'database'>,
  place: LogPlace,
): Promise<LogPage | null> {
  const { runId, offset, most } = place;
  const end = await endOf(database.pool, runId);
  if (end === null) return null;
  const shown = shownEnd(end);
  const isDropped = offset >= end.droppedFrom && offset < end.droppedTo;
  const from = isDropped ? end.droppedTo : offset;
  // The two parts may be read together.
  const across = from < end.droppedFrom ? truncatedOf(end) : 0;
  const to = Math.min(shown, from + most + across);
  const parts = await readStored(database.pool, runId, from, to);
  if (end.isOver && end.held >= shortestHidden) hide(parts, end.bytes - end.held);
  const next = from < to ? to : Math.min(from, shown);
  const dropped = truncatedOf(end) === 0 ? null : { from: end.droppedFrom, to: end.droppedTo };
  return { parts, next, isComplete: end.isOver && next === end.bytes, dropped };
}

/** How far the log is: to its very end where the run is over. */
async function endOf(db: Queryable, runId: string): Promise<LogEnd | null> {
  const read = async () => (await readLogEnds(db, [runId])).get(runId) ?? null;
  const end = await read();
  if (end?.isOver !== true) return end;
  await awaitAppends(db, runId);
  return read();
}

function hide(parts: readonly LogPart[], from: number): void {
  for (const { from: at, bytes } of parts) if (from < at + bytes.length) bytes.fill('*', Math.max(0, from - at));
}
