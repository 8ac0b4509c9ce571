/** A shell that keeps its variables between commands, as that of somebody who types them. */

import { randomBytes } from 'node:crypto';
import { atFileEnd } from './file-end.ts';
import { createGuard } from './guard.ts';

export type Shell = {
  /** What the commands wrote, to both outputs. Rejects with that when one of them fails: the shell is then over. */
  run(commands: string): Promise<string>;
};

/** It is ended with the test file, and all that it started with it. */
export function startShell(): Shell {
  const guard = createGuard({ signal: 'KILL' });
  const child = guard.spawn('bash', ['-eu'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the shell has no pipes');
  let output = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  stdin.on('error', () => {}); // The exit tells more.
  stdin.write('exec 2>&1\n');
  atFileEnd(async () => {
    // It leads a group of its own, with all that it started.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await guard.close();
  });
  return {
    run(commands) {
      const end = `end of ${randomBytes(8).toString('hex')}\n`;
      output = '';
      stdin.write(`${commands}\nprintf %s ${JSON.stringify(end.trimEnd())}; echo\n`);
      return new Promise((resolve, reject) => {
        const forget = () => {
          stdout.off('data', listen);
          child.off('exit', fail);
        };
        const listen = () => {
          if (!output.endsWith(end)) return;
          forget();
          resolve(output.slice(0, -end.length));
        };
        const fail = (code: number | null) => {
          forget();
          reject(new Error(`the shell ended with ${code} in:\n${commands}\n${output}`));
        };
        stdout.on('data', listen);
        child.on('exit', fail);
      });
    },
  };
}
