/** Seeds one defect after the other, runs the plan that has to show it, and tells which were caught. */

import { check } from '../checker.ts';
import type { Tools } from '../cluster/cluster.ts';
import { findFakeTime } from '../cluster/fake-time.ts';
import type { Pace } from '../plan.ts';
import { namedPlan } from '../plans.ts';
import { runPlan, type Say } from '../run.ts';
import { groupBy } from '../verdicts/verdict.ts';
import { type Defect, defects } from './defects.ts';
import { seedDefect } from './seed.ts';

export type DefectResult = {
  defect: string;
  what: string;
  plan: string;
  seed: number;
  caught: boolean | null;
  /** How often each verdict was given. */
  verdicts: Record<string, number>;
  example: string | null;
  /** Why it could not be tried. */
  skipped: string | null;
};

/** A defect that a single run does not show, for it takes a race to show, is tried with the next seed. */
const tries = 3;

async function tryDefect(defect: Defect, tools: Tools, seed: number, pace: Pace, say: Say): Promise<DefectResult> {
  const { name, what, plan: planName, verdicts: wanted } = defect;
  const result = { defect: name, what, plan: planName, seed, caught: null, verdicts: {}, example: null, skipped: null };
  if (defect.needsFakeTime && (await findFakeTime()) === null)
    return { ...result, skipped: 'libfaketime is not installed' };
  const seeded = await seedDefect(defect);
  try {
    for (let own = seed; ; own++) {
      const plan = namedPlan(planName, own, pace);
      if (plan === null) throw new Error(`defect ${name}: there is no plan ${planName}`);
      const verdicts = check(await runPlan(plan, { ...tools, program: seeded.program }, () => {}));
      const counts = Object.fromEntries(
        [...groupBy(verdicts, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length]),
      );
      const proof = verdicts.find(({ kind }) => wanted.includes(kind));
      if (!proof && own - seed + 1 < tries) {
        say(`  ${name}: not seen with seed ${own}`);
        continue;
      }
      return { ...result, seed: own, caught: proof !== undefined, verdicts: counts, example: proof?.detail ?? null };
    }
  } finally {
    await seeded.remove();
  }
}

/** `names`: all of them where empty. */
export async function runDefects(
  names: readonly string[],
  tools: Tools,
  seed: number,
  pace: Pace,
  say: Say,
): Promise<DefectResult[]> {
  const results: DefectResult[] = [];
  for (const defect of defects.filter(({ name }) => names.length === 0 || names.includes(name))) {
    say(`\n${defect.name}: without ${defect.what}`);
    const result = await tryDefect(defect, tools, seed, pace, say).catch(
      (error: Error): DefectResult => ({
        ...{ defect: defect.name, what: defect.what, plan: defect.plan, seed, verdicts: {}, skipped: null },
        ...{ caught: false, example: `the run failed: ${error.message}` },
      }),
    );
    const told = Object.entries(result.verdicts).map(([kind, count]) => `${count} × ${kind}`);
    say(
      `  ${result.skipped ?? (result.caught ? `caught by ${result.plan}: ${told.join(', ')}` : `NOT CAUGHT by ${result.plan}: ${told.join(', ') || 'no verdict'}`)}`,
    );
    if (result.example) say(`  ${result.example}`);
    results.push(result);
  }
  return results;
}
