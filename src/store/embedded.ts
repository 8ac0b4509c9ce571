/** The embedded store: Postgres in WebAssembly, in a thread of this process, with its data in one folder. */

import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import { ok, type Result } from '../errors.ts';
import type { WorkerInput, WorkerMessage } from './embedded-worker.ts';
import { guardFolder } from './folder-guard.ts';

export type EmbeddedStore = {
  /** For one connection at a time: PGlite has a single session, and its socket mixes up the messages of several. */
  connection: { host: string; port: number; user: string; database: string };
  /** Closes the data and gives the folder back. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  dataDir: string;
  clock: Clock;
  /** The thread ended without being asked: nothing can be stored any more. */
  onDeath: (reason: string) => void;
};

/** The major version of Postgres that PGlite is built from. */
const postgresVersion = '18';
const socketPort = 5432;
/** What a folder of ours has in it. */
const ownNames = ['postgres', 'holder.json'];

/**
 * Opens the store, making the folder when it is not there. Its errors are sentences for people. There is no fsync: what
 * was acknowledged survives the end of this process however it ends, but not a power cut.
 */
export async function startEmbedded({
  dataDir,
  clock,
  onDeath,
}: EmbeddedOptions): Promise<Result<EmbeddedStore, string>> {
  const folder = resolve(dataDir);
  const data = join(folder, 'postgres');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const others = (await readdir(folder)).filter((name) => name !== 'lost+found');
    if (others.length > 0 && !others.some((name) => ownNames.includes(name)))
      return failure(`the folder ${folder} holds other things already: the store needs one of its own (DATA_DIR)`);
    await mkdir(data, { recursive: true, mode: 0o700 });
    // PGlite's files are readable by all. Who mounted the folder may be its owner; the one inside is ours.
    for (const each of [folder, data])
      await chmod(each, 0o700).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPERM' || each === data) throw error;
      });
  } catch (error) {
    return failure(`the folder ${folder} cannot be used: ${(error as Error).message}`);
  }
  const guard = await guardFolder(folder, clock);
  if (!guard.ok) return guard;
  const give = async (reason: string) => {
    await guard.value.release();
    return failure(reason);
  };

  const version = await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => null);
  if (version !== null && version.trim() !== postgresVersion)
    return give(
      `the data in ${folder} is of Postgres ${version.trim()}; this version reads that of Postgres ${postgresVersion} only`,
    );

  // Paths of sockets are short (107 bytes), those of folders may be long.
  const socketFolder = await mkdtemp(join(tmpdir(), 'punctual-'));
  const clear = () => rmSync(socketFolder, { recursive: true, force: true });
  process.once('exit', clear);
  const input: WorkerInput = { folder: data, socket: join(socketFolder, `.s.PGSQL.${socketPort}`) };
  const worker = new Worker(new URL('./embedded-worker.js', import.meta.url), { workerData: input });
  let stopping = false;
  const started = await new Promise<WorkerMessage>((done) => {
    worker.once('message', done);
    worker.once('error', (error) => done({ kind: 'failed', reason: error.message }));
  });
  if (started.kind !== 'ready') {
    await worker.terminate();
    clear();
    process.removeListener('exit', clear);
    return give(
      `the data in ${folder} cannot be opened: ${started.kind === 'failed' ? started.reason : 'the thread ended'}`,
    );
  }
  worker.on('error', (error) => {
    if (!stopping) onDeath(error.message);
  });
  worker.on('exit', () => {
    if (!stopping) onDeath('its thread ended');
  });

  return ok({
    connection: { host: socketFolder, port: socketPort, user: 'postgres', database: 'postgres' },
    async stop() {
      stopping = true;
      await new Promise<void>((done) => {
        worker.once('message', () => done());
        worker.once('exit', () => done());
        worker.postMessage('stop');
      });
      await worker.terminate();
      clear();
      process.removeListener('exit', clear);
      await guard.value.release();
    },
  });
}

function failure(errors: string): { ok: false; errors: string } {
  return { ok: false, errors };
}
