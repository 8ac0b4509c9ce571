/** Fills in the templates of a target before it is called. */

import { formatInstant } from '../domain/instant.ts';
import type { HttpTarget } from '../domain/target.ts';
import { compileTemplates, type PreviousRun, type TargetTemplates } from '../domain/template.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';
import { cancelledOutcome, nothingReceived } from './http-outcome.ts';
import type { Trials } from './trials.ts';

/**
 * `execute` for targets without templates as it is; for those with, once they are filled in. `previousOf` gives the task's
 * last run before one that is over; it is asked only where a template names it. What a target needs once is kept as long as
 * the target itself: its first attempt goes by way of `trials`.
 */
export function fillInTemplates(
  execute: Executor,
  previousOf: (runId: string) => Promise<PreviousRun | null>,
  trials: Trials,
): Executor {
  const proven = new WeakMap<HttpTarget, TargetTemplates>();

  function call(attempt: Attempt, templates: TargetTemplates, previous: PreviousRun | null): StartedAttempt {
    const target = templates.render(variablesOf(attempt, previous));
    return target.ok ? execute({ ...attempt, target: target.value }) : ended(notFilledIn(target.errors));
  }

  /** Templates were checked when the task was written, but perhaps by another version, or not by us. */
  function firstCall(attempt: Attempt, previous: PreviousRun | null): StartedAttempt {
    const compiled = compileTemplates(attempt.target, '#/target');
    if (!compiled.ok) return ended(notFilledIn(compiled.errors.map(({ detail }) => detail).join('; ')));
    const started = call(attempt, compiled.value, previous);
    proven.set(attempt.target, compiled.value);
    return started;
  }

  return (attempt) => {
    const { target, taskId, runId } = attempt;
    if (!target.template) return execute(attempt);
    const templates = proven.get(target);
    if (templates && !templates.usesPrevious) return call(attempt, templates, null);
    return later((start) => {
      const fill = (previous: PreviousRun | null) => {
        if (templates) start(() => call(attempt, templates, previous));
        else
          trials.run(
            taskId,
            () => start(() => firstCall(attempt, previous)),
            () => start(() => ended(notFilledIn('the process died twice while it was filled in'))),
          );
      };
      if (!mayUsePrevious(target)) return fill(null);
      previousOf(runId).then(fill, ({ message }: Error) => {
        const error = { kind: 'internal', message: `the previous run could not be read: ${message}` } as const;
        start(() => ended(failed(error, false)));
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

/** Asked before the templates are understood: that belongs to what is tried. */
function mayUsePrevious({ url, headers, body }: HttpTarget): boolean {
  return JSON.stringify([url, headers, body]).includes('previous');
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
  return failed({ kind: 'internal', message: `the template cannot be filled in: ${detail}` }, true);
}

function failed(error: Outcome['error'], isFinal: boolean): Outcome {
  const nothing = { httpStatus: null, output: null, truncated: false, retryAfterMs: null, postponed: null };
  return { status: 'failed', error, isFinal, viaFallback: false, ...nothing };
}
