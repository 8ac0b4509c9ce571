import { expect, test } from 'vitest';
import { createClockAlarmStep, describeDoubt } from '../../../../src/engine/cluster/clock-alarm.ts';
import type { Doubt } from '../../../../src/engine/cluster/database-time.ts';
import { createClock } from '../../../clock.ts';

test('a doubt is told at once, every minute, and when it is over', async () => {
  const clock = createClock();
  const said: [level: string, message: string][] = [];
  const log = {
    error: (_: object, message: string) => void said.push(['error', message]),
    warn: (message: string) => void said.push(['warn', message]),
  };
  let doubt: Doubt | null = null;
  const step = createClockAlarmStep({ clock, log, time: { doubt: () => doubt } });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; ) {
      const wait = await step();
      passed += wait;
      clock.freeze(wait);
    }
    return said.splice(0);
  };

  expect(await pass(120_000)).toEqual([]);
  doubt = { jumpMs: 3_600_000 };
  const line = ['error', describeDoubt(doubt)];
  expect(await pass(1_000)).toEqual([line]);
  expect(await pass(59_000)).toEqual([]);
  expect(await pass(120_000)).toEqual([line, line]);
  doubt = null;
  expect(await pass(120_000)).toEqual([['warn', expect.stringContaining('believed again')]]);
  doubt = { jumpMs: -90_000 };
  expect(await pass(1_000)).toEqual([['error', expect.stringContaining('jumped back by 90 s')]]);
});
