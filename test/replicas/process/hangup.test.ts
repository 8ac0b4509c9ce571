import { createHash, createHmac } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { type Started, startProgram } from '../../services/process.ts';
import { noPostgres } from '../../services/provided.ts';
import { closedPortUrl, startTarget } from '../../target.ts';
import { newFolder, startReady } from './ready.ts';

const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const keys = (...names: string[]) => names.map((name) => `${name}:admin:${hash(`${name}-key`)}`).join('\n');
const signing = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;

async function hangUp(replica: Started, line: string): Promise<Record<string, unknown>> {
  const seen = replica.logs().length;
  replica.kill('SIGHUP');
  return poll(
    () =>
      replica
        .logs()
        .slice(seen)
        .find(({ msg }) => `${msg}`.includes(line)),
    { what: line },
  );
}

test.skipIf(noPostgres)(
  'a hangup reads keys and secrets again; a fault in them leaves the old ones',
  { timeout: 120_000 },
  async () => {
    const folder = await newFolder();
    const file = (name: string) => join(folder, name);
    const write = async (name: string, text: string) => {
      await writeFile(file(`${name}.new`), text);
      await rename(file(`${name}.new`), file(name));
    };
    await write('keys', keys('old'));
    await write('jwt', 'o'.repeat(40));
    await write('signing', signing(1));
    const replica = await startReady({
      env: {
        DATABASE_URL: (await createDatabase()).url,
        API_KEYS_FILE: file('keys'),
        JWT_SECRET_FILE: file('jwt'),
        SIGNING_SECRETS_FILE: file('signing'),
      },
    });
    const target = await startTarget();
    const token = (secret: string) =>
      new SignJWT({ sub: 'ann', role: 'admin' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(new TextEncoder().encode(secret));
    const statusWith = async (credential: string) =>
      (await replica.http.get('/tasks').set('authorization', `Bearer ${credential}`)).status;
    const statuses = async () => [
      await statusWith('old-key'),
      await statusWith('new-key'),
      await statusWith(await token('o'.repeat(40))),
      await statusWith(await token('n'.repeat(40))),
    ];
    const secretOfCall = async (credential: string) => {
      const ask = replica.http.post('/tasks/signed/trigger').set('authorization', `Bearer ${credential}`);
      await ask.set('prefer', 'wait=10').expect(202);
      const { headers, body } = target.requests.at(-1) as (typeof target.requests)[number];
      const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      return [1, 2].filter(
        (byte) =>
          headers['webhook-signature'] ===
          `v1,${createHmac('sha256', Buffer.alloc(32, byte)).update(text).digest('base64')}`,
      );
    };
    const task = { id: 'signed', schedule: { manual: true }, target: target.url };
    await replica.http.post('/tasks').set('authorization', 'Bearer old-key').send(task).expect(201);
    expect(await statuses()).toEqual([200, 401, 200, 401]);
    expect(await secretOfCall('old-key')).toEqual([1]);

    await write('keys', keys('old', 'new'));
    await write('jwt', 'too short');
    await write('signing', signing(2));
    const fault = await hangUp(replica, 'could not be read again');
    expect(fault).toMatchObject({ level: 'error', faults: [expect.stringContaining('JWT_SECRET must be at least')] });
    expect(await statuses()).toEqual([200, 401, 200, 401]);
    expect(await secretOfCall('old-key')).toEqual([1]);

    await write('keys', keys('new'));
    await write('jwt', 'n'.repeat(40));
    expect(await hangUp(replica, 'were read again')).toMatchObject({
      changed: ['API_KEYS', 'JWT_SECRET', 'SIGNING_SECRETS'],
    });
    expect(await statuses()).toEqual([401, 200, 401, 200]);
    expect(await secretOfCall('new-key')).toEqual([2]);
    expect(await hangUp(replica, 'were read again')).toMatchObject({ changed: [] });
    expect(replica.output()).not.toMatch(/too short|whsec_[A-Z]|nnnn/);
    expect(await replica.stop()).toBe(0);
    await target.close();
  },
);

test('hangups during the start and the stop end nothing', { timeout: 120_000 }, async () => {
  // Postgres is not there, so that the start is never done.
  const started = await startProgram({ env: { DATABASE_URL: (await closedPortUrl()).replace('http', 'postgres') } });
  // Node itself takes a moment until it runs anything: from the first output on nothing may end it.
  await poll(() => started.output() !== '', { what: 'a first word', everyMs: 1, withinMs: 60_000 });
  for (let i = 0; i < 20; i++) started.kill('SIGHUP');
  await poll(() => started.logs().some(({ loop }) => loop === 'boot'), {
    what: 'the boot loop',
  });
  await hangUp(started, 'were read again');
  started.kill('SIGTERM');
  for (let i = 0; i < 20; i++) started.kill('SIGHUP');
  expect(await started.exited).toBe(0);
});
