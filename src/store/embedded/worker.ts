/** The worker thread of the embedded store: PGlite behind a socket that speaks Postgres' own protocol. */

import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/**
 * The input of the worker: the folder of the data, and the path of the socket to listen on; null only makes the data.
 */
export type WorkerInput = { folder: string; socket: string | null };

/**
 * Its messages: `ready` when it listens, or why it could not start. It ends with `stopped`, after being told to stop or
 * when all there was to do was to make the data.
 */
export type WorkerMessage = { kind: 'ready' } | { kind: 'failed'; reason: string } | { kind: 'stopped' };

/**
 * Postgres' usual 128 MiB of buffers become resident as soon as it starts, though the operating system keeps the same
 * pages in its cache; and the other two count with a hundred sessions, where there is one.
 */
const small = ['shared_buffers=16MB', 'wal_buffers=512kB', 'max_connections=8'].flatMap((each) => ['-c', each]);

const { folder, socket } = workerData as WorkerInput;
const say = (message: WorkerMessage) => parentPort?.postMessage(message);

/** After a throw the queue of the socket server stops, and every statement would wait for ever. So the thread ends. */
class EndingPGlite extends PGlite {
  override async execProtocolRawStream(...call: Parameters<PGlite['execProtocolRawStream']>): Promise<void> {
    try {
      return await super.execProtocolRawStream(...call);
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
      throw error;
    }
  }
}

async function serve(db: PGlite, path: string): Promise<void> {
  const server = new PGLiteSocketServer({ db, path, maxConnections: 4 });
  await server.start();
  say({ kind: 'ready' });
  await new Promise((resolve) => parentPort?.once('message', resolve));
  await server.stop();
}

/** The file system of PGlite throws errors with a number and no words. */
function reasonOf(error: unknown): string {
  const { message, code, errno } = error as NodeJS.ErrnoException;
  return message || String(code ?? errno ?? error);
}

try {
  const db = new EndingPGlite({ dataDir: folder, startParams: [...PGlite.defaultStartParams, ...small] });
  await db.waitReady;
  if (socket !== null) await serve(db, socket);
  await db.close();
  say({ kind: 'stopped' });
} catch (error) {
  say({ kind: 'failed', reason: reasonOf(error) });
}
parentPort?.close();
