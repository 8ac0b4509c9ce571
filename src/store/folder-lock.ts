/** A lock on a folder that the operating system holds for this process, and drops whatever way the process ends. */

import { constants, open, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';

export type FolderLock =
  | { taken: true; free(): Promise<void> }
  /** Somebody else has it; `said` is what it tells about itself, null when that cannot be learned here. */
  | { taken: false; said: string | null };

/** Left in the folder on systems that lock files. */
export const lockFileName = 'holder.lock';

const answerMs = 2_000;
/** `O_EXLOCK` of macOS and the BSDs: open(2) takes the lock of flock(2) in the same step. */
const exclusiveLock = 0x20;

/**
 * Takes the lock at once or not at all. `self` is told to whoever asks for the lock later. It is shared by the processes
 * of one network namespace on Linux, and by those of one machine on macOS and the BSDs; elsewhere it is always given.
 */
export async function lockFolder(folder: string, self: string, clock: Clock): Promise<FolderLock> {
  if (process.platform === 'linux') {
    // Names of this kind exist only while somebody listens to them: there is nothing stale, and nothing to remove.
    const { dev, ino } = await stat(folder);
    return listen(`\0punctual-${dev}-${ino}`, self, clock);
  }
  if (process.platform === 'darwin' || process.platform.endsWith('bsd')) return lockFile(join(folder, lockFileName));
  return { taken: true, free: async () => {} };
}

async function listen(name: string, self: string, clock: Clock): Promise<FolderLock> {
  // Freed between our try and our question is free: the second try decides.
  for (let attempt = 0; ; attempt++) {
    const server = await listenAlone(name, self);
    if (server !== null) return { taken: true, free: () => new Promise((done) => server.close(() => done())) };
    const said = await ask(name, clock);
    if (said !== 'nobody' || attempt === 1) return { taken: false, said: said === 'nobody' ? null : said };
  }
}

function listenAlone(name: string, self: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) =>
      socket
        .resume()
        .on('error', () => {})
        .end(self),
    );
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen({ path: name }, () => resolve(server.unref()));
  });
}

/** What the listener says; null when it does not answer in time, for example because it is stopped. */
function ask(name: string, clock: Clock): Promise<string | 'nobody' | null> {
  return new Promise((resolve) => {
    let text = '';
    let reached = false;
    const socket = connect({ path: name }, () => {
      reached = true;
    }).setEncoding('utf8');
    const timer = clock.after(answerMs, () => socket.destroy());
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => {
      timer.cancel();
      resolve(reached ? text || null : 'nobody');
    });
  });
}

async function lockFile(path: string): Promise<FolderLock> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | exclusiveLock;
  for (;;) {
    const file = await open(path, flags, 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EAGAIN') throw error;
      return null;
    });
    if (file === null) return { taken: false, said: null };
    const [locked, named] = [await file.stat(), await stat(path).catch(() => null)];
    // Otherwise its holder removed it between our finding and our locking it.
    if (locked.ino === named?.ino)
      return {
        taken: true,
        async free() {
          await rm(path, { force: true });
          await file.close();
        },
      };
    await file.close();
  }
}
