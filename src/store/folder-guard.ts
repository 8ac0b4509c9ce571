/** Keeps a second process off a folder: PGlite has no lock of its own, and two of them lose rows silently. */

import { readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { Clock, Timer } from '../clock.ts';
import { ok, type Result } from '../errors.ts';
import { lockFileName, lockFolder } from './folder-lock.ts';

export type FolderGuard = { release(): Promise<void> };

/** Who has the folder; `scope` names the processes that share the lock of the operating system with it. */
type Holder = { pid: number; host: string; scope: string | null; since: number };

/** One look at the note: what it says and when it was last touched. */
type Look = { text: string; touched: number };

const noteName = 'holder.json';
/** What the guard keeps in the folder. */
export const guardNames = [noteName, lockFileName];

const beatMs = 2_000;
/** A holder beyond the reach of the lock is believed dead when nothing was heard of it for this long. */
const silenceMs = 10_000;
const lookMs = 250;
/** Time for another who took the folder at the same moment to have written over the note. */
const settleMs = 500;

/**
 * Takes the folder for this process, or says who has it. On one machine a lock of the operating system decides, free again
 * whatever way its holder ended. Where that lock is not shared (another container or machine with the same volume), a
 * note that is touched every two seconds does: to take over from a holder there takes ten seconds of silence, measured
 * by our clock alone. `onLost` is called when another process has taken the folder all the same, as it may from one that
 * was frozen for longer than that. Rejects when the folder cannot be read or written.
 */
export async function guardFolder(
  folder: string,
  clock: Clock,
  onLost: (reason: string) => void,
): Promise<Result<FolderGuard, string>> {
  const self: Holder = { pid: process.pid, host: hostname(), scope: await readScope(), since: clock.now() };
  const text = JSON.stringify(self);
  const note = join(folder, noteName);
  const lock = await lockFolder(folder, text, clock);
  if (!lock.taken) return refusal(folder, lock.said ?? (await look(note))?.text);
  try {
    const rival = await takeNote(note, text, self.scope, clock);
    if (rival !== null) {
      await lock.free();
      return refusal(folder, rival);
    }
  } catch (error) {
    await lock.free();
    throw error;
  }
  let released = false;
  let timer: Timer;
  const beat = async () => {
    const heard = await keepNote(note, text, clock).catch(() => text); // What fails once is made up for by the next beat.
    if (released) return;
    if (heard === text) timer = clock.after(beatMs, beat);
    else onLost(inUse(folder, heard));
  };
  timer = clock.after(beatMs, beat);
  return ok({
    async release() {
      released = true;
      timer.cancel();
      if ((await look(note))?.text === text) await rm(note, { force: true });
      await lock.free();
    },
  });
}

/** Writes the note; or answers with that of the process which has the folder. */
async function takeNote(note: string, text: string, scope: string | null, clock: Clock): Promise<string | null> {
  let strange = false;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(note, text)) {
      if (strange) await pause(settleMs, clock);
      const now = await look(note);
      return now === null || now.text === text ? null : now.text;
    }
    const seen = await look(note);
    if (seen === null) continue;
    // The lock is ours, so a holder that shared it is dead.
    if (scope === null || parseHolder(seen.text)?.scope !== scope) {
      strange = true;
      const moved = await watch(note, seen, clock);
      if (moved !== null) return moved;
    }
    if ((await look(note))?.text === seen.text) await rm(note, { force: true });
  }
  return (await look(note))?.text ?? '';
}

/** Touches the note, or writes it again when somebody removed it. What it says now: something else when it is lost. */
async function keepNote(note: string, text: string, clock: Clock): Promise<string> {
  const seen = await look(note);
  if (seen === null) {
    await create(note, text);
    return text;
  }
  const now = new Date(clock.now());
  if (seen.text === text) await utimes(note, now, now);
  return seen.text;
}

/** What the note says as soon as it is touched; null after ten seconds in which it was not, or when it is taken away. */
async function watch(note: string, first: Look, clock: Clock): Promise<string | null> {
  const start = clock.monotonic();
  while (clock.monotonic() - start < silenceMs) {
    await pause(lookMs, clock);
    const now = await look(note);
    if (now === null) return null;
    if (now.text !== first.text || now.touched !== first.touched) return now.text;
  }
  return null;
}

/** Keeps the process alive, unlike the clock's timers: during a start there may be nothing else that does. */
function pause(ms: number, clock: Clock): Promise<void> {
  const { port1 } = new MessageChannel();
  port1.ref();
  return new Promise((resume) =>
    clock.after(ms, () => {
      port1.close();
      resume();
    }),
  );
}

/** Whether it was not there and is ours now. */
async function create(note: string, text: string): Promise<boolean> {
  return writeFile(note, text, { flag: 'wx', mode: 0o600 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
}

async function look(note: string): Promise<Look | null> {
  try {
    return { text: await readFile(note, 'utf8'), touched: (await stat(note)).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

/**
 * Names who shares the lock with us: the boot and the network namespace on Linux (a namespace keeps its number for as long
 * as a process lives in it), the machine elsewhere. Null when that is unknown, which no other scope is equal to.
 */
async function readScope(): Promise<string | null> {
  if (process.platform !== 'linux') return hostname();
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${await readlink('/proc/self/ns/net')}`;
  } catch {
    return null;
  }
}

function parseHolder(text: string | undefined): Holder | null {
  try {
    return JSON.parse(text ?? '') as Holder;
  } catch {
    return null;
  }
}

function refusal(folder: string, text: string | undefined): { ok: false; errors: string } {
  return { ok: false, errors: `${inUse(folder, text)}; two processes cannot share an embedded store` };
}

function inUse(folder: string, text: string | undefined): string {
  const holder = parseHolder(text);
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return `the folder ${folder} is in use by ${who}`;
}
