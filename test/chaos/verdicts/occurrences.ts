/** Judges that every occurrence became one run or one recorded miss, and nothing else became a run. */

import type { Case, JudgedTask, Verdict } from './verdict.ts';
import { clock } from './verdict.ts';

const byOccurrence = (trigger: string) => trigger === 'schedule' || trigger === 'catch_up';

export function judgeOccurrences(of: Case): Verdict[] {
  return of.tasks.flatMap((task) => [
    ...missing(of, task),
    ...doubled(of, task),
    ...phantoms(of, task),
    ...wrongMisses(of, task),
    ...policies(of, task),
  ]);
}

const runsOf = (task: JudgedTask) => task.runs.filter(({ trigger }) => byOccurrence(trigger));

function missing({ recorderTime }: Case, task: JudgedTask): Verdict[] {
  const ran = new Set(runsOf(task).map(({ scheduledFor }) => scheduledFor));
  // The runs of a task with `maxRuns` may be spent on later occurrences while earlier ones wait for the sweep.
  const limit = task.definition?.maxRuns ?? null;
  const begun = runsOf(task).filter(({ status }) => status !== 'skipped').length;
  // What a stop cut off of them would have been spent too.
  const cutOff = task.misses.filter(({ cut }) => cut).reduce((sum, { count }) => sum + count, 0);
  const isSpent = limit !== null && begun + cutOff >= limit;
  const { must, beforeChange } = task.expected();
  const lost = [...must].filter(
    (instant) => !isSpent && !ran.has(instant) && !task.misses.some(({ from, to }) => instant >= from && instant <= to),
  );
  const fewer = limit !== null && !isSpent && task.row.status === 'completed';
  return [
    ...lost.map(
      (instant): Verdict => ({
        kind: beforeChange.has(instant) ? 'lost at a change' : 'missing',
        detail: `${task.row.id} was due at ${clock(instant)}${beforeChange.has(instant) ? ', just before a change' : ''}: neither a run nor a recorded miss`,
        at: recorderTime(instant),
      }),
    ),
    ...(fewer
      ? [
          {
            kind: 'missing' as const,
            detail: `${task.row.id} was completed after ${begun} of ${limit} runs`,
            at: null,
          },
        ]
      : []),
  ];
}

function doubled({ recorderTime }: Case, task: JudgedTask): Verdict[] {
  const seen = new Map<number, string>();
  const verdicts: Verdict[] = [];
  for (const run of runsOf(task)) {
    const first = seen.get(run.scheduledFor);
    if (first !== undefined)
      verdicts.push({
        kind: 'double run',
        detail: `${task.row.id} has two runs for ${clock(run.scheduledFor)}: ${first} and ${run.id}`,
        at: recorderTime(run.scheduledFor),
      });
    seen.set(run.scheduledFor, run.id);
  }
  const { maxRuns = null } = task.definition ?? {};
  // What was skipped never ran.
  const ran = runsOf(task).filter(({ status }) => status !== 'skipped').length;
  if (maxRuns !== null && ran > maxRuns)
    verdicts.push({ kind: 'too many runs', detail: `${task.row.id} ran ${ran} times of ${maxRuns}`, at: null });
  return verdicts;
}

function phantoms({ recorderTime }: Case, task: JudgedTask): Verdict[] {
  if (!task.history)
    return task.row.incarnation === null
      ? []
      : [{ kind: 'phantom', detail: `task ${task.row.id} exists, but nobody asked for it`, at: null }];
  const { may } = task.expected();
  return runsOf(task)
    .filter(({ scheduledFor }) => !may.has(scheduledFor))
    .map((run) => ({
      kind: 'phantom',
      detail: `${task.row.id} has a run ${run.id} (${run.trigger}, ${run.status}) for ${clock(run.scheduledFor)}, at which no definition of it was due`,
      at: recorderTime(run.scheduledFor),
    }));
}

/** A miss is recorded once, for something that was due, that was later than its grace, and counted right. */
function wrongMisses(of: Case, task: JudgedTask): Verdict[] {
  const verdicts: Verdict[] = [];
  const wrong = (at: number, what: string) =>
    verdicts.push({ kind: 'wrong miss', detail: `${task.row.id}: ${what}`, at: of.recorderTime(at) });
  const ran = new Set(runsOf(task).map(({ scheduledFor }) => scheduledFor));
  // A start may make up for what a stop recorded as missed.
  const madeUp = new Set(
    runsOf(task)
      .filter(({ trigger }) => trigger === 'catch_up')
      .map(({ scheduledFor }) => scheduledFor),
  );
  const grace = Math.max(1_000, task.definition?.misfire.graceMs ?? 0);
  const sorted = [...task.misses].sort((a, b) => a.from - b.from);
  sorted.forEach((miss, place) => {
    const span = `the miss of ${miss.count} from ${clock(miss.from)} to ${clock(miss.to)}`;
    const before = sorted[place - 1];
    if (before && before.to >= miss.from) wrong(miss.at, `${span} overlaps the one before`);
    if (!miss.cut && miss.at < miss.to + grace - of.clockErrorMs)
      wrong(miss.at, `${span} was recorded at ${clock(miss.at)}, before the grace of ${grace} ms was over`);
    const inside = (instant: number) => instant >= miss.from && instant <= miss.to && !ran.has(instant);
    const cutToo = (instant: number) => miss.cut && madeUp.has(instant) && instant >= miss.from && instant <= miss.to;
    const most = [...task.expected().may].filter((instant) => inside(instant) || cutToo(instant)).length;
    const least = [...task.expected().must].filter(inside).length;
    if (miss.exact && (miss.count > most || miss.count < least))
      wrong(miss.at, `${span} counts ${miss.count}, but there were ${least === most ? least : `${least} to ${most}`}`);
    if (!miss.cut && !of.history.plan.limits.misses) wrong(miss.at, `${span} in a plan that makes nothing that late`);
  });
  return verdicts;
}

/**
 * The misfire policy: `skip` makes up for nothing, `fire_once` for one of a stretch, `fire_all` for the last `limit`.
 */
function policies(of: Case, task: JudgedTask): Verdict[] {
  const { misfire } = task.definition ?? {};
  // What a start makes up for goes by the start.
  if (!misfire || task.history?.changes.some(({ catchUp }) => catchUp)) return [];
  const caughtUp = runsOf(task)
    .filter(({ trigger }) => trigger === 'catch_up')
    .map(({ scheduledFor }) => scheduledFor);
  const wrong = (instant: number, what: string): Verdict => ({
    kind: 'policy',
    detail: `${task.row.id} (${misfire.policy}): ${what}`,
    at: of.recorderTime(instant),
  });
  if (misfire.policy === 'skip') return caughtUp.map((instant) => wrong(instant, `${clock(instant)} was made up for`));
  // What is fired of a stretch is what is left at its end: nothing made up for lies within a miss.
  return caughtUp
    .filter((instant) => task.misses.some(({ from, to, cut }) => !cut && instant >= from && instant < to))
    .map((instant) => wrong(instant, `${clock(instant)} was made up for, and counted as missed`));
}
