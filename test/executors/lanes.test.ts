import { lookup } from 'node:dns/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLanes, type Lane } from '../../src/executors/lanes.ts';
import { createTargetFilter } from '../../src/executors/target-filter.ts';
import { createClock } from '../clock.ts';
import { startTarget, type Target } from '../target.ts';

let target: Target;
beforeEach(async () => {
  target = await startTarget();
});
afterEach(() => target.close());

/** Lanes with a hundred callers that never leave, of whom 64 have entered. */
function crowded() {
  const clock = createClock();
  const filter = createTargetFilter({ deny: [], allow: [] });
  const lanes = createLanes(target.url, 512, { clock, filter, resolve: (host) => lookup(host, { all: true }) });
  const entered: Lane[] = [];
  for (let caller = 0; caller < 100; caller++) lanes.enter((lane) => entered.push(lane));
  return { clock, entered };
}

test('a target that is slow is given more connections', async () => {
  const { clock, entered } = crowded();
  expect(entered).toHaveLength(64);
  await clock.advance(20);
  expect(entered).toHaveLength(64);
  await clock.advance(20);
  expect(entered).toHaveLength(100);
});

test('a process that is itself too busy to look in time does not make itself more work', async () => {
  const { clock, entered } = crowded();
  for (let look = 0; look < 20; look++) {
    clock.freeze(60);
    await clock.advance(0);
  }
  expect(entered).toHaveLength(64);
});
