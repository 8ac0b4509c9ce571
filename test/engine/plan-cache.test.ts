import { expect, test } from 'vitest';
import { createPlanCache } from '../../src/engine/plan-cache.ts';
import type { Plan } from '../../src/store/claims.ts';

const plan = (version: number) => ({ version }) as Plan;

test('the plan cache keeps the plans used last, and the newest of each', () => {
  const plans = createPlanCache(3);
  for (const uid of [1, 2, 3]) plans.set(uid, plan(uid));
  expect(plans.get(1)?.version).toBe(1);
  plans.set(2, plan(20));
  plans.set(4, plan(4));
  expect([1, 2, 3, 4].map((uid) => plans.get(uid)?.version)).toEqual([1, 20, undefined, 4]);
  plans.delete(1);
  plans.delete(99);
  plans.set(5, plan(5));
  expect([1, 2, 4, 5].map((uid) => plans.get(uid)?.version)).toEqual([undefined, 20, 4, 5]);
});
