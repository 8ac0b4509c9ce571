/** Holds src to the rules of the house, and the rules to refusing what they are there to refuse. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { violations } from './import-rules.ts';

const src = fileURLToPath(new URL('../../src', import.meta.url));

test('the source keeps the rules of the house', async () => {
  const names = await readdir(src, { recursive: true });
  const paths = names.filter((name) => name.endsWith('.ts'));
  expect(paths).not.toHaveLength(0);
  const files = await Promise.all(paths.map(async (path) => [path, await readFile(join(src, path), 'utf8')] as const));
  expect(violations(new Map(files))).toEqual([]);
});

/** Files that others in the examples import. */
const house = {
  'errors.ts': 'export const nothing = 0;',
  'clock.ts': 'export type Clock = { now(): number };\nexport const systemClock = { now: () => Date.now() };',
  'observability/log.ts': "import { pino } from 'pino';\nexport const log = pino();",
  'settings/settings.ts': 'export type Settings = object;\nexport const read = () => process.env;',
  'domain/task.ts': "import { nothing } from '../errors.ts';\nexport const task = nothing;",
  'store/tasks.ts': "import pg from 'pg';\nimport { task } from '../domain/task.ts';\nexport const row = [pg, task];",
  'executors/http/target.ts': 'export const url = 1;',
  'engine/lease.ts': "import { row } from '../store/tasks.ts';\nexport const lease = row;",
};

function faultsOf(files: Record<string, string>): string[] {
  return violations(new Map(Object.entries({ ...house, ...files })));
}

test('a house in order has no faults', () => {
  expect(faultsOf({})).toEqual([]);
});

describe('allowed is', () => {
  test.each([
    [
      'a type where values are forbidden',
      'domain/at.ts',
      "import type { Clock } from '../clock.ts';\nexport type At = Clock;",
    ],
    [
      'a kind of target in the composition root',
      'replica/replica.ts',
      "import { url } from '../executors/http/target.ts';\nexport const r = url;",
    ],
    [
      'settings as a type',
      'http/app.ts',
      "import type { Settings } from '../settings/settings.ts';\nexport type App = Settings;",
    ],
    ['a type of pino anywhere', 'store/log.ts', "import type { Logger } from 'pino';\nexport type L = Logger;"],
    [
      'a re-export next to code of its own',
      'http/app.ts',
      "export { task } from '../domain/task.ts';\nexport const app = 1;",
    ],
    [
      'a forbidden word in a comment',
      'http/app.ts',
      '/** Not Date.now(). */\n// nor Math.random()\nexport const app = 1;',
    ],
    ['a Date made from an instant', 'http/app.ts', 'export const at = (ms: number) => new Date(ms);'],
    [
      'an import that is only a comment',
      'http/app.ts',
      "// import { lease } from '../engine/lease.ts';\nexport const app = 1;",
    ],
    [
      'a built-in that computes, in domain',
      'domain/id.ts',
      "import { createHash } from 'node:crypto';\nexport const id = createHash;",
    ],
  ])('%s', (_, path, text) => {
    expect(faultsOf({ [path]: text })).toEqual([]);
  });
});

