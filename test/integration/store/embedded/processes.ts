/** Starts processes that open the embedded store of the build. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { poll } from '../../../poll.ts';
import { atFileEnd } from '../../../services/file-end.ts';
import { createGuard } from '../../../services/guard.ts';

const program = fileURLToPath(new URL('fixtures/embedded-holder.mjs', import.meta.url));

/** What a holder says; see the program. */
export type Said = { started?: string; refused?: string; died?: string; round?: number; acknowledged?: number };

export type Holder = {
  pid: number;
  said(): Said[];
  /** The first of what it said that has this, as soon as it has said it. */
  saying<K extends keyof Said>(what: K): Promise<NonNullable<Said[K]>>;
  signal(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
  /** Has it stop in order; resolves with the exit code. */
  stop(): Promise<number | NodeJS.Signals>;
};

export type HolderOptions = {
  task?: 'insert';
  uid?: number;
  /** A command in front of the program's own. */
  under?: string[];
};

export function startHolder(folder: string, { task, uid, under = [] }: HolderOptions = {}): Holder {
  const [command = process.execPath, ...args] = [...under, process.execPath, program, folder, ...(task ? [task] : [])];
  const guard = createGuard({ signal: 'KILL' });
  const child: ChildProcess = guard.spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let output = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  child.stdin?.on('error', () => {}); // Of one that is gone.
  let ended = false;
  const exited = once(child, 'close').then(([code, signal]) => {
    ended = true;
    return (code ?? signal) as number | NodeJS.Signals;
  });
  const said = () =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Said);
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  atFileEnd(async () => {
    await kill();
    await guard.close();
  });
  return {
    pid: child.pid ?? 0,
    said,
    async saying(what) {
      const found = () => said().find((each) => each[what] !== undefined)?.[what];
      await poll(() => found() !== undefined || ended, { what: `"${what}"`, withinMs: 60_000 });
      const value = found();
      if (value === undefined) throw new Error(`the holder ended without saying "${what}":\n${output}${errors}`);
      return value;
    },
    signal: (signal) => void child.kill(signal),
    exited,
    kill,
    async stop() {
      child.stdin?.write('stop\n');
      return exited;
    },
  };
}

/** A folder that is removed after the test file. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-test-'));
  atFileEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
