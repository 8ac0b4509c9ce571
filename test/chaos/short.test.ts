import { fileURLToPath } from 'node:url';
import { describe, expect, inject, test } from 'vitest';
import { noOwnPostgres } from '../services/postgres.ts';
import { noOwnRedis, redisProgram } from '../services/redis.ts';
import { check } from './checker.ts';
import { shortPace } from './plan.ts';
import { namedPlan, shortPlans } from './plans.ts';
import { runPlan } from './run.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

describe.skipIf(noOwnPostgres || noOwnRedis)('three replicas keep every promise', () => {
  test.each(shortPlans)('under the plan %s', { timeout: 300_000 }, async (name) => {
    const provided = inject('postgres');
    const postgresBinaries = provided.kind === 'server' ? (provided.binaries ?? '') : '';
    const plan = namedPlan(name, 1, shortPace);
    if (plan === null) throw new Error(`there is no plan ${name}`);
    const history = await runPlan(plan, { program, postgresBinaries, redisProgram: redisProgram() }, () => {});
    expect(check(history)).toEqual([]);
    expect(history.final.runs.length).toBeGreaterThan(500);
  });
});
