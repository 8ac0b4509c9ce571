/** The embedded store: Postgres in WebAssembly, in a thread of this process, with its data in one folder. */

import { rmSync } from 'node:fs';
import { constants, lstat, mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../clock.ts';
import { ok, type Result } from '../../errors.ts';
import { fullDiskOf, whyUnwritable } from '../postgres/full-disk.ts';
import { guardFolder, guardNames } from './folder-guard.ts';
import { keyNames } from './key-file.ts';
import type { WorkerInput, WorkerMessage } from './worker.ts';

export type EmbeddedStore = {
  /**
   * For a pool of one connection: PGlite has a single session. Its socket keeps transactions of several connections
   * apart. But they share prepared statements, and a long statement of one connection can be interrupted by another's.
   */
  connection: { host: string; port: number; user: string; database: string };
  /** Why the store cannot be written right now, as a sentence; null when it can. */
  fault(): Promise<string | null>;
  /** Closes the data and gives the folder back. */
  stop(): Promise<void>;
  /** The whole path of its folder. */
  folder: string;
};

export type EmbeddedOptions = {
  dataDir: string;
  clock: Clock;
  /** Called with the whole path when there is no data in the folder yet. Making it takes some seconds. */
  onNew?: (folder: string) => void;
  /**
   * Called once when the thread has ended unexpectedly or another process has taken the folder. Nothing can be stored
   * any more.
   */
  onDeath: (reason: string) => void;
};

/** The major version of Postgres that PGlite is built from. */
const postgresVersion = '18';
const socketPort = 5432;
const dataName = 'postgres';
/** Where the data is made before it gets its name. */
const unfinishedName = 'postgres.new';
const ownNames = [dataName, unfinishedName, ...guardNames, ...keyNames];

/**
 * Opens the store, making the folder when it is not there. Its errors are sentences for people. There is no fsync: an
 * acknowledged write survives every end of this process, but not a power cut.
 */
export async function startEmbedded({
  dataDir,
  clock,
  onNew = () => {},
  onDeath,
}: EmbeddedOptions): Promise<Result<EmbeddedStore, string>> {
  const folder = resolve(dataDir);
  const data = join(folder, dataName);
  let thread: Thread | null = null;
  let over = false;
  const die = (reason: string) => {
    if (over) return;
    over = true;
    void thread?.worker.terminate();
    onDeath(reason);
  };
  const unusable = (error: Error) => failure(`the folder ${folder} cannot be used: ${error.message}`);
  const prepared = await prepareFolder(folder, data).catch(unusable);
  if (!prepared.ok) return prepared;
  const guard = await guardFolder(folder, clock, die).catch(unusable);
  if (!guard.ok) return guard;

  // Paths of sockets are short (107 bytes), those of folders may be long.
  let socketFolder: string | null = null;
  const clear = () => socketFolder !== null && rmSync(socketFolder, { recursive: true, force: true });
  process.once('exit', clear);
  const close = async () => {
    over = true;
    await thread?.end();
    clear();
    process.removeListener('exit', clear);
    await guard.value.release();
  };
  try {
    const fault = (await findFault(folder, data)) ?? (await makeData(folder, data, onNew));
    if (fault === null) {
      socketFolder = await mkdtemp(join(tmpdir(), 'punctual-'));
      thread = startThread({ folder: data, socket: join(socketFolder, `.s.PGSQL.${socketPort}`) });
      const reason = await thread.begun;
      if (reason === null) {
        void thread.ended.then(async (why) => {
          if (!over) die((await whyUnwritable(folder)) ?? why);
        });
        const connection = { host: socketFolder, port: socketPort, user: 'postgres', database: 'postgres' };
        return ok({ connection, fault: () => fullDiskOf(folder), stop: close, folder });
      }
      await close();
      const unwritable = await whyUnwritable(folder);
      if (unwritable !== null) return failure(unwritable);
      return failure(
        `the data in ${folder} cannot be opened (${reason}): put a copy of it back, or move ${data} away to start with none`,
      );
    }
    await close();
    return failure(fault);
  } catch (error) {
    await close();
    return unusable(error as Error);
  }
}

async function prepareFolder(folder: string, data: string): Promise<Result<null, string>> {
  // Only the last part of the path is checked, because folders above it may rightly be links.
  const link = (await isLink(folder)) ? folder : null;
  if (link === null) await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = link ?? (await linkBelow(folder));
  if (found !== null)
    return failure(
      `the folder ${folder} cannot be used: ${found} is a symbolic link, and the store follows none; set DATA_DIR to where the data is`,
    );
  const others = (await readdir(folder)).filter((name) => name !== 'lost+found');
  if (others.length > 0 && !others.some((name) => ownNames.includes(name)))
    return failure(`the folder ${folder} holds other things already: the store needs one of its own (DATA_DIR)`);
  // PGlite's files are readable by all. The folder itself may belong to the user that mounted it; the one inside is
  // ours.
  for (const each of [folder, data])
    await closeToOthers(each).catch((error: NodeJS.ErrnoException) => {
      if (each === folder ? error.code !== 'EPERM' : error.code !== 'ENOENT') throw error;
    });
  return ok(null);
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return false;
    },
  );
}

