/** Looks for Postgres' and Redis' programs on this machine. */

import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the contract promises to run on. */
const leastPostgres = 14;
const leastRedis = 6.2;

/** The folders of the PATH, and those that the PATH of some users lacks. */
export function pathFolders(): string[] {
  return [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/local/bin', '/usr/bin', '/usr/sbin'];
}

/** Where Debian, Ubuntu, RHEL, Postgres' own `make install` and Homebrew put it, the newest version first. */
export async function postgresFolders(): Promise<string[]> {
  const versioned = [
    ['/usr/lib/postgresql', /^(\d+)$/],
    ['/usr', /^pgsql-(\d+)$/],
    ['/opt/homebrew/opt', /^postgresql@(\d+)$/],
    ['/usr/local/opt', /^postgresql@(\d+)$/],
  ] as const;
  const found: { version: number; folder: string }[] = [];
  for (const [parent, pattern] of versioned) {
    for (const name of await readdir(parent).catch(() => [])) {
      const version = pattern.exec(name)?.[1];
      if (version) found.push({ version: Number(version), folder: join(parent, name, 'bin') });
    }
  }
  found.sort((a, b) => b.version - a.version);
  return [...found.map(({ folder }) => folder), '/usr/local/pgsql/bin'];
}

/**
 * The first of these folders with an `initdb` and a `postgres` of a version we support; undefined when there is none.
 */
export async function findPostgres(folders: string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const hasInitdb = await isProgram(join(folder, 'initdb'));
    if (hasInitdb && (await versionOf(join(folder, 'postgres'), / (\d+)/)) >= leastPostgres) return folder;
  }
  return undefined;
}

/** The path of a `redis-server` or `valkey-server` of a version we support in one of these folders. */
export async function findRedis(folders: string[]): Promise<string | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const path = join(folder, name);
      if ((await versionOf(path, /v=(\d+\.\d+)/)) >= leastRedis) return path;
    }
  }
  return undefined;
}

/** The path of the first program of this name in these folders; null when there is none. */
export async function findProgram(name: string, folders: string[]): Promise<string | null> {
  for (const folder of folders) if (await isProgram(join(folder, name))) return join(folder, name);
  return null;
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The version a program says it has, or 0 when it is missing or says nothing of the kind. */
async function versionOf(path: string, pattern: RegExp): Promise<number> {
  if (!(await isProgram(path))) return 0;
  const { stdout } = await run(path, ['--version'], { timeout: 10_000 }).catch(() => ({ stdout: '' }));
  return Number(pattern.exec(stdout)?.[1] ?? 0);
}
