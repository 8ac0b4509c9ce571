import { expect, test } from 'vitest';
import type { ServerEvent } from '../../../../src/http/sse/event-stream.ts';
import { createFollower } from '../../../../src/http/sse/follower.ts';
import { createHub } from '../../../../src/live/hub.ts';
import { createClock } from '../../../clock.ts';

/** An event from the form in which it goes over the wire. */
function decode(bytes: Uint8Array): ServerEvent {
  const lines = Buffer.from(bytes).toString().trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/: (.*)/))) as ServerEvent;
}

/** A follower of a namespace whose client reads, or does not. */
function follow(task: string | null = null) {
  const clock = createClock();
  const hub = createHub({ clock, isBusy: () => false, onHeard() {} });
  const sent: ServerEvent[] = [];
  let reads = true;
  const follower = createFollower({
    stream: { send: (event) => reads && sent.push(event instanceof Uint8Array ? decode(event) : event) > 0 },
    process: 'p',
    topics: new Set(['runs']),
    task,
    metrics: { eventSent() {} },
  });
  return {
    ...{ clock, hub, sent, follower },
    listen: () => hub.listen('default', follower),
    read(yes: boolean) {
      reads = yes;
      if (yes) follower.ready();
    },
    names: () => sent.map(({ event }) => event),
  };
}

test('a client that does not read gets one resync when it has read, and then goes on', async () => {
  const { clock, hub, sent, follower, listen, read, names } = follow();
  const listening = listen();
  follower.begin(listening, null);
  read(false);
  for (let hint = 0; hint < 5_000; hint++) {
    hub.note('default', 'runs', 'a', 1);
    await clock.advance(250);
  }
  expect(names()).toEqual(['hello']);
  read(true);
  hub.note('default', 'runs', 'a', 1);
  await clock.advance(250);
  expect(names()).toEqual(['hello', 'resync', 'runs']);
  expect(sent[1]?.id).toBe(`p:${listening.position() - 1}`);
});

test('a client that cannot take the resync either is told of it later', async () => {
  const { hub, follower, listen, read, names } = follow();
  follower.begin(listen(), null);
  read(false);
  follower.missed();
  follower.ready();
  expect(names()).toEqual(['hello']);
  read(true);
  hub.lose();
  expect(names()).toEqual(['hello', 'resync', 'resync']);
});

test('a client that comes back gets the hints of its topics and its task since then', async () => {
  const { clock, hub, sent, follower, listen } = follow('mine');
  const listening = listen();
  const seen = listening.position();
  for (const [topic, task] of [
    ['runs', 'mine'],
    ['runs', 'other'],
    ['tasks', 'mine'],
    ['runs', 'mine'],
  ] as const) {
    hub.note('default', topic, task, 2);
    await clock.advance(250);
  }
  follower.begin(listening, `p:${seen}`);
  expect(sent.map(({ event, id, data }) => [event, id, data])).toEqual([
    ['hello', `p:${seen}`, '{"replica":"p"}'],
    ['runs', `p:${seen + 1}`, '{"count":2,"tasks":["mine"]}'],
    ['runs', `p:${seen + 4}`, '{"count":2,"tasks":["mine"]}'],
  ]);
});
