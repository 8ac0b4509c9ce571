import { expect, test } from 'vitest';
import type { Hint } from '../../../src/live/channel.ts';
import { createLive, type Live } from '../../../src/live/live.ts';
import { createClock } from '../../clock.ts';

/** Replicas on one wire, which can be cut. */
function createCluster(size: number, mostBytes = 64_000) {
  const clock = createClock();
  const sent: string[] = [];
  let isCut = false;
  const looks: string[] = [];
  let state = 'well';
  const replicas: Live[] = Array.from({ length: size }, (_, place) => {
    let isKnown = false;
    return createLive({
      clock,
      self: `replica-${place}`,
      wire: () => ({
        mostBytes,
        async publish(texts) {
          sent.push(...texts);
          if (!isCut) for (const replica of replicas) for (const text of texts) replica.receive(text);
          return !isCut;
        },
      }),
      hasPeers: () => size > 1,
      isBusy: () => false,
      state: () => state,
      look: {
        async look(namespace, note) {
          looks.push(namespace);
          if (isKnown) note('found');
          const wasKnown = isKnown;
          isKnown = true;
          return wasKnown;
        },
        forget() {
          isKnown = false;
        },
      },
    });
  });
  return {
    clock,
    replicas,
    sent,
    looks,
    cut(yes: boolean) {
      isCut = yes;
    },
    change(to: string) {
      state = to;
    },
    async listen(place: number, namespace: string) {
      const hints: Hint[] = [];
      let missed = 0;
      const listening = await replicas[place]?.listen(namespace, {
        hear: (hint) => void hints.push(hint),
        missed: () => missed++,
      });
      return {
        counted: (topic: string) =>
          hints.filter((hint) => hint.topic === topic).reduce((sum, { tally }) => sum + tally.count, 0),
        missed: () => missed,
        close: () => listening?.close(),
      };
    },
  };
}

test('nothing is sent, and no timer runs, while nobody listens', async () => {
  const { clock, replicas, sent } = createCluster(2);
  for (let run = 0; run < 1_000; run++) replicas[0]?.runsChanged('default', 'a');
  await clock.advance(60_000);
  expect(sent).toEqual([]);
  expect(clock.pending()).toBe(0);
});

test('a replica is told of the runs of others in the namespaces in which somebody listens to it', async () => {
  const { clock, replicas, sent, listen } = createCluster(3);
  const [ours, others] = [await listen(0, 'ours'), await listen(1, 'others')];
  replicas[2]?.runsChanged('ours', 'a', 5);
  replicas[0]?.runsChanged('ours', 'a');
  replicas[2]?.runsChanged('nobodys', 'a');
  await clock.advance(300);
  expect(ours.counted('runs')).toBe(6);
  expect(others.counted('runs')).toBe(0);
  expect(sent.join()).not.toContain('nobodys');
});

test('what is told is cut to the longest text of the wire, and nothing is lost', async () => {
  const { clock, replicas, sent, listen } = createCluster(2, 7_900);
  const stream = await listen(0, 'default');
  for (let task = 0; task < 3_000; task++) replicas[1]?.runsChanged('default', `a-task-with-a-long-name-${task}`);
  await clock.advance(600);
  expect(stream.counted('runs')).toBe(3_000);
  expect(Math.max(...sent.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(7_900);
});

test('replicas stop telling a minute or so after the last listener has left', async () => {
  const { clock, replicas, sent, listen } = createCluster(2);
  const stream = await listen(0, 'default');
  stream.close();
  await clock.advance(70_000);
  const before = sent.length;
  replicas[1]?.runsChanged('default', 'a');
  await clock.advance(60_000);
  expect(sent.length).toBe(before);
  expect(clock.pending()).toBe(0);
});

test('a replica that hears nothing any more looks for itself, and says so once, as when it hears again', async () => {
  const { clock, looks, cut, listen } = createCluster(2);
  const stream = await listen(0, 'default');
  await clock.advance(10_000);
  expect(looks).toEqual([]);
  cut(true);
  await clock.advance(20_000);
  expect(looks.length).toBeGreaterThan(5);
  expect(stream.missed()).toBe(1);
  expect(stream.counted('runs')).toBe(looks.length - 1);
  cut(false);
  await clock.advance(10_000);
  expect(stream.missed()).toBe(2);
  const before = looks.length;
  await clock.advance(10_000);
  expect(looks.length).toBe(before);
});

test('the state of a replica is told where somebody listens, here or elsewhere', async () => {
  const { clock, change, listen } = createCluster(2);
  const stream = await listen(0, 'default');
  await clock.advance(5_000);
  expect(stream.counted('cluster')).toBe(0);
  change('without Redis');
  await clock.advance(2_000);
  expect(stream.counted('cluster')).toBeGreaterThanOrEqual(1);
});

test('a replica that has gone may have taken hints along', async () => {
  const { clock, replicas, listen } = createCluster(2);
  const stream = await listen(0, 'default');
  replicas[0]?.peersChanged(false);
  expect(stream.missed()).toBe(0);
  replicas[0]?.peersChanged(true);
  await clock.advance(0);
  expect(stream.missed()).toBe(1);
  expect(stream.counted('cluster')).toBe(2);
});

test('a replica that hears again after a loss asks who listens, and what it did meanwhile counts as lost', async () => {
  const { clock, replicas, listen } = createCluster(2);
  const stream = await listen(0, 'default');
  replicas[1]?.opened();
  await clock.advance(0);
  expect(stream.missed()).toBe(0);
  replicas[1]?.opened();
  await clock.advance(0);
  expect(stream.missed()).toBe(1);
  replicas[1]?.runsChanged('default', 'a');
  await clock.advance(300);
  expect(stream.counted('runs')).toBe(1);
});
