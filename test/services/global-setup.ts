/**
 * Runs once before all tests but those of the project `unit`: builds the program, provides Postgres and Redis, makes
 * the template database.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { machineWays, provision } from './provision.ts';
import { askRedis } from './redis-command.ts';
import { createTemplate } from './template.ts';

const run = promisify(execFile);

/** With `REQUIRE_SERVICES=1` whatever is missing is a failure; without, what needs it is skipped and that is said. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  if (project.vitest.projects.every(({ name }) => name === 'unit')) return async () => {};
  const required = process.env.REQUIRE_SERVICES === '1';
  const [found, build] = await Promise.all([provision(machineWays), buildProgram()]);
  const closers = [found.postgres.close, found.redis.close];
  const tearDown = async (): Promise<void> => {
    for (const close of closers) await close();
  };
  try {
    if (build.failed && required) throw new Error(`the build failed:\n${build.output}`);
    if (build.failed)
      machineWays.say(
        `Tests: THE BUILD HAS FAULTS, tests that start the program may fail: ${build.output.split('\n', 1)} ...`,
      );
    const postgres = found.postgres.service;
    const redis = found.redis.service;
    if (required && postgres.kind === 'embedded')
      throw new Error(`REQUIRE_SERVICES=1, but no Postgres: ${postgres.reason}`);
    if (required && redis.kind === 'none') throw new Error(`REQUIRE_SERVICES=1, but no Redis: ${redis.reason}`);
    const wanted = process.env.TEST_POSTGRES_BIN;
    if (wanted && !(postgres.kind === 'server' && postgres.binaries === wanted))
      throw new Error(`TEST_POSTGRES_BIN is ${wanted}, but the Postgres there does not start`);
    if (redis.kind === 'url') {
      await askRedis(redis.url, (client) => client.ping()).catch((cause: Error) => {
        throw new Error(`the Redis for tests does not answer: ${cause.message}`, { cause });
      });
    }
    if (postgres.kind === 'embedded') {
      project.provide('postgres', postgres);
    } else {
      const template = await createTemplate(postgres.adminUrl);
      closers.unshift(() => template.drop());
      project.provide('postgres', { ...postgres, template: template.name });
    }
    project.provide('redis', redis);
  } catch (error) {
    await tearDown();
    throw error;
  }
  return tearDown;
}

async function buildProgram(): Promise<{ failed: boolean; output: string }> {
  return run('npm', ['run', '--silent', 'build']).then(
    () => ({ failed: false, output: '' }),
    (error: Error & { stdout?: string; stderr?: string }) => ({
      failed: true,
      output: `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
    }),
  );
}
