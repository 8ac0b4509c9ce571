/** HTTP targets as a replica without any setting reads and shows them; nothing is called. */

import type { Target, Targets } from '../src/domain/task/target.ts';
import { httpHooks, httpTargetDefinition } from '../src/executors/http/definition.ts';
import type { HttpTarget } from '../src/executors/http/target/target.ts';
import type { ExecutorKind } from '../src/executors/kind.ts';
import { createRegistry } from '../src/executors/registry.ts';

const nothingIsCalled = (): never => {
  throw new Error('nothing is called here');
};

const kind: ExecutorKind<HttpTarget> = {
  ...httpTargetDefinition(() => null),
  groupOf: ({ url }) => new URL(url).origin,
  prepare() {},
  start: nothingIsCalled,
  close() {},
};

/** The registry that knows HTTP alone. */
export const httpRegistry = createRegistry(
  [kind],
  httpHooks(() => null),
);

export const httpTargets: Targets = httpRegistry.targets;

/** The URL of a target of the type `http`. */
export const urlOf = (target: Target): string => (target as HttpTarget).url;
