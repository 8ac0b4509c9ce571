import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import type { Started } from '../../services/process.ts';
import { noPostgres } from '../../services/provided.ts';
import { createRedis, noOwnRedis } from '../../services/redis.ts';
import { askRedis } from '../../services/redis-command.ts';
import { startTarget } from '../../target.ts';
import { said, startReady } from './ready.ts';

/** That Redis cannot be used; a machine that is busy may also be too late for a connection at the start. */
const warnings = ({ logs }: Pick<Started, 'logs'>) =>
  logs()
    .filter(({ msg }) => /Redis cannot be used/.test(String(msg)))
    .map((line) => JSON.stringify(line));

test.skipIf(noOwnRedis || noPostgres)(
  'a password that was changed is read again from its file when the old one is refused',
  { timeout: 60_000 },
  async () => {
    const redis = await createRedis();
    const setPassword = (password: string) =>
      askRedis(redis.url, (admin) =>
        admin.call('ACL', 'SETUSER', 'app', 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all'),
      );
    const folder = await mkdtemp(join(tmpdir(), 'redis-url-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'url');
    const write = (password: string) => {
      const address = new URL(redis.url);
      [address.username, address.password] = ['app', password];
      return writeFile(file, address.href);
    };
    await Promise.all([setPassword('old-one'), write('old-one')]);
    const { url } = await createDatabase();
    const replica = await startReady({ env: { DATABASE_URL: url, REDIS_URL_FILE: file } });
    const up = async () =>
      /^dependencies_up\{dependency="redis"\} (\d)/m.exec((await replica.http.get('/metrics')).text)?.[1];
    await poll(async () => (await up()) === '1', { what: 'Redis to be used', withinMs: 20_000 });
    await setPassword('new-one');
    await askRedis(redis.url, (admin) => admin.call('CLIENT', 'KILL', 'USER', 'app'));
    await poll(async () => (await up()) === '0', { what: 'the old password to be refused', withinMs: 20_000 });
    await write('new-one');
    await poll(async () => (await up()) === '1', { what: 'the new password to be used', withinMs: 20_000 });
    await replica.stop();
  },
);

describe.skipIf(noOwnRedis || noPostgres)('a Redis that refuses what is needed', () => {
  test.each([
    ['scripts', '~* &* +@all -@scripting', /NOPERM/],
    ['channels', '~* resetchannels +@all', /NOPERM/],
    ['keys', '~other:* &* +@all', /NOPERM/],
    ['everything', '~* &* -@all', /NOPERM/],
  ])(
    '%s is told once, counts as away, and nothing else changes',
    { timeout: 60_000 },
    async (_what, rights, reason) => {
      const redis = await createRedis();
      await askRedis(redis.url, (admin) =>
        admin.call('ACL', 'SETUSER', 'humble', 'on', '>secret', ...rights.split(' ')),
      );
      const address = new URL(redis.url);
      [address.username, address.password] = ['humble', 'secret'];
      const target = await startTarget();
      const { url } = await createDatabase();
      const replica = await startReady({ env: { DATABASE_URL: url, REDIS_URL: address.href, TARGET_DENY: 'none' } });
      const up = async () =>
        /^dependencies_up\{dependency="redis"\} (\d)/m.exec((await replica.http.get('/metrics')).text)?.[1];
      await poll(async () => (await up()) === '0', { what: 'Redis to count as away' });
      await replica.http.put('/tasks/plain').send({ schedule: '@every 200ms', target: target.url }).expect(201);
      await poll(() => target.requests.length >= 3, { what: 'three runs' });
      const told = () => warnings(replica).filter((line) => reason.test(line)).length;
      await poll(() => told() > 0, { what: 'the reason' });
      expect([told(), await up()]).toEqual([1, '0']);
      await askRedis(redis.url, (admin) => admin.call('ACL', 'SETUSER', 'humble', '~*', '&*', '+@all'));
      await poll(async () => (await up()) === '1', { what: 'Redis to be back', withinMs: 20_000 });
      expect(said(replica)).toEqual([]);
      await replica.stop();
    },
  );

  test('all but one prefix has all of it there, channels too', { timeout: 60_000 }, async () => {
    const redis = await createRedis();
    await askRedis(redis.url, (admin) =>
      admin.call('ACL', 'SETUSER', 'humble', 'on', '>secret', 'resetchannels', '~mine:*', '&mine:*', '+@all'),
    );
    const address = new URL(redis.url);
    [address.username, address.password] = ['humble', 'secret'];
    address.searchParams.set('keyPrefix', 'mine:');
    const { url } = await createDatabase();
    const replica = await startReady({ env: { DATABASE_URL: url, REDIS_URL: address.href } });
    await poll(
      async () => /^dependencies_up\{dependency="redis"\} 1/m.test((await replica.http.get('/metrics')).text),
      { what: 'Redis to be there' },
    );
    const channels = await poll(
      async () => {
        const found = (await askRedis(redis.url, (admin) => admin.call('PUBSUB', 'CHANNELS'))) as string[];
        return found.length >= 2 && found;
      },
      { what: 'the channels of signals and of changes' },
    );
    expect(channels.filter((channel) => !channel.startsWith('mine:punctual:'))).toEqual([]);
    expect(warnings(replica).filter((line) => /NOPERM/.test(line))).toEqual([]);
    await replica.stop();
  });
});
