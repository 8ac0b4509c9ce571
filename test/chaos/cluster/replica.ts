/** One process of the program under test. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { poll } from '../../poll.ts';
import { createGuard } from '../../services/guard.ts';
import { createScratchFolder } from '../../services/scratch.ts';
import { type ProcessRecord, recorderNow } from '../history.ts';

export type ReplicaProcess = {
  record: ProcessRecord;
  /** Where it listens; the same for all processes of one replica. */
  url: string;
  pid: number;
  alive(): boolean;
  output(): string;
  signal(signal: NodeJS.Signals): void;
  exited: Promise<void>;
  /** Resident memory in MiB, or null when it has gone. */
  memory(): Promise<number | null>;
};

const keptOutput = 2_000_000;

/** Starts `program` (a main.js) and waits until it listens; rejects with its output when it does not within 30 s. */
export async function startReplicaProcess(options: {
  program: string;
  replica: number;
  port: number;
  env: Record<string, string>;
  /** Called for every line of its log. */
  onEnd?: (record: ProcessRecord) => void;
}): Promise<ReplicaProcess> {
  const { program, replica, port, env } = options;
  const folder = await createScratchFolder(undefined);
  const guard = createGuard({ signal: 'KILL', folder });
  const startedAt = recorderNow();
  const child = guard.spawn(process.execPath, ['--inspect-port=0', program], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const record: ProcessRecord = {
    replica,
    pid: child.pid ?? 0,
    startedAt,
    readyAt: null,
    endedAt: null,
    end: null,
    rss: [],
  };
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-keptOutput);
    });
  const exited = once(child, 'exit').then(async ([code, signal]) => {
    record.endedAt = recorderNow();
    record.end = String(code ?? signal);
    options.onEnd?.(record);
    await guard.close();
  });
  const url = `http://127.0.0.1:${port}`;
  const up = await poll(
    async () =>
      record.endedAt !== null || ((await fetch(`${url}/livez`, { signal: AbortSignal.timeout(1_000) })).ok && 'up'),
    { what: 'the replica to listen', withinMs: 30_000 },
  ).catch((error: Error) => error);
  if (up !== 'up') throw new Error(`replica ${replica} did not come up; it wrote:\n${output}`);
  return {
    record,
    url,
    pid: child.pid ?? 0,
    alive: () => record.endedAt === null,
    output: () => output,
    signal: (signal) => void (record.endedAt === null && child.kill(signal)),
    exited,
    async memory() {
      const statm = await readFile(`/proc/${child.pid}/statm`, 'utf8').catch(() => null);
      return statm === null ? null : (Number(statm.split(' ')[1]) * 4096) / 2 ** 20;
    },
  };
}
