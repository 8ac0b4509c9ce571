/** Starts a PgBouncer of the tests' own in front of a Postgres, from the program on this machine. */

import { once } from 'node:events';
import { access, chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { poll } from '../poll.ts';
import { atFileEnd } from './file-end.ts';
import { pathFolders } from './find-binaries.ts';
import { createGuard } from './guard.ts';
import { freePort } from './port.ts';
import { createScratchFolder, serverOwner } from './scratch.ts';

/** The path of the program, or null where there is none: `describe.skipIf(pgbouncer === null)`. */
export const pgbouncer: string | null = await findPgBouncer();

async function findPgBouncer(): Promise<string | null> {
  for (const folder of pathFolders()) {
    const path = join(folder, 'pgbouncer');
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return null;
}

/**
 * A URL that leads through a new PgBouncer to the database of `url`; the PgBouncer is gone after the test file.
 * `settings` are its own; all others have their defaults.
 */
export async function startPgBouncer(url: string, settings: Record<string, string> = {}): Promise<string> {
  if (pgbouncer === null) throw new Error('no program of PgBouncer');
  const owner = await serverOwner();
  const folder = await createScratchFolder(owner);
  const guard = createGuard({ signal: 'QUIT', folder });
  atFileEnd(() => guard.close());
  const server = new URL(url);
  const port = await freePort();
  const configFile = join(folder, 'pgbouncer.ini');
  const usersFile = join(folder, 'users.txt');
  const logFile = join(folder, 'log');
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'plain',
    auth_file: usersFile,
    logfile: logFile,
    ...settings,
  };
  const lines = ['[databases]', `* = host=${server.hostname} port=${server.port}`, '[pgbouncer]'];
  for (const [name, value] of Object.entries(all)) lines.push(`${name} = ${value}`);
  await writeFile(configFile, `${lines.join('\n')}\n`);
  await writeFile(usersFile, `"${server.username}" "${server.password}"\n`);
  if (owner) for (const file of [configFile, usersFile]) await chown(file, owner.uid, owner.gid);
  const child = guard.spawn(pgbouncer, [configFile], { ...owner, cwd: folder, stdio: 'ignore' });
  child.unref();
  await once(child, 'spawn');
  server.port = String(port);
  server.hostname = '127.0.0.1';
  await poll(() => answers(server.href), { what: 'PgBouncer to take connections' }).catch(async (error: Error) => {
    throw new Error(`${error.message}; it wrote:\n${await readFile(logFile, 'utf8').catch(() => '')}`);
  });
  return server.href;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
