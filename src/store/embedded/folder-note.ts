/**
 * The note in a folder that says which process has it: writes, touches and reads it, and tells whether its writer
 * lives.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { constants, type FileHandle, open, readFile, readlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** The process that has the folder. */
export type Holder = {
  pid: number;
  host: string;
  /** Names the processes that share the lock of the operating system with it; null where it has no such lock. */
  scope: string | null;
  /** Its process namespace and the start of the process in it; null where the system does not tell. */
  process: string | null;
  /** Epoch milliseconds. */
  since: number;
  /** Known to processes that may read the folder: with it the holder of the lock proves that it wrote the note. */
  secret: string;
};

/** One look at the note: its text, and when it was last touched. */
export type Look = { text: string; touched: number };

const longestNote = 4_096;

/** This process as a holder. */
export async function thisHolder(now: number): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    scope: await readScope(),
    process: await readProcess(process.pid),
    since: now,
    secret: randomBytes(32).toString('base64url'),
  };
}

/** The answer of the holder with this secret to a question. */
export function proofOf(secret: string, question: string): string {
  return createHmac('sha256', secret).update(question).digest('hex');
}

/** Whether the process that wrote the note lives for certain, frozen or not. */
export async function livesForCertain(holder: Holder | null): Promise<boolean> {
  if (typeof holder?.process !== 'string' || !Number.isSafeInteger(holder.pid)) return false;
  return (await readProcess(holder.pid)) === holder.process;
}

export function parseHolder(text: string | undefined): Holder | null {
  try {
    const holder = JSON.parse(text ?? '') as unknown;
    return typeof holder === 'object' && holder !== null ? (holder as Holder) : null;
  } catch {
    return null;
  }
}

/** Whether it was not there and is ours now. */
export async function createNote(note: string, text: string): Promise<boolean> {
  return writeFile(note, text, { flag: 'wx', mode: 0o600 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
}

/** Null where there is no note. */
export async function lookAt(note: string): Promise<Look | null> {
  return withNote(note, async (file) => {
    const { mtimeMs } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(longestNote), 0, longestNote, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), touched: mtimeMs };
  });
}

export async function touchNote(note: string, now: number): Promise<void> {
  const at = new Date(now);
  await withNote(note, (file) => file.utimes(at, at));
}

/** Opens the note. It follows no link, and does not block on something that is not a file. */
async function withNote<T>(note: string, use: (file: FileHandle) => Promise<T>): Promise<T | null> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(note, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return null;
  });
  if (file === null) return null;
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/**
 * Names the processes that share the lock with us: the boot and the network namespace on Linux (a namespace keeps its
 * number for as long as a process lives in it), the machine elsewhere. Null when that is unknown, which no other scope
 * is equal to.
 */
async function readScope(): Promise<string | null> {
  if (process.platform !== 'linux') return hostname();
  try {
    return `${await readBoot()} ${await readlink('/proc/self/ns/net')}`;
  } catch {
    return null;
  }
}

/**
 * Names one process of this boot uniquely: process numbers are reused, but not with the same start time. Null where
 * there is none.
 */
async function readProcess(pid: number): Promise<string | null> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command in parentheses, may hold anything; the start is the 22nd.
    const start = status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
    return `${await readBoot()} ${await readlink('/proc/self/ns/pid')} ${start}`;
  } catch {
    return null;
  }
}

async function readBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
