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
const answerMs = 2_000;

/**
 * Takes the folder for this process, or says who has it. On this machine the operating system holds the lock: a socket
 * whose name is the folder's identity, free again whatever way its process ends. Where that name is not shared (another
 * container with the same volume), a file that is touched every two seconds tells.
 */
export async function guardFolder(folder: string, clock: Clock): Promise<Result<FolderGuard, string>> {
  const note = join(folder, 'holder.json');
  const { dev, ino } = await stat(folder);
  const name = socketName(`punctual-${dev}-${ino}`);
  const self: Holder = { pid: process.pid, host: hostname() };
  const server = await listenAlone(name, self, clock);
  const holder = await readHolder(note);
  if (server === null) {
    const said = await ask(name, clock);
    return refusal(folder, said === null || said === 'silent' ? holder : said);
  }
  if (holder !== null && holder.host !== self.host && clock.now() - (await stat(note)).mtimeMs < silenceMs) {
    server.close();
    return refusal(folder, holder);
  }
  await writeFile(note, JSON.stringify(self), { mode: 0o600 });
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

/** Listens, telling everyone who asks who holds the folder; or answers null when somebody else does. */
async function listenAlone(path: string, self: Holder, clock: Clock): Promise<Server | null> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const server = createServer((socket) =>
      socket
        .resume()
        .on('error', () => {})
        .end(JSON.stringify(self)),
    );
    const refused = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once('error', resolve);
      server.listen({ path }, () => resolve(null));
    });
    if (refused === null) return server.unref();
    if (refused.code !== 'EADDRINUSE') throw refused;
    // A socket that is a file stays behind when its process is killed.
    if (path.startsWith('\0') || (await ask(path, clock)) !== null) return null;
    await rm(path, { force: true });
  }
  return null;
}

/** Asks who listens: null when nobody does, `silent` when it does not say so in time. */
function ask(path: string, clock: Clock): Promise<Holder | 'silent' | null> {
  return new Promise((resolve) => {
    let answer: 'silent' | null = null;
    let text = '';
    const socket = connect({ path }, () => {
      answer = 'silent';
    }).setEncoding('utf8');
    const timer = clock.after(answerMs, () => socket.destroy());
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => {
      timer.cancel();
      resolve(parseHolder(text) ?? answer);
    });
  });
}

async function readHolder(note: string): Promise<Holder | null> {
  return parseHolder(await readFile(note, 'utf8').catch(() => ''));
}

function parseHolder(text: string): Holder | null {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return null;
  }
}

function refusal(folder: string, holder: Holder | null): { ok: false; errors: string } {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return {
    ok: false,
    errors: `the folder ${folder} is in use by ${who}; two processes cannot share an embedded store: stop it, or set another DATA_DIR`,
  };
}
