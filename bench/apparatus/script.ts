/** A script of the bench in a process of its own, which is asked things. */

import { fileURLToPath } from 'node:url';
import { createGuard } from '../../test/services/guard.ts';
import type { Answer, Question } from './answering.ts';
import type { Later } from './cleanup.ts';

export type Script = {
  pid: number;
  /** Rejects with what the script threw, or when it has ended. */
  ask<T>(name: string, argument?: unknown): Promise<T>;
  /** Halts the process, or lets it go on. */
  rest(rests: boolean): void;
  close(): Promise<void>;
};

/** Starts a script that answers by `answerQuestions`; `file` is its name in `bench/scripts/`. */
export function startScript(later: Later, file: string, env: Record<string, string> = {}): Script {
  const guard = createGuard({ signal: 'KILL' });
  const child = guard.spawn(
    process.execPath,
    // The same loader that lets this process read TypeScript.
    [...process.execArgv, fileURLToPath(new URL(`../scripts/${file}`, import.meta.url))],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: { PATH: process.env.PATH, ...env },
    },
  );
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let asked = 0;
  let hasEnded = false;
  child.on('message', (message) => {
    const answer = message as Answer;
    const waiter = open.get(answer.number);
    open.delete(answer.number);
    if ('error' in answer) waiter?.reject(new Error(`${file}: ${answer.error}`));
    else waiter?.resolve(answer.value);
  });
  child.on('exit', (code, signal) => {
    hasEnded = true;
    for (const waiter of open.values()) waiter.reject(new Error(`${file} ended (${code ?? signal})`));
    open.clear();
  });
  const script: Script = {
    pid: child.pid ?? 0,
    ask: <T>(name: string, argument?: unknown) =>
      new Promise<T>((resolve, reject) => {
        if (hasEnded) return reject(new Error(`${file} has ended`));
        const question: Question = { number: asked++, name, argument };
        open.set(question.number, { resolve: (value) => resolve(value as T), reject });
        child.send(question);
      }),
    rest: (rests) => void child.kill(rests ? 'SIGSTOP' : 'SIGCONT'),
    close: () => guard.close(),
  };
  later(script.close);
  return script;
}
