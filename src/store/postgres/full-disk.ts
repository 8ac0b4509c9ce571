/**
 * A full disk: recognised in errors and on the disk itself, and told in one sentence whose advice does no harm.
 */

import { constants, type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../observability/log.ts';
import { isDiskFull } from './failure.ts';

const advice = 'make room on it; what was written is not lost, leave it where it is';
/** The least space that Postgres needs to open its data: a segment of its log. */
const probeBytes = 16 * 1024 * 1024;
const probeName = 'space.probe';
/** Less than this free is nothing. */
const leastFreeBytes = 1024 * 1024;
/** How long a full disk is believed to be full after a write failed for it, in milliseconds. */
const rememberedMs = 15_000;

export type FullDiskAlarm = {
  /** Looks at an error of the store. */
  note(error: unknown): void;
  /** The sentence while a write failed for it a moment ago; else null. */
  fault(): string | null;
};

/** Says in the log, once each time, that the disk of the database is full. */
export function createFullDiskAlarm(monotonic: () => number, log: Pick<Logger, 'error'>): FullDiskAlarm {
  let last = -Infinity;
  const sentence = `the disk of the database is full: ${advice}`;
  const isOn = () => monotonic() - last < rememberedMs;
  return {
    note(error) {
      if (!isDiskFull(error)) return;
      if (!isOn()) log.error(sentence);
      last = monotonic();
    },
    fault: () => (isOn() ? sentence : null),
  };
}

/** The sentence where the disk that a folder is on has no room left; else null. */
export async function fullDiskOf(folder: string): Promise<string | null> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < leastFreeBytes ? fullSentence(folder) : null;
}

/**
 * Why as much as Postgres needs to open its data cannot be written to a folder; null when it can. By writing it: a
 * quota leaves a disk with room that is not ours.
 */
export async function whyUnwritable(folder: string): Promise<string | null> {
  const path = join(folder, probeName);
  let file: FileHandle | null = null;
  try {
    // One may be left of a process that was killed.
    await rm(path, { force: true });
    file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    const part = Buffer.alloc(probeBytes / 16);
    for (let written = 0; written < probeBytes; written += part.length) {
      const { bytesWritten } = await file.write(part);
      if (bytesWritten < part.length) return fullSentence(folder);
    }
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOSPC' || code === 'EDQUOT'
      ? fullSentence(folder)
      : `the folder ${folder} cannot be written to (${code})`;
  } finally {
    await file?.close();
    if (file !== null) await rm(path, { force: true });
  }
}

function fullSentence(folder: string): string {
  return `the disk that holds ${folder} is full: ${advice}`;
}
