import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../../src/clock.ts';
import { createJudge } from '../../../../../src/executors/http/answer/judging.ts';
import { successTest } from '../../../../../src/executors/http/target/success.ts';

const script = new URL('../../../../../dist/executors/http/answer/judge-worker.js', import.meta.url);
const rule = successTest({ bodyContains: 'done' });
const wanted = () => true;

function start() {
  const judge = createJudge(systemClock, script);
  onTestFinished(() => judge.close());
  return judge;
}

test('a task with many answers to judge does not keep another waiting', async () => {
  const judge = start();
  const order: string[] = [];
  const judged = async (taskId: string, text: string) => {
    expect(await judge.faultIn(taskId, rule, text, true, wanted)).toBeNull();
    order.push(taskId);
  };
  const text = `${'x'.repeat(100_000)}done`;
  await Promise.all([...Array.from({ length: 20 }, () => judged('busy', text)), judged('other', text)]);
  expect(order.indexOf('other')).toBeLessThan(3);
});

test('what waits of one task is bounded, and it has room again once that is judged', async () => {
  const judge = start();
  const text = 'x'.repeat(1_000_000);
  const faults = await Promise.all(Array.from({ length: 80 }, () => judge.faultIn('busy', rule, text, true, wanted)));
  expect(faults.filter((fault) => fault?.startsWith('could not be judged: too much'))).not.toHaveLength(0);
  expect(faults.filter((fault) => fault?.startsWith('does not contain')).length).toBeGreaterThan(60);
  expect(await judge.faultIn('busy', rule, text, true, wanted)).toContain('does not contain');
});
