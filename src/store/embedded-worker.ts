/** The worker thread of the embedded store: PGlite behind a socket that speaks Postgres' own protocol. */

import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** What the worker is told: the folder of the data, and the path of the socket to listen on. */
export type WorkerInput = { folder: string; socket: string };

/** What it says: once `ready`, or why it could not start. It ends after a `stop`. */
export type WorkerMessage = { kind: 'ready' } | { kind: 'failed'; reason: string } | { kind: 'stopped' };

const { folder, socket } = workerData as WorkerInput;
const say = (message: WorkerMessage) => parentPort?.postMessage(message);

try {
  const db = await PGlite.create({ dataDir: folder });
  // After a throw the server's queue never goes on, and every statement would wait for ever: end the thread instead.
  const run = db.execProtocolRawStream.bind(db);
  db.execProtocolRawStream = (message, options) =>
    run(message, options).catch((error: Error) => {
      setImmediate(() => {
        throw error;
      });
      throw error;
    });
  const server = new PGLiteSocketServer({ db, path: socket, maxConnections: 4 });
  await server.start();
  parentPort?.once('message', async () => {
    await server.stop();
    await db.close();
    say({ kind: 'stopped' });
    parentPort?.close();
  });
  say({ kind: 'ready' });
} catch (error) {
  say({ kind: 'failed', reason: (error as Error).message });
}
