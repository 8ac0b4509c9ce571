/** The secrets that a task uses, wherever in its definition. */

import { pointerPart } from '../input/field.ts';
import type { Hooks } from './policies.ts';
import type { SecretUse, Target, Targets } from './target.ts';

/** The parts of a definition that may use secrets. */
type Using = { target: Target; fallback: Target | null; hooks: Partial<Hooks> | null };

/** Each place; none for the many tasks that use none. */
export function secretsOf({ target, fallback, hooks }: Using, targets: Targets): SecretUse[] {
  return [
    ...targets.secretsIn(target, '#/target'),
    ...(fallback === null ? [] : targets.secretsIn(fallback, '#/fallback')),
    ...Object.entries(hooks ?? {}).flatMap(([name, hook]) =>
      hook ? targets.hooks.secretsIn(hook, `#/hooks/${pointerPart(name)}`) : [],
    ),
  ];
}

/** The names among some uses, each once, in order. */
export function namesOf(uses: readonly SecretUse[]): string[] {
  return [...new Set(uses.map(({ name }) => name))].sort();
}
