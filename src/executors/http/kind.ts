/** HTTP targets as a kind of target: all of this folder behind one value. */

import type { ExecutorKind } from '../kind.ts';
import type { SecretValues } from '../secret-values.ts';
import { httpTargetDefinition, type RefusesUrl } from './definition.ts';
import type { HttpExecutor } from './executor.ts';
import type { HttpTarget } from './target/target.ts';
import { fillInTemplates } from './template/fill-in.ts';
import type { PreviousRun } from './template/template.ts';
import type { Trials } from './template/trials.ts';

export type HttpKindOptions = {
  executor: HttpExecutor;
  refusesUrl: RefusesUrl;
  /** The last run of a run's task that is over, for templates that name it. */
  previousOf: (runId: string) => Promise<PreviousRun | null>;
  /** The values of secrets of a namespace, for templates that name them. */
  secretsOf: SecretValues['valuesOf'];
  /** How a template is filled in for the first time. */
  trials: Trials;
};

export function createHttpKind({
  executor,
  refusesUrl,
  previousOf,
  secretsOf,
  trials,
}: HttpKindOptions): ExecutorKind<HttpTarget> {
  return {
    ...httpTargetDefinition(refusesUrl),
    groupOf: executor.originOf,
    prepare: executor.prepare,
    start: fillInTemplates(executor.execute, previousOf, trials, secretsOf),
    close: executor.close,
  };
}
