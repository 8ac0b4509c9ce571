/** Fills in the templates of a target before it is called. */

import { formatInstant } from '../domain/instant.ts';
import type { HttpTarget } from '../domain/target.ts';
import { compileTemplates, type PreviousRun, type TargetTemplates } from '../domain/template.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';
import { cancelledOutcome, nothingReceived } from './http-outcome.ts';

/**
 * `execute` for targets without templates as it is; for those with, once they are filled in. `previousOf` gives the task's
 * last run before one that is over; it is asked only where a template names it.
 */
export function fillInTemplates(
  execute: Executor,
  previousOf: (runId: string) => Promise<PreviousRun | null>,
): Executor {
  const compiled = new WeakMap<HttpTarget, TargetTemplates | string>();

  function templatesOf(target: HttpTarget): TargetTemplates | string {
    let found = compiled.get(target);
    if (found === undefined) {
      const result = compileTemplates(target, '#/target');
      // They were checked when the task was written, perhaps by another version.
      found = result.ok ? result.value : result.errors.map(({ detail }) => detail).join('; ');
      compiled.set(target, found);
    }
    return found;
  }

  function call(attempt: Attempt, templates: TargetTemplates, previous: PreviousRun | null): StartedAttempt {
    const target = templates.render(variablesOf(attempt, previous));
    return target.ok ? execute({ ...attempt, target: target.value }) : ended(notFilledIn(target.errors));
  }

  /** The previous run is looked up first; cancelling does not wait for that. */
  function callAfter(attempt: Attempt, templates: TargetTemplates): StartedAttempt {
    let started: StartedAttempt | null = null;
    let isCancelled = false;
    let giveUp = () => {};
    const outcome = new Promise<Outcome>((resolve) => {
      giveUp = () => resolve(cancelledOutcome(nothingReceived(), 'the attempt was cancelled'));
      previousOf(attempt.runId).then(
        (previous) => {
          if (isCancelled) return;
          started = call(attempt, templates, previous);
          resolve(started.outcome);
        },
        (error: Error) =>
          resolve(failed({ kind: 'internal', message: `the previous run could not be read: ${error.message}` }, false)),
      );
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

  return (attempt) => {
    if (!attempt.target.template) return execute(attempt);
    const templates = templatesOf(attempt.target);
    if (typeof templates === 'string') return ended(notFilledIn(templates));
    return templates.usesPrevious ? callAfter(attempt, templates) : call(attempt, templates, null);
  };
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
