import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { createPostgres, noOwnPostgres } from '../../services/postgres.ts';
import { startProgram } from '../../services/process.ts';
import { closedPortUrl } from '../../target.ts';
import { said, startReady } from './ready.ts';

/** Runs the program to its end: for one that should refuse. */
async function end(env: Record<string, string>, args: string[] = []) {
  const started = await startProgram({ env, args });
  const code = await started.exited;
  return { code, said: said(started), output: started.output() };
}

describe('bad settings', () => {
  test('end the start with every fault at once, and repeat no secret', async () => {
    const {
      code,
      said: lines,
      output,
    } = await end({
      PORT: '99999',
      LOG_LEVEL: 'loud',
      LEASE_TTL: 'soon',
      TARGET_DENY: '10.0.0.0/99',
      DATABASE_URL: 'mysql://user:hunter2@host/database',
      REDIS_URL: 'http://:topsecret@host',
      API_KEYS: 'ci:boss:c0ffee',
      JWT_SECRET: 'too-short-by-far',
      SIGNING_SECRETS: 'whsec_c2hvcnQ=',
    });
    expect(code).toBe(1);
    expect(lines[0]).toBe('Punctual cannot start:');
    for (const name of [
      'PORT',
      'LOG_LEVEL',
      'LEASE_TTL',
      'TARGET_DENY',
      'DATABASE_URL',
      'REDIS_URL',
      'API_KEYS',
      'JWT_SECRET',
      'SIGNING_SECRETS',
    ])
      expect(lines.filter((line) => line.startsWith(`  ${name}`))).toHaveLength(1);
    expect(output).not.toMatch(/hunter2|topsecret|c0ffee|too-short|c2hvcnQ|\n\s+at /);
  });

  test('an address that others can reach without auth is refused, with what to do', async () => {
    const { code, said: lines } = await end({ HOST: '0.0.0.0' });
    expect(code).toBe(1);
    expect(lines).toHaveLength(2);
    for (const word of ['API_KEYS', 'JWT_SECRET', 'AUTH=none', 'HOST=127.0.0.1']) expect(lines[1]).toContain(word);
  });
});

test('with AUTH=none it listens for everybody, and says that everybody is admin', { timeout: 60_000 }, async () => {
  const { url } = await createDatabase();
  const replica = await startReady({ env: { DATABASE_URL: url, HOST: '0.0.0.0', AUTH: 'none' } });
  expect(replica.logs().find(({ level }) => level === 'warn')?.msg).toContain('whoever reaches 0.0.0.0 is owner');
  await replica.stop();
});

test('a port that somebody has is named', { timeout: 60_000 }, async () => {
  const { url } = await createDatabase();
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const { code, said: lines } = await end({ DATABASE_URL: url, PORT: String(port) });
  expect(code).toBe(1);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(String(port));
  holder.close();
});

describe('commands', () => {
  test('an unknown one is refused with those there are', async () => {
    const { code, said: lines } = await end({}, ['nonsense']);
    expect(code).toBe(1);
    expect(lines).toEqual(['"nonsense" is not a command: use "serve" (the default) or "migrate".']);
  });

  test('migrate wants to know the database', async () => {
    const { code, said: lines } = await end({}, ['migrate']);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('DATABASE_URL');
  });

  test('migrate says in a sentence that Postgres cannot be reached', async () => {
    const url = new URL(await closedPortUrl());
    const { code, output } = await end({ DATABASE_URL: `postgres://user:hunter2@${url.host}/database` }, ['migrate']);
    expect(code).toBe(1);
    expect(output.trim().split('\n')).toEqual([`Punctual cannot migrate: connect ECONNREFUSED ${url.host}`]);
  });

  test.skipIf(noOwnPostgres)('migrate brings an empty database up to date, and once more does nothing', async () => {
    const server = await createPostgres();
    for (let round = 0; round < 2; round++) {
      const { code, output } = await end({ DATABASE_URL: server.url }, ['migrate']);
      expect([code, output]).toEqual([0, 'The database is up to date.\n']);
    }
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    expect((await client.query('select from tasks')).rows).toEqual([]);
    await client.end();
  });
});

test('LOG_FORMAT=pretty is for people: no JSON at all', { timeout: 60_000 }, async () => {
  const { url } = await createDatabase();
  const started = await startProgram({ env: { DATABASE_URL: url, LOG_FORMAT: 'pretty' } });
  const line = await poll(() => /^.*listening$/m.exec(started.output())?.[0], {
    what: 'it to listen',
    withinMs: 30_000,
  });
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: listening$/);
  expect(started.logs()).toEqual([]);
  await started.stop();
});
