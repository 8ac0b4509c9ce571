/** Starts a replica of the built program in the process of the test: for tests to which a process proves nothing. */

import { readFileSync } from 'node:fs';
import type { Clock } from '../../src/clock.ts';
import type { ExecutorKind } from '../../src/executors/kind.ts';
import { atFileEnd } from './file-end.ts';
import { parseLines } from './log-lines.ts';

export type InProcessOptions = {
  /** The whole environment but for `PORT=0` and `SHUTDOWN_GRACE=0s`: nothing of the tests' own gets in. */
  env: Record<string, string>;
  /** Kinds of target besides HTTP. */
  otherKinds?: readonly ExecutorKind[];
  /** Without one, the system's. */
  clock?: Clock;
};

export type InProcessReplica = {
  /** Where it listens, without a slash at the end. */
  url: string;
  /** What it logged so far. */
  output(): string;
  /** The log lines so far, parsed. */
  logs(): Record<string, unknown>[];
  /** Ends it as SIGTERM does. */
  stop(): Promise<void>;
};

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Listens when the promise resolves, and is ended with the test file at the latest. Rejects where settings are wrong. */
export async function startInProcess({ env, otherKinds = [], clock }: InProcessOptions): Promise<InProcessReplica> {
  const parts = await loadBuild();
  const time = clock ?? parts.systemClock;
  const lines: string[] = [];
  const readAgain = () =>
    parts.readEnvironment({ PORT: '0', SHUTDOWN_GRACE: '0s', ...env }, (path) => readFileSync(path, 'utf8'));
  const read = readAgain();
  if (!read.ok) throw new Error(read.errors.join('\n'));
  const settings = read.value;
  const log = parts.createLogger({
    ...{ level: settings.logLevel, format: settings.logFormat, version },
    destination: { write: (line) => void lines.push(line) },
  });
  for (const warning of settings.warnings) log.warn(warning);
  const service = await parts.startService({
    settings,
    secrets: parts.createSecrets({ settings, readSettings: readAgain, log }),
    clock: time,
    log,
    version,
    tz: process.versions.tz ?? null,
    onFatal(reason) {
      throw new Error(reason);
    },
    otherKinds,
  });
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped ??= service.stop();
    return stopped;
  };
  atFileEnd(stop);
  return {
    url: service.url.replace(/\/$/, ''),
    output: () => lines.join(''),
    logs: () => parseLines(lines.join('')),
    stop,
  };
}

/** The parts of the build; their types are the source's. Only the build has scripts for the threads that it starts. */
async function loadBuild() {
  const [{ systemClock }, { createLogger }, { readEnvironment }, { startService }, { createSecrets }] =
    await Promise.all([
      load<typeof import('../../src/clock.ts')>('clock.js'),
      load<typeof import('../../src/observability/log.ts')>('observability/log.js'),
      load<typeof import('../../src/replica/read-environment.ts')>('replica/read-environment.js'),
      load<typeof import('../../src/replica/replica.ts')>('replica/replica.js'),
      load<typeof import('../../src/replica/secrets.ts')>('replica/secrets.js'),
    ]);
  return { systemClock, createLogger, readEnvironment, startService, createSecrets };
}

function load<Module>(path: string): Promise<Module> {
  return import(new URL(`../../dist/${path}`, import.meta.url).href);
}
