/** Messages between replicas by LISTEN and NOTIFY on a real Postgres. */

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import { createNotifications } from '../../../../src/store/postgres/notifications.ts';
import { poll } from '../../../poll.ts';
import { createDatabase } from '../../../services/database.ts';
import { noPostgres } from '../../../services/provided.ts';
import { createProxy } from '../../../services/proxy.ts';
import { silent } from '../../../silent-log.ts';

type Peer = {
  heard: string[];
  texts: string[];
  send(message: string): void;
  publish(texts: readonly string[]): Promise<boolean>;
};

function join(url: string, channel = 'some channel'): Peer {
  const heard: string[] = [];
  const texts: string[] = [];
  const notifications = createNotifications({
    ...{ connection: { connectionString: url }, channel, self: randomUUID() },
    receive: (message: string) => heard.push(message),
    receiveText: (text) => void texts.push(text),
    onOpen() {},
    ...{ log: silent, clock: systemClock },
  });
  onTestFinished(() => notifications.close());
  return { heard, texts, send: notifications.send, publish: notifications.wire.publish };
}

/** Sends until the other hears it: the connections of both may be opening yet. */
async function expectHeard(sender: Peer, receiver: Peer): Promise<void> {
  receiver.heard.length = 0;
  await poll(
    () => {
      sender.send('tasks');
      return receiver.heard.length > 0;
    },
    { what: 'a message to arrive', withinMs: 30_000, everyMs: 50 },
  );
  expect(new Set(receiver.heard)).toEqual(new Set(['tasks']));
}

describe.skipIf(noPostgres)('messages by NOTIFY', () => {
  test('reach every other replica of the channel, and the sender once and at once', async () => {
    const { url } = await createDatabase();
    const [one, other, stranger] = [join(url), join(url), join(url, 'another channel')];
    await expectHeard(one, other);
    await expectHeard(other, one);
    // What `expectHeard` sends may still be on its way.
    const heardBy = ({ heard }: Peer) => heard.filter((message) => message !== 'tasks');
    one.send('cancel');
    one.send('waiting');
    one.send('cancel');
    expect(heardBy(one)).toEqual(['cancel', 'waiting', 'cancel']);
    await poll(() => other.heard.includes('waiting'), { what: 'both messages' });
    expect(heardBy(other)).toEqual(['cancel', 'waiting']);
    // What the other sends comes later than what one would hear of oneself.
    other.send('over');
    await poll(() => one.heard.includes('over'), { what: 'the answer' });
    expect(heardBy(one)).toEqual(['cancel', 'waiting', 'cancel', 'over']);
    expect(stranger.heard).toEqual([]);
  });

  test('are heard again after Postgres ended the connection', { timeout: 60_000 }, async () => {
    const { url } = await createDatabase();
    const [one, other] = [join(url), join(url)];
    await expectHeard(one, other);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name like '% signals' and datname = current_database()`,
    );
    expect(rowCount).toBe(2);
    await expectHeard(one, other);
    await expectHeard(other, one);
  });

  test('are heard again after the connection went dead without a word', { timeout: 60_000 }, async () => {
    const { url } = await createDatabase();
    const proxy = await createProxy(url);
    const [one, other] = [join(url), join(proxy.url)];
    await expectHeard(one, other);
    proxy.strand();
    await expectHeard(one, other);
  });
});
