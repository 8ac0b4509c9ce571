import { describe, expect, test } from 'vitest';
import { shortPace } from '../plan.ts';
import { namedPlan } from '../plans.ts';
import { defects } from './defects.ts';
import { seedDefect } from './seed.ts';

describe('a defect to be seeded', () => {
  test.each(defects)('$name finds its text in the built program, and its plan', async (defect) => {
    expect(namedPlan(defect.plan, 1, shortPace)).not.toBeNull();
    const seeded = await seedDefect(defect);
    await seeded.remove();
  });
});
