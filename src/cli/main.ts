/** The commands: reads the settings, starts one replica, answers signals, sets the exit code. */

import { readFileSync } from 'node:fs';
import { format } from 'node:util';
import { systemClock } from '../clock.ts';
import { createLogger, type Logger } from '../observability/log.ts';
import { readEnvironment } from '../replica/read-environment.ts';
import { startService } from '../replica/replica.ts';
import { createSecrets } from '../replica/secrets.ts';
import type { Service } from '../replica/service.ts';
import type { Settings } from '../settings/settings.ts';
import { migrate } from '../store/postgres/migrate.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

function readAll() {
  return readEnvironment(process.env, (path) => readFileSync(path, 'utf8'));
}

function settingsOrExit(): Settings {
  const read = readAll();
  return read.ok
    ? read.value
    : fail(['Punctual cannot start:', ...read.errors.map((fault) => `  ${fault}`)].join('\n'));
}

async function runMigrations(settings: Settings): Promise<void> {
  const connectionString = settings.migrationDatabaseUrl ?? settings.databaseUrl;
  if (connectionString === null) fail('Set DATABASE_URL to say which database to migrate.');
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, version });
  await migrate({ connectionString }, { clock: systemClock, log });
  process.stdout.write('The database is up to date.\n');
}

/** Warnings of Node and of libraries go to the log, so that each line of the output is JSON. */
function collectPlainText(log: Logger): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, warning.message));
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const)
    console[method] = (...said: unknown[]) => log.warn(format(...said));
}

async function serve(settings: Settings): Promise<void> {
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, version });
  for (const warning of settings.warnings) log.warn(warning);
  collectPlainText(log);
  let service: Service | null = null;
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping || service === null) {
      log.warn({ signal }, stopping ? 'a second signal: exiting at once' : 'exiting before the start was complete');
      process.exit(1);
    }
    stopping = true;
    log.info({ signal, graceMs: settings.shutdownGraceMs }, 'shutting down');
    await service.stop();
    log.info('bye');
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const secrets = createSecrets({ settings, readSettings: readAll, log });
  process.on('SIGHUP', secrets.readAgain);
  const onFatal = (reason: string): never => {
    log.fatal(reason);
    process.exit(1);
  };
  service = await startService({
    settings,
    secrets,
    clock: systemClock,
    log,
    version,
    tz: process.versions.tz ?? null,
    onFatal,
  });
}

const command = process.argv[2] ?? 'serve';
const settings = settingsOrExit();
const work = command === 'migrate' ? runMigrations(settings) : command === 'serve' ? serve(settings) : null;
if (work === null) fail(`"${command}" is not a command: use "serve" (the default) or "migrate".`);
await work.catch((error: Error) => fail(`Punctual cannot ${command}: ${error.message}`));
