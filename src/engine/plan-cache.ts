/** The plans of the tasks that fired last, so that Postgres need not send them again with every claim. */

import type { Plan } from '../store/claims.ts';

export type PlanCache = {
  get(uid: number): Plan | undefined;
  set(uid: number, plan: Plan): void;
  delete(uid: number): void;
};

/** Keeps at most `limit` plans, those used last. */
export function createPlanCache(limit: number): PlanCache {
  // A Map keeps the order of insertion: what was used is put in again, the first one goes.
  const plans = new Map<number, Plan>();
  return {
    get(uid) {
      const plan = plans.get(uid);
      if (plan) {
        plans.delete(uid);
        plans.set(uid, plan);
      }
      return plan;
    },
    set(uid, plan) {
      plans.delete(uid);
      plans.set(uid, plan);
      if (plans.size > limit) plans.delete(plans.keys().next().value as number);
    },
    delete: (uid) => void plans.delete(uid),
  };
}
