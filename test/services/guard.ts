/** Makes sure that a process we started, its container and its folder never outlive us, however we end. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * A shell that does nothing but read what it has to look after. Its input ends when we close it or when this process
 * is gone, SIGKILL included; then it clears away what is left. SIGCONT because a paused process heeds no other signal.
 */
const script = `
while read -r word value; do
  case $word in
    process) process=$value ;;
    exited) process= ;;
    container) container=$value ;;
  esac
done
if [ -n "$process" ]; then
  kill -s "$SIGNAL" "$process"
  kill -s CONT "$process"
  tries=0
  while kill -0 "$process" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL "$process"
fi
if [ -n "$container" ]; then docker rm --force --volumes "$container"; fi
if [ -n "$FOLDER" ]; then rm -rf "$FOLDER"; fi
`;

export type Guard = {
  /** Starts a process in a session of its own (a Ctrl-C at the terminal is not for it) and looks after it. */
  spawn(command: string, args: string[], options: SpawnOptions): ChildProcess;
  /** Removes this container at the end. */
  container(name: string): void;
  /** Ends what still runs and removes the folder; resolves when that is done. */
  close(): Promise<void>;
};

/** `signal` ends the process when nobody is left to ask it nicely; `folder` is removed after it. */
export function createGuard(options: { signal: 'QUIT' | 'KILL'; folder?: string }): Guard {
  const shell = spawn('/bin/sh', ['-c', script], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { ...process.env, SIGNAL: options.signal, FOLDER: options.folder ?? '' },
  });
  shell.unref();
  shell.stdin.on('error', () => {}); // Only a shell that was killed does not read.
  const exited = once(shell, 'exit');
  return {
    spawn(command, args, spawnOptions) {
      const child = spawn(command, args, { detached: true, ...spawnOptions });
      if (child.pid !== undefined) shell.stdin.write(`process ${child.pid}\n`);
      child.on('error', () => {}); // For whoever waits for 'spawn'.
      child.on('exit', () => {
        if (shell.stdin.writable) shell.stdin.write('exited\n');
      });
      return child;
    },
    container(name) {
      shell.stdin.write(`container ${name}\n`);
    },
    async close() {
      shell.ref();
      shell.stdin.end();
      await exited;
    },
  };
}
