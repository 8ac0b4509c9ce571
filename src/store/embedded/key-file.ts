/** The key of secrets that the embedded store keeps in its folder. */

import { constants, type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { parseKeyRing, type WrappingKey, wrappingKeyOf } from '../../domain/secrets/key-ring.ts';

const keyName = 'secrets.key';
/** Where it is written before it gets its name. */
const unfinishedName = 'secrets.key.new';
/** The files of the key in the folder. */
export const keyNames = [keyName, unfinishedName];

const keyBytes = 32;

/** The key in the folder; null where there is none. Rejects with a sentence where the file holds none. */
export async function readKeyFile(folder: string): Promise<WrappingKey | null> {
  const path = join(folder, keyName);
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const read = parseKeyRing(await file.readFile('utf8'));
    const [key] = read.ok ? read.value : [];
    if (key === undefined) throw new Error(`the file ${path} holds no key: put a copy of it back`);
    return key;
  } finally {
    await file.close();
  }
}

/**
 * Makes a key in the folder, of which this process is the only user. It is whole and on the disk before it has its
 * name, so that no end of the process or the machine leaves half of a key, or values without their key.
 */
export async function makeKeyFile(folder: string, random: (bytes: Uint8Array) => void): Promise<WrappingKey> {
  const bytes = Buffer.alloc(keyBytes);
  random(bytes);
  const unfinished = join(folder, unfinishedName);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const file = await open(unfinished, flags, 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${bytes.toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, join(folder, keyName));
  const names = await open(folder, constants.O_RDONLY);
  try {
    await names.sync();
  } finally {
    await names.close();
  }
  return wrappingKeyOf(bytes);
}
