/** A full disk: recognises it in errors and on the disk itself, and describes it in one sentence with safe advice. */

import { constants, type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../observability/log.ts';
import { isDiskFull } from './failure.ts';

const advice = 'make room on it; what was written is not lost, leave it where it is';
/** The least space that Postgres needs to open its data: a segment of its log. */
const probeBytes = 16 * 1024 * 1024;
const probeName = 'space.probe';
/** With less free space than this the disk counts as full. */
const leastFreeBytes = 1024 * 1024;
/** How long a disk counts as full after a failed write, in milliseconds. */
const rememberedMs = 15_000;

export type FullDiskAlarm = {
  /** Looks at an error of the store. */
  note(error: unknown): void;
  /** The sentence while a write has failed recently because of a full disk; else null. */
  fault(): string | null;
};

/** Logs that the disk of the database is full, once each time it fills. */
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
 * Why Postgres could not write the space that it needs to open its data in a folder; null when it can. The space is
 * really written, because a quota may forbid it on a disk with free space.
 */
export async function whyUnwritable(folder: string): Promise<string | null> {
  const path = join(folder, probeName);
  let file: FileHandle | null = null;
  try {
    // A file may be left of a process that was killed.
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
