/** Reads one run. */

import { ok } from '../../errors.ts';
import { findRun, type Run } from '../../store/runs/history.ts';
import type { UseCaseContext } from '../context.ts';
import { notFound, type Outcome } from '../refusal.ts';
import { useCase } from '../use-case.ts';

const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text can be the id of a run at all. */
export function isRunId(text: string): boolean {
  return uuidText.test(text);
}

export const readRun = useCase('reader', (context, _caller, id: string) => findKnownRun(context, id));

/** The run of this id; any text may be asked for. */
export async function findKnownRun({ database }: UseCaseContext, id: string): Promise<Outcome<Run>> {
  const run = isRunId(id) ? await findRun(database, id) : null;
  return run ? ok(run) : notFound(`run "${id}"`);
}
