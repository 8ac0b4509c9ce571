/** Starts a Postgres of the tests' own from the programs on this machine. */

import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { chown, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { poll } from '../poll.ts';
import { createGuard } from './guard.ts';
import { freePort } from './port.ts';
import { createScratchFolder, randomPassword, serverOwner } from './scratch.ts';

const run = promisify(execFile);

export type PostgresServer = {
  /** The maintenance database `postgres`, as superuser. */
  url: string;
  pid(): number;
  /** Ends it as a power cut would: nothing is flushed, connections break. */
  crash(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
};

/** Fast and forgetful; a suite about durability passes `{ fsync: 'on', synchronous_commit: 'on' }`. */
const forTests = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: '300',
  timezone: 'UTC',
};

/**
 * `binaries` is the folder of `initdb` and `postgres`; `settings` are Postgres' own. Rejects with what the server said
 * when it does not come up.
 */
export async function startPostgres(binaries: string, settings: Record<string, string> = {}): Promise<PostgresServer> {
  const owner = await serverOwner();
  const folder = await createScratchFolder(owner);
  const guard = createGuard({ signal: 'QUIT', folder });
  const options = { ...owner, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  const data = join(folder, 'data');
  const logFile = join(folder, 'log');
  const password = randomPassword();

  async function initialise(): Promise<void> {
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (owner) await chown(passwordFile, owner.uid, owner.gid);
    const access = ['--username=punctual', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(join(binaries, 'initdb'), ['-D', data, ...access, '--encoding=UTF8', '--locale=C', '--no-sync'], options);
  }

  function urlAt(port: number): string {
    return `postgres://punctual:${password}@127.0.0.1:${port}/postgres`;
  }

  async function launch(port: number): Promise<ChildProcess> {
    const all = {
      ...forTests,
      ...settings,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      port: String(port),
    };
    const log = await open(logFile, 'a');
    const child = guard.spawn(
      join(binaries, 'postgres'),
      ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...options, stdio: ['ignore', log.fd, log.fd] },
    );
    child.unref();
    await once(child, 'spawn');
    await log.close();
    const up = await poll(async () => (hasEnded(child) ? 'ended' : (await answers(urlAt(port))) && 'ready'), {
      what: 'Postgres to take connections',
      withinMs: 30_000,
    });
    if (up === 'ended') throw new Error(`Postgres ended at once:\n${await readFile(logFile, 'utf8')}`);
    return child;
  }

  try {
    await initialise();
    let port = await freePort();
    let child = await launch(port).catch(async (error: Error) => {
      if (!/in use/.test(error.message)) throw error;
      port = await freePort();
      return launch(port);
    });
    return {
      url: urlAt(port),
      pid: () => child.pid ?? 0,
      async crash() {
        await end(child, 'SIGQUIT');
      },
      async start() {
        if (hasEnded(child)) child = await launch(port);
      },
      async close() {
        await end(child, 'SIGQUIT');
        await guard.close();
      },
    };
  } catch (error) {
    await guard.close();
    throw error;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