/** A symbolic link in the store's folder, however deep; null where there is none. */
async function linkBelow(folder: string): Promise<string | null> {
  for (const name of ownNames) {
    const path = join(folder, name);
    if (await isLink(path)) return path;
  }
  for (const name of [dataName, unfinishedName]) {
    const entries = await readdir(join(folder, name), { recursive: true, withFileTypes: true }).catch(noEntries);
    const link = entries.find((entry) => entry.isSymbolicLink());
    if (link !== undefined) return join(link.parentPath, link.name);
  }
  return null;
}

function noEntries(error: NodeJS.ErrnoException): [] {
  if (error.code !== 'ENOENT') throw error;
  return [];
}

/** Not by chmod(2), which would follow a link that another process has just put there. */
async function closeToOthers(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.chmod(0o700);
  } finally {
    await handle.close();
  }
}

/** Why existing data cannot be used; null when it can, and when there is none. */
async function findFault(folder: string, data: string): Promise<string | null> {
  const names = await namesIn(data);
  if (names.length === 0) return null;
  // PGlite takes a folder without this file for a new one, and would overwrite its contents.
  if (!names.includes('PG_VERSION')) return `the data in ${folder} is not whole: ${data} lacks the file PG_VERSION`;
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  if (version === postgresVersion) return null;
  return `the data in ${folder} is of Postgres ${version}; this version reads that of Postgres ${postgresVersion} only`;
}

/**
 * Makes the data when there is none. It is made under another name, so that a process that is killed meanwhile leaves
 * no incomplete data. It is made in a separate thread, whose half a gigabyte of memory is freed at its end. Returns why
 * it failed, or null.
 */
async function makeData(folder: string, data: string, onNew: (folder: string) => void): Promise<string | null> {
  const unfinished = join(folder, unfinishedName);
  await rm(unfinished, { recursive: true, force: true });
  if ((await namesIn(data)).length > 0) return null;
  onNew(folder);
  await mkdir(unfinished, { mode: 0o700 });
  const thread = startThread({ folder: unfinished, socket: null });
  const reason = await thread.begun;
  await thread.end();
  if (reason !== null) {
    const unwritable = await whyUnwritable(folder);
    // The files made so far would keep the disk full.
    await rm(unfinished, { recursive: true, force: true });
    return unwritable ?? `the data cannot be made in ${folder}: ${reason}`;
  }
  await rename(unfinished, data);
  return null;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(noEntries);
}

type Thread = {
  worker: Worker;
  /** Resolves with the reason why it could not begin; null when it listens, or has made the data. */
  begun: Promise<string | null>;
  /** Resolves with the reason of its end, in any case. */
  ended: Promise<string>;
  /** Lets it close its data and waits for its end. */
  end(): Promise<void>;
};

/**
 * How V8 runs threads that are started from now on; this one, whose heap is laid out, stays as it is. The young
 * generation that a burst of calls needs is of no use to Postgres. Compiling its WebAssembly a second time, for speed,
 * leaves 60 MB that the allocator does not give back; without it a statement takes about a third more CPU (measured).
 */
const threadFlags = ['--min-semi-space-size=1', '--max-semi-space-size=4', '--liftoff-only'];

function startThread(input: WorkerInput): Thread {
  for (const flag of threadFlags) setFlagsFromString(flag);
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: input });
  const ended = new Promise<string>((resolve) => {
    worker.once('error', (error) => resolve(error.message));
    worker.once('exit', () => resolve('its thread ended'));
  });
  const said = new Promise<string | null>((resolve) => {
    worker.once('message', (message: WorkerMessage) => resolve(message.kind === 'failed' ? message.reason : null));
  });
  return {
    worker,
    begun: Promise.race([said, ended]),
    ended,
    async end() {
      worker.postMessage('stop');
      await ended;
      await worker.terminate();
    },
  };
}

function failure(errors: string): { ok: false; errors: string } {
  return { ok: false, errors };
}
