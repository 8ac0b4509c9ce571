import { afterEach, describe, expect, test } from 'vitest';
import { type Loop, startLoop } from '../../../src/engine/loop.ts';
import { createClock, runDueCallbacks } from '../../clock.ts';
import { silent } from '../../silent-log.ts';

/** A loop whose passes are ended by hand. */
function start(retryMs = 500) {
  const clock = createClock();
  const passes: { end: (wait: number) => void; fail: (error: Error) => void }[] = [];
  let running = 0;
  let most = 0;
  const loop: Loop = startLoop({
    name: 'test',
    clock,
    log: silent,
    retryMs,
    async step() {
      most = Math.max(most, ++running);
      try {
        return await new Promise<number>((resolve, reject) => passes.push({ end: resolve, fail: reject }));
      } finally {
        running--;
      }
    },
  });
  const latest = () => passes.at(-1) as (typeof passes)[number];
  return {
    clock,
    loop,
    passes: () => passes.length,
    atOnce: () => most,
    async end(wait: number) {
      latest().end(wait);
      await runDueCallbacks();
    },
    async fail() {
      latest().fail(new Error('no'));
      await runDueCallbacks();
    },
  };
}

let started: ReturnType<typeof start>;
afterEach(() => expect(started.atOnce()).toBe(1));

describe('a loop', () => {
  test('makes its first pass at once and the next when it was asked for', async () => {
    started = start();
    const { clock, passes, end } = started;
    expect(passes()).toBe(1);
    await end(100);
    await clock.advance(99);
    expect(passes()).toBe(1);
    await clock.advance(1);
    expect(passes()).toBe(2);
    await end(0);
    await clock.advance(0);
    expect(passes()).toBe(3);
  });

  test('that is woken between passes makes one at once, and none when the old wait is over', async () => {
    started = start();
    const { clock, loop, passes, end } = started;
    await end(100);
    loop.wake();
    loop.wake();
    expect(passes()).toBe(2);
    await end(1_000);
    expect(passes()).toBe(3);
    await end(1_000);
    await clock.advance(999);
    expect(passes()).toBe(3);
    await clock.advance(1);
    expect(passes()).toBe(4);
  });

  test('that is woken during a pass makes one more after it, however often it was woken', async () => {
    started = start();
    const { loop, passes, end } = started;
    for (let time = 0; time < 5; time++) loop.wake();
    await runDueCallbacks();
    expect(passes()).toBe(1);
    await end(10_000);
    expect(passes()).toBe(2);
    await end(10_000);
    expect(passes()).toBe(2);
  });

  test('survives passes that fail, and tries again after its own wait', async () => {
    started = start(500);
    const { clock, passes, fail, end } = started;
    for (let failures = 1; failures <= 3; failures++) {
      await fail();
      await clock.advance(499);
      expect(passes()).toBe(failures);
      await clock.advance(1);
      expect(passes()).toBe(failures + 1);
    }
    await end(20);
    await clock.advance(20);
    expect(passes()).toBe(5);
  });

  test('that is woken during a pass that fails tries again at once', async () => {
    started = start(500);
    started.loop.wake();
    await started.fail();
    expect(started.passes()).toBe(2);
  });

  test('that is stopped waits for the pass under way and makes no other, woken or not', async () => {
    started = start();
    const { clock, loop, passes, end } = started;
    let stopped = false;
    const stopping = loop.stop().then(() => {
      stopped = true;
    });
    loop.wake();
    await runDueCallbacks();
    expect(stopped).toBe(false);
    await end(1);
    await stopping;
    loop.wake();
    await clock.advance(10_000);
    expect([passes(), clock.pending()]).toEqual([1, 0]);
    await loop.stop();
  });

  test('that is stopped between passes is at its end', async () => {
    started = start();
    await started.end(100);
    await started.loop.stop();
    await started.clock.advance(1_000);
    expect([started.passes(), started.clock.pending()]).toEqual([1, 0]);
  });

  test('that is stopped while a failing pass is under way stops too', async () => {
    started = start();
    const stopping = started.loop.stop();
    await started.fail();
    await stopping;
    await started.clock.advance(10_000);
    expect(started.passes()).toBe(1);
  });
});
