/** Fills in the templates of a target before it is called. */

import { formatInstant } from '../domain/instant.ts';
import type { HttpTarget } from '../domain/target.ts';
import { compileTemplates, type PreviousRun, type TargetTemplates } from '../domain/template.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';

/** `execute` for targets without templates as it is; for those with, once they are filled in. `previousOf` gives the task's last run before one. */
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

  return (attempt) => {
    if (!attempt.target.template) return execute(attempt);
    let started: StartedAttempt | null = null;
    let isCancelled = false;
    async function carryOut(): Promise<Outcome> {
      const templates = templatesOf(attempt.target);
      if (typeof templates === 'string') return notFilledIn(templates);
      const previous = templates.usesPrevious ? await previousOf(attempt.runId) : null;
      if (isCancelled) return outcome('cancelled', { kind: 'cancelled', message: 'the attempt was cancelled' }, false);
      const target = templates.render(variablesOf(attempt, previous));
      if (!target.ok) return notFilledIn(target.errors);
      started = execute({ ...attempt, target: target.value });
      return started.outcome;
    }
    return {
      outcome: carryOut().catch((error: Error) =>
        outcome('failed', { kind: 'internal', message: `the previous run could not be read: ${error.message}` }, false),
      ),
      cancel() {
        isCancelled = true;
        started?.cancel();
      },
    };
  };
}

function variablesOf({ taskId, runId, attempt, scheduledFor, trigger, about }: Attempt, previous: PreviousRun | null) {
  const { name = taskId, labels = {} } = about ?? {};
  return {
    ...{ taskId, runId, attempt, trigger, previous },
    scheduledFor: formatInstant(scheduledFor),
    task: { id: taskId, name, labels },
  };
}

function notFilledIn(detail: string): Outcome {
  return outcome('failed', { kind: 'internal', message: `the template cannot be filled in: ${detail}` }, true);
}

function outcome(status: Outcome['status'], error: Outcome['error'], isFinal: boolean): Outcome {
  const nothing = { httpStatus: null, output: null, truncated: false, retryAfterMs: null, postponeMs: null };
  return { status, error, isFinal, viaFallback: false, ...nothing };
}
