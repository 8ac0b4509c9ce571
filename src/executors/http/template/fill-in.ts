/** Fills in the templates of a target before it is called. */

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { formatInstant } from '../../../domain/input/instant.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from '../../executor.ts';
import { failedOutcome } from '../../outcomes.ts';
import { cancelledOutcome, nothingReceived } from '../outcome.ts';
import type { HttpTarget } from '../target/target.ts';
import { compileTemplates, type PreviousRun, type TargetTemplates } from './template.ts';
import type { Trials } from './trials.ts';

/** For how many tasks it is remembered that their templates are harmless. */
const mostProven = 10_000;

/**
 * `execute`, with the templates of a target filled in first. `previousOf` gives the last earlier run of the task that
 * is over; it is called only where a template names that run. Compiled templates are kept as long as their target. The
 * first attempt with these templates of a task goes through `trials`; later ones do not, even with another copy of the
 * target.
 */
export function fillInTemplates(
  execute: Executor<HttpTarget>,
  previousOf: (runId: string) => Promise<PreviousRun | null>,
  trials: Trials,
): Executor<HttpTarget> {
  const known = new WeakMap<HttpTarget, TargetTemplates>();
  /** By the task: the hash of its templates, which may be large. */
  const proven = new LRUCache<string, string>({ max: mostProven });

  function call(
    attempt: Attempt<HttpTarget>,
    templates: TargetTemplates,
    previous: PreviousRun | null,
  ): StartedAttempt {
    const target = templates.render(variablesOf(attempt, previous));
    return target.ok ? execute({ ...attempt, target: target.value }) : ended(notFilledIn(target.errors));
  }

  /** Templates were checked when the task was written, but perhaps by another version, or not by us. */
  function firstCall(attempt: Attempt<HttpTarget>, previous: PreviousRun | null): StartedAttempt {
    const compiled = compileTemplates(attempt.target, '#/target');
    if (!compiled.ok) return ended(notFilledIn(compiled.errors.map(({ detail }) => detail).join('; ')));
    known.set(attempt.target, compiled.value);
    return call(attempt, compiled.value, previous);
  }

  return (attempt) => {
    const { target, namespace, taskId, runId } = attempt;
    if (!target.template) return execute(attempt);
    const templates = known.get(target);
    if (templates && !templates.usesPrevious) return call(attempt, templates, null);
    const task = `${namespace}/${taskId}`;
    const text = textOf(target);
    return later((start) => {
      const fill = (previous: PreviousRun | null) => {
        if (templates) return start(() => call(attempt, templates, previous));
        const hash = createHash('sha256').update(text).digest('base64');
        if (proven.get(task) === hash) return start(() => firstCall(attempt, previous));
        trials.run(
          task,
          () =>
            start(() => {
              const started = firstCall(attempt, previous);
              proven.set(task, hash);
              return started;
            }),
          () => start(() => ended(notFilledIn('the process died twice while it was filled in'))),
        );
      };
      // This comes before the templates are compiled, because compiling is a part of the trial.
      if (!text.includes('previous')) return fill(null);
      previousOf(runId).then(fill, ({ message }: Error) => {
        const error = { kind: 'internal', message: `the previous run could not be read: ${message}` } as const;
        start(() => ended(failedOutcome(error)));
      });
    });
  };
}

/** An attempt that begins when `prepare` starts it; cancelling does not wait for that. */
function later(prepare: (start: (begin: () => StartedAttempt) => void) => void): StartedAttempt {
  let started: StartedAttempt | null = null;
  let isCancelled = false;
  let giveUp = () => {};
  const outcome = new Promise<Outcome>((resolve) => {
    giveUp = () => resolve(cancelledOutcome(nothingReceived(), 'the attempt was cancelled'));
    prepare((begin) => {
      if (isCancelled) return;
      started = begin();
      resolve(started.outcome);
    });
  });
  return {
    outcome,
    cancel() {
      isCancelled = true;
      if (started === null) giveUp();
      else started.cancel();
    },
  };
}

/** All texts of a target that may hold a template. */
function textOf({ url, headers, body }: HttpTarget): string {
  return JSON.stringify([url, headers, body]);
}

function variablesOf(
  { taskId, runId, attempt, scheduledFor, trigger, about, input }: Attempt,
  previous: PreviousRun | null,
) {
  const { name = taskId, labels = {} } = about ?? {};
  return {
    ...{ taskId, runId, attempt, trigger, previous },
    input: input == null ? null : (JSON.parse(input) as unknown),
    scheduledFor: formatInstant(scheduledFor),
    task: { id: taskId, name, labels },
  };
}

function ended(outcome: Outcome): StartedAttempt {
  return { outcome: Promise.resolve(outcome), cancel() {} };
}

function notFilledIn(detail: string): Outcome {
  return failedOutcome({ kind: 'internal', message: `the template cannot be filled in: ${detail}` }, true);
}
