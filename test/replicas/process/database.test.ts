import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { migrateNow } from '../../services/migrate.ts';
import { createPostgres, noOwnPostgres } from '../../services/postgres.ts';
import type { PostgresServer } from '../../services/postgres-server.ts';
import { startProgram } from '../../services/process.ts';
import { startTarget } from '../../target.ts';
import { newFolder, startReady } from './ready.ts';

let server: Omit<PostgresServer, 'close'>;
beforeAll(async () => {
  if (!noOwnPostgres) server = await createPostgres();
});

async function sql(text: string, url = server.url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/** The URL of another database, or of another role, on the server. */
function at(database: string, role?: string): string {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  if (role) [url.username, url.password] = [role, 'secret'];
  return url.href;
}

const fails = async (env: Record<string, string>) => {
  const program = await startProgram({ env });
  const code = await program.exited;
  return { code, said: program.output(), logs: program.logs() };
};

const task = (url: string) => ({ schedule: '@every 200ms', target: url });

describe.skipIf(noOwnPostgres)('a replica on a database of somebody', () => {
  test('who has set everything otherwise: it fires, and its answers are the same', { timeout: 60_000 }, async () => {
    await sql('create database strange');
    for (const setting of [
      `datestyle = 'German, DMY'`,
      `timezone = 'Asia/Kathmandu'`,
      `intervalstyle = 'sql_standard'`,
      `bytea_output = 'escape'`,
      `standard_conforming_strings = off`,
      `extra_float_digits = -15`,
      `default_transaction_isolation = 'serializable'`,
      `synchronous_commit = off`,
      `statement_timeout = 30`,
    ])
      await sql(`alter database strange set ${setting}`);
    const target = await startTarget();
    const url = `${at('strange')}?application_name=x&options=-c%20datestyle%3DSQL&statement_timeout=1`;
    const { http, stop } = await startReady({ env: { DATABASE_URL: url, TARGET_DENY: 'none' } });
    await http
      .put('/tasks/plain')
      .send({ ...task(target.url), description: "it's \\ fine" })
      .expect(201);
    await poll(() => target.requests.length >= 2, { what: 'two runs' });
    const { body } = await http.get('/tasks/plain').expect(200);
    expect(body).toMatchObject({ description: "it's \\ fine", lastRun: { scheduledFor: expect.stringMatching(/Z$/) } });
    await stop();
  });

  test('that is not UTF8 is refused with a sentence', { timeout: 60_000 }, async () => {
    await sql(`create database narrow encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'`);
    const { code, said } = await fails({ DATABASE_URL: at('narrow') });
    expect(code).toBe(1);
    expect(said).toMatch(/DATABASE_URL leads to a database in the encoding LATIN1.*UTF8/);
  });

  test('that a version before the first release made is refused with a sentence', { timeout: 60_000 }, async () => {
    await sql('create database unreleased');
    await sql(
      `create table schema_migrations (id serial primary key, hash text not null, created_at bigint);
       insert into schema_migrations (hash, created_at) values ('of another file', 1795240155601)`,
      at('unreleased'),
    );
    const { code, said } = await fails({ DATABASE_URL: at('unreleased') });
    expect(code).toBe(1);
    expect(said).toMatch(/Punctual cannot start: .*before its first release.*give it an empty database/);
  });

  test('who gives it no more rights than it needs, in a schema of its own', { timeout: 90_000 }, async () => {
    await sql('create database humble');
    await sql(
      `create role owner login password 'secret'; create role worker login password 'secret';
       create schema sched authorization owner; grant usage on schema sched to worker; revoke all on schema public from public;
       alter role owner in database humble set search_path = sched; alter role worker in database humble set search_path = sched`,
      at('humble'),
    );
    await sql(
      'alter default privileges grant select, insert, update, delete on tables to worker',
      at('humble', 'owner'),
    );
    const refused = await fails({ DATABASE_URL: at('humble', 'worker') });
    expect(refused.code).toBe(1);
    expect(refused.said).toContain('MIGRATION_DATABASE_URL');

    const target = await startTarget();
    const env = { DATABASE_URL: at('humble', 'worker'), TARGET_DENY: 'none' };
    const first = await startReady({ env: { ...env, MIGRATION_DATABASE_URL: at('humble', 'owner') } });
    await first.stop();
    const second = await startReady({ env });
    await second.http.put('/tasks/plain').send(task(target.url)).expect(201);
    await poll(() => target.requests.length >= 2, { what: 'two runs' });
    await second.http.post('/tasks/plain/stop').expect(200);
    const { rows } = await sql(
      `select distinct schemaname from pg_tables where tablename in ('tasks', 'schema_migrations')`,
      at('humble'),
    );
    expect(rows).toEqual([{ schemaname: 'sched' }]);
    await second.stop();
  });

  test('who makes it read-only for a while: 503 with the reason, and new connections when it is over', {
    timeout: 90_000,
  }, async () => {
    await sql('create database fickle');
    const { http, stop } = await startReady({ env: { DATABASE_URL: at('fickle'), LEASE_TTL: '1s' } });
    await http
      .put('/tasks/one')
      .send({ schedule: { manual: true }, target: 'http://127.0.0.1:9/' })
      .expect(201);
    await sql('alter database fickle set default_transaction_read_only = on');
    await sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'fickle'`);
    const write = () => http.put('/tasks/two').send({ schedule: { manual: true }, target: 'http://127.0.0.1:9/' });
    const refused = await poll(
      async () => {
        const answer = await write();
        return answer.status === 503 && answer;
      },
      { what: 'writes to be put off' },
    );
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    await poll(async () => /read-only/.test(JSON.stringify((await http.get('/readyz')).body.failing)), {
      what: 'the reason',
    });
    await sql('alter database fickle reset default_transaction_read_only');
    await poll(async () => (await write()).status < 300, { what: 'writes to work again' });
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'it to be ready again' });
    await stop();
  });

  test('who changes its password: the file is read again', { timeout: 90_000 }, async () => {
    await sql('create database turning');
    await sql(`create role turner login superuser password 'secret'`);
    const file = join(await newFolder(), 'url');
    await writeFile(file, at('turning', 'turner'));
    const { http, stop } = await startReady({ env: { DATABASE_URL_FILE: file } });
    await sql(`alter role turner password 'other'`);
    await writeFile(file, at('turning', 'turner').replace('secret', 'other'));
    await sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'turning'`);
    await poll(async () => (await http.get('/tasks')).status === 200 && (await http.get('/readyz')).status === 200, {
      what: 'it to be ready with the new password',
    });
    await stop();
  });

  test('of whose hosts the first is away and the second a standby', { timeout: 90_000 }, async () => {
    const standby = await createPostgres({ default_transaction_read_only: 'on' });
    await sql('create database several');
    await migrateNow(at('several'));
    const [away, second, third] = ['http://127.0.0.1:1', standby.url, server.url].map((url) => new URL(url).host);
    const login = new URL(server.url);
    await sql(`begin read write; alter role punctual password '${login.password}'; commit`, standby.url);
    const url = `postgres://${login.username}:${login.password}@${away},${second},${third}/several?target_session_attrs=read-write`;
    const { http, stop } = await startReady({ env: { DATABASE_URL: url } });
    await http
      .put('/tasks/one')
      .send({ schedule: { manual: true }, target: 'http://127.0.0.1:9/' })
      .expect(201);
    await stop();
  });
});
