/** Folders for servers of the tests, and the user they run as: Postgres refuses to run as root. */

import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Owner = { uid: number; gid: number };

/**
 * Who servers are to run as when we are root: `postgres` if there is such a user, else `nobody`. Otherwise undefined.
 */
export async function serverOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  return user ? { uid: Number(user[2]), gid: Number(user[3]) } : { uid: 65534, gid: 65534 };
}

/** A new folder that belongs to `owner`, readable by nobody else. */
export async function createScratchFolder(owner: Owner | undefined): Promise<string> {
  // Root's own TMPDIR may be closed to others; /tmp never is.
  const folder = await mkdtemp(join(owner ? '/tmp' : tmpdir(), 'punctual-test-'));
  if (owner) await chown(folder, owner.uid, owner.gid);
  return folder;
}

/** A password that needs no escaping in a URL, so that nobody else on this machine can use the tests' servers. */
export function randomPassword(): string {
  return randomBytes(12).toString('hex');
}
