/** A lock on a folder that the operating system holds for this process, and frees however the process ends. */

import { constants, open, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';

export type FolderLock =
  | { taken: true; free(): Promise<void> }
  /**
   * Another process has it. `ask` sends a question to it. Null where that is impossible, and on systems where only
   * processes that may open the folder can have it.
   */
  | { taken: false; ask: ((question: string) => Promise<string | null>) | null };

/** Left in the folder on systems that lock files. */
export const lockFileName = 'holder.lock';

const answerMs = 2_000;
/** `O_EXLOCK` of macOS and the BSDs: open(2) takes the lock of flock(2) in the same step. */
const exclusiveLock = 0x20;

/** As long as a question and an answer may be, in characters. */
const longestLine = 256;
/** The most processes that are answered at the same time. */
const mostAskers = 64;

/**
 * Takes the lock at once or not at all. `answer` answers processes that ask for the lock later; they get nothing else,
 * for on Linux they may be any user of the machine. It is shared by the processes of one network namespace on Linux,
 * and by those of one machine on macOS and the BSDs; elsewhere it is always given.
 */
export async function lockFolder(
  folder: string,
  answer: (question: string) => string,
  clock: Clock,
): Promise<FolderLock> {
  if (process.platform === 'linux') {
    // Names of this kind exist only while a process listens to them, so none is stale.
    const { dev, ino } = await stat(folder);
    return listen(`\0punctual-${dev}-${ino}`, answer, clock);
  }
  if (process.platform === 'darwin' || process.platform.endsWith('bsd')) return lockFile(join(folder, lockFileName));
  return { taken: true, free: async () => {} };
}

async function listen(name: string, answer: (question: string) => string, clock: Clock): Promise<FolderLock> {
  const server = await listenAlone(name, answer, clock);
  if (server !== null) return { taken: true, free: () => new Promise((done) => server.close(() => done())) };
  return { taken: false, ask: (question) => ask(name, question, clock) };
}

function listenAlone(name: string, answer: (question: string) => string, clock: Clock): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      const timer = clock.after(answerMs, () => socket.destroy());
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const end = text.indexOf('\n');
        if (end >= 0) socket.end(answer(text.slice(0, end)));
        else if (text.length > longestLine) socket.destroy();
      });
      socket.on('error', () => {}); // 'close' follows.
      socket.on('close', () => timer.cancel());
    });
    server.maxConnections = mostAskers;
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen({ path: name }, () => resolve(server.unref()));
  });
}

/** The answer; null when there is none in time, for example because the listener is stopped, or gone. */
function ask(name: string, question: string, clock: Clock): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ path: name }, () => void socket.write(`${question}\n`)).setEncoding('utf8');
    const timer = clock.after(answerMs, () => socket.destroy());
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > longestLine) socket.destroy();
    });
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => {
      timer.cancel();
      resolve(text === '' ? null : text);
    });
  });
}

async function lockFile(path: string): Promise<FolderLock> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOFOLLOW | exclusiveLock;
  for (;;) {
    const file = await open(path, flags, 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EAGAIN') throw error;
      return null;
    });
    if (file === null) return { taken: false, ask: null };
    const [locked, named] = [await file.stat(), await stat(path).catch(() => null)];
    // Otherwise its holder removed it before we locked it.
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
