/** Installs Debian's packages of Postgres and Redis, for a bare machine such as a container that runs the checks. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether this is Debian or Ubuntu (or one of their kin) and we may install packages. */
export async function mayInstallPackages(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release);
}

/**
 * Rejects with what apt-get said. Asks nothing. Services that the packages start are let be: the tests use their own.
 */
export async function installPackages(names: string[]): Promise<void> {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 600_000, maxBuffer: 64 << 20 };
  // Several test files may want something at the same time.
  const wait = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'APT::Get::Lock::Timeout=300'];
  await run('apt-get', [...wait, 'update', '--quiet'], options);
  await run('apt-get', [...wait, 'install', '--quiet', '--yes', '--no-install-recommends', ...names], options);
}
