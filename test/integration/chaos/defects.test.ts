import { describe, expect, test } from 'vitest';
import { defects } from '../../chaos/defects/defects.ts';
import { seedDefect } from '../../chaos/defects/seed.ts';
import { shortPace } from '../../chaos/plan.ts';
import { namedPlan } from '../../chaos/plans.ts';

describe('a defect to be seeded', () => {
  test.each(defects)('$name finds its text in the built program, and its plan', async (defect) => {
    expect(namedPlan(defect.plan, 1, shortPace)).not.toBeNull();
    const seeded = await seedDefect(defect);
    await seeded.remove();
  });
});
