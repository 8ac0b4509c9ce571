/** Refuses a second process for a folder: PGlite has no lock, and two processes would lose rows silently. */

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { Clock, Timer } from '../../clock.ts';
import { ok, type Result } from '../../errors.ts';
import { type FolderLock, lockFileName, lockFolder } from './folder-lock.ts';
import {
  createNote,
  type Look,
  livesForCertain,
  lookAt,
  parseHolder,
  proofOf,
  thisHolder,
  touchNote,
} from './folder-note.ts';

export type FolderGuard = { release(): Promise<void> };

const noteName = 'holder.json';
/** The files of the guard in the folder. */
export const guardNames = [noteName, lockFileName];

const beatMs = 2_000;
/** A holder that does not share the lock counts as dead when it has not touched its note for this long. */
const silenceMs = 10_000;
const lookMs = 250;
/** Time for another process that took the folder at the same moment to overwrite the note. */
const quietMs = 500;
/** Time for the holder of the lock, which it takes first, to have written its note. */
const noteMs = 1_000;

/**
 * Takes the folder for this process, or names the process that has it. On one machine a lock of the operating system
 * decides, which is freed however its holder ends. Where that lock is not shared (another container or machine with the
 * same volume), a note decides that its holder touches every two seconds. A holder there must be silent for ten
 * seconds, by our clock alone, before the folder is taken over. The same holds where the holder of the lock cannot
 * prove that it knows the note, because any user of the machine may take the lock's name. `onLost` is called when
 * another process has taken the folder all the same, for example after this process was frozen. Rejects when the folder
 * cannot be read or written.
 */
export async function guardFolder(
  folder: string,
  clock: Clock,
  onLost: (reason: string) => void,
): Promise<Result<FolderGuard, string>> {
  const self = await thisHolder(clock.now());
  const note = join(folder, noteName);
  const takeLock = () => lockFolder(folder, (question) => proofOf(self.secret, question), clock);
  let lock = await takeLock();
  if (!lock.taken) {
    const holder = await provenHolder(lock, note, clock);
    if (holder !== null) return refusal(folder, holder);
    // Its holder may have ended meanwhile.
    lock = await takeLock();
  }
  const scope = lock.taken ? self.scope : null;
  const text = JSON.stringify({ ...self, scope });
  const free = async () => void (lock.taken && (await lock.free()));
  try {
    const rival = await takeNote(note, text, scope, clock);
    if (rival !== null) {
      await free();
      return refusal(folder, rival);
    }
  } catch (error) {
    await free();
    throw error;
  }
  let released = false;
  let timer: Timer;
  const beat = async () => {
    const heard = await keepNote(note, text, clock).catch(() => text); // The next beat makes up for a failure.
    if (released) return;
    if (heard === text) timer = clock.after(beatMs, beat);
    else onLost(inUse(folder, heard));
  };
  timer = clock.after(beatMs, beat);
  return ok({
    async release() {
      released = true;
      timer.cancel();
      if ((await lookAt(note))?.text === text) await rm(note, { force: true });
      await free();
    },
  });
}

/**
 * The note of the process that holds the lock: it has proved that it wrote the note, or it lives and cannot answer.
 * Null in all other cases.
 */
async function provenHolder(
  lock: Extract<FolderLock, { taken: false }>,
  note: string,
  clock: Clock,
): Promise<string | null> {
  if (lock.ask === null) return (await lookAt(note))?.text ?? '';
  const start = clock.monotonic();
  for (;;) {
    const seen = await lookAt(note);
    const holder = parseHolder(seen?.text);
    if (seen !== null && (await livesForCertain(holder))) return seen.text;
    if (seen !== null && typeof holder?.secret === 'string') {
      const question = randomUUID();
      if ((await lock.ask(question)) === proofOf(holder.secret, question)) return seen.text;
    }
    if (clock.monotonic() - start >= noteMs) return null;
    await pause(lookMs, clock);
  }
}

/** Writes the note, or returns the note of the process that has the folder. */
async function takeNote(note: string, text: string, scope: string | null, clock: Clock): Promise<string | null> {
  let strange = false;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await createNote(note, text)) {
      if (strange) await pause(quietMs, clock);
      const now = await lookAt(note);
      return now === null || now.text === text ? null : now.text;
    }
    const seen = await lookAt(note);
    if (seen === null) continue;
    if (await livesForCertain(parseHolder(seen.text))) return seen.text;
    // The lock is ours, so a holder that shared it is dead.
    if (scope === null || parseHolder(seen.text)?.scope !== scope) {
      strange = true;
      const moved = await watch(note, seen, clock);
      if (moved !== null) return moved;
    }
    if ((await lookAt(note))?.text === seen.text) await rm(note, { force: true });
  }
  return (await lookAt(note))?.text ?? '';
}

/**
 * Touches the note, or writes it again when it was removed. Returns its text, which is another one when the folder is
 * lost.
 */
async function keepNote(note: string, text: string, clock: Clock): Promise<string> {
  const seen = await lookAt(note);
  if (seen === null) {
    await createNote(note, text);
    return text;
  }
  if (seen.text === text) await touchNote(note, clock.now());
  return seen.text;
}

/**
 * The text of the note as soon as it is touched; null after ten seconds in which it was not, or when it is taken away.
 */
async function watch(note: string, first: Look, clock: Clock): Promise<string | null> {
  const start = clock.monotonic();
  while (clock.monotonic() - start < silenceMs) {
    await pause(lookMs, clock);
    const now = await lookAt(note);
    if (now === null) return null;
    if (now.text !== first.text || now.touched !== first.touched) return now.text;
  }
  return null;
}

/** Keeps the process alive, unlike the clock's timers. During a start nothing else may do so. */
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

function refusal(folder: string, text: string | undefined): { ok: false; errors: string } {
  return { ok: false, errors: `${inUse(folder, text)}; two processes cannot share an embedded store` };
}

function inUse(folder: string, text: string | undefined): string {
  const holder = parseHolder(text);
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return `the folder ${folder} is in use by ${who}`;
}
