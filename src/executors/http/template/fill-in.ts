/** Fills in the templates of a target before it is called. */

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { formatInstant } from '../../../domain/input/instant.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from '../../executor.ts';
import { failedOutcome } from '../../outcomes.ts';
import type { SecretValue, SecretValues } from '../../secret-values.ts';
import { cancelledOutcome, nothingReceived } from '../outcome.ts';
import { placeholder } from '../shown-request.ts';
import type { HttpTarget } from '../target/target.ts';
import { hideValues } from './hide-values.ts';
import { possibleSecretsIn } from './liquid-grammar.ts';
import { compileTemplates, type PreviousRun, type TargetTemplates } from './template.ts';
import type { Trials } from './trials.ts';

/** How many templates are remembered as harmless. */
const mostProven = 10_000;

type Found = { previous: PreviousRun | null; secrets: ReadonlyMap<string, SecretValue> };

const nothing: Found = { previous: null, secrets: new Map() };

/**
 * `execute`, with the templates of a target filled in first. `previousOf` gives the last earlier run of the task that
 * is over; it and `secretsOf` are called only where a template names that run, or a secret. Compiled templates are kept as long as their target. The
 * first attempt with these templates of a task goes through `trials`; later ones do not, even with another copy of the
 * target. The values of secrets are hidden in the outcome.
 */
export function fillInTemplates(
  execute: Executor<HttpTarget>,
  previousOf: (runId: string) => Promise<PreviousRun | null>,
  trials: Trials,
  secretsOf: SecretValues['valuesOf'] = async () => nothing.secrets,
): Executor<HttpTarget> {
  const known = new WeakMap<HttpTarget, TargetTemplates>();
  /** The task with the hash of its templates, which may be large. */
  const proven = new LRUCache<string, true>({ max: mostProven });

  function call(attempt: Attempt<HttpTarget>, templates: TargetTemplates, found: Found): StartedAttempt {
    const values: Record<string, string> = {};
    for (const { name } of templates.secrets) {
      const secret = found.secrets.get(name) ?? gone;
      if (!secret.ok) return ended(withoutSecret(name, secret.why, secret.isFinal));
      values[name] = secret.value;
    }
    const target = templates.render({ ...variablesOf(attempt, found.previous), secrets: values });
    if (!target.ok) return ended(notFilledIn(target.errors));
    const started = execute(
      attempt.onRequest ? shownWithout(templates, attempt, found, target.value) : { ...attempt, target: target.value },
    );
    return templates.secrets.length === 0 ? started : hideValues(started, Object.values(values));
  }

  /** Templates were checked when the task was written, but perhaps by another version, or not by us. */
  function firstCall(attempt: Attempt<HttpTarget>, found: Found): StartedAttempt {
    const compiled = compileTemplates(attempt.target, '#/target');
    if (!compiled.ok) return ended(notFilledIn(compiled.errors.map(({ detail }) => detail).join('; ')));
    known.set(attempt.target, compiled.value);
    return call(attempt, compiled.value, found);
  }

  /** Null where nothing has to be looked up. This comes before the templates are compiled, which is part of a trial. */
  function lookUp({ namespace, runId }: Attempt<HttpTarget>, text: string): Promise<Found> | null {
    const names = possibleSecretsIn(text);
    const usesPrevious = text.includes('previous');
    if (names.length === 0 && !usesPrevious) return null;
    const failed = (what: string) => (error: Error) => {
      throw new Error(`${what} could not be read: ${error.message}`, { cause: error });
    };
    return Promise.all([
      usesPrevious ? previousOf(runId).catch(failed('the previous run')) : null,
      names.length > 0 ? secretsOf(namespace, names).catch(failed('the secrets')) : nothing.secrets,
    ]).then(([previous, secrets]) => ({ previous, secrets }));
  }

  return (attempt) => {
    const { target, namespace, taskId } = attempt;
    if (!target.template) return execute(attempt);
    const templates = known.get(target);
    if (templates && !templates.usesPrevious && templates.secrets.length === 0)
      return call(attempt, templates, nothing);
    const task = `${namespace}/${taskId}`;
    const text = textOf(target);
    return later((start) => {
      const fill = (found: Found) => {
        if (templates) return start(() => call(attempt, templates, found));
        const key = `${task} ${createHash('sha256').update(text).digest('base64')}`;
        if (proven.get(key)) return start(() => firstCall(attempt, found));
        trials.run(
          task,
          () =>
            start(() => {
              const started = firstCall(attempt, found);
              proven.set(key, true);
              return started;
            }),
          () => start(() => ended(notFilledIn('the process died twice while it was filled in'))),
        );
      };
      const looked = lookUp(attempt, text);
      if (looked === null) return fill(nothing);
      looked.then(fill, ({ message }: Error) => start(() => ended(failedOutcome({ kind: 'internal', message }))));
    });
  };
}

/** An attempt whose request is shown to people: also without the values of its secrets. */
function shownWithout(
  templates: TargetTemplates,
  attempt: Attempt<HttpTarget>,
  { previous }: Found,
  target: HttpTarget,
): Attempt<HttpTarget> {
  if (templates.secrets.length === 0) return { ...attempt, target };
  const secrets = Object.fromEntries(templates.secrets.map(({ name }) => [name, placeholder]));
  const masked = templates.render({ ...variablesOf(attempt, previous), secrets });
  if (masked.ok) return { ...attempt, target: { ...target, masked: masked.value } };
  // What cannot be filled in without the values is not shown.
  const { onRequest: _, ...unseen } = attempt;
  return { ...unseen, target };
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
function textOf({ url, headers, body, plainBody }: HttpTarget): string {
  return JSON.stringify([url, headers, plainBody ? null : body]);
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

const gone: SecretValue = { ok: false, why: 'does not exist', isFinal: true };

function withoutSecret(name: string, why: string, isFinal: boolean): Outcome {
  return failedOutcome({ kind: 'internal', message: `the secret "${name}" ${why}` }, isFinal);
}

function notFilledIn(detail: string): Outcome {
  return failedOutcome({ kind: 'internal', message: `the template cannot be filled in: ${detail}` }, true);
}
