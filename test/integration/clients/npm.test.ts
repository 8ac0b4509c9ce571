/** Clients that the generators of npm make of the contract compile, and work against a service. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startApi } from '../api/client.ts';

const run = promisify(execFile);
/** Fetching the generators, making the clients and compiling them, on a busy machine. */
const longMs = 300_000;

test(
  'openapi-typescript and @hey-api/openapi-ts',
  async (context) => {
    const built = await run('test/integration/clients/npm/build.sh').then(
      () => null,
      (error) => error as { stdout: string; stderr: string },
    );
    // Without a way to the registry there is nothing to try.
    const isOffline = /code (ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN)/.test(built?.stderr ?? '');
    if (isOffline && process.env.REQUIRE_SERVICES !== '1') context.skip('the registry of npm cannot be reached');
    expect(built && built.stdout + built.stderr).toBeNull();

    const { url } = await startApi();
    const { stdout } = await run('node_modules/.bin/tsx', ['test/integration/clients/npm/main.ts', url]);
    const did = [
      'created by-CLIENT at version 1',
      'read a target with the method GET',
      'listed by-CLIENT',
      'changed to @daily',
      'triggered: succeeded, HTTP 200',
      'problem 404 not_found',
    ];
    const lines = (client: string) => did.map((line) => `${client}: ${line.replace('CLIENT', client)}`);
    expect(stdout.trim().split('\n')).toEqual([...lines('openapi-fetch'), ...lines('hey-api')]);
  },
  longMs,
);