describe('refused is', () => {
  test.each([
    [
      'http importing the engine',
      'http/app.ts',
      "import { lease } from '../engine/lease.ts';",
      'must not import engine/lease.ts',
    ],
    [
      'even a type of it',
      'http/app.ts',
      "import type { lease } from '../engine/lease.ts';",
      'must not import engine/lease.ts even as a type',
    ],
    [
      'an import over several lines',
      'http/app.ts',
      "import {\n  lease,\n} from '../engine/lease.ts';",
      'must not import engine/lease.ts',
    ],
    [
      'an import at run time',
      'http/app.ts',
      "export const l = await import('../engine/lease.ts');",
      'must not import engine/lease.ts',
    ],
    ['an import for its effect', 'http/app.ts', "import '../engine/lease.ts';", 'must not import engine/lease.ts'],
    [
      'a re-export',
      'http/app.ts',
      "export * from '../engine/lease.ts';\nexport const a = 1;",
      'must not import engine/lease.ts',
    ],
    [
      'store importing upwards',
      'store/up.ts',
      "import { lease } from '../engine/lease.ts';",
      'must not import engine/lease.ts',
    ],
    [
      'domain importing the store',
      'domain/sql.ts',
      "import { row } from '../store/tasks.ts';",
      'must not import store/tasks.ts',
    ],
    [
      'domain importing the clock itself',
      'domain/at.ts',
      "import { systemClock } from '../clock.ts';",
      'must not import clock.ts',
    ],
    [
      'domain doing I/O',
      'domain/file.ts',
      "import { readFile } from 'node:fs/promises';",
      'must not import node:fs/promises',
    ],
    [
      'a type of one kind of target outside of its folder',
      'executors/registry.ts',
      "import type { url } from './http/target.ts';",
      'must not import executors/http/target.ts: executors/http is closed',
    ],
    [
      'a value of it in the engine',
      'engine/call.ts',
      "import { url } from '../executors/http/target.ts';",
      'must not import executors/http/target.ts: executors/http is closed',
    ],
    [
      'settings as values',
      'http/app.ts',
      "import { read } from '../settings/settings.ts';",
      'must not import settings/settings.ts',
    ],
    ['a package in the wrong room', 'http/app.ts', "import pg from 'pg';", 'must not import the package pg'],
    [
      'a path into such a package',
      'http/app.ts',
      "import { sql } from 'drizzle-orm/pg-core';",
      'package drizzle-orm/pg-core',
    ],
    ['pino as a value', 'http/app.ts', "import { pino } from 'pino';", 'must not import the package pino'],
    ['an unknown package', 'http/app.ts', "import _ from 'lodash';", 'must not import the package lodash'],
    ['a file that is not there', 'http/app.ts', "import { x } from './missing.ts';", 'which is not a file of src'],
    ['an unknown room', 'utils/text.ts', 'export const x = 1;', 'utils/text.ts is in no known room'],
    ['an unknown file next to the rooms', 'helpers.ts', 'export const x = 1;', 'helpers.ts is in no known room'],
    ['a barrel', 'http/index.ts', "/** All. */\nexport { task } from '../domain/task.ts';", 'is a barrel'],
    [
      'a barrel with a detour',
      'http/index.ts',
      "import '../domain/task.ts';\nexport * from '../domain/task.ts';",
      'is a barrel',
    ],
    ['process.env', 'http/app.ts', 'export const port = process.env.PORT;', 'must not use process.env'],
    ['Date.now', 'http/app.ts', 'export const at = Date.now();', 'must not use Date.now'],
    ['Date.now as a value', 'http/app.ts', 'export const now = Date.now;', 'must not use Date.now'],
    ['new Date()', 'http/app.ts', 'export const at = new Date();', 'must not use new Date()'],
    ['new Date without parentheses', 'http/app.ts', 'export const at = new Date;', 'must not use new Date()'],
    ['performance.now', 'http/app.ts', 'export const at = performance.now();', 'must not use performance.now'],
    ['setTimeout', 'http/app.ts', 'setTimeout(() => {}, 1);', 'must not use a timer'],
    ['setInterval', 'http/app.ts', 'setInterval(() => {}, 1);', 'must not use a timer'],
    [
      'a timer by its module',
      'http/app.ts',
      "import { scheduler } from 'node:timers/promises';",
      'must not use a timer',
    ],
    ['Math.random', 'http/app.ts', 'export const n = Math.random();', 'must not use Math.random'],
    [
      'code inside a template string',
      'http/app.ts',
      `export const s = \`at $\{Date.now()}\`;`,
      'must not use Date.now',
    ],
    [
      'writing runs beside the steps',
      'store/claims.ts',
      'export const text = `with due as (select 1) update runs r set x = 1`;',
      'must not use statements that write runs',
    ],
    [
      'inserting runs beside the steps',
      'store/claims.ts',
      'export const text = `insert into\n runs (id) select 1`;',
      'must not use statements that write runs',
    ],
    [
      'deleting runs in passing',
      'store/claims.ts',
      "export const text = 'delete from runs';",
      'must not use statements that delete runs',
    ],
    [
      'state of a module',
      'http/app.ts',
      'let count = 0;\nexport const next = () => ++count;',
      'must not use state of a module',
    ],
    ['a long file', 'http/app.ts', 'export const x = 1;\n'.repeat(301), 'has 301 lines'],
    [
      'a route file of more than 120 lines',
      'http/routes/runs/a.ts',
      'export const x = 1;\n'.repeat(121),
      'has 121 lines',
    ],
    [
      'a route that reads the store itself',
      'http/routes/runs/a.ts',
      "import { row } from '../../../store/tasks.ts';",
      'must not import store/tasks.ts',
    ],
    ['a use case that knows HTTP', 'usecases/stop.ts', "import type { App } from 'fastify';", 'the package fastify'],
    ['a use case with SQL of its own', 'usecases/stop.ts', "import pg from 'pg';", 'the package pg'],
    [
      'a use case with a query builder',
      'usecases/stop.ts',
      "import { sql } from 'drizzle-orm';",
      'package drizzle-orm',
    ],
    [
      'a use case that calls a target',
      'usecases/stop.ts',
      "import { call } from '../engine/lease.ts';",
      'must not import engine/lease.ts',
    ],
  ])('%s', (_, path, text, sentence) => {
    const faults = faultsOf({ [path]: text });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(sentence);
  });

  test('a cycle, of types as well, once', () => {
    const faults = faultsOf({
      'http/a.ts': "import { b } from './b.ts';\nexport const a = b;",
      'http/b.ts': "import { c } from './c.ts';\nexport const b = c;",
      'http/c.ts': "import type { a } from './a.ts';\nexport const c: typeof a = 1;",
    });
    expect(faults).toEqual(['cycle: http/a.ts -> http/b.ts -> http/c.ts -> http/a.ts']);
  });

  test('two folders of a room that import each other, though no file does', () => {
    const faults = faultsOf({
      'engine/firing/a.ts': "import { b } from '../attempts/b.ts';\nexport const a = b;",
      'engine/attempts/b.ts': 'export const b = 1;',
      'engine/attempts/c.ts': "import { d } from '../firing/d.ts';\nexport const c = d;",
      'engine/firing/d.ts': 'export const d = 1;',
    });
    expect(faults).toEqual(['engine/attempts and engine/firing import each other']);
  });
});
