/** The checker: a pure function from what happened to what was wrong with it. */

import type { History } from './history.ts';
import { judgeAttempts } from './verdicts/attempts.ts';
import { judgeOccurrences } from './verdicts/occurrences.ts';
import { judgeService } from './verdicts/service.ts';
import { openCase, type Verdict } from './verdicts/verdict.ts';
import { judgeWrites } from './verdicts/writes.ts';

/** Everything that was wrong; empty when all promises were kept. */
export function check(history: History): Verdict[] {
  const opened = openCase(history);
  return [
    ...unsound(history),
    ...judgeOccurrences(opened),
    ...judgeAttempts(opened),
    ...judgeWrites(opened),
    ...judgeService(opened),
  ];
}

/** A run that proves nothing must not pass. */
function unsound(history: History): Verdict[] {
  const wrong = (detail: string): Verdict => ({ kind: 'unsound run', detail, at: null });
  const verdicts: Verdict[] = [];
  if (history.offsets.length === 0) verdicts.push(wrong("the database's clock was never compared with the checker's"));
  if (history.calls.length === 0) verdicts.push(wrong('the target was never called'));
  if (!history.final.quiet) verdicts.push(wrong('the service did not come to rest before the final read'));
  const lost = history.calls.filter(({ runId }) => runId === '').length;
  if (lost > 0) verdicts.push(wrong(`${lost} calls came without a run id`));
  for (const { replica, end } of history.processes)
    if (end !== null && end !== 'SIGKILL' && end !== '0' && end !== '1 (asked twice)')
      verdicts.push(wrong(`replica ${replica} ended by itself: ${end}`));
  return verdicts;
}
