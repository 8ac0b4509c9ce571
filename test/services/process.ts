/** Starts the built program as a real process, as an operator would. */

import { once } from 'node:events';
import { poll } from '../poll.ts';
import { atFileEnd } from './file-end.ts';
import { createGuard } from './guard.ts';
import { parseLines } from './log-lines.ts';
import { builtProgram, nodeArguments } from './program.ts';
import { createScratchFolder } from './scratch.ts';

export type ReplicaOptions = {
  /** The whole environment but for PATH and `PORT=0`: nothing of the tests' own gets in. */
  env?: Record<string, string>;
  args?: string[];
  /** The main.js of another build than this one's. */
  program?: string;
  /** Where it runs; without, a new folder. Relative settings such as `./data` count from here. */
  cwd?: string;
};

export type Started = {
  pid: number;
  cwd: string;
  /** What it wrote so far, to both outputs. */
  output(): string;
  /** The log lines so far, parsed; lines that are not JSON are left out. */
  logs(): Record<string, unknown>[];
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM, then the exit code; SIGKILL after `withinMs` (15 s). */
  stop(withinMs?: number): Promise<number | NodeJS.Signals>;
};

export type Replica = Started & {
  /** Where it listens, without a slash at the end. */
  url: string;
};

/**
 * Runs the program as `npm start` does, with these arguments, without waiting for anything. It is ended with the test
 * file at the latest.
 */
export async function startProgram(options: ReplicaOptions = {}): Promise<Started> {
  const folder = options.cwd ? undefined : await createScratchFolder(undefined);
  const cwd = options.cwd ?? (folder as string);
  const guard = createGuard({ signal: 'KILL', ...(folder && { folder }) });
  const child = guard.spawn(
    process.execPath,
    [...nodeArguments.slice(0, -1), options.program ?? builtProgram, ...(options.args ?? [])],
    {
      cwd,
      env: { PATH: process.env.PATH, PORT: '0', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  // 'close' comes when the output has been read to its end, unlike 'exit'.
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const started: Started = {
    pid: child.pid ?? 0,
    cwd,
    output: () => output,
    logs: () => parseLines(output),
    kill: (signal) => void child.kill(signal),
    exited,
    async stop(withinMs = 15_000) {
      const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
      child.kill('SIGTERM');
      child.kill('SIGCONT');
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
  atFileEnd(async () => {
    child.kill('SIGKILL');
    await exited;
    await guard.close();
  });
  return started;
}

/** Starts the program and waits (30 s) until it says that it listens. Rejects with its output when it ends instead. */
export async function startReplica(options: ReplicaOptions = {}): Promise<Replica> {
  const started = await startProgram(options);
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  const url = await poll(
    () => {
      const listening = started.logs().find((line) => line.msg === 'listening');
      if (typeof listening?.url === 'string') return listening.url;
      return ended && 'ended';
    },
    { what: 'the program to listen', withinMs: 30_000 },
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it wrote:\n${started.output()}`);
  });
  if (url === 'ended')
    throw new Error(
      `the program ended with ${await started.exited} instead of listening; it wrote:\n${started.output()}`,
    );
  return { ...started, url: url.replace(/\/$/, '') };
}
