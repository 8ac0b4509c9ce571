/** Keeps a second process off a folder: PGlite has no lock of its own, and two of them lose rows silently. */

import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import { ok, type Result } from '../errors.ts';

export type FolderGuard = { release(): Promise<void> };

type Holder = { pid: number; host: string };

const beatMs = 2_000;
/** A holder on another host or in another container is believed dead after this long without a beat. */
const silenceMs = 10_000;

/**
 * Takes the folder for this process, or says who has it. On this machine the operating system holds the lock: a socket
 * whose name is the folder's identity, free again whatever way its process ends. Where that name is not shared (another
 * container with the same volume), a file that is touched every two seconds tells.
 */
export async function guardFolder(folder: string, clock: Clock): Promise<Result<FolderGuard, string>> {
  const note = join(folder, 'holder.json');
  const { dev, ino } = await stat(folder);
  const server = await listenAlone(socketName(`punctual-${dev}-${ino}`));
  const holder = await readHolder(note);
  if (server === null) return refusal(folder, holder);
  if (holder !== null && holder.host !== hostname() && clock.now() - (await stat(note)).mtimeMs < silenceMs) {
    server.close();
    return refusal(folder, holder);
  }
  await writeFile(note, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder), { mode: 0o600 });
  let timer: Timer;
  const beat = () => {
    const now = new Date(clock.now());
    // A beat that fails is made up for by the next one.
    utimes(note, now, now).catch(() => {});
    timer = clock.after(beatMs, beat);
  };
  timer = clock.after(beatMs, beat);
  return ok({
    async release() {
      timer.cancel();
      await rm(note, { force: true });
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Linux has names that exist only while somebody listens to them; elsewhere a file in the folder for temporary things. */
function socketName(name: string): string {
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`);
}

/** Listens, or answers null when somebody else does. */
async function listenAlone(path: string): Promise<Server | null> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const server = createServer((socket) => socket.destroy());
    const refused = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once('error', resolve);
      server.listen({ path }, () => resolve(null));
    });
    if (refused === null) return server.unref();
    if (refused.code !== 'EADDRINUSE') throw refused;
    if (path.startsWith('\0') || (await answers(path))) return null;
    await rm(path, { force: true });
  }
  return null;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function readHolder(note: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(note, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

function refusal(folder: string, holder: Holder | null): { ok: false; errors: string } {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return {
    ok: false,
    errors: `the folder ${folder} is in use by ${who}; two processes cannot share an embedded store`,
  };
}
